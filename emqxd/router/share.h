/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share: shared groups: of all members one gets the message.
 *
 * A group hangs on its route.  Its members are objects, listed in an array: those
 * online first.  Both change under the router's lock and are read without it; an
 * array is replaced only when it is full.  The publisher's worker picks; when that
 * member lives elsewhere a letter brings it the message, and if it refuses, its worker
 * goes on with the next in turn, until each was asked once.
 *
 * A member's subscriber is its own worker's: set to NULL there when it leaves.  The
 * member itself outlives every letter that names it (core/qsbr.h), so that whoever
 * opens one can look.
 *
 * Other nodes may have members as well (share_nodes.h): then a node is picked first.
 */
#ifndef ROUTER_SHARE_H
#define ROUTER_SHARE_H

#include "emqxd/router/inside.h"
#include "emqxd/router/route.h"
#include "emqxd/router/share_nodes.h"

struct share_group;

struct share_member {
	struct share_group *group;
	struct subscriber *s; /* by its worker only; NULL: it has left */
	uint32_t index;       /* in the subscriber's list; likewise */
	uint32_t slot;        /* in the group's array; under the lock */
	uint32_t number;      /* of the node, never again: who is it, without a look */
	uint16_t worker;
};

/* Where a message stands on its way through a group: @start is the first pick, @tried
 * how many were asked, @anew how often it began again because a letter came too late,
 * @nodes the places whose members were asked before those of this node (or were not to
 * be). */
struct share_turn {
	uint32_t start;
	uint32_t tried : 30, anew : 2;
	uint64_t nodes;
};

/* Under the router's lock.  Puts @s, at @index of its list, into the group of that
 * name, which is made when there is none. */
struct share_member *share_join(struct router *node, struct route *r, struct slice group,
    struct subscriber *s, uint32_t index);
/* The group goes with its last member. */
void share_leave(struct route *r, struct share_member *member);
/* False: it was so already. */
bool share_set_online(struct share_member *member, bool online);
/* What another node has; the group comes and goes with it as with a member.  Returns how
 * many rows more there are: 1, 0 or -1. */
int share_set_node(
    struct route *r, struct slice group, unsigned place, struct share_count n);
/* Takes the place out of all groups of the route but those that @keep wants; how many. */
unsigned share_purge(struct route *r, unsigned place,
    bool (*keep)(void *arg, struct slice group, struct slice filter), void *arg);

struct slice share_name(const struct share_member *member);
/* Of this node; any thread. */
struct share_count share_count(const struct share_group *g);
/* Groups of the route with members here; any thread, readers' way. */
void share_each_here(const struct route *r,
    void (*row)(void *arg, struct slice group, struct slice filter, uint32_t online,
	uint32_t offline),
    void *arg);
/* Places with members; bit 0: here. */
uint64_t share_places(const struct route *r);
/* Members of all groups of the route; any thread. */
unsigned share_members(const struct route *r);
/* At the end of all: frees the groups of a route. */
void share_free(struct route *r);

/* One member of each group of @r gets @m; how many did, or have a letter on the way.
 * @full is set when a mailbox is above its mark. */
unsigned share_publish(
    struct router_worker *here, struct route *r, struct message *m, struct worker **full);
/* The same for one group; false: nobody took it. */
bool share_publish_to(
    struct router_worker *here, struct route *r, struct slice group, struct message *m);
/* The same, members here first: another node has picked this one.  @tried: other nodes
 * that were asked. */
bool share_publish_here(struct router_worker *here, struct route *r, struct slice group,
    uint64_t tried, struct message *m, struct worker **full);
/* What a letter brought. */
void share_receive(struct router_worker *here, struct share_member *member,
    struct share_turn turn, struct message *m);

#endif
