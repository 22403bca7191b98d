/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lobby: a connection before its CONNECT.  It owns nothing but the timer of
 * mqtt.idle_timeout.  The first packet must be a CONNECT; here it is read, checked,
 * and its final client id settled, which decides the home worker: here, or the
 * connection walks there with all bytes read.
 */
#include "emqxd/client/channel.h"
#include "emqxd/client/auth_exchange.h"
#include "emqxd/core/trace_point.h"
#include "emqxd/model/metrics.h"
#include "emqxd/mqtt/prop.h"
#include "emqxd/net/listener.h"
#include "emqxd/net/listener_conf.h"
#include "emqxd/session/registry.h"
#include "ipc/base/list.h"
#include "ipc/base/rand.h"

#define ASSIGNED_ID 22 /* characters of an id that we choose: 131 bits */

static const struct zone *
zone_of(const struct conn *c)
{
	return zone_get(listener_settings(c->listener)->zone_number);
}

static void
on_idle(struct timer *t)
{
	conn_end(
	    LIST_OWNER(t, struct conn, timer), END_IDLE_TIMEOUT, END_BY_SERVER, NULL);
}

void
lobby_on_started(struct conn *c)
{
	timer_arm(&c->timer, zone_of(c)->idle_timeout, on_idle);
}

/* Could this byte begin any MQTT packet?  HTTP, TLS and SSH could not. */
static bool
is_mqtt(uint8_t first)
{
	unsigned type = first >> 4, flags = first & 15;

	switch (type) {
	case 0: return false;
	case MQTT_PUBLISH: return (flags & 6) != 6;
	case MQTT_PUBREL:
	case MQTT_SUBSCRIBE:
	case MQTT_UNSUBSCRIBE: return flags == 2;
	}
	return flags == 0;
}

static void
refuse_first(struct conn *c, uint8_t first)
{
	if (is_mqtt(first))
		conn_end(c, END_PROTOCOL_ERROR, END_BY_SERVER,
		    "[MQTT5-3.1.0-1] the first packet is no CONNECT");
	else
		conn_end(c, END_FRAME_ERROR, END_BY_SERVER,
		    "the first byte begins no MQTT packet");
}

/* The version of a CONNECT of which enough came, 0 otherwise. */
static uint8_t
version_of(struct slice body)
{
	static const uint8_t head[] = { 0, 4, 'M', 'Q', 'T', 'T' };

	if (body.n > sizeof head && memcmp(body.p, head, sizeof head) == 0)
		return body.p[sizeof head];
	return 0;
}

static void
refuse_large(struct conn *c, struct slice in, unsigned head)
{
	if (version_of(slice_from(in, head)) == MQTT_V5)
		connect_refuse(c, NULL, MQTT_V5, REASON_PACKET_TOO_LARGE,
		    "CONNECT over mqtt.max_packet_size");
	else
		conn_end(c, END_FRAME_TOO_LARGE, END_BY_SERVER,
		    "CONNECT over mqtt.max_packet_size");
}

void
lobby_last_word(struct conn *c, end_reason why, const char *detail)
{
	struct mqtt_frame f = { 0 };
	struct slice in;

	if (why != END_SERVER_BUSY || c->part == NULL)
		return; /* a CONNACK was it, if anything */
	in = slice_of(c->part->b, c->part->n);
	metric_inc(METRIC_OVERLOAD_PROTECTION_NEW_CONN);
	if (mqtt_frame_peek(in, &f) == MQTT_PEEK_MORE)
		connect_refuse(c, NULL, version_of(slice_from(in, f.head)),
		    REASON_SERVER_BUSY, detail);
}

/* An id of ours, at home on this worker. */
static struct slice
assign_id(uint8_t *buf)
{
	static const char letters[] =
	    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	struct slice id = slice_of(buf, ASSIGNED_ID);

	do
		for (unsigned i = 0; i < ASSIGNED_ID; i++)
			buf[i] = (uint8_t)letters[rand_below(sizeof letters - 1)];
	while (registry_home(id) != worker_self() || registry_find(id) != NULL);
	return id;
}

/* A whole CONNECT; true: the client is connected, here. */
static bool
on_connect(struct conn *c, const struct mqtt_frame *f, uint8_t *all, size_t n)
{
	const struct zone *zone = zone_of(c);
	struct mqtt_packet packet = { .type = MQTT_CONNECT, .first = f->first };
	struct mqtt_connect *p = &packet.connect;
	struct mqtt_fault fault = { 0 };
	uint8_t id[ASSIGNED_ID];
	bool assigned = false, fits;

	if (mqtt_decode_connect(f, channel_decode_flags(zone), p, &fault) != EM_OK) {
		metric_inc(METRIC_PACKETS_CONNECT_RECEIVED);
		connect_refuse(c, p, p->version, fault.reason, fault.rule);
		return false;
	}
	if (zone->use_username_as_clientid && p->username.n > 0)
		p->client_id = p->username;
	fits = p->client_id.n <= zone->max_clientid_len;
	if (fits) {
		assigned = p->client_id.n == 0;
		if (assigned)
			p->client_id = assign_id(id);
		if (registry_home(p->client_id) != worker_self()) {
			conn_give(c, registry_home(p->client_id), all, n);
			return false;
		}
	}
	packet.version = p->version;
	metric_inc(METRIC_PACKETS_CONNECT_RECEIVED);
	if (trace_is_on())
		tracing_connect(c, &packet);
	if (!fits) {
		connect_refuse(c, p, p->version, REASON_CLIENT_IDENTIFIER_NOT_VALID,
		    "client id over mqtt.max_clientid_len");
		return false;
	}
	metric_inc(METRIC_CLIENT_CONNECT);
	if (prop_has(&p->props, MQTT_PROP_AUTH_METHOD))
		auth_exchange_start(c, p, f, assigned);
	else
		connect_accept(c, p,
		    &(struct connect_how){
			.frame = slice_of(f->body.p - f->head, f->total),
			.assigned = assigned });
	return !conn_is_ended(c);
}

size_t
lobby_on_bytes(struct conn *c, uint8_t *p, size_t n, size_t *need)
{
	struct mqtt_frame f = { 0 };
	enum mqtt_peek peek;

	if (p[0] >> 4 != MQTT_CONNECT || (p[0] & 15) != 0) {
		refuse_first(c, p[0]);
		return 0;
	}
	peek = mqtt_frame_peek(slice_of(p, n), &f);
	if (peek == MQTT_PEEK_BAD) {
		conn_end(c, END_FRAME_ERROR, END_BY_SERVER,
		    "[MQTT5-1.5.5] a length of five bytes");
		return 0;
	}
	if (f.total > zone_of(c)->max_packet_size) {
		refuse_large(c, slice_of(p, n), f.head);
		return 0;
	}
	if (peek == MQTT_PEEK_MORE) {
		*need = f.total;
		return 0;
	}
	return on_connect(c, &f, p, n) ? f.total : 0;
}
