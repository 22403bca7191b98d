/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel: see channel.h.  Takes frames one after the other out of what was read and
 * hands each to the file of its kind; the tables for net/ and session/ are here.
 */
#include "emqxd/client/channel.h"
#include "emqxd/client/auth_exchange.h"
#include "emqxd/client/extra.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/slab.h"
#include "emqxd/core/trace_point.h"
#include "emqxd/mqtt/encode.h"
#include "emqxd/model/hook.h"
#include "emqxd/model/metrics.h"
#include "emqxd/net/listener.h"

#define LOOK_FIRST 4u
#define LOOK_MAX 64u

_Static_assert(sizeof(struct channel) <= 64, "an idle client");

/* ---- ends */

end_reason
channel_end_of_code(uint8_t code)
{
	end_reason end = end_of_code(code);

	return end < END_N ? end : END_PROTOCOL_ERROR;
}

void
channel_refuse(struct channel *ch, uint8_t code, const char *detail)
{
	ch->code = code;
	conn_end(ch->conn, channel_end_of_code(code), END_BY_SERVER, detail);
}

void
channel_fault(struct channel *ch, const struct mqtt_fault *fault)
{
	channel_refuse(ch, fault->reason, fault->rule);
}

void
channel_set_superuser(struct channel *ch, bool is)
{
	ch->flags &= (uint16_t)~CHANNEL_SUPERUSER;
	if (is)
		ch->flags |= CHANNEL_SUPERUSER;
}

unsigned
channel_decode_flags(const struct zone *zone)
{
	return zone->strict_mode ? MQTT_STRICT | MQTT_CHECK_PAYLOAD : 0;
}

/* ---- packets */

static void
on_ping(struct channel *ch, const struct mqtt_frame *f)
{
	struct mqtt_packet pong = {
		.type = MQTT_PINGRESP, .version = channel_version(ch), .first = 0xd0
	};
	struct mqtt_fault fault;

	if (mqtt_decode_ping(f, channel_decode_flags(channel_zone(ch)), &fault) !=
	    EM_OK) {
		channel_fault(ch, &fault);
		return;
	}
	metric_inc(METRIC_PACKETS_PINGREQ_RECEIVED);
	metric_inc(METRIC_PACKETS_PINGRESP_SENT);
	mqtt_encode_ping(conn_room(ch->conn, 2), MQTT_PINGRESP);
	if (trace_is_on())
		tracing_sent(ch, &pong);
}

static void
on_packet(struct channel *ch, uint8_t *frame, const struct mqtt_frame *f)
{
	if (EM_UNLIKELY(trace_is_on()))
		tracing_received(ch, f);
	switch (mqtt_frame_type(f)) {
	case MQTT_PUBLISH: publish_on_packet(ch, frame, f); return;
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBREL:
	case MQTT_PUBCOMP: ack_on_packet(ch, f); return;
	case MQTT_SUBSCRIBE: subscribe_on_packet(ch, f); return;
	case MQTT_UNSUBSCRIBE: subscribe_on_unsubscribe(ch, f); return;
	case MQTT_PINGREQ: on_ping(ch, f); return;
	case MQTT_DISCONNECT: disconnect_on_packet(ch, f); return;
	case MQTT_AUTH:
		if (channel_is_v5(ch)) {
			auth_exchange_on_packet(ch, f);
			return;
		}
		break;
	case MQTT_CONNECT:
		channel_refuse(ch, REASON_PROTOCOL_ERROR,
		    channel_is_v5(ch) ? "[MQTT5-3.1.0-2] a second CONNECT"
				      : "[MQTT3-3.1.0-2] a second CONNECT");
		return;
	case MQTT_CONNACK:
	case MQTT_SUBACK:
	case MQTT_UNSUBACK:
	case MQTT_PINGRESP:
		channel_refuse(
		    ch, REASON_PROTOCOL_ERROR, "a packet that only servers send");
		return;
	}
	channel_refuse(
	    ch, REASON_MALFORMED_PACKET, "[MQTT5-2.1.2] a packet type that is not there");
}

/* Packets of one client between two looks at the clock: few at first, since each may have
 * many receivers. */
struct patience {
	unsigned n, next; /* packets so far; when to look */
};

/* Others have their turn, then it goes on with what is here. */
static bool
is_over(struct patience *p)
{
	if (EM_LIKELY(++p->n < p->next))
		return false;
	p->next += p->n < LOOK_MAX ? p->n : LOOK_MAX;
	return loop_is_late();
}

size_t
channel_on_bytes(struct channel *ch, uint8_t *p, size_t n, size_t *need)
{
	uint32_t max = channel_promise(ch).max_packet_size;
	struct patience patience = { .next = LOOK_FIRST };
	struct conn *c = ch->conn;
	size_t at = 0;

	ch->last_rx_ms = keepalive_now_ms();
	while (at < n) {
		struct mqtt_frame f;
		enum mqtt_peek peek = mqtt_frame_peek(slice_of(p + at, n - at), &f);

		if (EM_UNLIKELY(peek == MQTT_PEEK_BAD)) {
			channel_refuse(ch, REASON_MALFORMED_PACKET,
			    "[MQTT5-1.5.5] a length of five bytes");
			return at;
		}
		if (EM_UNLIKELY(f.total > max)) {
			channel_refuse(
			    ch, REASON_PACKET_TOO_LARGE, "over mqtt.max_packet_size");
			return at;
		}
		if (peek == MQTT_PEEK_MORE) {
			*need = f.total;
			return at;
		}
		on_packet(ch, p + at, &f);
		if (EM_UNLIKELY((c->watch.flags & (CONN_ENDED | CONN_PAUSED)) != 0)) {
			if (conn_is_ended(c))
				return at; /* the channel is gone */
			return at + f.total;
		}
		at += f.total;
		if (EM_UNLIKELY(is_over(&patience)) && at < n) {
			pressure_pause(ch, worker_self());
			return at;
		}
	}
	return at;
}

void
channel_read_on(struct channel *ch)
{
	if ((ch->flags & CHANNEL_WAITS) != 0 || !pending_may_read(ch))
		return;
	if (EM_UNLIKELY(ch->extra != NULL && ch->extra->subscribing != NULL) &&
	    !subscribe_go_on(ch))
		return;
	conn_resume(ch->conn);
}

/* ---- the tables */

static void
on_started(struct conn *c)
{
	lobby_on_started(c);
}

static size_t
on_bytes(struct conn *c, uint8_t *p, size_t n, size_t *need)
{
	size_t used;

	if (EM_LIKELY(c->owner != NULL))
		return channel_on_bytes(c->owner, p, n, need);
	used = lobby_on_bytes(c, p, n, need);
	if (used == 0 || used == n || conn_is_ended(c))
		return used;
	return used + c->ops->on_bytes(c, p + used, n - used, need);
}

static void
on_writable(struct conn *c)
{
	struct channel *ch = c->owner;

	if (ch != NULL)
		session_pump(ch->session);
}

static void
on_last_word(struct conn *c, end_reason why, const char *detail)
{
	struct channel *ch = c->owner;
	uint8_t code = end_get(why)->code;

	if (ch == NULL) {
		lobby_last_word(c, why, detail);
		return;
	}
	if (ch->code != 0)
		code = ch->code;
	if (channel_is_v5(ch) && code != 0)
		disconnect_send(ch, code, detail);
}

static void
on_ended(struct conn *c, end_reason why, end_side side, const char *detail)
{
	struct channel *ch = c->owner;

	disconnect_log_end(c, why, side, detail);
	if (trace_is_on())
		tracing_ended(c, why, detail);
	if (ch == NULL)
		return;
	CHECK_OBJ(ch, CHANNEL_MAGIC);
	c->owner = NULL;
	metric_inc(METRIC_CLIENT_DISCONNECTED);
	if (hook_is_on(HOOK_CLIENT_DISCONNECTED)) {
		struct clientinfo who = session_info(ch->session);

		/* The socket knows it no more. */
		(void)!addr_parse(session_peer(ch->session), &who.peer);
		who.listener = listener_id(c->listener);
		who.sockport = listener_port(c->listener);
		hook_run_client_disconnected(&who, why, side, detail);
	}
	if ((ch->flags & CHANNEL_TAKEN) == 0)
		session_detach(
		    ch->session, ch->expiry, (ch->flags & CHANNEL_HAS_WILL) != 0);
	pressure_forget(ch);
	pending_leave(ch);
	subscribe_leave(ch);
	extra_free(&ch->extra);
	ch->magic = 0;
	slab_free(ch, sizeof *ch);
}

const struct conn_ops *
client_conn_ops(void)
{
	static const struct conn_ops ops = {
		.on_started = on_started,
		.on_bytes = on_bytes,
		.on_writable = on_writable,
		.on_last_word = on_last_word,
		.on_ended = on_ended,
	};

	return &ops;
}

/* The session leaves this connection: another one came, or an administrator. */
static void
taken(void *to, end_reason why)
{
	struct channel *ch = to;

	CHECK_OBJ(ch, CHANNEL_MAGIC);
	ch->flags |= CHANNEL_TAKEN;
	conn_end(ch->conn, why, END_BY_SERVER, NULL);
}

static void
facts(void *to, struct session_facts *f)
{
	const struct channel *ch = to;

	f->listener = listener_id(ch->conn->listener);
	f->is_congested = (ch->conn->watch.flags & CONN_OUT_ARMED) != 0;
}

static void
info(void *to, struct clientinfo *who)
{
	const struct channel *ch = to;

	who->peer = conn_peer(ch->conn);
	who->listener = listener_id(ch->conn->listener);
	who->sockport = listener_port(ch->conn->listener);
}

const struct session_sink *
client_session_sink(void)
{
	static const struct session_sink sink = {
		.publish = outgoing_publish,
		.pubrel = outgoing_pubrel,
		.can_take = outgoing_can_take,
		.taken = taken,
		.facts = facts,
		.info = info,
	};

	return &sink;
}
