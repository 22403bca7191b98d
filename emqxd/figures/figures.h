/* SPDX-License-Identifier: Apache-2.0 */
/*
 * figures: what each node holds and does, as it says itself: an owner table with one row a
 * node.
 *
 * Happy path: each second this node counts; when the row is another one than the last that
 * was sent, all peers get it (frame FIGURES), at most one a second; a peer whose CTL comes
 * up gets it at once.  Rows of others are what they said last; of one that cannot be
 * reached there is none.  Nothing depends on them: they are for operators.
 *
 * What lives here: the row, its frame, rates.  What does not: what is decided by a number
 * of another node (the quota's sessions come from the table of clients, routes/owner.h),
 * and this node's statistics by name (observe/stats.h).
 *
 * Threads: the link thread.  Frames come from authenticated peers; a malformed one is
 * logged and ignored.
 */
#ifndef FIGURES_FIGURES_H
#define FIGURES_FIGURES_H

#include "emqxd/link/link.h"

struct figures {
	uint64_t connections, sessions, subscriptions;
	uint64_t retained,
	    routes; /* alike on all nodes, once all know all; without $SYS/ */
	uint64_t received, sent; /* messages a second, from and to clients */
	uint64_t load;           /* of the machine, 1 minute, in hundredths */
};

struct figures_all;

/* Counts, and listens to the house, which it outlives. */
struct figures_all *figures_new(struct link_house *h);
void figures_free(struct figures_all **fp);

/* Of the member that has the place; 0 is this node.  False: it has not said. */
bool figures_of(const struct figures_all *f, unsigned place, struct figures *out);

#endif
