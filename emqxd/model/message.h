/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message: one application message on its way.  Immutable but for its counts.
 *
 * Two forms of one struct.  A *view* lives on the stack of whoever publishes;
 * its slices point into the read buffer, a letter or the publisher's memory and
 * are good until the end of the turn.  message_keep() gives the *kept* form: a
 * counted copy that queues, windows and the retained store hold.  The view
 * remembers its kept form, so ten queues hold one copy.
 *
 * Small kept messages belong to one worker and are counted plainly; from
 * MESSAGE_LARGE bytes of payload on they are shared between threads and counted
 * atomically.  message_share() makes one that is shared whatever its size: the
 * retained store is read by all workers.
 */
#ifndef MODEL_MESSAGE_H
#define MODEL_MESSAGE_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"
#include "ipc/base/span.h"

#include <stdatomic.h>

#define MESSAGE_LARGE 2048u

struct message {
	struct slice topic; /* as published, mountpoint applied */
	struct slice payload;
	struct slice props; /* MQTT 5 properties that are forwarded, encoded; or empty */
	struct slice from;  /* client id of the publisher; empty: the broker itself */
	struct slice
	    wire; /* the frame as it came; empty in the kept form.  Opaque below client/ */
	mono_t expires;       /* INT64_MAX: never */
	wall_t at;            /* when it was published */
	uint64_t publisher;   /* number of the publishing session (no local); 0: none */
	struct message *kept; /* of a view: its kept form, once made (one reference) */
	uint8_t wire_version; /* 3, 4, 5; 0: no wire */
	uint8_t qos;
	bool retain; /* the flag as published */
	bool is_kept, is_shared;
	uint32_t debt; /* another node is told when this is over (debt.h); 0: none is */
	_Atomic uint32_t refs; /* of the kept form */
	uint32_t size;         /* bytes that the kept form takes */
};

/* Who acknowledges a message wants to know when what must survive of it is on the disk,
 * or that it is not: @done is called on the caller's thread, after the call. */
struct message_wait {
	void (*done)(void *arg, em_err err);
	void *arg;
	bool is_asked; /* out: done() will be called */
};

/* A view with defaults: qos 0, never expires, now. */
struct message message_view(struct slice topic, struct slice payload);
/* A view of a kept message, to be ended by message_done().  What the caller sets in it (qos,
 * retain) does not reach the kept form, which message_keep() gives again. */
struct message message_view_of(struct message *m);
/* The kept form, one reference for the caller; NULL when there is no memory for its payload. */
struct message *message_keep(struct message *m);
/* A kept copy of its own, one reference for the caller, that any thread may hold; or NULL. */
struct message *message_share(const struct message *m);
/* One more reference to a kept message. */
struct message *message_ref(struct message *m);
/* Gives back one reference and clears the caller's pointer. */
void message_unref(struct message **mp);
/* Gives it back when no reader of a shared table can see it any more (core/qsbr). */
void message_retire(struct message *m);
/* Whoever lent it is told that it is over, now. */
void message_repay(struct message *m);
/* Ends a view: gives its kept form back. */
void message_done(struct message *view);
/* Is its time over at @now? */
static inline bool
message_is_expired(const struct message *m, mono_t now)
{
	return m->expires.ns <= now.ns;
}
/* Seconds left, rounded up, for the forwarded interval [MQTT5-3.3.2-6]. */
uint32_t message_seconds_left(const struct message *m, mono_t now);
/* Bytes that it counts for in a bounded queue. */
static inline size_t
message_bytes(const struct message *m)
{
	return m->topic.n + m->payload.n + m->props.n;
}

#endif
