/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn: one client's byte stream.  What lives here: reading into the worker's
 * ring, the rest of packets that are not whole yet, pausing, the end.  Output is in
 * outq, doors are in listener.  What does not: bytes' meaning (client/, mqtt/).
 *
 * A connection belongs to one worker.  It may walk once, right after its CONNECT
 * was read: conn_give() here, conn_ops.on_bytes there.
 *
 * A peer that asks and does not read the answers is not read either, until it does: what
 * waits for it is bounded by twice the high watermark and the answers to one read.
 *
 * A turn flushes some of the connections that were written to, in a millisecond or so;
 * the others keep what they need of the turn's bytes and come in the next ones.
 *
 * An idle connection owns no buffer.  Bytes given to on_bytes stay where they are
 * until the end of the turn; conn_put_turn() may refer to them.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "emqxd/core/loop.h"
#include "emqxd/core/timer.h"
#include "emqxd/model/end.h"
#include "emqxd/model/message.h"
#include "emqxd/model/addr.h"

struct conn;
struct listener;
struct outq;
struct worker;

struct conn_ops {
	/* It is there, on its home worker or on the way to it; may arm the timer. */
	void (*on_started)(struct conn *c);
	/* Bytes came: takes whole packets from the front and returns how many bytes they
	 * were; *need becomes the size of the packet that begins behind them, 0 while
	 * unknown.  May end, pause or give the connection away. */
	size_t (*on_bytes)(struct conn *c, uint8_t *p, size_t n, size_t *need);
	/* Less than half of the mark waits now, after conn_is_congested() was true. */
	void (*on_writable)(struct conn *c);
	/* The server ends it: the place to write a last packet (DISCONNECT, CONNACK). */
	void (*on_last_word)(struct conn *c, end_reason why, const char *detail);
	/* It ended; called once, the last call.  @detail: text that names the rule, or NULL. */
	void (*on_ended)(
	    struct conn *c, end_reason why, end_side side, const char *detail);
};

enum conn_flag {
	CONN_DIRTY = 1 << 0,     /* in the list of those to flush */
	CONN_OUT_ARMED = 1 << 1, /* waits for EPOLLOUT */
	CONN_PAUSED = 1 << 2,    /* not read */
	CONN_ENDED = 1 << 3,
	CONN_LINGER =
	    1 << 4, /* ended; reads on a while so that the peer sees our last packet */
	CONN_WANTS_WRITABLE = 1 << 5,
	CONN_GIVEN = 1 << 6,   /* walked away: the memory goes at the end of the turn */
	CONN_WATCHED = 1 << 7, /* in the epoll set */
	CONN_FLOODED = 1 << 8, /* not read until it takes the answers it asked for */
	CONN_LATE = 1 << 9,    /* in the list of those that a turn had no time to flush */
	CONN_RESUMED = 1 << 10, /* in the list of those to read on */
	CONN_LISTED =
	    CONN_LATE | CONN_RESUMED, /* over turns: buried when it is in none */
};

struct conn_part { /* bytes of a packet that is not whole, or that waited for a resume */
	uint32_t n, cap, need;
	uint8_t b[];
};

/* Open for its inline functions; written by net/ only, but for @owner and @timer. */
struct conn {
	struct watch watch; /* flags: conn_flag */
	struct timer timer; /* the owner's (idle time, keepalive) until the end */
	const struct conn_ops *ops;
	void *owner;            /* the channel; NULL in the lobby */
	struct outq *out;       /* only while something is pending */
	struct conn_part *part; /* only while a packet is incomplete */
	struct listener *listener;
	uint32_t magic;
	uint32_t index; /* in the worker's list of connections */
	uint16_t home;
};
#define CONN_MAGIC 0x0c0222e1u

/* The only way that a connection ends: counts it on its listener, flushes once, tells
 * the owner, closes.  Later calls do nothing. */
void conn_end(struct conn *c, end_reason why, end_side side, const char *detail);
static inline bool
conn_is_ended(const struct conn *c)
{
	return (c->watch.flags & (CONN_ENDED | CONN_GIVEN)) != 0;
}

/* The server stops reading; what is left of the current bytes is kept and given to
 * on_bytes again by conn_resume(). */
void conn_pause(struct conn *c);
void conn_resume(struct conn *c);
/* Is it not read now, for whatever reason of ours? */
static inline bool
conn_is_paused(const struct conn *c)
{
	return (c->watch.flags & (CONN_PAUSED | CONN_FLOODED | CONN_RESUMED)) != 0;
}

/* Nothing is left of what the peer said, and it has closed its side: who waited for an
 * answer waits no more.  Asks the socket. */
bool conn_has_left(const struct conn *c);

/* Walks to @to with the unread bytes @p (a whole CONNECT and what followed); from
 * on_bytes only.  There it starts with @ops and these bytes. */
void conn_give(struct conn *c, struct worker *to, const uint8_t *p, size_t n);

/* The peer's address as the socket knows it; family 0 when it is gone. */
struct net_addr conn_peer(const struct conn *c);

/* ---- output (outq.c).  All of it goes out at the end of the turn. */

/* @n bytes to be filled by the caller at once. */
uint8_t *conn_room(struct conn *c, size_t n);
/* Bytes that stay where they are until the end of the turn (the read buffer, a letter). */
void conn_put_turn(struct conn *c, const uint8_t *p, size_t n);
/* The payload of a large kept message: a reference is taken. */
void conn_put_payload(struct conn *c, struct message *kept);
/* Does more wait than the listener's high_watermark, after an attempt to write?  Then
 * on_writable() will be called. */
bool conn_is_congested(struct conn *c);
/* Bytes that wait. */
size_t conn_pending(const struct conn *c);

/* All connections of this worker, for drains: fn may end them. */
typedef void conn_each_fn(struct conn *c, void *arg);
void conn_each(conn_each_fn *fn, void *arg);
/* The same in portions: looks at @max of them, the last @left ones first (SIZE_MAX: all),
 * and returns how many are left to look at. */
size_t conn_each_some(size_t left, size_t max, conn_each_fn *fn, void *arg);

#endif
