/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session: what a client is owed: its subscriptions, the messages under way to it,
 * those that wait, the ids of QoS 2 messages it sent, its will.  It outlives
 * connections and has one home worker for life: hash(client id).
 *
 * A connection attaches (session_open) and detaches; what is sent goes through the
 * sink that client/ hands over at birth.  Sessions are in memory: they end with
 * the process.
 *
 * Everything here runs on the session's home worker, without locks.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "emqxd/core/timer.h"
#include "emqxd/model/clientinfo.h"
#include "emqxd/model/end.h"
#include "emqxd/model/message.h"
#include "emqxd/model/subopts.h"
#include "emqxd/model/zone.h"
#include "emqxd/router/router.h"

struct awaiting;
struct inflight;
struct mqueue;
struct session;
struct session_rare;

#define SESSION_NEVER UINT32_MAX /* expiry in seconds: the session does not end by time */

/* How a message goes to the client. */
struct session_out {
	uint32_t subid;     /* subscription identifier; 0: none */
	uint32_t share;     /* the membership of a shared group it came by; 0: none */
	uint16_t packet_id; /* with QoS 1 and 2 */
	uint8_t qos;
	bool dup, retain;
};

struct session_facts;

/* What client/ does for a session that is attached; @to is its channel. */
struct session_sink {
	/* Sends a PUBLISH; false: it is larger than the client takes, or there is no memory. */
	bool (*publish)(void *to, struct message *m, const struct session_out *out);
	void (*pubrel)(void *to, uint16_t packet_id);
	/* Does it take more now?  Else on_writable leads to session_pump(). */
	bool (*can_take)(void *to);
	/* The session leaves: ends the connection; must not call back. */
	void (*taken)(void *to, end_reason why);
	/* Adds what it knows. */
	void (*facts)(void *to, struct session_facts *f);
	void (*info)(void *to, struct clientinfo *who);
};

/* Texts that belong to a session; one block, replaced when a connection attaches. */
struct session_names {
	uint16_t clientid_n, username_n, mountpoint_n;
	uint8_t peer_n;
	bool has_username;
	uint8_t text[]; /* client id, user name, peer, mountpoint */
};

struct session {
	struct subscriber subscriber; /* first: the router's name for a session */
	struct session *next;         /* in the registry */
	struct session_names *names;
	void *to; /* the channel; NULL while the client is away */
	struct inflight *inflight;
	struct mqueue *mqueue;
	struct session_rare *rare; /* will, QoS 2 ids received, retained cursors */
	/* While away: its end, or the will's delay; while connected: what is to be sent
	 * again; at any time: QoS 2 ids to be given up.  spare: messages dropped. */
	struct timer timer;
	wall_t created, attached, detached; /* detached.ns 0: connected */
	mono_t ends;                        /* while away: when it expires */
	uint64_t delivered;
	uint32_t magic;
	uint32_t hash;
	uint32_t expiry; /* seconds; SESSION_NEVER */
	uint32_t seq;    /* packet ids given so far: the next is 1 + seq % 65535 */
	uint16_t window; /* QoS 1 and 2 under way at most */
	uint16_t zone;
	uint16_t keepalive; /* seconds, of its client or of the last that it had */
	uint8_t version;
	bool clean_start : 1;
	bool has_exclusive : 1; /* had ever a filter for itself: exclusive.h */
	bool is_over : 1;       /* takes nothing; leaves bit by bit: leave.c */
	bool
	    is_frozen : 1; /* on its way to or from another node: what comes waits apart */
	bool
	    retries : 1; /* sends again on a live connection: 3.x with mqtt.retry_interval */
};
#define SESSION_MAGIC 0x5e551024u

void session_birth(const struct session_sink *sink);
void session_death(void);
void session_worker_birth(void);
void session_worker_death(void);

struct session_will {
	struct message *message; /* kept; the session's reference */
	uint32_t delay;          /* seconds */
	mono_t due;              /* while away and delayed */
	uint64_t stamp;          /* will_set() writes it: no other of its worker has it */
};

struct session_open {
	struct slice clientid, username, peer, mountpoint;
	bool has_username, clean_start;
	uint8_t version;
	uint16_t window, zone, keepalive;
	uint32_t expiry;
	void *to;
	struct session_will will; /* message NULL: none */
};
/* Finds or makes the session of this client id and attaches the connection: an old
 * connection is ended (discarded, taken over).  *present: it was there.  Takes the will.
 * Then: CONNACK, session_replay(). */
struct session *session_open(const struct session_open *o, bool *present);
/* Sends again what was under way, in order, then what waits [MQTT5-4.4.0-1]. */
void session_replay(struct session *s);
/* The connection is gone.  @expiry replaces the session's; @has_will: the will is due. */
void session_detach(struct session *s, uint32_t expiry, bool has_will);
/* The process ends, and the sessions with it: publishes wills that wait for their delay, on
 * each worker, bit by bit; *at starts with 0.  True: there are more. */
bool session_farewell(uint64_t *at);
/* Ends it: the connection (with @why), the subscriptions, everything. */
void session_kick(struct session *s, end_reason why);

/* Subscribes, or changes the options, and begins with the retained messages that they ask
 * for.  EM_FULL: mqtt.max_subscriptions or node.memory_limit is reached, or too
 * much waits to be freed; EM_BUSY: another client has the exclusive one, or the session is on
 * its way to another node; EM_MALFORMED: it is empty or too long. */
EM_MUST_USE em_err session_subscribe(
    struct session *s, struct slice group, struct slice filter, struct subopts o);
EM_MUST_USE em_err session_unsubscribe(
    struct session *s, struct slice group, struct slice filter);

/* The router's way in: its deliver function. */
bool session_deliver(
    struct subscriber *subscriber, const struct subscription *sub, struct message *m);

/* The client acknowledged.  EM_NOTFOUND: the id is not under way; EM_STATE: not in that
 * state. */
EM_MUST_USE em_err session_puback(struct session *s, uint16_t id);
/* @is_error: the client refused it with a code from 0x80: nothing more follows. */
EM_MUST_USE em_err session_pubrec(struct session *s, uint16_t id, bool is_error);
EM_MUST_USE em_err session_pubcomp(struct session *s, uint16_t id);
/* A QoS 2 message came.  EM_EXISTS: its id waits for a PUBREL already; EM_FULL: too many. */
EM_MUST_USE em_err session_await_pubrel(struct session *s, uint16_t id, uint32_t max);
/* Its PUBREL came, or its message was refused: forgets the id.  EM_NOTFOUND: it did not wait. */
EM_MUST_USE em_err session_pubrel(struct session *s, uint16_t id);

/* The connection takes more again: sends what waits. */
void session_pump(struct session *s);

static inline struct slice
session_clientid(const struct session *s)
{
	return slice_of(s->names->text, s->names->clientid_n);
}
static inline struct slice
session_username(const struct session *s)
{
	return slice_of(s->names->text + s->names->clientid_n, s->names->username_n);
}
static inline struct slice
session_peer(const struct session *s)
{
	return slice_of(s->names->text + s->names->clientid_n + s->names->username_n,
	    s->names->peer_n);
}
/* Does it take no message of its own client under these options?  Before MQTT 5 the zone
 * says so; in MQTT 5 the subscription alone does [MQTT5-3.8.3-3]. */
static inline bool
session_wants_no_own(const struct session *s, const struct subopts *opts)
{
	return opts->no_local ||
	       (s->version < 5 && zone_get(s->zone)->ignore_loop_deliver);
}
/* What stands before the client's topics, filled in; of its newest connection. */
static inline struct slice
session_mountpoint(const struct session *s)
{
	const struct session_names *n = s->names;

	return slice_of(
	    n->text + n->clientid_n + n->username_n + n->peer_n, n->mountpoint_n);
}

/* Who its client is, for hooks and rules; good for the call. */
struct clientinfo session_info(struct session *s);

/* What lists show; slices and pointers are good until the end of the turn. */
struct session_facts {
	struct slice clientid, username, peer;
	bool has_username, is_connected, clean_start;
	uint8_t version;      /* 3, 4, 5 */
	uint16_t keepalive;   /* seconds, in force */
	const char *listener; /* "tcp:default"; NULL while away */
	uint32_t expiry;      /* seconds */
	uint32_t subscriptions, inflight, inflight_max, awaiting_rel, mqueue_len,
	    mqueue_max;
	uint64_t mqueue_bytes, delivered, dropped;
	wall_t created_at, connected_at,
	    disconnected_at; /* disconnected_at.ns 0: connected */
	bool is_congested;   /* the socket takes nothing now */
};
void session_facts(struct session *s, struct session_facts *out);

#endif
