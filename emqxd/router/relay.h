/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay: messages for subscribers of other workers, as letters.
 *
 * What a turn has for another worker is collected in one block and posted at its
 * end: for each message a record with what it is for (routes, or a member of a shared
 * group), its fields, and its bytes copied: the frame as it came, or topic, payload
 * and properties.  A payload from MESSAGE_LARGE on is not copied; the record holds a
 * reference.  A receiver needs no reference to a route or member: core/qsbr.h frees
 * them only when no letter can name them any more.
 *
 * What is for other nodes goes to the link thread in the same way, once a message with
 * the places of all of them.  That thread has no part in the walk that tells when nobody
 * names a route (core/qsbr.h): its records carry a group and filter as text.
 */
#ifndef ROUTER_RELAY_H
#define ROUTER_RELAY_H

#include "emqxd/router/memo.h"
#include "emqxd/router/share.h"

void relay_birth(struct router_worker *here);
void relay_death(struct router_worker *here);

/* What there is no memory for is dropped and counted. */
/* To the columns that worker @to has in the routes; how many those are. */
unsigned relay_columns(struct router_worker *here, unsigned to, struct memo_routes routes,
    struct message *m);
/* To one member of a group. */
void relay_member(struct router_worker *here, struct share_member *member,
    struct share_turn turn, struct message *m);
/* To the other nodes in @places; how many. */
unsigned relay_nodes(struct router_worker *here, uint64_t places, struct message *m);
/* To one of a group's members at @place; those at @tried were asked. */
void relay_group(struct router_worker *here, unsigned place, uint64_t tried,
    const struct route *r, struct slice group, struct message *m);

#endif
