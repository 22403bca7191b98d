/* SPDX-License-Identifier: Apache-2.0 */
/* auth_exchange: see auth_exchange.h. */
#include "emqxd/client/auth_exchange.h"
#include "emqxd/access/authn.h"
#include "emqxd/client/early.h"
#include "emqxd/client/extra.h"
#include "emqxd/core/trace_point.h"
#include "emqxd/limit/limit.h"
#include "emqxd/model/metrics.h"
#include "emqxd/mqtt/encode.h"
#include "emqxd/mqtt/prop.h"
#include "emqxd/net/listener.h"
#include "emqxd/net/listener_conf.h"
#include "ipc/base/mem.h"

static const char no_method[] =
    "[MQTT5-4.12.0-1] no authenticator has that authentication method";
static const char other_method[] =
    "[MQTT5-4.12.0-5] AUTH names another method than CONNECT";

/* A connection between its CONNECT and CONNACK. */
struct waiting {
	uint32_t magic;
	uint32_t max_packet; /* of the client */
	bool assigned;
	struct str client_id, method;
	struct str connect; /* the frame's bytes */
	size_t held;        /* counted with limit_hold() */
	struct authn_exchange *exchange;
};
#define WAITING_MAGIC 0xa07bea61u

static const struct conn_ops *ops_while_waiting(void);

/* ---- AUTH out */

static struct mqtt_packet
packet_of(uint8_t reason, struct slice method, struct slice data)
{
	struct mqtt_packet p = { .type = MQTT_AUTH,
		.version = MQTT_V5,
		.first = MQTT_AUTH << 4,
		.auth = { .reason = reason } };

	*PROP_SET(&p.auth.props, AUTH_METHOD, auth_method) = method;
	if (data.n > 0)
		*PROP_SET(&p.auth.props, AUTH_DATA, auth_data) = data;
	return p;
}

/* False: the client takes no packet of that size [MQTT5-3.1.2-24]. */
static bool
put(struct conn *c, uint32_t max, const struct mqtt_packet *p)
{
	size_t n = mqtt_encode_size(p);
	struct wbuf w;
	em_err err;

	if (n > max)
		return false;
	w = wbuf_fixed(conn_room(c, n), n);
	err = mqtt_encode(&w, p);
	CHECK(err == EM_OK);
	metric_inc(METRIC_PACKETS_AUTH_SENT);
	return true;
}

static void
count(enum authn_step step)
{
	if (step == AUTHN_DONE) {
		metric_inc(METRIC_CLIENT_AUTHENTICATE);
		metric_inc(METRIC_AUTHENTICATION_SUCCESS);
	} else if (step == AUTHN_DENIED) {
		metric_inc(METRIC_CLIENT_AUTHENTICATE);
		metric_inc(METRIC_AUTHENTICATION_FAILURE);
	}
}

/* ---- before CONNACK */

static void
waiting_free(struct waiting *w)
{
	CHECK_OBJ(w, WAITING_MAGIC);
	str_fini(&w->client_id);
	str_fini(&w->method);
	str_fini(&w->connect);
	authn_end(&w->exchange);
	limit_release(w->held);
	w->magic = 0;
	mem_free(w);
}

static void
refuse(struct conn *c, uint8_t code, const char *detail)
{
	connect_refuse(c, NULL, MQTT_V5, code, detail);
}

/* The owner is the lobby's again, as if CONNECT had just come. */
static void
accept_now(struct conn *c, struct waiting *w, struct slice data)
{
	const struct zone *zone = zone_get(listener_settings(c->listener)->zone_number);
	struct auth_result result = { .method = str_slice(&w->method),
		.data = data,
		.identity = authn_identity(w->exchange),
		.is_superuser = authn_is_superuser(w->exchange) };
	struct mqtt_fault fault;
	struct mqtt_connect p;
	struct mqtt_frame f;
	enum mqtt_peek peek = mqtt_frame_peek(str_slice(&w->connect), &f);

	CHECK(peek == MQTT_PEEK_WHOLE);
	c->ops = client_conn_ops();
	c->owner = NULL;
	if (mqtt_decode_connect(&f, channel_decode_flags(zone), &p, &fault) != EM_OK) {
		/* Only when a reload made the rules stricter meanwhile. */
		refuse(c, fault.reason, fault.rule);
	} else {
		p.client_id = str_slice(&w->client_id);
		connect_accept(c, &p,
		    &(struct connect_how){ .frame = str_slice(&w->connect),
			.auth = &result,
			.assigned = w->assigned });
	}
	waiting_free(w);
}

static void
step(struct conn *c, struct waiting *w, struct slice data)
{
	struct str answer = { 0 };
	const char *detail = NULL;
	enum authn_step s = authn_go_on(w->exchange, data, &answer, &detail);

	count(s);
	switch (s) {
	case AUTHN_MORE: {
		struct mqtt_packet p = packet_of(REASON_CONTINUE_AUTHENTICATION,
		    str_slice(&w->method), str_slice(&answer));

		if (!put(c, w->max_packet, &p))
			refuse(c, REASON_PACKET_TOO_LARGE,
			    "AUTH over the client's Maximum Packet Size");
		else if (trace_is_on())
			tracing_lobby(c, str_slice(&w->client_id), &p, true);
		break;
	}
	case AUTHN_DONE: accept_now(c, w, str_slice(&answer)); break;
	case AUTHN_DENIED: refuse(c, REASON_NOT_AUTHORIZED, detail); break;
	}
	str_fini(&answer);
}

void
auth_exchange_start(struct conn *c, const struct mqtt_connect *p,
    const struct mqtt_frame *f, bool assigned)
{
	const struct listener_conf *l = listener_settings(c->listener);
	struct authn_exchange *x = NULL;
	struct waiting *w;

	if (!connect_is_allowed(c, p))
		return;
	if (!limit_hold(f->total, LIMIT_STRANGER)) {
		metric_inc(METRIC_OVERLOAD_PROTECTION_NEW_CONN);
		connect_refuse(c, p, p->version, REASON_SERVER_BUSY,
		    "those who have not come in yet take too much memory");
		return;
	}
	if (l->authn != LISTENER_ASKS_NOBODY)
		x = authn_begin(p->props.auth_method);
	if (x == NULL) {
		limit_release(f->total);
		metric_inc(METRIC_AUTHENTICATION_FAILURE);
		connect_refuse(
		    c, p, p->version, REASON_BAD_AUTHENTICATION_METHOD, no_method);
		return;
	}
	w = MEM_NEW(struct waiting);
	w->magic = WAITING_MAGIC;
	w->max_packet = PROP_GET(&p->props, MAX_PACKET_SIZE, max_packet_size, UINT32_MAX);
	w->assigned = assigned;
	w->exchange = x;
	w->held = f->total;
	str_add_slice(&w->client_id, p->client_id);
	str_add_slice(&w->method, p->props.auth_method);
	str_add_bytes(&w->connect, f->body.p - f->head, f->total);
	c->ops = ops_while_waiting();
	c->owner = w;
	step(c, w, PROP_GET(&p->props, AUTH_DATA, auth_data, SLICE_NONE));
}

static void
on_auth(struct conn *c, struct waiting *w, const struct mqtt_frame *f)
{
	const struct zone *zone = zone_get(listener_settings(c->listener)->zone_number);
	struct mqtt_packet p = {
		.type = MQTT_AUTH, .version = MQTT_V5, .first = f->first
	};
	struct mqtt_props *props = &p.auth.props;
	struct mqtt_fault fault;

	metric_inc(METRIC_PACKETS_AUTH_RECEIVED);
	if (mqtt_decode_auth(f, MQTT_V5, channel_decode_flags(zone), &p.auth, &fault) !=
	    EM_OK) {
		refuse(c, fault.reason, fault.rule);
		return;
	}
	if (trace_is_on())
		tracing_lobby(c, str_slice(&w->client_id), &p, false);
	if (p.auth.reason != REASON_CONTINUE_AUTHENTICATION)
		refuse(c, REASON_PROTOCOL_ERROR,
		    "[MQTT5-4.12.0-3] this AUTH goes on with an exchange: its code is "
		    "0x18");
	else if (!slice_eq(props->auth_method, str_slice(&w->method)))
		refuse(c, REASON_BAD_AUTHENTICATION_METHOD, other_method);
	else
		step(c, w, PROP_GET(props, AUTH_DATA, auth_data, SLICE_NONE));
}

static void
on_packet(struct conn *c, struct waiting *w, const struct mqtt_frame *f)
{
	if (mqtt_frame_type(f) == MQTT_AUTH) {
		on_auth(c, w, f);
	} else if (mqtt_frame_type(f) == MQTT_DISCONNECT) {
		metric_inc(METRIC_PACKETS_DISCONNECT_RECEIVED);
		conn_end(c, END_NORMAL, END_BY_CLIENT, NULL);
	} else {
		refuse(c, REASON_PROTOCOL_ERROR,
		    "[MQTT5-3.1.2-30] before CONNACK only AUTH and DISCONNECT may come");
	}
}

static size_t
on_bytes(struct conn *c, uint8_t *bytes, size_t n, size_t *need)
{
	const struct zone *zone = zone_get(listener_settings(c->listener)->zone_number);
	struct waiting *w = c->owner;
	struct mqtt_frame f;
	enum mqtt_peek peek = mqtt_frame_peek(slice_of(bytes, n), &f);

	CHECK_OBJ(w, WAITING_MAGIC);
	if (peek == MQTT_PEEK_BAD) {
		refuse(
		    c, REASON_MALFORMED_PACKET, "[MQTT5-1.5.5] a length of five bytes");
		return 0;
	}
	if (f.total > zone->max_packet_size) {
		refuse(c, REASON_PACKET_TOO_LARGE, "over mqtt.max_packet_size");
		return 0;
	}
	if (peek == MQTT_PEEK_MORE) {
		*need = f.total;
		return 0;
	}
	on_packet(c, w, &f);
	if (conn_is_ended(c) || f.total == n)
		return f.total;
	return f.total + c->ops->on_bytes(c, bytes + f.total, n - f.total, need);
}

static void
on_ended(struct conn *c, end_reason why, end_side side, const char *detail)
{
	struct waiting *w = c->owner;

	early_ended(c, why, side, detail);
	waiting_free(w);
}

static const struct conn_ops *
ops_while_waiting(void)
{
	static const struct conn_ops ops = {
		.on_started = early_on_started,
		.on_bytes = on_bytes,
		.on_writable = early_on_writable,
		.on_last_word = early_on_last_word,
		.on_ended = on_ended,
	};

	return &ops;
}

/* ---- on a live connection */

void
auth_exchange_keep(struct auth_state **sp, const struct auth_result *r)
{
	*sp = MEM_NEW(struct auth_state);
	str_add_slice(&(*sp)->method, r->method);
	str_add_slice(&(*sp)->identity, r->identity);
}

void
auth_exchange_drop(struct auth_state **sp)
{
	if (*sp == NULL)
		return;
	str_fini(&(*sp)->method);
	str_fini(&(*sp)->identity);
	authn_end(&(*sp)->again);
	MEM_FREE(*sp);
}

static void
reply(struct channel *ch, const struct auth_state *s, uint8_t reason, struct slice data)
{
	struct mqtt_packet p = packet_of(reason, str_slice(&s->method), data);

	if (!put(ch->conn, ch->max_packet, &p))
		channel_refuse(ch, REASON_PACKET_TOO_LARGE,
		    "AUTH over the client's Maximum Packet Size");
	else if (trace_is_on())
		tracing_sent(ch, &p);
}

/* Meanwhile all else goes on as it was [MQTT5 4.12.1]. */
static void
step_again(struct channel *ch, struct auth_state *s, struct slice data)
{
	struct str answer = { 0 };
	const char *detail = NULL;
	enum authn_step step = authn_go_on(s->again, data, &answer, &detail);

	if (step == AUTHN_DONE &&
	    !slice_eq(authn_identity(s->again), str_slice(&s->identity))) {
		step = AUTHN_DENIED;
		detail = "re-authentication as another user";
	}
	count(step);
	switch (step) {
	case AUTHN_MORE:
		reply(ch, s, REASON_CONTINUE_AUTHENTICATION, str_slice(&answer));
		break;
	case AUTHN_DONE:
		channel_set_superuser(ch, authn_is_superuser(s->again));
		authn_end(&s->again);
		reply(ch, s, REASON_SUCCESS, str_slice(&answer));
		break;
	case AUTHN_DENIED: /* [MQTT5-4.12.1-2] */
		channel_refuse(ch, REASON_NOT_AUTHORIZED, detail);
		break;
	}
	str_fini(&answer);
}

static void
begin_again(struct channel *ch, struct auth_state *s, struct slice data)
{
	authn_end(&s->again);
	s->again = authn_begin(str_slice(&s->method));
	if (s->again == NULL)
		channel_refuse(ch, REASON_BAD_AUTHENTICATION_METHOD, no_method);
	else
		step_again(ch, s, data);
}

void
auth_exchange_on_packet(struct channel *ch, const struct mqtt_frame *f)
{
	struct auth_state *s = ch->extra != NULL ? ch->extra->auth : NULL;
	struct mqtt_auth auth;
	struct mqtt_fault fault;
	struct slice data;

	metric_inc(METRIC_PACKETS_AUTH_RECEIVED);
	if (mqtt_decode_auth(f, channel_version(ch),
		channel_decode_flags(channel_zone(ch)), &auth, &fault) != EM_OK) {
		channel_fault(ch, &fault);
		return;
	}
	data = PROP_GET(&auth.props, AUTH_DATA, auth_data, SLICE_NONE);
	if (s == NULL)
		channel_refuse(ch, REASON_PROTOCOL_ERROR,
		    "[MQTT5-4.12.0-7] AUTH without an authentication method in CONNECT");
	else if (!slice_eq(auth.props.auth_method, str_slice(&s->method)))
		channel_refuse(ch, REASON_BAD_AUTHENTICATION_METHOD, other_method);
	else if (auth.reason == REASON_RE_AUTHENTICATE && s->again != NULL)
		channel_refuse(ch, REASON_PROTOCOL_ERROR,
		    "[MQTT5-4.12.0-3] AUTH begins anew where it should go on");
	else if (auth.reason == REASON_RE_AUTHENTICATE)
		begin_again(ch, s, data);
	else if (s->again == NULL)
		channel_refuse(ch, REASON_PROTOCOL_ERROR,
		    "AUTH goes on with an exchange that nobody began");
	else
		step_again(ch, s, data);
}
