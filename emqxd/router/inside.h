/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inside: the room's state: what the node has one of (node_slot), and what each
 * thread has (worker_slot).
 */
#ifndef ROUTER_INSIDE_H
#define ROUTER_INSIDE_H

#include "emqxd/core/lock.h"
#include "emqxd/core/order.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/message.h"
#include "emqxd/router/router.h"
#include "emqxd/router/trie.h"

struct router {
	struct trie trie;
	struct order order; /* of all routes, by filter */
	struct lock lock;   /* of both, of groups, and of which columns there are */
	router_deliver_fn *deliver;
	_Atomic(struct share_rules *) rules;
	_Atomic(const struct router_remote *) remote; /* NULL: alone */
	_Atomic uint64_t full; /* places whose node takes no more for now */
	_Atomic uint64_t filters, subscriptions, shared, remotes;
	uint32_t member_number; /* the last one given; under the lock */
};

struct memo_entry;
struct relay_block;
struct router_remote;

struct router_worker {
	struct router *router;
	uint64_t own; /* this worker's bit; 0 on threads without clients */
	uint16_t id;
	bool is_busy; /* a publish or letter is under way: deliver may publish */
	struct memo_entry *cache;
	struct trie_hits hits;
	struct relay_block **outgoing; /* by worker, that of links too; or NULL */
	struct relay_block *opened;    /* in this turn; freed at its end */
};

static inline struct router_worker *
inside_worker(void)
{
	return worker_slot(ROOM_ROUTER);
}

static inline struct router *
inside_node(void)
{
	return node_slot(ROOM_ROUTER);
}

static inline const struct router_remote *
inside_remote(const struct router *node)
{
	return atomic_load_explicit(&node->remote, memory_order_acquire);
}

/* Does who sends @m to one of these places have to wait?  With QoS 0 never for a node: what
 * it does not take is dropped. */
static inline bool
inside_is_full(const struct router *node, uint64_t places, const struct message *m)
{
	return mailbox_is_full(worker_link()) ||
	       (m->qos > 0 && (atomic_load_explicit(&node->full, memory_order_relaxed) &
				  places) != 0);
}

/* Under the lock.  The route of a filter, made when there is none; taken out of all and
 * retired when nobody wants it any more. */
struct route *router_take_route(struct router *node, struct slice filter);
void router_give_route(struct router *node, struct route *r);

#endif
