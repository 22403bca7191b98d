/* SPDX-License-Identifier: Apache-2.0 */
/*
 * members: the room's face, and the rows of CHANGE_MEMBER in memory: who belongs to the
 * cluster.
 *
 * What lives here: the table by name, and what follows from it: a peer to dial for each
 * other member (link.h), and a place (model/nodes.h).  What does not: how rows come about
 * (cluster/join.h), who votes (groups.h), which level they speak (levels.h).
 *
 * Rows come from the store: at boot on main, before the threads start; then on the store
 * thread as they are committed, and by letter to the link thread, in their order.  A row
 * of this node that goes means that the others have removed it.
 *
 * Threads: birth and death on main; members_start() and all else on the link thread.
 */
#ifndef MEMBERS_MEMBERS_H
#define MEMBERS_MEMBERS_H

#include "emqxd/link/link.h"
#include "emqxd/model/member.h"

struct routes;

struct members_entry {
	struct member m;        /* slices of its own */
	struct link_peer *peer; /* NULL: this node, or no place was left for it */
	unsigned place;         /* NODES_MAX: none */
	mono_t silent_since;    /* not reachable since; ns 0: it is */
};

/* What the rooms above and beside say and hear, handed over at birth.  Called on the link
 * thread; on_cleaned() on main too, while rows are read at boot. */
struct members_ops {
	/* Is the store ordered by a cluster now? */
	bool (*is_member)(void);
	/* A row says that the node was removed for its silence (cluster/clean.h), or no
	 * longer does. */
	void (*on_cleaned)(const struct member *m);
	void (*on_not_cleaned)(struct slice name);
	/* The row of that node went, or says that it was cleaned. */
	void (*on_gone)(struct slice name);
	/* Who has a place (model/nodes.h) has changed. */
	void (*on_places)(void);
};

/* Registers the kind; before the store's recovery. */
void members_birth(const struct members_ops *o);
void members_death(void);

enum members_event {
	MEMBERS_CHANGED, /* a row came, changed or went */
	MEMBERS_REMOVED, /* this node's own row went, or says that it was cleaned */
};
typedef void members_event_fn(enum members_event event, void *arg);

/* Peers for the rows there are, and the events from now on.  @fn is not called within.
 * @routes forgets who loses his place. */
void members_start(
    struct link_house *h, struct routes *routes, members_event_fn *fn, void *arg);
void members_stop(void);

/* Of what a row says without a cluster: how many there are, this node's among them. */
unsigned members_count(void);
/* By number, in the order of names; good until the next turn. */
const struct members_entry *members_at(unsigned i);
const struct members_entry *members_find(struct slice name);
const struct members_entry *members_find_raft(uint64_t raft_id);
/* This node's own, or NULL: it is alone, or not yet a member. */
const struct members_entry *members_me(void);

/* A peer before its row is there: a node that is joining must be reached by the leader, and
 * those that it joins by itself.  The row makes it a member; those that no row names are
 * forgotten after @keep (0: never), or by members_drop_expected(). */
EM_MUST_USE em_err members_expect(
    struct slice name, struct slice address, uint64_t site, span_t keep);
void members_drop_expected(void);

/* The row that says @m, to be sent; NULL: there is no memory. */
struct change *members_change(const struct member *m);

#endif
