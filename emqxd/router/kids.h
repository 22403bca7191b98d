/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kids: the children of a trie's node by the text of their level, for one child or a
 * million.
 *
 * A child is a word: what it is in the lowest three bits, its address, and sixteen
 * bits of its level's hash on top.  The children of a node are such a word too:
 *
 *	nothing | one child | a table | a directory of 64 of the same by six further
 *	                                bits of the hash
 *
 * A table is open addressing, at most three quarters full.  One that would pass
 * KIDS_TABLE_MAX slots becomes a directory: so a change touches at most so many
 * children, whatever the node has, and no subscribe stalls for long.  It goes back
 * the same way.
 *
 * Readers take no lock: a slot is written whole, a table that is replaced stays as
 * it was until they are gone.
 */
#ifndef ROUTER_KIDS_H
#define ROUTER_KIDS_H

#include "ipc/base/slice.h"

#include <stdatomic.h>

struct route;

typedef uintptr_t kid;

enum kid_kind {
	KID_NONE,
	KID_GRAVE, /* a slot of a table that was in use */
	KID_ROUTE,
	KID_NODE,
	KID_TABLE,
	KID_DIRECTORY,
};

#define KIDS_TABLE_MAX 1022u

/* Inner node of the trie: what filters share up to here. */
struct trie_node {
	_Atomic kid kids;
	_Atomic kid plus;             /* the level + */
	_Atomic(struct route *) rest; /* the filter ends here in # */
	_Atomic(struct route *) here; /* the filter ends here */
	uint32_t n;                   /* children of the four sorts; the writer's */
	uint16_t len;
	uint8_t label[]; /* its level */
};

static inline enum kid_kind
kid_kind(kid k)
{
	return (enum kid_kind)(k & 7);
}

static inline void *
kid_address(kid k)
{
	return (void *)(k & 0x0000fffffffffff8u);
}

kid kid_of_route(struct route *r, uint64_t hash);
kid kid_of_node(struct trie_node *n, uint64_t hash);

/* The first level of what is behind @at. */
static inline struct slice
kids_level(struct slice text, size_t at)
{
	size_t end = at;

	while (end < text.n && text.p[end] != '/')
		end++;
	return slice_of(text.p + at, end - at);
}

uint64_t kids_hash(struct slice level, const uint64_t key[2]);

/* Which child one means: its level, that level's hash, and where the level begins in
 * the filters below. */
struct kids_name {
	struct slice level;
	uint64_t hash;
	size_t at;
	const uint64_t *key;
};

/* The child, or KID_NONE; @slot, when not NULL, is where it stands (for the writer). */
kid kids_find(_Atomic kid *kids, const struct kids_name *name, _Atomic kid **slot);
/* Writers.  The child must not be there; must be there. */
void kids_add(_Atomic kid *kids, kid child, const struct kids_name *name);
void kids_del(_Atomic kid *kids, const struct kids_name *name);
/* Gives tables and directories to be freed by @give(p, n); the children stay. */
typedef void kids_give_fn(void *p, size_t n);
void kids_drop(kid kids, kids_give_fn *give);
/* Calls @fn for each child. */
typedef void kids_each_fn(void *arg, kid child);
void kids_each(kid kids, kids_each_fn *fn, void *arg);

#endif
