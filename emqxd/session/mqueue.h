/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mqueue: messages a session must still send, while the window is full, the client
 * is away or its socket takes nothing.
 *
 * Bounded by messages and by bytes, all priorities together.  When it is full the
 * lowest priority goes first, in it QoS 0, in it the oldest, the new message being one
 * of them: mqueue_push says how many went, and the session counts them.
 *
 * The highest priority leaves first, but not for ever: its turn lasts 1 + 10 x priority
 * messages, then the next one that has some gets its own, down to the lowest and round
 * again, so nothing starves.  Within a priority messages leave in order.  A queue
 * without priorities, as nearly all are, is one ring.
 *
 * Owned by one session; exists while something waits.
 */
#ifndef SESSION_MQUEUE_H
#define SESSION_MQUEUE_H

#include "emqxd/model/message.h"

struct mqueue_entry {
	struct message *message; /* one reference */
	uint32_t subid : 28, qos : 2, retain : 1;
	uint32_t share; /* the membership of a shared group it came by; 0: none */
};

struct mqueue_bounds {
	uint32_t messages; /* UINT32_MAX: none */
	uint64_t bytes;    /* UINT64_MAX: none */
};

/* 1 to 255 as configured, MQUEUE_LOWEST or MQUEUE_HIGHEST for topics without one. */
#define MQUEUE_LOWEST 0u
#define MQUEUE_HIGHEST 1000000u

struct mqueue;

/* Takes the entry's reference.  Returns how many messages went for it (perhaps the new
 * one itself). */
uint32_t mqueue_push(struct mqueue **qp, const struct mqueue_bounds *b, uint32_t priority,
    struct mqueue_entry e);
/* The next to leave, left where it is; NULL: empty. */
const struct mqueue_entry *mqueue_peek(struct mqueue *q);
/* Takes the next out: the reference is the caller's.  False: empty. */
bool mqueue_pop(struct mqueue **qp, struct mqueue_entry *out);
/* Takes all out that came by this membership, in order: @fn gets the references and
 * must leave the queue alone. */
typedef void mqueue_fn(struct mqueue_entry *e, void *arg);
void mqueue_take_share(struct mqueue **qp, uint32_t share, mqueue_fn *fn, void *arg);
/* Does a QoS 0 message wait? */
bool mqueue_has_qos0(const struct mqueue *q);
uint32_t mqueue_count(const struct mqueue *q);
/* Walks what waits, from the highest priority down and in it in order, while nothing else
 * changes the queue; *at is zeroed first.  NULL: no more. */
struct mqueue_at {
	const struct mqueue *ring;
	uint32_t i;
	bool is_begun;
};
const struct mqueue_entry *mqueue_next(
    const struct mqueue *q, struct mqueue_at *at, uint32_t *priority);
/* Whose turn it is and for how many messages more, to be set in a queue that has the same
 * messages. */
void mqueue_turn(const struct mqueue *q, uint32_t *priority, uint32_t *left);
void mqueue_set_turn(struct mqueue *q, uint32_t priority, uint32_t left);
uint64_t mqueue_bytes(const struct mqueue *q);
void mqueue_free(struct mqueue **qp);

#endif
