/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order: the skip list behind order.h.
 *
 * A search goes down from the highest level in use; on each it runs forward while
 * the next key is smaller.  A node that was seen too large one level above is not
 * compared again: with long common prefixes the comparison is what costs.
 *
 * A writer publishes a node from its lowest link up and unlinks it from its highest
 * down, each link by one release store, so that a reader meets only whole nodes and
 * finds on the lowest level all that stood there when it began.
 */
#include "emqxd/core/order.h"
#include "ipc/base/check.h"
#include "ipc/base/rand.h"

typedef _Atomic(struct order_node *) link;

unsigned
order_height(void)
{
	/* Two bits a level: each has a quarter of the nodes of the one below. */
	uint64_t bits = rand_u64() | (uint64_t)1 << (2 * ORDER_LEVELS - 1);

	return 1 + (unsigned)__builtin_ctzll(bits) / 2;
}

void
order_node_init(struct order_node *node, unsigned height, struct slice key)
{
	CHECK(height >= 1 && height <= ORDER_LEVELS && key.n <= UINT16_MAX);
	node->n = (uint16_t)key.n;
	node->height = (uint8_t)height;
	atomic_init(&node->spare, 0);
	for (unsigned i = 0; i < height; i++)
		atomic_init(&node->next[i], NULL);
	if (key.n > 0)
		memcpy(&node->next[height], key.p, key.n);
}

/* The first node not before @key; on the way the links that lead to it, by level. */
static struct order_node *
search(struct order *o, struct slice key, link **path)
{
	link *at = o->head;
	struct order_node *n = NULL, *too_large = NULL;
	unsigned level = atomic_load_explicit(&o->levels, memory_order_acquire);

	while (level-- > 0) {
		for (;;) {
			n = atomic_load_explicit(&at[level], memory_order_acquire);
			if (n == NULL || n == too_large ||
			    slice_cmp(order_key(n), key) >= 0)
				break;
			at = n->next;
		}
		too_large = n;
		if (path != NULL)
			path[level] = &at[level];
	}
	return n;
}

struct order_node *
order_seek(struct order *o, struct slice key)
{
	return search(o, key, NULL);
}

struct order_node *
order_find(struct order *o, struct slice key)
{
	struct order_node *n = search(o, key, NULL);

	return n != NULL && slice_eq(order_key(n), key) ? n : NULL;
}

void
order_add(struct order *o, struct order_node *node)
{
	link *path[ORDER_LEVELS];
	unsigned levels = atomic_load_explicit(&o->levels, memory_order_relaxed);
	struct order_node *n = search(o, order_key(node), path);

	CHECK(n == NULL || !slice_eq(order_key(n), order_key(node)));
	for (; levels < node->height; levels++)
		path[levels] = &o->head[levels];
	for (unsigned i = 0; i < node->height; i++) {
		n = atomic_load_explicit(path[i], memory_order_relaxed);
		atomic_store_explicit(&node->next[i], n, memory_order_relaxed);
		atomic_store_explicit(path[i], node, memory_order_release);
	}
	atomic_store_explicit(&o->levels, levels, memory_order_release);
}

void
order_del(struct order *o, struct order_node *node)
{
	link *path[ORDER_LEVELS];
	const struct order_node *found = search(o, order_key(node), path);

	CHECK(found == node);
	for (unsigned i = node->height; i-- > 0;) {
		struct order_node *n =
		    atomic_load_explicit(&node->next[i], memory_order_relaxed);

		atomic_store_explicit(path[i], n, memory_order_release);
	}
}
