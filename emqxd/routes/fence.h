/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fence: what was on its way here has arrived.
 *
 * CTL and DATA have no common order, and a message that a worker has matched may still be
 * in its outbox: so "from now on all know of my filter" does not say that what they sent
 * before is here.  A fence says that.  Whoever begins one asks each node that can be
 * reached; that lets a letter walk round its client workers, twice, since what a worker
 * posts in a turn is posted by its end only; then it sends a mark on DATA, behind all
 * messages that were matched before.  When all marks are here, a letter walks round the
 * workers here, and the fence is passed: whatever was matched anywhere before it began is
 * at the home worker of its receiver.
 *
 * Those who come while one is under way have the next one together, and one walk answers
 * all who ask: so many that wait cost no more than one.
 *
 * Bounds: a node that does not answer within FENCE_PATIENCE, or is too old to know what a
 * fence is, is passed over (logged).
 *
 * Threads: the link thread.
 */
#ifndef ROUTES_FENCE_H
#define ROUTES_FENCE_H

#include "ipc/base/list.h"
#include "ipc/base/span.h"

#include <stdint.h>

#define FENCE_PATIENCE span_s(2)

struct fence;

struct fence_links {
	/* Asks all that can be reached; they are the places returned.  Each of them has
	 * its fence_on_mark() or fence_on_none(), not before the return. */
	uint64_t (*ask)(void *arg, uint64_t number);
	/* A mark behind all messages so far. */
	void (*mark)(void *arg, unsigned place, uint64_t number);
	void *arg;
};

/* Who waits: its memory, until done() or fence_cancel(). */
struct fence_wait {
	struct list_node node;
	void (*done)(struct fence_wait *w); /* not before fence_begin() returns */
};

/* @number: the first one, higher than those of former lives. */
struct fence *fence_new(const struct fence_links *links, uint64_t number);
/* Who waits is not told any more, and may still cancel. */
void fence_free(struct fence **fp);

void fence_begin(struct fence *f, struct fence_wait *w);
void fence_cancel(struct fence_wait *w);

/* ---- what links tell */

/* A node wants a mark of ours. */
void fence_on_ask(struct fence *f, unsigned place, uint64_t number);
/* Its mark came on DATA. */
void fence_on_mark(struct fence *f, unsigned place, uint64_t number);
/* It will not come: it knows no fences. */
void fence_on_none(struct fence *f, unsigned place, uint64_t number);
/* It cannot be reached any more. */
void fence_on_down(struct fence *f, unsigned place);

#endif
