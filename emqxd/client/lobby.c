/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lobby: a connection before its CONNECT.  It owns nothing but the timer of
 * mqtt.idle_timeout.  The first packet must be a CONNECT; here it is read, checked,
 * and its final client id settled, which decides the home worker: here, or the
 * connection walks there with all bytes read.
 */
#include "emqxd/client/channel.h"
#include "emqxd/core/trace_point.h"
#include "emqxd/model/metrics.h"
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
		connect_refuse(c, MQTT_V5, REASON_PACKET_TOO_LARGE,
		    "CONNECT over mqtt.max_packet_size");
	else
		conn_end(c, END_FRAME_TOO_LARGE, END_BY_SERVER,
		    "CONNECT over mqtt.max_packet_size");
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

/* Checks that need no session; 0, or the code that refuses. */
static uint8_t
check_id(const struct zone *zone, const struct mqtt_connect *connect, const char **detail)
{
	if (connect->client_id.n > zone->max_clientid_len) {
		*detail = "client id over mqtt.max_clientid_len";
		return REASON_CLIENT_IDENTIFIER_NOT_VALID;
	}
	if (connect->client_id.n > 0 || connect->version == MQTT_V5)
		return 0;
	if (connect->version == MQTT_V31) {
		*detail = "an empty client id in MQTT 3.1";
		return REASON_CLIENT_IDENTIFIER_NOT_VALID;
	}
	if (!connect->clean_start) {
		*detail = "[MQTT3-3.1.3-8] an empty client id without clean session";
		return REASON_CLIENT_IDENTIFIER_NOT_VALID;
	}
	return 0;
}

/* A whole CONNECT; true: the client is connected, here. */
static bool
on_connect(struct conn *c, const struct mqtt_frame *f, uint8_t *all, size_t n)
{
	const struct zone *zone = zone_of(c);
	struct mqtt_packet p = { .type = MQTT_CONNECT, .first = f->first };
	uint8_t id[ASSIGNED_ID], code;
	struct mqtt_fault fault = { 0 };
	const char *detail = NULL;
	bool assigned;

	if (mqtt_decode_connect(f, channel_decode_flags(zone), &p.connect, &fault) !=
	    EM_OK) {
		connect_refuse(c, p.connect.version, fault.reason, fault.rule);
		return false;
	}
	if (zone->use_username_as_clientid && p.connect.has_username)
		p.connect.client_id = p.connect.username;
	code = check_id(zone, &p.connect, &detail);
	if (code != 0) {
		connect_refuse(c, p.connect.version, code, detail);
		return false;
	}
	assigned = p.connect.client_id.n == 0;
	if (assigned)
		p.connect.client_id = assign_id(id);
	if (registry_home(p.connect.client_id) != worker_self()) {
		conn_give(c, registry_home(p.connect.client_id), all, n);
		return false;
	}
	p.version = p.connect.version;
	metric_inc(METRIC_PACKETS_CONNECT_RECEIVED);
	metric_inc(METRIC_CLIENT_CONNECT);
	if (trace_is_on())
		tracing_connect(c, &p);
	connect_accept(c, &p.connect, assigned);
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
