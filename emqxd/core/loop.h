/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop: one thread's turn.  What lives here: the epoll set with its watchers,
 * the order of a turn, the callbacks at its end.  What does not: threads
 * (worker), time (timer, clock), letters (mailbox).
 *
 * A turn: wait; letters; ready descriptors; due timers; turn-end callbacks in order
 * of their stage (deliver what was collected, post letters, flush what was written,
 * bury what died); quiescent.  Level-triggered.
 *
 * A turn may take a millisecond of work; each part does something in it, has its own
 * bound, or asks loop_is_late(), and leaves the rest for the next.
 *
 * Letters come before descriptors and are posted before the flush: whoever acts
 * because of an acknowledgement finds, at any worker, what was acknowledged.  Not so what
 * is written in the middle of a turn, before its letters: when a connection ends, when
 * more waits for one than its high watermark, and when the ring that is read into is full.
 * They are posted again behind the flush, since flushing may end connections: nothing that
 * a letter will name is kept over the quiescent state by whoever collects letters.
 *
 * Only its own thread touches a loop.
 */
#ifndef CORE_LOOP_H
#define CORE_LOOP_H

#include "ipc/base/span.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

/* Sits at the head of whatever owns a descriptor; 16 bytes.  @flags are the owner's. */
struct watch {
	void (*on_ready)(struct watch *w, uint32_t events);
	int fd;
	uint32_t flags;
};

enum loop_stage {
	LOOP_DELIVER, /* what was collected for receivers of this thread */
	LOOP_POST,    /* letters to other threads; before and after LOOP_FLUSH */
	LOOP_FLUSH,   /* write what is pending */
	LOOP_BURY,    /* free what ended in this turn */
	LOOP_STAGE_N
};

struct loop;
typedef void loop_turn_fn(void *arg);

struct loop *loop_new(void);
void loop_free(struct loop **lp);

/* Watches for @events (EPOLLIN ...).  EM_IO when the kernel refuses.  A watcher may be
 * removed at any time, inside a callback too; its memory must live until LOOP_BURY. */
em_err loop_watch(struct loop *l, struct watch *w, uint32_t events);
void loop_rewatch(struct loop *l, struct watch *w, uint32_t events);
void loop_unwatch(struct loop *l, struct watch *w);

/* Calls @fn at the end of every turn, in order of stage, then of adding. */
void loop_at_turn(struct loop *l, enum loop_stage stage, loop_turn_fn *fn, void *arg);

/* One turn; waits for events at most until @deadline (or what timers and letters ask for). */
void loop_turn(struct loop *l);
/* The next turn does not wait: somebody has work left over. */
void loop_hurry(struct loop *l);
/* The thread's turn has worked as long as it may: what can wait comes in the next one.
 * Who asks has done something in this turn first, so that nobody starves. */
bool loop_is_late(void);
/* Wakes it from any thread (an eventfd, edge-triggered, never read). */
void loop_wake(struct loop *l);
/* The longest turn so far, without the time in which the thread waited for a CPU; how many
 * there were.  Any thread. */
span_t loop_turn_max(const struct loop *l);
uint64_t loop_turns(const struct loop *l);
/* Those of more than 2 ms. */
uint64_t loop_turns_long(const struct loop *l);

#endif
