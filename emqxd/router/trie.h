/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trie: from filters to routes, by levels.
 *
 * Lazy expansion: an inner node only where filters share a level; a route hangs as
 * high as it is alone and carries its text, which is compared once at the end.
 * Readers take no lock (one turn, core/qsbr.h); who changes holds the router's.
 *
 * The generation is another one after every change: what was matched under it, and
 * is remembered, holds while it stands.
 */
#ifndef ROUTER_TRIE_H
#define ROUTER_TRIE_H

#include "ipc/base/slice.h"
#include "ipc/base/vec.h"

#include <stdatomic.h>

struct route;
struct trie_node;

struct trie {
	struct trie_node *root;
	_Atomic uint64_t generation;
	uint64_t key[2]; /* of the levels' hash: peers choose what is hashed */
};

/* A place to go on from: a node, and where the next level begins. */
struct trie_fork {
	struct trie_node *node;
	size_t in_topic, in_filter;
};

/* What a match found, and the branches that it has not taken yet.  Zero-initialise; one
 * a thread. */
struct trie_hits {
	VEC(struct route *) routes;
	VEC(struct trie_fork) forks;
};

void trie_init(struct trie *t);
/* Frees the nodes, not the routes; nobody reads any more. */
void trie_fini(struct trie *t);

/* The filter must not be there yet. */
void trie_add(struct trie *t, struct route *r);
/* Takes the route out; the caller retires it. */
void trie_del(struct trie *t, struct route *r);

/* The route of exactly this filter, or NULL. */
struct route *trie_find(struct trie *t, struct slice filter);
/* All that match, in @h->routes. */
void trie_match(struct trie *t, struct slice topic, struct trie_hits *h);
void trie_hits_fini(struct trie_hits *h);

static inline uint64_t
trie_generation(const struct trie *t)
{
	return atomic_load_explicit(&t->generation, memory_order_acquire);
}

#endif
