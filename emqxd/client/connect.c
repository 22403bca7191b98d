/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connect: the CONNECT at its home: capabilities, the will, the session, CONNACK.
 */
#include "emqxd/client/channel.h"
#include "emqxd/access/authn.h"
#include "emqxd/client/auth_exchange.h"
#include "emqxd/client/auto_subscribe.h"
#include "emqxd/client/claiming.h"
#include "emqxd/client/extra.h"
#include "emqxd/client/topics.h"
#include "emqxd/core/slab.h"
#include "emqxd/core/trace_point.h"
#include "emqxd/core/log.h"
#include "emqxd/limit/limit.h"
#include "emqxd/limit/quota.h"
#include "emqxd/model/hook.h"
#include "emqxd/model/metrics.h"
#include "emqxd/model/topic.h"
#include "emqxd/mqtt/encode.h"
#include "emqxd/mqtt/prop.h"
#include "emqxd/net/listener.h"
#include "emqxd/net/listener_conf.h"
#include "emqxd/session/claim.h"
#include "emqxd/session/registry.h"

static uint32_t
max_packet_of(const struct mqtt_connect *p)
{
	return PROP_GET(&p->props, MAX_PACKET_SIZE, max_packet_size, UINT32_MAX);
}

static const struct zone *
zone_of_listener(const struct conn *c)
{
	return zone_get(listener_settings(c->listener)->zone_number);
}

static void
connack_write(struct conn *c, const struct mqtt_connack *ack, enum mqtt_version v)
{
	size_t n = mqtt_encode_connack_size(ack, v);
	struct wbuf w = wbuf_fixed(conn_room(c, n), n);
	em_err err = mqtt_encode_connack(&w, ack, v);

	CHECK(err == EM_OK);
	metric_inc(METRIC_CLIENT_CONNACK);
	metric_inc(METRIC_PACKETS_CONNACK_SENT);
	if (ack->reason != 0)
		metric_inc(METRIC_PACKETS_CONNACK_ERROR);
}

/* What CONNACK says; 0: nothing, and none is sent. */
static uint8_t
refusal_of(enum mqtt_version v, uint8_t code)
{
	if (v < MQTT_V31 || v > MQTT_V5)
		return 0;
	if (v == MQTT_V5)
		return code;
	/* No return code of 3.x says that a will's topic is wrong [MQTT3-3.2.2-6]. */
	return code == REASON_TOPIC_NAME_INVALID ? 0 : reason_to_v3(code);
}

/* Another server for one that this one has no place for [MQTT5-3.2.2.3.16]. */
static void
point_elsewhere(struct conn *c, struct mqtt_connack *ack)
{
	const char *server = zone_of_listener(c)->server_reference;

	if ((ack->reason != REASON_SERVER_BUSY &&
		ack->reason != REASON_SERVER_UNAVAILABLE &&
		ack->reason != REASON_QUOTA_EXCEEDED) ||
	    server[0] == '\0')
		return;
	ack->reason = REASON_USE_ANOTHER_SERVER;
	*PROP_SET(&ack->props, SERVER_REFERENCE, server_reference) = slice_str(server);
}

/* Says why, unless the client wants no such words or takes no packet of that size. */
static void
add_reason(struct mqtt_connack *ack, const struct mqtt_connect *p, const char *detail)
{
	if (detail == NULL ||
	    (p != NULL && PROP_GET(&p->props, REQUEST_PROBLEM, request_problem, 1) == 0))
		return;
	*PROP_SET(&ack->props, REASON_STRING, reason_string) = slice_str(detail);
	if (p != NULL)
		prop_trim(&ack->props, mqtt_encode_connack_size(ack, MQTT_V5),
		    max_packet_of(p));
}

/* False: nothing fits [MQTT5-3.1.2-24]. */
static bool
refusal_fits(
    const struct mqtt_connack *ack, const struct mqtt_connect *p, enum mqtt_version v)
{
	return p == NULL || v != MQTT_V5 ||
	       mqtt_encode_connack_size(ack, v) <= max_packet_of(p);
}

static void
say_refusal(struct conn *c, const struct mqtt_connect *p, enum mqtt_version v,
    uint8_t reason, const char *detail)
{
	struct mqtt_packet packet = { .type = MQTT_CONNACK,
		.version = v,
		.first = MQTT_CONNACK << 4,
		.connack = { .reason = reason } };

	if (v == MQTT_V5) {
		point_elsewhere(c, &packet.connack);
		add_reason(&packet.connack, p, detail);
	}
	if (!refusal_fits(&packet.connack, p, v))
		return;
	connack_write(c, &packet.connack, v);
	if (trace_is_on())
		tracing_lobby(c, p != NULL ? p->client_id : SLICE_NONE, &packet, true);
}

void
connect_refuse(struct conn *c, const struct mqtt_connect *p, enum mqtt_version v,
    uint8_t code, const char *detail)
{
	uint8_t reason;

	/* A version that we do not speak is answered in the form that any client reads:
	 * a 5.0 one when it asked for more, else 3.x. */
	if (code == REASON_UNSUPPORTED_PROTOCOL_VERSION && v != MQTT_V5)
		v = v > MQTT_V5 ? MQTT_V5 : MQTT_V311;
	reason = refusal_of(v, code);
	if (reason != 0)
		say_refusal(c, p, v, reason, detail);
	disconnect_log_refusal(c, p, code, detail);
	conn_end(c, channel_end_of_code(code), END_BY_SERVER, detail);
}

/* ---- checks; 0, or the code that refuses */

static uint8_t
check_will(const struct zone *zone, const struct mqtt_will *will, const char **detail)
{
	if (topic_levels(will->topic) > zone->max_topic_levels) {
		*detail = "the will's topic has more levels than mqtt.max_topic_levels";
		return REASON_TOPIC_NAME_INVALID;
	}
	if (will->qos > zone->max_qos_allowed) {
		*detail = "[MQTT5-3.2.2-12] the will's QoS is over mqtt.max_qos_allowed";
		return REASON_QOS_NOT_SUPPORTED;
	}
	if (will->retain && !zone->retain_available) {
		*detail =
		    "[MQTT5-3.2.2-13] a retained will without mqtt.retain_available";
		return REASON_RETAIN_NOT_SUPPORTED;
	}
	return 0;
}

static uint8_t
check(const struct zone *zone, const struct mqtt_connect *p, const char **detail)
{
	if (EM_UNLIKELY(limit_is_reached())) {
		metric_inc(METRIC_OVERLOAD_PROTECTION_NEW_CONN);
		*detail = "node.memory_limit is reached";
		return REASON_SERVER_BUSY;
	}
	return p->has_will ? check_will(zone, &p->will, detail) : 0;
}

bool
connect_is_allowed(struct conn *c, const struct mqtt_connect *p)
{
	const char *detail = NULL;
	uint8_t code = check(zone_of_listener(c), p, &detail);

	if (code != 0)
		connect_refuse(c, p, p->version, code, detail);
	return code == 0;
}

/* Is it known who comes?  Whoever showed it by a method is; else there must be nobody to
 * ask. */
static bool
is_known(struct conn *c, const struct mqtt_connect *p, const struct auth_result *auth)
{
	uint8_t asks = listener_settings(c->listener)->authn;
	const char *detail = NULL;

	if (auth != NULL) {
		if (p->has_username && !slice_eq(p->username, auth->identity))
			detail = "CONNECT names another user than the one who "
				 "authenticated";
	} else if (asks != LISTENER_ASKS_NOBODY && authn_is_on()) {
		metric_inc(METRIC_CLIENT_AUTHENTICATE);
		detail = "CONNECT names no authentication method, and authentication "
			 "asks for one";
	} else if (asks == LISTENER_ASKS_NAMED && !p->has_username) {
		detail = "CONNECT has no user name, and the listener asks for one";
	}
	if (detail == NULL)
		return true;
	metric_inc(METRIC_AUTHENTICATION_FAILURE);
	metric_inc(METRIC_PACKETS_CONNACK_AUTH_ERROR);
	connect_refuse(c, p, p->version, REASON_NOT_AUTHORIZED, detail);
	return false;
}

/* ---- what the CONNECT asks for */

static uint32_t
expiry_of(const struct zone *zone, const struct mqtt_connect *p)
{
	int64_t s;

	if (p->version == MQTT_V5)
		return PROP_GET(&p->props, SESSION_EXPIRY, session_expiry, 0);
	if (p->clean_start)
		return 0;
	if (span_is_infinite(zone->session_expiry_interval))
		return SESSION_NEVER;
	s = span_to_s(zone->session_expiry_interval);
	return s < SESSION_NEVER ? (uint32_t)s : SESSION_NEVER;
}

static uint16_t
window_of(const struct zone *zone, const struct mqtt_connect *p)
{
	uint16_t max = PROP_GET(&p->props, RECEIVE_MAX, receive_max, UINT16_MAX);

	return max < zone->max_inflight ? max : zone->max_inflight;
}

/* The will as a kept message; its expiry counts from when it is published, so here it is
 * an interval. */
static struct session_will
will_of(const struct mqtt_connect *p, struct slice topic)
{
	struct session_will will = { 0 };
	struct message view = message_view(topic, p->will.payload);
	uint8_t *props;

	view.qos = p->will.qos;
	view.retain = p->will.retain;
	view.from = p->client_id;
	if (p->version == MQTT_V5) {
		props = client_scratch(p->will.props.raw.n);
		view.props = slice_of(props, prop_forward(&p->will.props, props));
		will.delay = PROP_GET(&p->will.props, WILL_DELAY, will_delay, 0);
		if (prop_has(&p->will.props, MQTT_PROP_MESSAGE_EXPIRY))
			view.expires =
			    (mono_t){ span_s(p->will.props.message_expiry).ns };
	}
	will.message = message_keep(&view);
	message_done(&view);
	return will;
}

/* Who comes, before there is a session. */
static struct clientinfo
who_of(const struct conn *c, const struct mqtt_connect *p)
{
	return (struct clientinfo){ .clientid = p->client_id,
		.username = p->username,
		.has_username = p->has_username,
		.peer = conn_peer(c),
		.listener = listener_id(c->listener),
		.sockport = listener_port(c->listener),
		.zone = listener_settings(c->listener)->zone_number,
		.version = (uint8_t)p->version,
		.clean_start = p->clean_start };
}

static struct channel *
channel_new(struct conn *c, const struct zone *zone, const struct mqtt_connect *p)
{
	struct channel *ch = slab_new_zero(sizeof *ch);
	uint16_t aliases;

	ch->magic = CHANNEL_MAGIC;
	ch->conn = c;
	ch->version = (uint8_t)p->version;
	ch->zone = listener_settings(c->listener)->zone_number;
	ch->max_packet = max_packet_of(p);
	ch->expiry = expiry_of(zone, p);
	ch->promise = promise_make(&client_node()->promises, zone);
	ch->last_rx_ms = keepalive_now_ms();
	if (p->is_bridge)
		ch->flags |= CHANNEL_IS_BRIDGE;
	if (p->has_will)
		ch->flags |= CHANNEL_HAS_WILL;
	if (ch->expiry != 0)
		ch->flags |= CHANNEL_MAY_EXPIRE;
	aliases = PROP_GET(&p->props, TOPIC_ALIAS_MAX, topic_alias_max, 0);
	if (aliases > zone->max_topic_alias)
		aliases = zone->max_topic_alias;
	if (aliases > 0) {
		ch->flags |= CHANNEL_ALIASES;
		extra_of(&ch->extra)->alias_out = alias_out_new(aliases);
	}
	if (PROP_GET(&p->props, REQUEST_PROBLEM, request_problem, 1) == 0)
		ch->flags |= CHANNEL_TERSE;
	c->owner = ch;
	return ch;
}

/* ---- CONNACK */

static void
fill_props(struct mqtt_connack *ack, const struct zone *zone,
    const struct mqtt_connect *p, bool assigned)
{
	struct mqtt_props *props = &ack->props;

	if (zone->max_awaiting_rel < UINT16_MAX && zone->max_awaiting_rel > 0)
		*PROP_SET(props, RECEIVE_MAX, receive_max) =
		    (uint16_t)zone->max_awaiting_rel;
	if (zone->max_qos_allowed < 2)
		*PROP_SET(props, MAX_QOS, max_qos) = zone->max_qos_allowed;
	if (!zone->retain_available)
		*PROP_SET(props, RETAIN_AVAILABLE, retain_available) = 0;
	if (!zone->wildcard_subscription)
		*PROP_SET(props, WILDCARD_AVAILABLE, wildcard_available) = 0;
	if (!zone->shared_subscription)
		*PROP_SET(props, SHARED_AVAILABLE, shared_available) = 0;
	*PROP_SET(props, MAX_PACKET_SIZE, max_packet_size) = zone->max_packet_size;
	if (zone->max_topic_alias > 0)
		*PROP_SET(props, TOPIC_ALIAS_MAX, topic_alias_max) =
		    zone->max_topic_alias;
	if (assigned)
		*PROP_SET(props, ASSIGNED_CLIENT_ID, assigned_client_id) = p->client_id;
	if (zone->server_keepalive != 0)
		*PROP_SET(props, SERVER_KEEPALIVE, server_keepalive) =
		    zone->server_keepalive;
	if (PROP_GET(&p->props, REQUEST_RESPONSE, request_response, 0) == 1 &&
	    zone->response_information[0] != '\0')
		*PROP_SET(props, RESPONSE_INFO, response_info) =
		    slice_str(zone->response_information);
}

/* False: the client takes no packet of that size, and is refused.  Before there is a
 * channel, since a DISCONNECT may only follow a CONNACK that accepts [MQTT5-3.14.0-1]. */
static bool
connack_fits(struct conn *c, const struct mqtt_connect *p, const struct mqtt_connack *ack)
{
	const struct mqtt_connack refusal = { .reason = REASON_PACKET_TOO_LARGE };
	const char *detail = "CONNACK over the client's Maximum Packet Size";
	uint32_t max = max_packet_of(p);

	if (mqtt_encode_connack_size(ack, p->version) <= max)
		return true;
	if (mqtt_encode_connack_size(&refusal, p->version) <= max)
		connect_refuse(c, p, p->version, refusal.reason, detail);
	else
		conn_end(c, channel_end_of_code(refusal.reason), END_BY_SERVER, detail);
	return false;
}

static void
connack_send(struct channel *ch, const struct mqtt_connack *ack)
{
	connack_write(ch->conn, ack, channel_version(ch));
	if (trace_is_on())
		tracing_sent(ch, &(struct mqtt_packet){ .type = MQTT_CONNACK,
				     .version = channel_version(ch),
				     .first = MQTT_CONNACK << 4,
				     .connack = *ack });
}

/* [MQTT5-4.12.0-5] */
static void
add_auth(struct mqtt_connack *ack, const struct auth_result *auth)
{
	*PROP_SET(&ack->props, AUTH_METHOD, auth_method) = auth->method;
	if (auth->data.n > 0)
		*PROP_SET(&ack->props, AUTH_DATA, auth_data) = auth->data;
}

static void
count_in(const struct auth_result *auth)
{
	metric_inc(METRIC_CLIENT_CONNECTED);
	if (auth != NULL)
		return; /* counted by the exchange */
	metric_inc(METRIC_CLIENT_AUTHENTICATE);
	metric_inc(METRIC_CLIENT_AUTH_ANONYMOUS);
	metric_inc(METRIC_AUTHENTICATION_SUCCESS);
	metric_inc(METRIC_AUTHENTICATION_SUCCESS_ANONYMOUS);
}

/* The mountpoint and the will, whose topic it changes.  False: refused. */
static bool
take_topics(struct conn *c, const struct clientinfo *who, const struct mqtt_connect *p,
    struct session_open *open)
{
	struct slice topic;

	if (!topics_mountpoint(c, who, &open->mountpoint)) {
		connect_refuse(c, p, p->version, REASON_CLIENT_IDENTIFIER_NOT_VALID,
		    "client id or user name cannot stand in the mountpoint: a wildcard, "
		    "or "
		    "too long");
		return false;
	}
	if (!p->has_will)
		return true;
	topic = topics_will(who, open->mountpoint, p->will.topic);
	if (topic.n == 0) {
		connect_refuse(c, p, p->version, REASON_TOPIC_NAME_INVALID,
		    "the will has no topic after rewrite and mountpoint");
		return false;
	}
	open->will = will_of(p, topic);
	if (open->will.message != NULL)
		return true;
	connect_refuse(c, p, p->version, REASON_SERVER_BUSY, "no memory for the will");
	return false;
}

static void
told_in(struct channel *ch)
{
	struct clientinfo who;

	if (!hook_is_on(HOOK_CLIENT_CONNECTED))
		return;
	who = session_info(ch->session);
	hook_run_client_connected(&who);
}

/* Is there a place for a new session?  Who has one comes back to it; a claim has brought it
 * here by now.  False: refused. */
static bool
has_place(struct conn *c, const struct mqtt_connect *p)
{
	enum quota_verdict verdict;
	const char *detail;

	if (registry_find(p->client_id) != NULL)
		return true;
	verdict = quota_ask(registry_count_all());
	if (verdict == QUOTA_OPEN)
		return true;
	metric_inc(METRIC_LICENSE_REFUSED);
	if (verdict == QUOTA_CLOSED) {
		detail = "the licence has expired";
		LOG(WARN, "connection_rejected_due_to_license_expired", "clientid",
		    p->client_id);
	} else {
		detail = "as many sessions as the licence allows";
		LOG(WARN, "connection_rejected_due_to_license_limit_reached", "clientid",
		    p->client_id);
	}
	connect_refuse(c, p, p->version, REASON_QUOTA_EXCEEDED, detail);
	return false;
}

void
connect_accept(struct conn *c, struct mqtt_connect *p, const struct connect_how *how)
{
	const struct auth_result *auth = how->auth;
	const struct zone *zone = zone_of_listener(c);
	struct net_addr peer = conn_peer(c);
	char text[ADDR_TEXT_MAX];
	struct session_open open = { .clientid = p->client_id,
		.clean_start = p->clean_start,
		.version = (uint8_t)p->version };
	struct mqtt_connack ack = { .reason = 0 };
	struct clientinfo who;
	struct channel *ch;
	bool present;

	if (!connect_is_allowed(c, p) || !is_known(c, p, auth))
		return;
	if (p->version == MQTT_V5)
		fill_props(&ack, zone, p, how->assigned);
	if (auth != NULL) {
		add_auth(&ack, auth);
		p->username = auth->identity;
		p->has_username = true;
	}
	if (!connack_fits(c, p, &ack))
		return;
	who = who_of(c, p);
	if (!take_topics(c, &who, p, &open))
		return;
	if (EM_UNLIKELY(claim_is_on()) && !how->is_claimed && !how->assigned) {
		message_unref(&open.will.message);
		claiming_start(c, p, how);
		return;
	}
	if (EM_UNLIKELY(quota_is_on()) && !has_place(c, p)) {
		message_unref(&open.will.message);
		return;
	}
	open.username = p->username;
	open.has_username = p->has_username;
	open.peer = slice_of(text, addr_print(&peer, text));
	open.window = window_of(zone, p);
	open.zone = listener_settings(c->listener)->zone_number;
	ch = channel_new(c, zone, p);
	if (auth != NULL) {
		auth_exchange_keep(&extra_of(&ch->extra)->auth, auth);
		channel_set_superuser(ch, auth->is_superuser);
	}
	open.expiry = ch->expiry;
	open.to = ch;
	open.keepalive =
	    zone->server_keepalive != 0 ? zone->server_keepalive : p->keepalive;
	ch->session = session_open(&open, &present);
	topics_start(ch);
	count_in(auth);
	/* 3.1 has no session present flag. */
	ack.session_present = present && p->version != MQTT_V31;
	connack_send(ch, &ack);
	keepalive_start(ch);
	told_in(ch);
	auto_subscribe_run(ch);
	if (present)
		session_replay(ch->session);
}
