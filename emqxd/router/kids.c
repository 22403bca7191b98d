/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kids: one child, a table, a directory.
 *
 * Bits of a hash: the lowest sixteen are the place in a table, then come six for each
 * directory, the upper sixteen stand in the word.  Below five directories a table
 * grows without bound: so many children have the same bits only if somebody knows
 * the key.
 *
 * The hash of a child is not kept but made again from its text where a table is
 * rebuilt; with at most 766 children that is a tenth of a millisecond.
 *
 * A table has as many slots as fit the slab's sizes, which are no powers of two: the
 * children of a million filters would pay for the rest.
 */
#include "emqxd/router/kids.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/slab.h"
#include "emqxd/router/route.h"
#include "ipc/base/check.h"

_Static_assert(sizeof(uintptr_t) == 8, "a child's word has an address and hash bits");
_Static_assert(sizeof(struct trie_node) <= 40, "an inner node, without its label");

#define DIRECTORY_BITS 6u
#define DIRECTORY_N (1u << DIRECTORY_BITS)
#define DIRECTORY_FIRST 16u /* bits of the hash that the topmost one looks at */
#define DIRECTORY_LAST 40u
#define DIRECTORY_MIN 128u /* with so few children left it becomes a table again */
#define TAG(hash) ((kid)(hash) >> 48 << 48)

struct table {
	uint32_t cap;  /* slots */
	uint32_t used; /* those that are not KID_NONE */
	uint32_t live; /* children */
	_Atomic kid slot[];
};

struct directory {
	uint32_t live;
	_Atomic kid sub[DIRECTORY_N];
};

static kid
word_of(void *p, enum kid_kind kind, uint64_t hash)
{
	kid k = (kid)p;

	CHECK((k & 0xffff000000000007u) == 0);
	return k | TAG(hash) | kind;
}

kid
kid_of_route(struct route *r, uint64_t hash)
{
	return word_of(r, KID_ROUTE, hash);
}

kid
kid_of_node(struct trie_node *n, uint64_t hash)
{
	return word_of(n, KID_NODE, hash);
}

static uint64_t
fold(uint64_t a, uint64_t b)
{
	unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* Multiply and fold, eight bytes at a time, under a secret key. */
uint64_t
kids_hash(struct slice level, const uint64_t key[2])
{
	uint64_t h = key[0] ^ level.n, w = 0;
	const uint8_t *p = level.p;
	size_t n = level.n;

	for (; n > 8; n -= 8, p += 8) {
		memcpy(&w, p, 8);
		h = fold(h ^ w, key[1]);
	}
	w = 0;
	for (size_t i = 0; i < n; i++)
		w |= (uint64_t)p[i] << 8 * i;
	return fold(fold(h ^ w, key[1]) ^ key[0], 0x9e3779b97f4a7c15u);
}

static struct slice
level_of(kid child, size_t at)
{
	if (kid_kind(child) == KID_ROUTE)
		return kids_level(route_filter(kid_address(child)), at);

	const struct trie_node *n = kid_address(child);

	return slice_of(n->label, n->len);
}

static uint64_t
hash_of(kid child, const struct kids_name *name)
{
	return kids_hash(level_of(child, name->at), name->key);
}

static bool
is_named(kid child, const struct kids_name *name)
{
	size_t n = name->level.n;

	if (((child ^ name->hash) >> 48) != 0)
		return false;
	if (kid_kind(child) == KID_NODE) {
		const struct trie_node *node = kid_address(child);

		return node->len == n && memcmp(node->label, name->level.p, n) == 0;
	}
	if (kid_kind(child) == KID_ROUTE) {
		struct slice f = route_filter(kid_address(child));
		size_t end = name->at + n;

		return f.n >= end && memcmp(f.p + name->at, name->level.p, n) == 0 &&
		       (f.n == end || f.p[end] == '/');
	}
	return false;
}

static kid
load(_Atomic kid *k)
{
	return atomic_load_explicit(k, memory_order_acquire);
}

static void
store(_Atomic kid *k, kid v)
{
	atomic_store_explicit(k, v, memory_order_release);
}

static uint32_t
first_slot(const struct table *t, uint64_t hash)
{
	return (uint32_t)((hash & 0xffff) * t->cap >> 16);
}

static uint32_t
next_slot(const struct table *t, uint32_t i)
{
	return i + 1 < t->cap ? i + 1 : 0;
}

static kid
table_find(struct table *t, const struct kids_name *name, _Atomic kid **slot)
{
	for (uint32_t i = first_slot(t, name->hash);; i = next_slot(t, i)) {
		kid k = load(&t->slot[i]);

		if (k == KID_NONE)
			return KID_NONE;
		if (is_named(k, name)) {
			if (slot != NULL)
				*slot = &t->slot[i];
			return k;
		}
	}
}

static unsigned
sub_index(uint64_t hash, unsigned shift)
{
	return (unsigned)(hash >> shift) & (DIRECTORY_N - 1);
}

kid
kids_find(_Atomic kid *kids, const struct kids_name *name, _Atomic kid **slot)
{
	for (unsigned shift = DIRECTORY_FIRST;; shift += DIRECTORY_BITS) {
		kid k = load(kids);

		switch (kid_kind(k)) {
		case KID_NONE:
		case KID_GRAVE: return KID_NONE;
		case KID_ROUTE:
		case KID_NODE:
			if (!is_named(k, name))
				return KID_NONE;
			if (slot != NULL)
				*slot = kids;
			return k;
		case KID_TABLE: return table_find(kid_address(k), name, slot);
		case KID_DIRECTORY:
			kids = &((struct directory *)kid_address(k))
				    ->sub[sub_index(name->hash, shift)];
		}
	}
}

static size_t
table_size(uint32_t cap)
{
	return sizeof(struct table) + cap * sizeof(kid);
}

/* Slots by size, the smallest first: 48 bytes to 8 KiB. */
static const uint16_t table_caps[] = { 4, 6, 10, 14, 22, 30, 46, 62, 94, 126, 190, 254,
	338, 508, 678, KIDS_TABLE_MAX };

#define TABLE_CAPS (sizeof table_caps / sizeof *table_caps)

static bool
has_room(uint32_t cap, uint32_t used)
{
	return (used + 1) * 4 <= cap * 3;
}

/* For @n children and a third as many more, or so. */
static struct table *
table_new(uint32_t n)
{
	uint32_t cap = 2 * n; /* where so many stand in one */
	struct table *t;

	for (size_t i = TABLE_CAPS; i-- > 0;)
		if (has_room(table_caps[i], n + n / 4))
			cap = table_caps[i];
	t = slab_new_zero(table_size(cap));
	t->cap = cap;
	return t;
}

static void
table_put(struct table *t, kid child, uint64_t hash)
{
	uint32_t i = first_slot(t, hash);

	while (load(&t->slot[i]) > KID_GRAVE)
		i = next_slot(t, i);
	t->used += load(&t->slot[i]) == KID_NONE;
	t->live++;
	store(&t->slot[i], child);
}

static void
retire_table(struct table *t)
{
	qsbr_retire(t, table_size(t->cap), slab_free);
}

/* The same children in a table of the right size, without graves. */
static void
rebuild(_Atomic kid *kids, struct table *was, const struct kids_name *name)
{
	struct table *now = table_new(was->live);

	for (uint32_t i = 0; i < was->cap; i++) {
		kid k = load(&was->slot[i]);

		if (k > KID_GRAVE)
			table_put(now, k, hash_of(k, name));
	}
	store(kids, word_of(now, KID_TABLE, 0));
	retire_table(was);
}

/* A directory in place of a full table. */
static void
split(_Atomic kid *kids, struct table *was, const struct kids_name *name, unsigned shift)
{
	struct directory *d = slab_new_zero(sizeof *d);
	uint32_t count[DIRECTORY_N] = { 0 };
	uint64_t hash[KIDS_TABLE_MAX];

	CHECK(was->cap <= KIDS_TABLE_MAX);
	for (uint32_t i = 0; i < was->cap; i++) {
		kid k = load(&was->slot[i]);

		if (k <= KID_GRAVE)
			continue;
		hash[i] = hash_of(k, name);
		count[sub_index(hash[i], shift)]++;
	}
	for (unsigned i = 0; i < DIRECTORY_N; i++)
		if (count[i] > 0)
			store(&d->sub[i], word_of(table_new(count[i]), KID_TABLE, 0));
	for (uint32_t i = 0; i < was->cap; i++) {
		kid k = load(&was->slot[i]);

		if (k <= KID_GRAVE)
			continue;
		table_put(
		    kid_address(load(&d->sub[sub_index(hash[i], shift)])), k, hash[i]);
	}
	d->live = was->live;
	store(kids, word_of(d, KID_DIRECTORY, 0));
	retire_table(was);
}

/* A second child: the one that stands alone gets a table. */
static void
table_from_one(_Atomic kid *kids, kid child, const struct kids_name *name)
{
	struct table *t = table_new(2);
	kid first = load(kids);

	table_put(t, first, hash_of(first, name));
	table_put(t, child, name->hash);
	store(kids, word_of(t, KID_TABLE, 0));
}

static bool
takes_one_more(const struct table *t)
{
	return has_room(t->cap, t->used);
}

/* Is it full of children, and as large as a table may get? */
static bool
must_split(const struct table *t, unsigned shift)
{
	return t->cap == KIDS_TABLE_MAX && t->live * 2 > t->cap &&
	       shift <= DIRECTORY_LAST;
}

void
kids_add(_Atomic kid *kids, kid child, const struct kids_name *name)
{
	unsigned shift = DIRECTORY_FIRST;

	for (;;) {
		kid k = load(kids);
		void *p = kid_address(k);

		switch (kid_kind(k)) {
		case KID_NONE: store(kids, child); return;
		case KID_GRAVE: UNREACHABLE();
		case KID_ROUTE:
		case KID_NODE: table_from_one(kids, child, name); return;
		case KID_TABLE:
			if (takes_one_more(p)) {
				table_put(p, child, name->hash);
				return;
			}
			if (must_split(p, shift))
				split(kids, p, name, shift);
			else
				rebuild(kids, p, name);
			break;
		case KID_DIRECTORY:
			((struct directory *)p)->live++;
			kids =
			    &((struct directory *)p)->sub[sub_index(name->hash, shift)];
			shift += DIRECTORY_BITS;
		}
	}
}

/* Empties a slot; graves are kept only where a search must run on over them. */
static void
table_erase(struct table *t, _Atomic kid *slot)
{
	uint32_t i = (uint32_t)(slot - t->slot);

	t->live--;
	if (load(&t->slot[next_slot(t, i)]) != KID_NONE) {
		store(slot, KID_GRAVE);
		return;
	}
	do {
		store(&t->slot[i], KID_NONE);
		t->used--;
		i = i > 0 ? i - 1 : t->cap - 1;
	} while (load(&t->slot[i]) == KID_GRAVE);
}

static void
table_del(_Atomic kid *kids, struct table *t, const struct kids_name *name)
{
	_Atomic kid *slot;
	kid there = table_find(t, name, &slot);

	CHECK(there != KID_NONE);
	table_erase(t, slot);
	if (t->live == 0) {
		store(kids, KID_NONE);
		retire_table(t);
	} else if (t->cap > table_caps[0] && t->live * 8 <= t->cap)
		rebuild(kids, t, name);
}

struct gathering {
	struct table *t;
	const struct kids_name *name;
};

static void
gather(void *arg, kid child)
{
	struct gathering *g = arg;

	table_put(g->t, child, hash_of(child, g->name));
}

static void
retire(void *p, size_t n)
{
	qsbr_retire(p, n, slab_free);
}

/* A table in place of a directory that has few children left. */
static void
join(_Atomic kid *kids, struct directory *d, const struct kids_name *name)
{
	struct gathering g = { table_new(d->live), name };
	kid was = load(kids);

	kids_each(was, gather, &g);
	store(kids, word_of(g.t, KID_TABLE, 0));
	kids_drop(was, retire);
}

static void
del(_Atomic kid *kids, const struct kids_name *name, unsigned shift)
{
	kid k = load(kids);
	void *p = kid_address(k);

	switch (kid_kind(k)) {
	case KID_NONE:
	case KID_GRAVE: UNREACHABLE();
	case KID_ROUTE:
	case KID_NODE:
		CHECK(is_named(k, name));
		store(kids, KID_NONE);
		return;
	case KID_TABLE: table_del(kids, p, name); return;
	case KID_DIRECTORY: {
		struct directory *d = p;

		del(&d->sub[sub_index(name->hash, shift)], name, shift + DIRECTORY_BITS);
		if (--d->live <= DIRECTORY_MIN)
			join(kids, d, name);
	}
	}
}

void
kids_del(_Atomic kid *kids, const struct kids_name *name)
{
	del(kids, name, DIRECTORY_FIRST);
}

void
kids_each(kid kids, kids_each_fn *fn, void *arg)
{
	switch (kid_kind(kids)) {
	case KID_NONE:
	case KID_GRAVE: break;
	case KID_ROUTE:
	case KID_NODE: fn(arg, kids); break;
	case KID_TABLE: {
		struct table *t = kid_address(kids);

		for (uint32_t i = 0; i < t->cap; i++)
			kids_each(load(&t->slot[i]), fn, arg);
		break;
	}
	case KID_DIRECTORY: {
		struct directory *d = kid_address(kids);

		for (unsigned i = 0; i < DIRECTORY_N; i++)
			kids_each(load(&d->sub[i]), fn, arg);
	}
	}
}

void
kids_drop(kid kids, kids_give_fn *give)
{
	switch (kid_kind(kids)) {
	case KID_NONE:
	case KID_GRAVE:
	case KID_ROUTE:
	case KID_NODE: break;
	case KID_TABLE: {
		struct table *t = kid_address(kids);

		give(t, table_size(t->cap));
		break;
	}
	case KID_DIRECTORY: {
		struct directory *d = kid_address(kids);

		for (unsigned i = 0; i < DIRECTORY_N; i++)
			kids_drop(load(&d->sub[i]), give);
		give(d, sizeof *d);
	}
	}
}
