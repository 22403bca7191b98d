/* SPDX-License-Identifier: Apache-2.0 */
/*
 * router: who wants this topic.  One trie of filters for the node, shared by all
 * workers; readers take no lock (core/qsbr.h), changes of its structure go under
 * the router's write lock.
 *
 * What lives here: filters, their subscribers by worker, shared groups, the fan-out
 * to this worker (a call) and to others (letters).  What does not: sessions and
 * queues (session/), packets (mqtt/), retained messages (retain/).
 *
 * A subscriber belongs to one worker; its part of a route is written and read
 * there only.  Subscriber and route hold each other's index: unsubscribe and close
 * are O(1).  The publisher's worker matches once; every other worker concerned gets
 * one letter with the frame copied (under MESSAGE_LARGE) or shared (above).
 *
 * Threads: client workers; the admin thread publishes $SYS, and asks the questions at the
 * end.
 */
#ifndef ROUTER_ROUTER_H
#define ROUTER_ROUTER_H

#include "emqxd/router/share_rule.h"
#include "emqxd/model/message.h"
#include "emqxd/model/subopts.h"
#include "ipc/base/err.h"
#include "ipc/base/str.h"

struct route;
struct share_member;
struct worker;

/* One subscription, in its subscriber's list.  The router's to write. */
struct subscription {
	struct route *route;
	struct share_member *group; /* membership in a shared group; NULL: not shared */
	uint32_t pos;               /* in the route's column; of a group: sublist_hash */
	struct subopts opts;
};

/* Sits in a session; zero-initialise.  Its address is its identity. */
struct subscriber {
	union {
		struct subscription one; /* cap 0 */
		struct subscription *v;
	};
	uint32_t n, cap;
	uint32_t
	    shared;    /* so many, the last ones of the list, are memberships of groups */
	uint16_t home; /* its worker */
	bool is_online; /* shared groups prefer those; set by router_set_online */
};

/* Handed over at birth: brings @m to a subscriber of this worker.  Returns false when a
 * shared group should try another member (nothing was taken).  It may unsubscribe whom it
 * brings the message to, and publish. */
typedef bool router_deliver_fn(
    struct subscriber *s, const struct subscription *sub, struct message *m);

void router_birth(router_deliver_fn *deliver); /* node; before workers start */
/* On each client worker, and on the admin thread: caches, outgoing letters. */
void router_worker_birth(void);
void router_worker_death(void);
void router_death(void);

/* On main: how shared groups pick. */
void router_configure(const struct share_conf *v, size_t n, enum share_strategy strategy,
    enum share_strategy sticky_pick);

/* Subscribes or replaces the options of a subscription that stands (*is_new false).
 * @group empty: not shared.  EM_FULL: too much waits to be freed (0x97). */
EM_MUST_USE em_err router_subscribe(struct subscriber *s, struct slice group,
    struct slice filter, struct subopts opts, bool *is_new);
/* EM_NOTFOUND: there was none. */
EM_MUST_USE em_err router_unsubscribe(
    struct subscriber *s, struct slice group, struct slice filter);
/* At most so many of all. */
void router_unsubscribe_some(struct subscriber *s, uint32_t most);
/* All but shared groups ignore it. */
void router_set_online(struct subscriber *s, bool online);

/* The one with exactly this group (empty: not shared) and filter, or NULL. */
const struct subscription *router_find(
    struct subscriber *s, struct slice group, struct slice filter);

static inline struct subscription *
router_subscriptions(struct subscriber *s)
{
	return s->cap > 0 ? s->v : &s->one;
}
/* The filter as matched, without $share/group/; valid while the subscription stands. */
struct slice router_filter(const struct subscription *sub);
/* The group's name, or the empty slice. */
struct slice router_group(const struct subscription *sub);

/* Which membership of a shared group the subscription is: a number of its own, never 0;
 * 0: it is not shared. */
uint32_t router_membership(const struct subscription *sub);
/* Brings @m to a member of the group, as if it was published to that alone; false: there
 * is none, or all refused. */
bool router_redispatch(struct slice group, struct slice filter, struct message *m);

struct router_result {
	unsigned receivers; /* subscribers here, and columns or members elsewhere */
	struct worker *
	    is_full; /* a receiver's mailbox is above its mark: pause the publisher; or NULL */
};
/* Delivers to all who want it. */
struct router_result router_publish(struct message *m);

/* Is exactly this filter subscribed by anybody? */
bool router_lookup(struct slice filter);
/* How many subscribe to exactly this filter, members of shared groups among them. */
unsigned router_subscribers(struct slice filter);
/* The first filter behind @after in byte order (the empty slice: the first of all), as a copy
 * into @out; false at the end.  Bounded work, any thread with a loop: pages of `topics list`. */
bool router_next(struct slice after, struct str *out);
/* Filters in the trie; subscriptions of all workers; shared ones. */
uint64_t router_filters(void);
uint64_t router_subscriptions_count(void);
uint64_t router_shared_count(void);

#endif
