/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link_inside: what the link files of this room share, and nobody else sees.
 *
 *	link_door	accepts            link_dial	reaches an address
 *	link_conn	a connection: bytes, the hello, frames in, the buffer out
 *	link_peer	who may stay, events, dialling again, the heartbeat
 *	link_ask	requests and replies
 *	link_raft	pumps a connection's bytes to a socketpair
 *	link_tls	the same bytes over TLS
 *
 * Connections and peers end at any time and are freed at the end of the turn (bury), so a
 * callback may end whatever it likes.
 */
#ifndef LINK_LINK_INSIDE_H
#define LINK_LINK_INSIDE_H

#include "emqxd/link/link.h"
#include "emqxd/link/link_buffer.h"
#include "emqxd/link/link_hello.h"
#include "emqxd/link/link_refused.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/timer.h"
#include "emqxd/model/addr.h"
#include "ipc/base/list.h"

#define LINK_SCRATCH (64u << 10)
#define LINK_FRESH_MAX 64  /* connections to us that have not said who they are */
#define LINK_GUESTS_MAX 32 /* in sum */
#define LINK_GUESTS_IN 16  /* of them those that came to us */
#define LINK_RAFTS_MAX 256
#define LINK_EVENTS_MAX 16
#define LINK_SHAKE span_s(5)   /* from the first byte to knowing each other */
#define LINK_CONNECT span_s(2) /* to the first byte: the kernel asks ever more seldom */
#define LINK_BEAT span_s(1)
#define LINK_SILENCE span_s(5) /* a peer that says nothing for so long is gone */
/* A way on which nothing comes back stays a little longer: what the other end says before
 * it ends it may still arrive. */
#define LINK_LAST_WORD span_ms(1500)

enum link_conn_step {
	LINK_CONN_CONNECTING,
	LINK_CONN_SECURING,
	LINK_CONN_HELLO,
	LINK_CONN_UP,
	LINK_CONN_PUMP, /* Raft's bytes */
	LINK_CONN_ENDED
};

struct link_conn {
	struct watch watch;
	uint32_t events; /* watched */
	struct list_node all;
	struct list_node fresh; /* in the house's, while nobody knows who it is */
	struct list_node dirty; /* in the house's, while bytes wait for the turn's end */
	struct list_node late;  /* in the house's, while frames wait for the next turn */
	uint64_t late_since;    /* the turn that had no time for them */
	struct link_house *house;
	uint64_t id;
	enum link_conn_step step;
	enum link_channel channel;
	bool is_dialled, is_held, wants_write;
	bool is_taking;           /* in the middle of frames */
	struct link_peer *peer;   /* who it is with, once that is known */
	struct link_dial *dial;   /* who waits for it to come up */
	struct link_raft *raft;   /* of PUMP */
	struct link_hello *hello; /* until it is up */
	struct link_session *tls; /* NULL: plain */
	struct link_buffer out;
	struct link_inbox in;
	struct timer limit;
	mono_t heard;
	struct list_node asks;
	unsigned asks_n;
	uint32_t last_ask;
	char where[LINK_ADDRESS_MAX + 1];
};

/* One direction of a channel: what we dial. */
struct link_way {
	struct link_peer *peer;
	enum link_channel channel;
	struct link_dial *dial;
	struct link_conn *conn;
	struct timer retry;
	span_t rest;
};

struct link_peer {
	struct link_house *house;
	unsigned index; /* in the house's table of members or guests */
	bool is_guest, is_deleted, is_reachable, is_deaf, has_clock;
	bool is_held; /* DATA from it is not read now */
	char name[NODES_NAME_MAX + 1], address[LINK_ADDRESS_MAX + 1];
	char product[LINK_PRODUCT_MAX + 1];
	unsigned place, protocol;
	uint64_t site, incarnation, table;
	mono_t since;              /* of is_reachable as it is */
	struct link_way way[2];    /* CTL, DATA; of a guest the first is all there is */
	struct link_conn *from[2]; /* the peer's ways to us */
	span_t rtt, offset;
	em_err err;     /* why dialling failed last */
	mono_t strange; /* since when that is NOTMEMBER; 0: told, or another one */
	char why[LINK_WHY_MAX];
	struct link_peer *next_dead;
};

struct link_handler {
	link_frame_fn *fn;
	void *arg;
};

struct link_door {
	struct watch watch; /* fd -1: there is none */
	struct timer rest;
};

struct link_house {
	struct loop *loop;
	struct link_facts mine;
	char *cookie;
	size_t buffer;
	struct link_tls *tls;
	struct link_door door;
	struct list_node all, fresh, dirty, late, dials;
	unsigned fresh_n, rafts_n;
	struct link_peer *dead_peers;
	struct link_raft *dead_rafts;
	struct list_node dead_conns;
	uint64_t last_conn;
	struct link_peer *member[NODES_MAX];
	struct link_peer *guest[LINK_GUESTS_MAX];
	struct link_handler on[LINK_KIND_N];
	struct {
		link_event_fn *fn;
		void *arg;
	} event[LINK_EVENTS_MAX];
	unsigned events_n;
	link_raft_accept_fn *on_raft;
	void *on_raft_arg;
	struct timer beat;
	bool is_stopped;
	struct link_refused refused;
	uint8_t *scratch;
};

/* ---- link_conn */

/* A socket that was accepted, or (@is_dialled) that connects; takes the descriptor.
 * NULL: the kernel refuses. */
struct link_conn *link_conn_new(
    struct link_house *h, int fd, bool is_dialled, const char *where);
/* Ends it: whoever waits for it or has it is told.  @f: why, or NULL. */
void link_conn_end(struct link_conn *c, em_err err, const struct fault *f);
/* The same with a sentence of ours. */
void link_conn_fail(struct link_conn *c, em_err err, const char *fmt, ...)
    EM_PRINTF(3, 4);
/* Room for a frame in its buffer; see link_room(). */
EM_MUST_USE em_err link_conn_room(
    struct link_conn *c, unsigned kind, size_t n, uint8_t **out);
/* Bytes > 0; 0: the end; LINK_IO_AGAIN, LINK_IO_FAILED. */
ssize_t link_conn_read(struct link_conn *c, uint8_t *p, size_t n);
ssize_t link_conn_write(struct link_conn *c, struct iovec *v, int n);
enum { LINK_IO_AGAIN = -1, LINK_IO_FAILED = -2 };
/* What epoll is to say from now on. */
void link_conn_watch(struct link_conn *c, bool wants_read, bool wants_write);
/* Goes on with what was kept while it was held. */
void link_conn_resume(struct link_conn *c);
/* Writes until the socket is full: hello, frames or Raft's bytes.  May end it. */
void link_conn_flush(struct link_conn *c);
void link_conn_mark_dirty(struct link_conn *c); /* to be flushed with the turn */
/* Frames that a former turn had no time for. */
void link_conn_take_late(struct link_house *h);
/* At the end of the turn. */
void link_conn_flush_all(struct link_house *h);
void link_conn_bury(struct link_house *h);

/* ---- link_door */

void link_door_open(struct link_house *h, int fd);
void link_door_close(struct link_house *h);

/* ---- link_dial */

/* @c up and known by its facts (@c->hello), or NULL and why. */
typedef void link_dial_fn(struct link_conn *c, const struct fault *f, void *arg);
/* One attempt; @fn is called exactly once, not before the return, unless it is given up. */
struct link_dial *link_dial_start(struct link_house *h, const char *address,
    enum link_channel channel, const char *group, link_dial_fn *fn, void *arg);
/* An attempt that fails for a reason known before. */
struct link_dial *link_dial_refuse(
    struct link_house *h, em_err err, const char *text, link_dial_fn *fn, void *arg);
void link_dial_cancel(struct link_dial **dp);
/* Somebody answers there: LINK_SHAKE from here on. */
void link_dial_connected(struct link_dial *d);
/* The node was just heard: what was sent to reach it and is not answered may be lost, and
 * goes once more at once. */
void link_dial_again(struct link_dial *d);
/* Whoever waits is told EM_CANCELLED. */
void link_dial_cancel_all(struct link_house *h);
/* What a connection tells: it is up (@c), or is not. */
void link_dial_done(struct link_dial *d, struct link_conn *c, const struct fault *f);
enum link_channel link_dial_channel(const struct link_dial *d);
const char *link_dial_group(const struct link_dial *d);

/* ---- link_peer */

/* In the middle of a hello to us: may it stay?  Then link_peer_enter(), or nothing. */
em_err link_peer_admit(struct link_conn *c);
void link_peer_enter(struct link_conn *c);
/* Is the connection's other end this peer?  Takes over what it says of itself. */
EM_MUST_USE em_err link_peer_meet(struct link_peer *p, struct link_conn *c);
/* It ended, and was @c->peer's. */
void link_peer_lost(struct link_conn *c, em_err err, const struct fault *f);
void link_peer_beat(struct timer *t);
void link_peer_on_ping(struct link_conn *c, struct slice body);
void link_peer_on_deaf(struct link_conn *c);
void link_peer_on_pong(struct link_conn *c, struct slice body);
void link_peer_bury(struct link_house *h);
struct link_peer *link_peer_new(struct link_house *h, struct slice name);
/* What the other end says of itself, into the peer. */
void link_peer_learn(struct link_peer *p, const struct link_conn *c);
void link_peer_beat_one(struct link_peer *p);

/* ---- link_guest */

/* Has the house a place for one more that comes to us? */
bool link_guest_has_room(const struct link_house *h);
/* A connection of the channel JOIN that stands. */
struct link_peer *link_guest_enter(struct link_conn *c);
void link_guest_lost(struct link_conn *c);

/* ---- link_ask */

void link_ask_on_reply(struct link_conn *c, struct slice body);
void link_ask_put_reply(
    struct link_conn *c, uint32_t number, em_err err, struct slice body);
/* All that waits is answered: the connection ended. */
void link_ask_fail_all(struct link_conn *c);

/* ---- link_raft */

/* A dialled or accepted connection becomes a pump. */
void link_raft_enter(struct link_conn *c);
void link_raft_ready(struct link_conn *c, uint32_t events);
void link_raft_watch(struct link_conn *c); /* after bytes of it went out */
void link_raft_lost(struct link_conn *c);
/* All streams with that peer, in both directions. */
void link_raft_end_all(const struct link_peer *p);
void link_raft_bury(struct link_house *h);

/* ---- link */

void link_dispatch(struct link_conn *c, const struct link_frame *f);
void link_emit(struct link_peer *p, enum link_event event);

#endif
