/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mqueue: messages a session must still send, while the window is full, the client
 * is away or its socket takes nothing.
 *
 * Bounded by messages and by bytes.  When it is full, QoS 0 goes first, in it the
 * oldest; else the oldest of all: mqueue_push says what it pushed out, and the
 * session counts it.  Owned by one session; exists while something waits.
 */
#ifndef SESSION_MQUEUE_H
#define SESSION_MQUEUE_H

#include "emqxd/model/message.h"

struct mqueue_entry {
	struct message *message; /* one reference */
	uint32_t subid;
	uint8_t qos;
	bool retain;
};

struct mqueue_bounds {
	uint32_t messages; /* UINT32_MAX: none */
	uint64_t bytes;    /* UINT64_MAX: none */
};

struct mqueue;

/* Takes the entry's reference.  Returns how many messages went for it (the new one
 * itself when it alone is over the bytes). */
uint32_t mqueue_push(
    struct mqueue **qp, const struct mqueue_bounds *b, struct mqueue_entry e);
/* The oldest, left where it is; NULL: empty. */
const struct mqueue_entry *mqueue_peek(struct mqueue *q);
/* Takes the oldest out: the reference is the caller's.  False: empty. */
bool mqueue_pop(struct mqueue **qp, struct mqueue_entry *out);
/* Does a QoS 0 message wait? */
bool mqueue_has_qos0(const struct mqueue *q);
uint32_t mqueue_count(const struct mqueue *q);
uint64_t mqueue_bytes(const struct mqueue *q);
void mqueue_free(struct mqueue **qp);

#endif
