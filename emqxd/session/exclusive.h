/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exclusive: $exclusive/FILTER: which client has a filter for itself, in the cluster.
 *
 * A session takes a filter before it subscribes and gives it back when the subscription
 * ends, in whatever way.  Each node knows its own.  With other nodes a new one is claimed
 * first: taken here, with a stamp later than all that were seen, and asked for at all nodes
 * that can be reached.  Who has it says so; who claims it himself does when his stamp is
 * the earlier one.  So of several at once one gets it.  Several claims of one client have
 * one stamp, and the first answer is for all of them.
 *
 * A node that does not answer is taken not to have it: on two sides of a split two clients
 * may.  When the nodes meet again they tell each other what their clients have: who has it
 * by the earlier stamp (the lower site id, when they are the same) keeps it, the other's
 * subscription ends (counted, logged).  The same settles what was taken without a claim: for
 * clients that did not ask themselves (auto_subscribe, the office), and for a session that
 * moved here; the stamp moves with it.
 *
 * Threads: client workers, under a lock; the admin and the link thread.
 */
#ifndef SESSION_EXCLUSIVE_H
#define SESSION_EXCLUSIVE_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"
#include "ipc/base/str.h"

struct exclusive;

struct exclusive *exclusive_new(void);
void exclusive_free(struct exclusive **ep);

/* EM_BUSY: another client has it; one that has it already keeps it. */
EM_MUST_USE em_err exclusive_take(struct slice filter, struct slice clientid);
/* Gives it back, if that client has it. */
void exclusive_give(struct slice filter, struct slice clientid);
/* The first filter behind @after in byte order (empty: of all) and who has it; false:
 * there is none. */
bool exclusive_next(
    struct slice after, struct str *filter, struct str *clientid, uint64_t *stamp);

/* ---- with other nodes */

struct exclusive_row {
	struct slice filter, clientid;
	uint64_t stamp;
};

struct exclusive_claim {
	struct slice filter, clientid;
	/* On the claimer's thread, not before exclusive_claim() returns: EM_OK, or EM_BUSY:
	 * it is another node's client's. */
	void (*done)(struct exclusive_claim *c, em_err err);
	uint64_t stamp;
	bool is_new; /* the client did not have it before */
};

struct exclusive_remote {
	/* Asks the others, and calls exclusive_claimed() on the same thread. */
	void (*ask)(struct exclusive_claim *c);
	/* A client here has that one, and nobody was asked: the others are told. */
	void (*tell)(const struct exclusive_row *row);
};
/* @remote is static; NULL: alone (again). */
void exclusive_use(const struct exclusive_remote *remote);
bool exclusive_has_others(void);
/* @c is the caller's memory until done().  EM_BUSY at once: another client here has it. */
EM_MUST_USE em_err exclusive_claim(struct exclusive_claim *c);
void exclusive_claimed(struct exclusive_claim *c, bool is_busy);
/* Nothing was subscribed with it, on the claimer's thread: what was new goes back, unless
 * another claim of the same client's has led to a subscription. */
void exclusive_unclaim(const struct exclusive_claim *c);
/* What this node says to a claim of another: is it ours? */
bool exclusive_is_ours(
    struct slice filter, struct slice clientid, uint64_t stamp, uint64_t site);

/* A client at the node of that place has it: of two clients one keeps it, as said above.
 * True: that is the one here, and the other node is to hear of it: *@clientid, *@stamp. */
bool exclusive_meet(const struct exclusive_row *theirs, unsigned place,
    struct str *clientid, uint64_t *stamp);

/* ---- of sessions that move */

/* 0: the client does not have it. */
uint64_t exclusive_stamp(struct slice filter, struct slice clientid);
/* With the stamp that it had there; 0: none.  EM_BUSY: another client here keeps it. */
EM_MUST_USE em_err exclusive_bring(
    struct slice filter, struct slice clientid, uint64_t stamp);
/* The others hear what it has: it is here from now on, or stays here. */
struct session;
void exclusive_tell(struct session *s);

/* The client has not got it, since another one at the node of that place had it before:
 * counted, logged. */
void exclusive_lost(struct slice filter, struct slice clientid, unsigned place);

/* Takes it from whoever has it; false: nobody. */
bool exclusive_drop(struct slice filter);

#endif
