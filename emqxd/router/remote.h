/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote: the router's side of the other nodes: which filters they want, what they are
 * told of this node's, and how a message comes from them.
 *
 * What lives here: the rows of others in the trie (a bit of a route for each place of
 * model/nodes.h; of a shared group how many members a place has), the walk over this
 * node's own rows, delivery to this node's clients only.  What does not: links, numbered
 * deltas, frames (cluster/).
 *
 * A row says how things are, not how they changed: setting it twice changes nothing, and
 * the last one holds.  A message that came from a node is never sent on to another, but
 * for one of a shared group whose members here did not take it; who was asked goes with
 * it.
 *
 * Threads: what changes rows or delivers is called on the link thread; router_remote's
 * functions say theirs.  Alone router_remote_use() is never called.
 */
#ifndef ROUTER_REMOTE_H
#define ROUTER_REMOTE_H

#include "emqxd/core/mailbox.h"
#include "emqxd/router/router.h"

/* Comes back when the other nodes know what its sender changed before: zero but for @done,
 * which is called on the sender's thread and has it then. */
struct router_settle {
	struct letter letter; /* first */
	void (*done)(struct router_settle *s);
	struct router_settle *next; /* the link thread's, like those below */
	uint64_t number;
	mono_t until;
	uint16_t from;
	bool is_late; /* it took too long: not all know */
};

struct router_remote {
	/* Of this node's own clients: @group empty: somebody wants the filter (@online 1)
	 * or nobody any more (0); else how many members the group has here.  Under the
	 * router's lock, on any client worker: it may post a letter at once, no more. */
	void (*changed)(
	    struct slice group, struct slice filter, uint32_t online, uint32_t offline);
	/* On the link thread, until the end of its turn.  To each node in @places. */
	void (*forward)(uint64_t places, struct message *m);
	/* To one member of a group, at @place.  @tried: where members were asked already
	 * (bit 0: here). */
	void (*forward_shared)(unsigned place, uint64_t tried, struct slice group,
	    struct slice filter, struct message *m);
	/* Any thread with a loop: see router_remote_settle(). */
	void (*settle)(struct router_settle *s);
};

/* @remote is static; NULL: alone (again).  Rows of this node that are there already are
 * asked for with router_remote_own(). */
void router_remote_use(const struct router_remote *remote);

/* The link thread's: nodes at these places take no more for now; who publishes to them with
 * QoS 1 or 2 waits, as mailbox_block() has it. */
void router_remote_set_full(uint64_t places);

/* What @place has for this filter: of @group (empty: not shared, @online 1 or 0) so many
 * members.  EM_MALFORMED: no filter. */
EM_MUST_USE em_err router_remote_set(unsigned place, struct slice group,
    struct slice filter, uint32_t online, uint32_t offline);

/* Looks at so many filters behind *after (at first the empty one), and takes the place's
 * rows out that @keep (NULL: none) does not want.  False: that was the end. */
typedef bool router_keep_fn(void *arg, struct slice group, struct slice filter);
EM_MUST_USE bool router_remote_purge(
    unsigned place, struct str *after, unsigned most, router_keep_fn *keep, void *arg);

/* This node's own rows of so many filters behind *after; false: that was the end. */
typedef void router_row_fn(void *arg, struct slice group, struct slice filter,
    uint32_t online, uint32_t offline);
EM_MUST_USE bool router_remote_own(
    struct str *after, unsigned most, router_row_fn *row, void *arg);

/* To this node's own subscribers, those of groups not. */
struct router_result router_remote_publish(struct message *m);
/* To a member of the group; when none here takes it, to a node that is not in @tried. */
struct router_result router_remote_share(
    struct slice group, struct slice filter, uint64_t tried, struct message *m);

/* Is there anybody to tell?  Any thread. */
bool router_remote_is_used(void);
/* @s comes back when all nodes that can be reached have what this thread subscribed and
 * unsubscribed before, or when that takes too long (cluster.suback_wait).  False: this node
 * is alone, and @s stays the caller's. */
EM_MUST_USE bool router_remote_settle(struct router_settle *s);

/* Where subscribers of exactly this filter are, members of groups too: places; bit 0: here.
 * Any thread with a loop. */
uint64_t router_remote_nodes(struct slice filter);
/* Rows of other nodes. */
uint64_t router_remote_count(void);

#endif
