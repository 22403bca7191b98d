/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share_inside: what a shared group is made of, for share.c (who is in it, who is asked)
 * and share_pick.c (who is the first).
 */
#ifndef ROUTER_SHARE_INSIDE_H
#define ROUTER_SHARE_INSIDE_H

#include "emqxd/router/share.h"

struct share_array {
	uint32_t cap;
	_Atomic(struct share_member *) v[];
};

struct share_group {
	_Atomic(struct share_group *) next;  /* of the route */
	_Atomic(struct share_group *) *link; /* what points here; under the lock */
	_Atomic(struct share_array *) array;
	_Atomic(struct share_nodes *) nodes; /* members elsewhere; or NULL */
	struct route *route;
	_Atomic uint32_t n, online; /* members; of them in front */
	_Atomic uint32_t turn;      /* round_robin_per_group */
	share_seen rule;
	uint32_t name_n;
	_Atomic(struct share_sticky *) sticky; /* made at first use; or NULL */
	/* For each thread, its own: the next turn of round_robin.  Behind them the name. */
	_Atomic uint32_t own_turn[];
};

#define STICKY_CELLS 64u

/* What was chosen for whom: by a hash of the publisher's client id, the member's slot and
 * its number; 0: nobody yet.  Publishers that meet in a cell share the choice. */
struct share_sticky {
	_Atomic uint64_t choice[STICKY_CELLS];
};

static inline uint32_t
share_load(const _Atomic uint32_t *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

static inline struct slice
share_group_name(const struct share_group *g)
{
	return slice_of(&g->own_turn[worker_all()], g->name_n);
}

static inline struct share_nodes *
share_elsewhere(const struct share_group *g)
{
	return atomic_load_explicit(&g->nodes, memory_order_acquire);
}

static inline struct share_array *
share_array(const struct share_group *g)
{
	return atomic_load_explicit(&g->array, memory_order_acquire);
}

static inline struct share_member *
share_member_at(const struct share_group *g, uint32_t slot)
{
	const struct share_array *a = share_array(g);

	if (slot >= a->cap)
		return NULL; /* it grew meanwhile */
	return atomic_load_explicit(&a->v[slot], memory_order_acquire);
}

#endif
