/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox: how threads talk.  Many senders, one reader; first in, first out by
 * sender.  A letter is the head of an object that the sender gives away; its
 * @open runs on the receiver's thread and owns the letter.
 *
 * worker_post() from a thread with a loop collects letters and posts them once
 * at the end of the turn, with one wake-up and only if the receiver sleeps;
 * from other threads it posts at once.  Opening letters never waits and never fails.
 *
 * Data letters (messages) announce their bytes; when more than the mark wait at
 * a receiver, mailbox_is_full() says so and the publisher's connection is
 * paused.  Answer letters are bounded by the requests outstanding.
 */
#ifndef CORE_MAILBOX_H
#define CORE_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct worker;
struct letter;
typedef void letter_fn(struct letter *l);

struct letter {
	struct letter *next;
	letter_fn *open;
	uint32_t bytes; /* of data, for the mark; 0 for answers */
	uint16_t from;  /* worker that posted it; set by worker_post */
	uint16_t spare; /* the owner's */
};

#define MAILBOX_MARK (4u << 20) /* bytes of data that may wait at one receiver */

struct mailbox {
	_Alignas(64) _Atomic(struct letter *) head; /* newest first */
	_Atomic int sleeping;
	_Alignas(
	    64) _Atomic uint64_t waiting; /* bytes of data posted and not yet opened */
	_Atomic uint64_t mark;
	_Atomic bool is_blocked;
	struct letter *
	    *outbox; /* reader's own: letters to others, newest first, by worker id */
	struct letter **outtail;
	struct letter *rest,
	    *rest_end; /* reader's own: taken, in order, to be opened next */
};

/* @l is the receiver's from here on. */
void worker_post(struct worker *to, struct letter *l);
/* The same, but at once: for letters that several threads send in an order that a lock
 * of theirs gives. */
void worker_post_now(struct worker *to, struct letter *l);
/* As much more waits at @to, or less: data whose letters are opened and which it still
 * holds. */
void mailbox_hold(struct worker *to, int64_t bytes);
/* Is more data waiting at @to than it takes? */
bool mailbox_is_full(const struct worker *to);

/* The reader's thread keeps who waits for it waiting, although it opens what comes: what it
 * does with some of it has come to a bound.  Who is to wait because of that is told by the
 * room that knows; mailbox_is_full() is about the mailbox alone. */
void mailbox_block(bool is_blocked);
bool mailbox_is_blocked(const struct worker *w);
/* Is there more that it has not opened yet?  The reader's thread. */
bool mailbox_has_more(const struct worker *w);

/* The loop's part. */
void mailbox_init(struct mailbox *b);
void mailbox_fini(struct mailbox *b);
/* Opens what is there, for a bounded time (the rest comes in the next turn, before
 * what is newer); true: some were opened. */
bool mailbox_open_all(struct worker *w);
void mailbox_post_all(struct worker *w);
/* True: nothing waits, the thread may sleep; call before waiting. */
bool mailbox_may_sleep(struct worker *w);
void mailbox_awake(struct worker *w);

#endif
