/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order: an index of byte keys in their order: the first key behind another, pages
 * of a list, ranges of a prefix.
 *
 * A skip list.  The node sits at the end of its owner's struct, its tower and then
 * its key behind it, so that an entry is one piece of memory and the key is stored
 * once:
 *
 *	struct thing { ...; struct order_node node; };
 *	unsigned height = order_height();
 *	struct thing *t = slab_new(sizeof *t + order_room(height, key.n));
 *
 * Readers take no lock: any thread that core/qsbr.h knows, within one turn.  A
 * writer holds the lock of whoever owns the index; a node that it took out must be
 * retired, since readers may stand on it: they find their way on from there.
 */
#ifndef CORE_ORDER_H
#define CORE_ORDER_H

#include "ipc/base/slice.h"

#include <stdatomic.h>

#define ORDER_LEVELS 12u /* a quarter of the nodes reaches the next one: 16 million */

struct order_node {
	uint16_t n; /* bytes of the key */
	uint8_t height;
	_Atomic uint32_t spare;              /* the owner's */
	_Atomic(struct order_node *) next[]; /* the tower; then the key */
};

/* Zero-initialise. */
struct order {
	_Atomic(struct order_node *) head[ORDER_LEVELS];
	_Atomic uint32_t levels; /* of the highest tower so far */
};

/* A height for a new node, by chance. */
unsigned order_height(void);
/* Bytes behind the owner's struct. */
static inline size_t
order_room(unsigned height, size_t key)
{
	return height * sizeof(struct order_node *) + key;
}

/* @key has at most 65535 bytes and is copied. */
void order_node_init(struct order_node *node, unsigned height, struct slice key);

static inline struct slice
order_key(const struct order_node *node)
{
	return slice_of(&node->next[node->height], node->n);
}

/* The key must not be there yet. */
void order_add(struct order *o, struct order_node *node);
/* The node must be there. */
void order_del(struct order *o, struct order_node *node);

/* With this key, or NULL. */
struct order_node *order_find(struct order *o, struct slice key);
/* The first one not before @key, or NULL. */
struct order_node *order_seek(struct order *o, struct slice key);
/* The one behind @node, or NULL. */
static inline struct order_node *
order_next(const struct order_node *node)
{
	return atomic_load_explicit(&node->next[0], memory_order_acquire);
}

#endif
