/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route: columns and the table of them.
 *
 * Who may touch what: `own` and the columns in the table only their workers (but
 * for the count, which others may read); the table, `workers` and which worker has the
 * inline column change under the router's lock and are read without it.  A table is
 * never changed once it can be seen; what it replaces is retired, a column too, since
 * the admin thread may be counting.
 */
#include "emqxd/router/route.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/slab.h"
#include "ipc/base/check.h"

_Static_assert(sizeof(struct seat) == 16, "a further subscriber of a filter");
_Static_assert(sizeof(struct route) == 56, "a filter, without its tower and text");

#define COLUMN_SHRINKS 64u /* a column of so many places is made smaller */

struct route *
route_new(struct slice filter)
{
	unsigned height = order_height();
	struct route *r = slab_new_zero(sizeof *r + order_room(height, filter.n));

	order_node_init(&r->node, height, filter);
	atomic_init(&r->node.spare, ROUTE_NOBODY);
	return r;
}

size_t
route_size(const struct route *r)
{
	return sizeof *r + order_room(r->node.height, r->node.n);
}

struct route_more *
route_more(struct route *r)
{
	struct route_more *more = route_has_more(r);

	if (more == NULL) {
		more = slab_new_zero(sizeof *more);
		atomic_store_explicit(&r->more, more, memory_order_release);
	}
	return more;
}

static struct route_table *
table_of(const struct route *r)
{
	struct route_more *more = route_has_more(r);

	return more != NULL ? atomic_load_explicit(&more->table, memory_order_acquire)
			    : NULL;
}

static size_t
table_size(const struct route_table *t)
{
	return sizeof *t + (size_t)__builtin_popcountll(t->workers) * sizeof t->column[0];
}

static void
free_seats(struct column *c)
{
	if (c->cap > 0)
		slab_free(c->v, c->cap * sizeof *c->v);
}

void
route_free(struct route *r)
{
	struct route_table *t = table_of(r);

	free_seats(&r->own);
	if (t != NULL) {
		for (int i = 0; i < __builtin_popcountll(t->workers); i++) {
			free_seats(t->column[i]);
			slab_free(t->column[i], sizeof *t->column[i]);
		}
		slab_free(t, table_size(t));
	}
	slab_free(route_has_more(r), sizeof(struct route_more));
	slab_free(r, route_size(r));
}

static uint64_t
bit(unsigned worker)
{
	return (uint64_t)1 << worker;
}

/* Where the worker's column stands in the table, or would. */
static unsigned
place(uint64_t workers, unsigned worker)
{
	return (unsigned)__builtin_popcountll(workers & (bit(worker) - 1));
}

struct column *
route_table_column(const struct route *r, unsigned worker)
{
	const struct route_table *t = table_of(r);

	if (t == NULL || (t->workers & bit(worker)) == 0)
		return NULL;
	return t->column[place(t->workers, worker)];
}

/* Puts another table in place of the one that is there. */
static void
replace_table(struct route *r, struct route_table *now)
{
	struct route_table *was = table_of(r);

	atomic_store_explicit(&route_more(r)->table, now, memory_order_release);
	if (was != NULL)
		qsbr_retire(was, table_size(was), slab_free);
}

/* A table for these workers; columns that the present one has are in it. */
static struct route_table *
table_for(const struct route *r, uint64_t workers)
{
	size_t n = (size_t)__builtin_popcountll(workers);
	struct route_table *t = slab_new_zero(sizeof *t + n * sizeof t->column[0]);
	unsigned at = 0;

	t->workers = workers;
	for (uint64_t rest = workers; rest != 0; rest &= rest - 1)
		t->column[at++] = route_table_column(r, (unsigned)__builtin_ctzll(rest));
	return t;
}

struct column *
route_open_column(struct route *r, unsigned worker)
{
	const struct route_table *was = table_of(r);
	struct route_table *now;
	struct column *c = &r->own;

	CHECK(route_column(r, worker) == NULL);
	if (atomic_load_explicit(&r->node.spare, memory_order_relaxed) == ROUTE_NOBODY) {
		atomic_store_explicit(&r->node.spare, worker, memory_order_relaxed);
	} else {
		c = slab_new_zero(sizeof *c);
		now = table_for(r, bit(worker) | (was != NULL ? was->workers : 0));
		now->column[place(now->workers, worker)] = c;
		replace_table(r, now);
	}
	atomic_fetch_or_explicit(&r->workers, bit(worker), memory_order_release);
	return c;
}

void
route_close_column(struct route *r, unsigned worker)
{
	const struct route_table *was = table_of(r);
	struct column *c = route_column(r, worker);
	uint64_t rest;

	CHECK(c != NULL && column_count(c) == 0 && c->cap == 0);
	atomic_fetch_and_explicit(&r->workers, ~bit(worker), memory_order_release);
	if (c == &r->own) {
		atomic_store_explicit(&r->node.spare, ROUTE_NOBODY, memory_order_relaxed);
		return;
	}
	rest = was->workers & ~bit(worker);
	replace_table(r, rest != 0 ? table_for(r, rest) : NULL);
	qsbr_retire(c, sizeof *c, slab_free);
}

bool
route_is_unused(const struct route *r)
{
	const struct route_more *more = route_has_more(r);

	if (atomic_load_explicit(&r->workers, memory_order_relaxed) != 0 ||
	    atomic_load_explicit(&r->nodes, memory_order_relaxed) != 0)
		return false;
	return more == NULL ||
	       atomic_load_explicit(&more->groups, memory_order_relaxed) == NULL;
}

unsigned
route_subscribers(const struct route *r)
{
	const struct route_table *t = table_of(r);
	unsigned n = column_count(&r->own);

	for (int i = 0; t != NULL && i < __builtin_popcountll(t->workers); i++)
		n += column_count(t->column[i]);
	return n;
}

static void
set_count(struct column *c, uint32_t n)
{
	atomic_store_explicit(&c->n, n, memory_order_relaxed);
}

static void
resize(struct column *c, uint32_t cap)
{
	struct seat *v = c->v;

	if (c->cap > 0)
		v = slab_resize(v, c->cap * sizeof *v, cap * sizeof *v);
	else {
		v = slab_new(cap * sizeof *v);
		v[0] = c->one;
	}
	c->v = v;
	c->cap = cap;
}

uint32_t
column_add(struct column *c, struct subscriber *s, uint32_t index)
{
	uint32_t n = column_count(c);

	if (n > 0 && n >= c->cap)
		resize(c, c->cap > 0 ? c->cap + c->cap / 2 : 2);
	column_seats(c)[n] = (struct seat){ s, index };
	set_count(c, n + 1);
	return n;
}

void
column_del(struct column *c, uint32_t pos)
{
	uint32_t last = column_count(c) - 1;
	struct seat *v = column_seats(c);

	if (pos != last) {
		v[pos] = v[last];
		router_subscriptions(v[pos].s)[v[pos].index].pos = pos;
	}
	set_count(c, last);
	if (last == 0) {
		free_seats(c);
		c->cap = 0;
	} else if (c->cap >= COLUMN_SHRINKS && last < c->cap / 4)
		resize(c, c->cap / 2);
}
