/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel: the state of one connection from its CONNECT on.  Only inside client/.
 *
 * CONNECT makes it and attaches it to a session (connect.c), on_ended frees it.
 */
#ifndef CLIENT_CHANNEL_H
#define CLIENT_CHANNEL_H

#include "emqxd/client/promise.h"
#include "emqxd/client/client.h"
#include "emqxd/mqtt/decode.h"
#include "emqxd/core/worker.h"
#include "emqxd/mqtt/reason.h"
#include "ipc/base/str.h"
#include "ipc/base/vec.h"

enum channel_flag {
	CHANNEL_HAS_WILL = 1 << 0, /* due when the connection ends without DISCONNECT 0 */
	CHANNEL_IS_BRIDGE = 1 << 1,  /* a mosquitto bridge: keeps the retain flag */
	CHANNEL_WAITS = 1 << 2,      /* paused until a worker's mailbox is emptied */
	CHANNEL_MAY_EXPIRE = 1 << 3, /* v5: the CONNECT's session expiry was not 0 */
	CHANNEL_TAKEN = 1 << 4,      /* its session has left it: it ends */
	CHANNEL_ALIASES = 1 << 5,    /* v5: it takes topic aliases from us */
	CHANNEL_TERSE = 1 << 6,      /* v5: Request Problem Information is 0 */
	CHANNEL_ACKS_WAIT = 1 << 7,  /* acknowledgements wait for the disk: pending.c */
	CHANNEL_TOPICS = 1 << 8,     /* its topics are changed on the way in: topics.c */
	CHANNEL_MOUNTED = 1 << 9,    /* ... and on the way out */
	CHANNEL_SUPERUSER = 1 << 10, /* no rule is asked */
};

struct channel_extra;

struct channel {
	struct conn *conn;
	struct session *session;
	struct channel_extra *extra; /* on first use */
	uint32_t magic;
	uint32_t max_packet; /* what the client takes: bytes of a packet */
	uint32_t last_rx_ms; /* mono, wraps */
	uint32_t expiry;     /* the session's at the end of this connection, seconds */
	uint16_t zone, promise;
	uint16_t flags;
	uint8_t version; /* 3, 4, 5 */
	uint8_t code;    /* of the last word, when not the end's own */
};
#define CHANNEL_MAGIC 0xc4a22e15u

/* What the worker keeps for this room. */
struct client_waiting { /* publishers that wait for one receiver: pressure.c */
	bool is_probed;
	VEC(struct channel *) channels, going; /* going: in this turn */
};
struct client_worker {
	uint8_t *scratch;
	size_t scratch_n;
	struct str topic, rewritten; /* of the packet that is looked at: topics.c */
	struct str mountpoint;       /* of the client that comes */
	struct client_waiting waiting[WORKER_ALL_MAX];
};
struct client_worker *client_worker(void);
/* And what is one a node. */
struct client_node {
	_Atomic(struct rewrite_set *) rewrite;
	struct promises promises;
};
/* NULL before client_birth(): in unit tests. */
struct client_node *client_node(void);
/* Memory for @n bytes that lives until the next call, for one message on its way. */
uint8_t *client_scratch(size_t n);

static inline const struct zone *
channel_zone(const struct channel *ch)
{
	return zone_get(ch->zone);
}

/* What its CONNACK said the server takes. */
static inline struct promise
channel_promise(const struct channel *ch)
{
	return EM_LIKELY(ch->promise != PROMISE_NONE)
		   ? client_node()->promises.set[ch->promise]
		   : promise_of(channel_zone(ch));
}

static inline bool
channel_is_v5(const struct channel *ch)
{
	return ch->version == MQTT_V5;
}

static inline enum mqtt_version
channel_version(const struct channel *ch)
{
	return (enum mqtt_version)ch->version;
}

/* channel.c: packets of a connected client. */
size_t channel_on_bytes(struct channel *ch, uint8_t *p, size_t n, size_t *need);
/* Ends it with the end and the code that fit what a decoder found. */
void channel_fault(struct channel *ch, const struct mqtt_fault *fault);
/* Ends it for a reason code of ours; @detail constant. */
void channel_refuse(struct channel *ch, uint8_t code, const char *detail);
/* It is read again unless something else holds it up: pressure.c, pending.c. */
void channel_read_on(struct channel *ch);
void channel_set_superuser(struct channel *ch, bool is);
end_reason channel_end_of_code(uint8_t code);
unsigned channel_decode_flags(const struct zone *zone);

/* lobby.c: before CONNECT. */
void lobby_on_started(struct conn *c);
size_t lobby_on_bytes(struct conn *c, uint8_t *p, size_t n, size_t *need);
/* A CONNECT that only began, of which no more may be held: CONNACK says so. */
void lobby_last_word(struct conn *c, end_reason why, const char *detail);
/* connect.c: this is its home and the id is final; makes the channel, or asks the other
 * nodes first (claiming.h).  @connect's client id is the final one. */
struct auth_result;
struct connect_how {
	struct slice frame;             /* the CONNECT's bytes */
	const struct auth_result *auth; /* by a method; or NULL */
	bool assigned;                  /* the client id is our choice */
	bool is_claimed;                /* the other nodes have been asked */
};
void connect_accept(
    struct conn *c, struct mqtt_connect *connect, const struct connect_how *how);
/* What is looked at before anybody is asked who he is; false: refused. */
bool connect_is_allowed(struct conn *c, const struct mqtt_connect *p);
/* CONNACK with an error, which says why, then the end; @p: the CONNECT as far as it could be
 * read, or NULL. */
void connect_refuse(struct conn *c, const struct mqtt_connect *p, enum mqtt_version v,
    uint8_t code, const char *detail);

/* One file for each kind of packet.  @frame is writable: the read buffer. */
void publish_on_packet(struct channel *ch, uint8_t *frame, const struct mqtt_frame *f);
/* PUBACK or PUBREC; an error ends the exchange. */
void publish_acknowledge(struct channel *ch, uint8_t qos, uint16_t id, uint8_t code);
void ack_on_packet(struct channel *ch, const struct mqtt_frame *f);
void ack_send(struct channel *ch, enum mqtt_type type, uint16_t id, uint8_t reason);
void subscribe_on_packet(struct channel *ch, const struct mqtt_frame *f);
void subscribe_on_unsubscribe(struct channel *ch, const struct mqtt_frame *f);
/* Goes on with extra's `subscribing`; false: it is not over, or the channel is gone. */
bool subscribe_go_on(struct channel *ch);
/* The channel ends: an answer that waits finds nobody. */
void subscribe_leave(struct channel *ch);
void disconnect_on_packet(struct channel *ch, const struct mqtt_frame *f);
/* Who is refused, or ended by the server, is logged as info, other ends as debug. */
void disconnect_log_refusal(
    const struct conn *c, const struct mqtt_connect *p, uint8_t code, const char *detail);
void disconnect_log_end(
    const struct conn *c, end_reason why, end_side side, const char *detail);
/* Writes the DISCONNECT that goes before the end; @detail says why, or NULL. */
void disconnect_send(struct channel *ch, uint8_t code, const char *detail);

/* outgoing.c: the session's sink. */
bool outgoing_publish(void *to, struct message *m, const struct session_out *out);
void outgoing_pubrel(void *to, uint16_t id);
bool outgoing_can_take(void *to);

/* keepalive.c */
void keepalive_start(struct channel *ch);
uint32_t keepalive_now_ms(void);

/* pressure.c: pauses the client until @full has emptied its mailbox; this worker: until
 * others have had their turn. */
void pressure_pause(struct channel *ch, struct worker *full);
void pressure_forget(struct channel *ch);

/* tracing.c: what passes, for those who trace; after trace_is_on(). */
void tracing_received(const struct channel *ch, const struct mqtt_frame *f);
void tracing_connect(const struct conn *c, const struct mqtt_packet *p);
/* Any other packet of a connection without a channel. */
void tracing_lobby(const struct conn *c, struct slice clientid,
    const struct mqtt_packet *p, bool is_sent);
void tracing_sent(const struct channel *ch, const struct mqtt_packet *p);
void tracing_publish(const struct channel *ch, const struct message *m);
void tracing_ended(const struct conn *c, end_reason why, const char *detail);

#endif
