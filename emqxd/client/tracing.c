/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracing: what passes between a client and its session, as lines for those who trace.
 * Nothing here runs unless a trace is on.
 */
#include "emqxd/core/trace_point.h"
#include "emqxd/client/channel.h"
#include "emqxd/mqtt/dump.h"

static struct trace_subject
subject_of(const struct channel *ch, struct slice topic)
{
	return (struct trace_subject){ .clientid = session_clientid(ch->session),
		.username = session_username(ch->session),
		.peer = session_peer(ch->session),
		.topic = topic };
}

/* The topic or first filter that a packet is about. */
static struct slice
topic_of(const struct mqtt_packet *p)
{
	struct mqtt_filter filter;
	struct slice rest, topic;

	switch (p->type) {
	case MQTT_PUBLISH: return p->publish.topic;
	case MQTT_SUBSCRIBE:
		rest = p->subscribe.filters;
		return mqtt_subscribe_next(&rest, &filter) ? filter.filter : SLICE_NONE;
	case MQTT_UNSUBSCRIBE:
		rest = p->unsubscribe.filters;
		return mqtt_unsubscribe_next(&rest, &topic) ? topic : SLICE_NONE;
	case MQTT_CONNECT:
	case MQTT_CONNACK:
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBREL:
	case MQTT_PUBCOMP:
	case MQTT_SUBACK:
	case MQTT_UNSUBACK:
	case MQTT_PINGREQ:
	case MQTT_PINGRESP:
	case MQTT_DISCONNECT:
	case MQTT_AUTH: break;
	}
	return SLICE_NONE;
}

static void
add_username(struct str *s, struct slice username)
{
	if (username.n == 0)
		return;
	str_add(s, ", username: ");
	str_add_escaped(s, username);
}

static void
packet_line(
    const struct trace_subject *subject, const char *msg, const struct mqtt_packet *p)
{
	struct str s = { 0 };

	if (!trace_wants(subject))
		return;
	str_add(&s, ", packet: ");
	mqtt_dump(&s, p, MQTT_DUMP_TEXT);
	add_username(&s, subject->username);
	trace_line(subject, "MQTT", msg, str_slice(&s));
	str_fini(&s);
}

void
tracing_received(const struct channel *ch, const struct mqtt_frame *f)
{
	struct trace_subject subject;
	struct mqtt_packet p;
	struct mqtt_fault fault;

	if (mqtt_decode(f, channel_version(ch), channel_decode_flags(channel_zone(ch)),
		&p, &fault) != EM_OK) {
		struct str s = { 0 };

		subject = subject_of(ch, SLICE_NONE);
		str_addf(&s, ", reason: %s", fault.rule);
		if (trace_wants(&subject))
			trace_line(&subject, "MQTT", "packet_parse_error", str_slice(&s));
		str_fini(&s);
		return;
	}
	subject = subject_of(ch, topic_of(&p));
	packet_line(&subject, "mqtt_packet_received", &p);
}

/* Who has no session: all that is known of it is where it is, and what it said. */
static struct trace_subject
stranger(const struct conn *c, struct slice clientid, struct slice username,
    char text[ADDR_TEXT_MAX])
{
	struct net_addr peer = conn_peer(c);

	return (struct trace_subject){ .clientid = clientid,
		.username = username,
		.peer = slice_of(text, addr_print(&peer, text)) };
}

void
tracing_connect(const struct conn *c, const struct mqtt_packet *p)
{
	char text[ADDR_TEXT_MAX];
	struct trace_subject subject =
	    stranger(c, p->connect.client_id, p->connect.username, text);

	packet_line(&subject, "mqtt_packet_received", p);
}

void
tracing_lobby(const struct conn *c, struct slice clientid, const struct mqtt_packet *p,
    bool is_sent)
{
	char text[ADDR_TEXT_MAX];
	struct trace_subject subject = stranger(c, clientid, SLICE_NONE, text);

	packet_line(&subject, is_sent ? "mqtt_packet_sent" : "mqtt_packet_received", p);
}

void
tracing_sent(const struct channel *ch, const struct mqtt_packet *p)
{
	struct trace_subject subject = subject_of(ch, topic_of(p));

	packet_line(&subject, "mqtt_packet_sent", p);
}

void
tracing_publish(const struct channel *ch, const struct message *m)
{
	struct trace_subject subject = subject_of(ch, m->topic);
	struct str s = { 0 }, payload = { 0 };
	const char *how;

	if (!trace_wants(&subject))
		return;
	how = mqtt_dump_payload(&payload, m->payload, MQTT_DUMP_TEXT);
	str_addf(&s, ", payload_encode: %s, topic: ", how);
	str_add_escaped(&s, m->topic);
	add_username(&s, subject.username);
	str_add(&s, ", payload: ");
	str_add_slice(&s, str_slice(&payload));
	trace_line(&subject, "PUBLISH", "publish_to", str_slice(&s));
	str_fini(&payload);
	str_fini(&s);
}

void
tracing_ended(const struct conn *c, end_reason why, const char *detail)
{
	const struct channel *ch = c->owner;
	char text[ADDR_TEXT_MAX];
	struct trace_subject subject = ch != NULL
					   ? subject_of(ch, SLICE_NONE)
					   : stranger(c, SLICE_NONE, SLICE_NONE, text);
	struct str s = { 0 };

	if (!trace_wants(&subject))
		return;
	str_addf(&s, ", reason: %s", end_get(why)->name);
	if (detail != NULL)
		str_addf(&s, ", detail: %s", detail);
	add_username(&s, subject.username);
	trace_line(&subject, "SOCKET", "connection_ended", str_slice(&s));
	str_fini(&s);
}
