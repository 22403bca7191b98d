/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trie: walks over levels.  What the children of a node stand in is kids.c's.
 *
 * No walk recurses over levels: peers choose how many there are.  A match remembers
 * the branches that it has not taken (a level both by its name and by +), an insert
 * goes straight down, a removal cuts off the chain of nodes that were there for this
 * route alone.
 *
 * Readers and the order of changes: what is new is whole before the one store that
 * makes it visible; a removal takes out the upper end of a chain first; only then the
 * generation moves on, only then anything is retired.
 */
#include "emqxd/router/trie.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/slab.h"
#include "emqxd/model/topic.h"
#include "emqxd/router/kids.h"
#include "emqxd/router/route.h"
#include "ipc/base/check.h"
#include "ipc/base/rand.h"

static struct trie_node *
node_new(struct slice label)
{
	struct trie_node *n = slab_new_zero(sizeof *n + label.n);

	n->len = (uint16_t)label.n;
	if (label.n > 0)
		memcpy(n->label, label.p, label.n);
	return n;
}

static size_t
node_size(const struct trie_node *n)
{
	return sizeof *n + n->len;
}

static struct kids_name
name_of(const struct trie *t, struct slice level, size_t at)
{
	return (struct kids_name){
		.level = level,
		.hash = kids_hash(level, t->key),
		.at = at,
		.key = t->key,
	};
}

void
trie_init(struct trie *t)
{
	*t = (struct trie){ .root = node_new(SLICE_NONE),
		.key = { rand_u64(), rand_u64() | 1 } };
	atomic_store(&t->generation, 1);
}

struct node_list {
	VEC(struct trie_node *) nodes;
};

static void
push_node(void *arg, kid child)
{
	struct node_list *todo = arg;

	if (kid_kind(child) == KID_NODE)
		VEC_ADD(&todo->nodes, kid_address(child));
}

void
trie_fini(struct trie *t)
{
	struct node_list todo = { .nodes = { .n = 0 } };

	VEC_ADD(&todo.nodes, t->root);
	while (todo.nodes.n > 0) {
		struct trie_node *n = todo.nodes.p[--todo.nodes.n];
		kid kids = atomic_load_explicit(&n->kids, memory_order_relaxed);

		kids_each(kids, push_node, &todo);
		push_node(&todo, atomic_load_explicit(&n->plus, memory_order_relaxed));
		kids_drop(kids, slab_free);
		slab_free(n, node_size(n));
	}
	VEC_FINI(&todo.nodes);
	t->root = NULL;
}

/* What a level of a filter is. */
enum level_kind {
	LEVEL_NONE, /* the filter ended */
	LEVEL_TEXT,
	LEVEL_PLUS,
	LEVEL_REST, /* # */
};

static enum level_kind
level_kind(struct slice filter, size_t at, struct slice *level)
{
	if (at > filter.n)
		return LEVEL_NONE;
	*level = kids_level(filter, at);
	if (level->n == 1 && level->p[0] == '#')
		return LEVEL_REST;
	if (level->n == 1 && level->p[0] == '+')
		return LEVEL_PLUS;
	return LEVEL_TEXT;
}

static void
move_generation(struct trie *t)
{
	atomic_fetch_add_explicit(&t->generation, 1, memory_order_release);
}

/* ---- finding exactly one */

static struct route *
route_at(_Atomic(struct route *) *p)
{
	return atomic_load_explicit(p, memory_order_acquire);
}

struct route *
trie_find(struct trie *t, struct slice filter)
{
	struct trie_node *p = t->root;
	struct slice level;
	struct route *r;
	size_t at = 0;

	for (;;) {
		struct kids_name name;
		kid k = KID_NONE;

		switch (level_kind(filter, at, &level)) {
		case LEVEL_NONE: return route_at(&p->here);
		case LEVEL_REST: return route_at(&p->rest);
		case LEVEL_PLUS:
			k = atomic_load_explicit(&p->plus, memory_order_acquire);
			break;
		case LEVEL_TEXT:
			name = name_of(t, level, at);
			k = kids_find(&p->kids, &name, NULL);
		}
		if (k == KID_NONE)
			return NULL;
		if (kid_kind(k) == KID_ROUTE) {
			r = kid_address(k);
			return slice_eq(route_filter(r), filter) ? r : NULL;
		}
		p = kid_address(k);
		at += level.n + 1;
	}
}

/* ---- changes, under the router's lock */

/* Hangs @r below @p, where the level at @at is free. */
static void
hang(struct trie *t, struct trie_node *p, struct route *r, size_t at)
{
	struct slice level = SLICE_NONE;
	struct kids_name name;

	CHECK(p != NULL);
	p->n++;
	switch (level_kind(route_filter(r), at, &level)) {
	case LEVEL_NONE: atomic_store_explicit(&p->here, r, memory_order_release); return;
	case LEVEL_REST: atomic_store_explicit(&p->rest, r, memory_order_release); return;
	case LEVEL_PLUS:
		atomic_store_explicit(&p->plus, kid_of_route(r, 0), memory_order_release);
		return;
	case LEVEL_TEXT:
		name = name_of(t, level, at);
		kids_add(&p->kids, kid_of_route(r, name.hash), &name);
	}
}

/* Where the child for this level stands, or NULL: nothing shares the level. */
static _Atomic kid *
slot_of(struct trie *t, struct trie_node *p, struct slice filter, size_t at,
    struct slice *level)
{
	_Atomic kid *slot = NULL;
	struct kids_name name;

	switch (level_kind(filter, at, level)) {
	case LEVEL_NONE:
	case LEVEL_REST: return NULL;
	case LEVEL_PLUS:
		return atomic_load_explicit(&p->plus, memory_order_relaxed) != KID_NONE
			   ? &p->plus
			   : NULL;
	case LEVEL_TEXT: name = name_of(t, *level, at); kids_find(&p->kids, &name, &slot);
	}
	return slot;
}

/* A node in place of the route that stood alone in @slot: another filter shares its
 * level. */
static struct trie_node *
expand(struct trie *t, _Atomic kid *slot, struct slice level, size_t below)
{
	kid k = atomic_load_explicit(slot, memory_order_relaxed);
	struct trie_node *n = node_new(level);

	hang(t, n, kid_address(k), below);
	atomic_store_explicit(slot, kid_of_node(n, k), memory_order_release);
	return n;
}

void
trie_add(struct trie *t, struct route *r)
{
	struct slice filter = route_filter(r), level = SLICE_NONE;
	struct trie_node *p = t->root;
	_Atomic kid *slot;
	size_t at = 0;

	while ((slot = slot_of(t, p, filter, at, &level)) != NULL) {
		kid k = atomic_load_explicit(slot, memory_order_relaxed);

		at += level.n + 1;
		p = kid_kind(k) == KID_ROUTE ? expand(t, slot, level, at)
					     : kid_address(k);
	}
	hang(t, p, r, at);
	move_generation(t);
}

/* Takes the child for the level at @at from @p; returns it (a route too). */
static kid
unhang(struct trie *t, struct trie_node *p, struct slice filter, size_t at)
{
	struct slice level = SLICE_NONE;
	struct kids_name name;
	kid k = KID_NONE;

	CHECK(p != NULL);
	p->n--;
	switch (level_kind(filter, at, &level)) {
	case LEVEL_NONE:
		k = kid_of_route(route_at(&p->here), 0);
		atomic_store_explicit(&p->here, NULL, memory_order_release);
		break;
	case LEVEL_REST:
		k = kid_of_route(route_at(&p->rest), 0);
		atomic_store_explicit(&p->rest, NULL, memory_order_release);
		break;
	case LEVEL_PLUS:
		k = atomic_load_explicit(&p->plus, memory_order_relaxed);
		atomic_store_explicit(&p->plus, KID_NONE, memory_order_release);
		break;
	case LEVEL_TEXT:
		name = name_of(t, level, at);
		k = kids_find(&p->kids, &name, NULL);
		kids_del(&p->kids, &name);
	}
	return k;
}

static void
retire(void *p, size_t n)
{
	qsbr_retire(p, n, slab_free);
}

/* Retires nodes that have nothing but the way to one route, which was cut off above. */
static void
retire_chain(struct trie *t, kid k, struct slice filter, size_t at)
{
	while (kid_kind(k) == KID_NODE) {
		struct trie_node *n = kid_address(k);
		struct slice level = SLICE_NONE;
		_Atomic kid *slot;

		CHECK(n->n == 1);
		slot = slot_of(t, n, filter, at, &level);
		k = slot != NULL ? atomic_load_explicit(slot, memory_order_relaxed)
				 : KID_NONE;
		at += level.n + 1;
		kids_drop(atomic_load_explicit(&n->kids, memory_order_relaxed), retire);
		retire(n, node_size(n));
	}
}

void
trie_del(struct trie *t, struct route *r)
{
	struct slice filter = route_filter(r), level = SLICE_NONE;
	struct trie_node *p = t->root, *stays = p;
	size_t at = 0, cut = 0;
	_Atomic kid *slot;
	kid k;

	while ((slot = slot_of(t, p, filter, at, &level)) != NULL) {
		k = atomic_load_explicit(slot, memory_order_relaxed);
		if (kid_kind(k) == KID_ROUTE)
			break;
		p = kid_address(k);
		at += level.n + 1;
		if (p->n > 1) {
			stays = p;
			cut = at;
		}
	}
	k = unhang(t, stays, filter, cut);
	move_generation(t);
	at = cut;
	if (level_kind(filter, at, &level) != LEVEL_NONE)
		at += level.n + 1;
	retire_chain(t, k, filter, at);
}

/* ---- matching */

static void
hit(struct trie_hits *h, struct route *r)
{
	if (r != NULL)
		VEC_ADD(&h->routes, r);
}

/* A child on the way: a node is a place to go on from, a route is compared from its
 * level on; it usually is the same text to the end. */
static void
follow(struct trie_hits *h, kid k, struct slice topic, struct trie_fork here,
    struct trie_fork below)
{
	struct route *r = kid_address(k);
	struct slice f, rest;

	if (k == KID_NONE)
		return;
	if (kid_kind(k) == KID_NODE) {
		below.node = kid_address(k);
		*VEC_PUSH(&h->forks) = below;
		return;
	}
	f = slice_from(route_filter(r), here.in_filter);
	rest = slice_from(topic, here.in_topic);
	if (slice_eq(f, rest) || topic_match_rest(f, rest))
		hit(h, r);
}

static void
visit(struct trie *t, struct trie_fork here, struct slice topic, struct trie_hits *h)
{
	struct trie_node *p = here.node;
	/* [MQTT5-4.7.2-1]; only the root stands before the first level. */
	bool is_wild = here.in_topic > 0 || topic.n == 0 || topic.p[0] != '$';
	struct trie_fork below = here;
	struct kids_name name;

	if (is_wild)
		hit(h, route_at(&p->rest));
	if (here.in_topic > topic.n) {
		hit(h, route_at(&p->here));
		return;
	}
	name = name_of(t, kids_level(topic, here.in_topic), here.in_filter);
	below.in_topic += name.level.n + 1;
	below.in_filter += 2;
	if (is_wild)
		follow(h, atomic_load_explicit(&p->plus, memory_order_acquire), topic,
		    here, below);
	below.in_filter = here.in_filter + name.level.n + 1;
	follow(h, kids_find(&p->kids, &name, NULL), topic, here, below);
}

void
trie_match(struct trie *t, struct slice topic, struct trie_hits *h)
{
	h->routes.n = h->forks.n = 0;
	visit(t, (struct trie_fork){ t->root, 0, 0 }, topic, h);
	while (h->forks.n > 0)
		visit(t, h->forks.p[--h->forks.n], topic, h);
}

void
trie_hits_fini(struct trie_hits *h)
{
	VEC_FINI(&h->routes);
	VEC_FINI(&h->forks);
}
