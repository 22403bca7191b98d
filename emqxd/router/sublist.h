/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sublist: a subscriber's list of subscriptions, and where in it one stands.  Those of
 * shared groups stand together at its end, since they hear of each connect and end.
 *
 * A short list is walked.  A long one has an index behind its last place, in the same
 * piece of memory: by route and group, so that a look-up takes the same time however
 * many others want the filter.  All by the subscriber's worker alone: whether it is in
 * a group is not asked of the group, whose members other workers move about.
 */
#ifndef ROUTER_SUBLIST_H
#define ROUTER_SUBLIST_H

#include "emqxd/router/inside.h"
#include "emqxd/router/route.h"

/* What tells a group among those of a route; kept in `pos`, which is otherwise unused. */
uint32_t sublist_hash(struct slice group);

/* The entry for this route and group (empty: not shared); s->n when there is none. */
uint32_t sublist_find(struct router_worker *here, struct subscriber *s, struct route *r,
    struct slice group);
/* Where the next one will stand: memberships of groups come last. */
static inline uint32_t
sublist_next(const struct subscriber *s, bool is_shared)
{
	return is_shared ? s->n : s->n - s->shared;
}
/* Puts a copy there; its seat or membership names the place already. */
void sublist_add(
    struct router_worker *here, struct subscriber *s, const struct subscription *sub);
/* Takes entry @i out of the list; its seat is gone already. */
void sublist_del(struct router_worker *here, struct subscriber *s, uint32_t i);

#endif
