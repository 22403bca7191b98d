/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim: who comes in asks the other nodes for his session first, and they are told which
 * clients are here.
 *
 * What lives here: the table of functions that cluster/ hands over, claims of one id in
 * their order, the walk that tells of those who were there before.  What does not: how it
 * is found out and brought (cluster/takeover), packets (client/claiming).
 *
 * Alone there is no table, nobody waits, and it costs a load.
 *
 * Happy path: claim_begin(); the table's claim() finds nobody, or brings the session into
 * this worker's registry, or ends it there; claim_answered(); done() opens the session.
 * An answer always comes: who does not know in time says so too, and the client begins
 * without what there may be elsewhere.
 *
 * On the home worker of the client id.
 */
#ifndef SESSION_CLAIM_H
#define SESSION_CLAIM_H

#include "ipc/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct claim {
	struct slice clientid; /* the owner's memory until done() */
	bool clean_start;      /* what there is is to end */
	/* Called once, not before claim_begin() returns. */
	void (*done)(struct claim *c);
	struct claim *other;       /* whoever is asked may keep it in a list */
	bool is_bringing;          /* the session is on its way here */
	struct claim *next, *last; /* claim.c's: those of that id behind it */
};

struct claim_remote {
	/* Is it elsewhere?  claim_answered() follows, once, from the same thread's loop and
	 * not before the return. */
	void (*claim)(struct claim *c);
	/* A session of this id is here from now on, or no longer; by claim_hash().  Also of
	 * those who were there before the table: then it may come twice. */
	void (*changed)(uint64_t hash, bool is_here);
};

/* From now on, on this worker; static; NULL: alone (again), who waits is answered by the
 * former table all the same. */
void claim_use(const struct claim_remote *remote);
bool claim_is_on(void);
/* The same on all nodes, never 0. */
uint64_t claim_hash(struct slice clientid);

void claim_begin(struct claim *c);
void claim_answered(struct claim *c);
/* Is the session of this id on its way here? */
bool claim_is_bringing(struct slice clientid);
/* Before the worker's end: all that wait are done. */
void claim_end(void);

/* session/'s */
void claim_changed(struct slice clientid, bool is_here);

#endif
