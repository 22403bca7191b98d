/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share_pick: which member of a shared group is asked first, by the group's strategy; and
 * which node, when others have members too.
 *
 * On the publisher's worker, which keeps turns and sticky choices of its own; hashes are
 * the same on all nodes.
 */
#ifndef ROUTER_SHARE_PICK_H
#define ROUTER_SHARE_PICK_H

#include "emqxd/router/share.h"

enum share_strategy share_pick_strategy(
    const struct router_worker *here, struct share_group *g);
/* The first slot to ask, of @n > 0. */
uint32_t share_pick_member(struct router_worker *here, struct share_group *g, uint32_t n,
    const struct message *m);
/* The place, of @c->total > 0 members; *offset: which of its members, where the strategy
 * counts through all of them.  NODES_MAX: it stopped running just now. */
unsigned share_pick_place(struct router_worker *here, struct share_group *g,
    const struct share_choice *c, const struct message *m, uint32_t *offset);

#endif
