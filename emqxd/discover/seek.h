/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seek: a node that is alone looks for its cluster and joins it.
 *
 * What lives here: whom one joins among the addresses that discovery yields.  What does not:
 * how addresses are found (discover.h), how one joins (handed over as functions).
 *
 * Happy path: while this node is no member, each round of discovery gives a list.  Its
 * addresses are looked at, lowest first, our own left out; the first that belongs to a cluster
 * of at least two is joined.  When none does, the lowest address of the list is joined if it
 * answered: it is alone as we are, and becomes a cluster of one by that.  Whoever has the
 * lowest address itself waits for the others.  So no two nodes found a cluster each.
 *
 * A cluster is founded only by a list that two rounds found alike, the one that is written
 * down excepted: nodes that start together have each seen a part of the others at first.
 *
 * As a member it goes on looking, at addresses that are none of its members': is there
 * another cluster?  What that means its owner knows, who sees each look.
 *
 * What may go wrong: nobody answers, a join is refused; the next round tries again.  Once a
 * member the node joins nobody, and so it is after it was asked to leave, until it is
 * told to (`emqx_ctl cluster discovery enable`) or is started again.
 *
 * The link thread's.
 */
#ifndef DISCOVER_SEEK_H
#define DISCOVER_SEEK_H

#include "emqxd/discover/discover.h"

/* @members: of the cluster that the node belongs to, itself with it; 1: it is alone. */
typedef void seek_done_fn(void *arg, em_err err, unsigned members);

struct seek_ops {
	/* Is this node a member of a cluster, or becoming one? */
	bool (*is_member)(void);
	/* Is "host:port" the address of a member of this node's cluster? */
	bool (*is_ours)(const char *address);
	/* A member's pass through what a round found begins, or is over. */
	void (*on_pass)(bool is_over);
	/* Joins the node at "name@host:port", or only looks at it.  @done follows once,
	 * perhaps at once. */
	void (*join)(const char *target, bool only_look, seek_done_fn *done, void *arg);
};

struct seek;

/* NULL: the strategy finds nothing. */
struct seek *seek_start(const struct discover_conf *conf, const struct seek_ops *ops);
/* Before jobs_stop(); what is under way then tells nobody. */
void seek_stop(struct seek **sp);
/* The node leaves its cluster, and is not to come back by itself. */
void seek_pause(struct seek *s);
/* `cluster discovery enable`; @s NULL: false, there is no strategy. */
bool seek_resume(struct seek *s);
bool seek_is_paused(const struct seek *s);
/* Who is to come before a cluster is founded, an address or a sentence; NULL: nobody. */
const char *seek_waits_for(const struct seek *s, char buf[DISCOVER_TEXT_MAX]);
struct discover_status seek_status(const struct seek *s);

#endif
