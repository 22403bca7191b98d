/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inflight: QoS 1 and 2 messages under way to one client, by packet id.
 *
 * Ids count up, so the window is a ring in which an id mostly finds its slot by
 * subtraction.  Out-of-order acknowledgements leave holes, which go when the ring is
 * full of them: a message that is never acknowledged takes its place in the window,
 * holds up nobody, and its id is passed over.
 *
 * Owned by one session; exists from its first message on, a large one only while
 * something is under way.
 */
#ifndef SESSION_INFLIGHT_H
#define SESSION_INFLIGHT_H

#include "emqxd/model/message.h"
#include "ipc/base/err.h"
#include "ipc/base/span.h"

enum inflight_state {
	INFLIGHT_DONE,    /* a hole */
	INFLIGHT_PUBLISH, /* waits for PUBACK (QoS 1) or PUBREC (QoS 2) */
	INFLIGHT_PUBREL,  /* waits for PUBCOMP; the message is given back */
};

struct inflight_slot {
	struct message *message; /* our reference, while PUBLISH */
	uint32_t subid : 28, qos : 2, state : 2;
	uint32_t sent : 31, retain : 1; /* when it last went out: inflight_tick() */
	uint32_t share;                 /* the membership of a shared group; 0: none */
	uint32_t seq;                   /* inflight_push writes it */
};

struct inflight;

#define INFLIGHT_TICKS 0x7fffffffu
/* A coarse time for .sent, good for half a year. */
static inline uint32_t
inflight_tick(mono_t t)
{
	return (uint32_t)(t.ns >> 23) & INFLIGHT_TICKS;
}

/* May one more begin, with at most @window under way and none to be sent again? */
bool inflight_has_room(const struct inflight *f, uint16_t window);
/* Begins one: takes the reference and gives its id; *seq counts ids given. */
uint16_t inflight_push(struct inflight **fp, uint32_t *seq, struct inflight_slot slot);
/* One that began elsewhere, in order, to be sent again: its seq stays; takes the reference.
 * @seq: the session's.  False: it fits not behind those that are there; nothing is taken. */
bool inflight_restore(struct inflight **fp, uint32_t seq, struct inflight_slot slot);
/* Is it a count of ids given? */
bool inflight_is_seq(uint32_t seq);
/* The slot of an id that is under way, or NULL. */
struct inflight_slot *inflight_find(struct inflight *f, uint32_t seq, uint16_t id);
/* It is over: gives the message back; frees the ring when it was the last. */
void inflight_done(struct inflight **fp, struct inflight_slot *slot);
/* How many are under way. */
uint32_t inflight_count(const struct inflight *f);
/* Of them, those whose message the client has not said to have: no PUBACK, no PUBREC. */
uint32_t inflight_unreceived(const struct inflight *f);
/* A new connection: all of them are to be sent again, in order. */
void inflight_rewind(struct inflight *f);
/* The next to be sent again while fewer than @window are on this connection's way, or
 * NULL; after that it is. */
struct inflight_slot *inflight_resend(struct inflight *f, uint16_t window, uint16_t *id);
/* Are there some to be sent again? */
bool inflight_has_more(const struct inflight *f);
/* The session ends: inflight_next() gives all of them, sent on this connection or not. */
void inflight_begin_all(struct inflight *f);
/* Those under way on this connection, oldest first: start with *at = 0; NULL: no more.  No
 * other call may change the window meanwhile. */
struct inflight_slot *inflight_next(struct inflight *f, uint32_t *at, uint16_t *id);
void inflight_free(struct inflight **fp);

#endif
