/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sublist: the list and its index.
 *
 * The index is a table of places in the list, plus one (0: free), at most two thirds
 * full; what collides stands in the next free cell, and what is taken out lets those
 * behind it move up.  Its size follows from the list's, and it is made anew when that
 * changes.
 */
#include "emqxd/router/sublist.h"
#include "emqxd/core/slab.h"
#include "emqxd/router/share.h"
#include "ipc/base/check.h"
#include "ipc/base/hash.h"

#include <string.h>

#define SHRINKS 64u       /* a list of so many places is made smaller */
#define INDEXED 128u      /* one of so many has an index */
#define A_SHORT_COLUMN 8u /* is looked through sooner than an index */

uint32_t
sublist_hash(struct slice group)
{
	return (uint32_t)hash_bytes(group);
}

/* ---- the index of a list of @cap places */

static uint32_t
cells(uint32_t cap)
{
	return cap < INDEXED ? 0 : 1u << (32 - __builtin_clz(cap + cap / 2));
}

static size_t
size(uint32_t cap)
{
	return cap * sizeof(struct subscription) + cells(cap) * sizeof(uint32_t);
}

static uint32_t *
index_of(struct subscriber *s)
{
	return (uint32_t *)(void *)&s->v[s->cap];
}

static uint32_t
mask(const struct subscriber *s)
{
	return cells(s->cap) - 1;
}

/* The cell to begin at.  Routes are told by their addresses, which nobody chooses. */
static uint32_t
home_cell(const struct subscriber *s, const struct route *r, uint32_t group)
{
	uint64_t key = ((uintptr_t)r ^ (uint64_t)group << 32) * 0x9e3779b97f4a7c15u;

	return (uint32_t)((key ^ key >> 29) * 0xbf58476d1ce4e5b9u >> 32) & mask(s);
}

static uint32_t
home_of(const struct subscriber *s, const struct subscription *sub)
{
	return home_cell(s, sub->route, sub->group != NULL ? sub->pos : 0);
}

static void
index_add(struct subscriber *s, uint32_t i)
{
	uint32_t *cell = index_of(s), at = home_of(s, &s->v[i]);

	while (cell[at] != 0)
		at = (at + 1) & mask(s);
	cell[at] = i + 1;
}

static uint32_t
cell_of(struct subscriber *s, uint32_t i)
{
	const uint32_t *cell = index_of(s);
	uint32_t at = home_of(s, &s->v[i]);

	while (cell[at] != i + 1) {
		CHECK(cell[at] != 0);
		at = (at + 1) & mask(s);
	}
	return at;
}

static void
index_del(struct subscriber *s, uint32_t i)
{
	uint32_t *cell = index_of(s), gap = cell_of(s, i), at = gap;

	for (;;) {
		at = (at + 1) & mask(s);
		if (cell[at] == 0)
			break;
		/* One that began behind the gap must stay where it is. */
		if (((at - home_of(s, &s->v[cell[at] - 1])) & mask(s)) <
		    ((at - gap) & mask(s)))
			continue;
		cell[gap] = cell[at];
		gap = at;
	}
	cell[gap] = 0;
}

static void
index_make(struct subscriber *s)
{
	memset(index_of(s), 0, cells(s->cap) * sizeof(uint32_t));
	for (uint32_t i = 0; i < s->n; i++)
		index_add(s, i);
}

static bool
is_indexed(const struct subscriber *s)
{
	return s->cap >= INDEXED;
}

/* ---- the list */

static void
resize(struct subscriber *s, uint32_t cap)
{
	struct subscription *v = s->v;

	if (s->cap > 0)
		v = slab_resize(v, size(s->cap), size(cap));
	else {
		v = slab_new(size(cap));
		v[0] = s->one;
	}
	s->v = v;
	s->cap = cap;
	if (is_indexed(s))
		index_make(s);
}

/* From a place to one that is free. */
static void
move(struct router_worker *here, struct subscriber *s, uint32_t from, uint32_t to)
{
	struct subscription *v = router_subscriptions(s);

	if (from == to)
		return;
	if (is_indexed(s))
		index_of(s)[cell_of(s, from)] = to + 1;
	v[to] = v[from];
	if (v[to].group != NULL)
		v[to].group->index = to;
	else
		column_seats(route_column(v[to].route, here->id))[v[to].pos].index = to;
}

void
sublist_add(
    struct router_worker *here, struct subscriber *s, const struct subscription *sub)
{
	uint32_t i = sublist_next(s, sub->group != NULL);

	if (s->n > 0 && s->n >= s->cap)
		resize(s, s->cap > 0 ? s->cap + s->cap / 2 : 2);
	move(here, s, i, s->n); /* the first of a group, when a plain one comes */
	router_subscriptions(s)[i] = *sub;
	s->n++;
	s->shared += sub->group != NULL;
	if (is_indexed(s))
		index_add(s, i);
}

void
sublist_del(struct router_worker *here, struct subscriber *s, uint32_t i)
{
	bool is_shared = i >= s->n - s->shared;
	uint32_t plain = s->n - s->shared - 1;

	if (is_indexed(s))
		index_del(s, i);
	if (!is_shared && plain != i) {
		move(here, s, plain, i);
		i = plain;
	}
	move(here, s, s->n - 1, i);
	s->n--;
	s->shared -= is_shared;
	if (s->n == 0 && s->cap > 0) {
		slab_free(s->v, size(s->cap));
		s->cap = 0;
	} else if (s->cap >= SHRINKS && s->n < s->cap / 4)
		resize(s, s->cap / 2);
}

/* ---- which one is it? */

struct sought {
	struct route *route;
	struct slice group;
	uint32_t hash;
};

static bool
is_it(const struct subscription *sub, const struct sought *what)
{
	if (sub->route != what->route)
		return false;
	if (what->group.n == 0)
		return sub->group == NULL;
	return sub->group != NULL && sub->pos == what->hash &&
	       slice_eq(share_name(sub->group), what->group);
}

static uint32_t
find_by_index(struct subscriber *s, const struct sought *what)
{
	const uint32_t *cell = index_of(s);
	uint32_t at = home_cell(s, what->route, what->hash);

	for (; cell[at] != 0; at = (at + 1) & mask(s))
		if (is_it(&s->v[cell[at] - 1], what))
			return cell[at] - 1;
	return s->n;
}

static uint32_t
find_by_column(struct column *c, struct subscriber *s)
{
	struct seat *seats = column_seats(c);

	for (uint32_t i = 0; i < column_count(c); i++)
		if (seats[i].s == s)
			return seats[i].index;
	return s->n;
}

uint32_t
sublist_find(
    struct router_worker *here, struct subscriber *s, struct route *r, struct slice group)
{
	struct sought what = { .route = r, .group = group };
	struct subscription *v = router_subscriptions(s);

	if (group.n == 0) {
		struct column *c = route_column(r, here->id);

		if (c == NULL)
			return s->n;
		if (column_count(c) < (is_indexed(s) ? A_SHORT_COLUMN : s->n))
			return find_by_column(c, s);
	} else {
		what.hash = sublist_hash(group);
	}
	if (is_indexed(s))
		return find_by_index(s, &what);
	for (uint32_t i = 0; i < s->n; i++)
		if (is_it(&v[i], &what))
			return i;
	return s->n;
}
