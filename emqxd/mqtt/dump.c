/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump: one line for a packet.  The shapes are those that operators know from
 * EMQX's traces; only where it shows Erlang's terms plain words stand instead.
 */
#include "emqxd/mqtt/dump.h"
#include "ipc/base/utf8.h"

#define PAYLOAD_WHOLE 1024 /* longer ones are cut ... */
#define PAYLOAD_PART 100   /* ... to this */

static const char *const type_names[16] = {
	[MQTT_CONNECT] = "CONNECT",
	[MQTT_CONNACK] = "CONNACK",
	[MQTT_PUBLISH] = "PUBLISH",
	[MQTT_PUBACK] = "PUBACK",
	[MQTT_PUBREC] = "PUBREC",
	[MQTT_PUBREL] = "PUBREL",
	[MQTT_PUBCOMP] = "PUBCOMP",
	[MQTT_SUBSCRIBE] = "SUBSCRIBE",
	[MQTT_SUBACK] = "SUBACK",
	[MQTT_UNSUBSCRIBE] = "UNSUBSCRIBE",
	[MQTT_UNSUBACK] = "UNSUBACK",
	[MQTT_PINGREQ] = "PINGREQ",
	[MQTT_PINGRESP] = "PINGRESP",
	[MQTT_DISCONNECT] = "DISCONNECT",
	[MQTT_AUTH] = "AUTH",
};

const char *
mqtt_dump_type(unsigned type)
{
	return type < 16 && type_names[type] != NULL ? type_names[type] : "RESERVED";
}

static void
add_hex(struct str *out, struct slice v)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < v.n; i++) {
		str_add_char(out, digits[v.p[i] >> 4]);
		str_add_char(out, digits[v.p[i] & 15]);
	}
}

/* The part that is shown; of text no half character. */
static struct slice
cut(struct slice v, bool text)
{
	size_t n = PAYLOAD_PART;

	if (v.n <= PAYLOAD_WHOLE)
		return v;
	while (text && (v.p[n] & 0xc0) == 0x80)
		n--;
	return slice_head(v, n);
}

/* How it will be shown: as text only what is text. */
static enum mqtt_dump_payload
settle(struct slice payload, enum mqtt_dump_payload how)
{
	return how == MQTT_DUMP_TEXT && !utf8_is_valid(payload) ? MQTT_DUMP_HEX : how;
}

static const char *
settled_name(enum mqtt_dump_payload how)
{
	switch (how) {
	case MQTT_DUMP_TEXT: return "text";
	case MQTT_DUMP_HEX: return "hex";
	case MQTT_DUMP_HIDDEN: return "hidden";
	}
	UNREACHABLE();
}

static void
add_settled(struct str *out, struct slice payload, enum mqtt_dump_payload how)
{
	struct slice part = cut(payload, how == MQTT_DUMP_TEXT);

	switch (how) {
	case MQTT_DUMP_TEXT: str_add_escaped(out, part); break;
	case MQTT_DUMP_HEX: add_hex(out, part); break;
	case MQTT_DUMP_HIDDEN: str_add(out, "******"); return;
	}
	if (part.n < payload.n)
		str_addf(out, "...(%zu bytes)", payload.n - part.n);
}

const char *
mqtt_dump_payload(struct str *out, struct slice payload, enum mqtt_dump_payload how)
{
	how = settle(payload, how);
	add_settled(out, payload, how);
	return settled_name(how);
}

static void
add_payload(struct str *out, struct slice payload, enum mqtt_dump_payload how)
{
	how = settle(payload, how);
	str_addf(out, "Payload(%s)=", settled_name(how));
	add_settled(out, payload, how);
}

static void
add_connect(struct str *out, const struct mqtt_connect *c, enum mqtt_dump_payload how)
{
	str_add(out, ", ClientId=");
	str_add_escaped(out, c->client_id);
	str_addf(out, ", ProtoName=%s, ProtoVsn=%d, CleanStart=%s, KeepAlive=%u",
	    c->version == MQTT_V31 ? "MQIsdp" : "MQTT", (int)c->version,
	    c->clean_start ? "true" : "false", c->keepalive);
	str_add(out, ", Username=");
	if (c->has_username)
		str_add_escaped(out, c->username);
	else
		str_add(out, "undefined");
	str_addf(out, ", Password=%s", c->has_password ? "******" : "undefined");
	if (!c->has_will)
		return;
	str_addf(out, ", Will(Q%u, R%d, Topic=", c->will.qos, c->will.retain);
	str_add_escaped(out, c->will.topic);
	str_add_char(out, ' ');
	add_payload(out, c->will.payload, how);
	str_add_char(out, ')');
}

static void
add_publish(struct str *out, const struct mqtt_publish *p, enum mqtt_dump_payload how)
{
	str_add(out, ", Topic=");
	str_add_escaped(out, p->topic);
	if (p->qos > 0)
		str_addf(out, ", PacketId=%u, ", p->packet_id);
	else
		str_add(out, ", PacketId=undefined, ");
	add_payload(out, p->payload, how);
}

static void
add_subscribe(struct str *out, const struct mqtt_subscribe *p)
{
	struct slice rest = p->filters;
	struct mqtt_filter f;
	const char *comma = "";

	str_addf(out, ", PacketId=%u TopicFilters=[", p->packet_id);
	while (mqtt_subscribe_next(&rest, &f)) {
		str_add(out, comma);
		str_add_escaped(out, f.filter);
		str_addf(out, "(qos: %u, nl: %d, rap: %d, rh: %u)", f.qos, f.no_local,
		    f.retain_as_published, f.retain_handling);
		comma = ", ";
	}
	str_add_char(out, ']');
}

static void
add_unsubscribe(struct str *out, const struct mqtt_unsubscribe *p)
{
	struct slice rest = p->filters;
	struct slice filter;
	const char *comma = "";

	str_addf(out, ", PacketId=%u TopicFilters=[", p->packet_id);
	while (mqtt_unsubscribe_next(&rest, &filter)) {
		str_add(out, comma);
		str_add_escaped(out, filter);
		comma = ", ";
	}
	str_add_char(out, ']');
}

static void
add_suback(struct str *out, const struct mqtt_suback *p)
{
	str_addf(out, ", PacketId=%u", p->packet_id);
	if (p->codes.n == 0)
		return;
	str_add(out, ", ReasonCodes=[");
	for (size_t i = 0; i < p->codes.n; i++)
		str_addf(out, i > 0 ? ",%u" : "%u", p->codes.p[i]);
	str_add_char(out, ']');
}

void
mqtt_dump(struct str *out, const struct mqtt_packet *p, enum mqtt_dump_payload how)
{
	str_addf(out, "%s(Q%u, R%u, D%u", mqtt_dump_type(p->type), p->first >> 1 & 3u,
	    p->first & 1u, p->first >> 3 & 1u);
	switch (p->type) {
	case MQTT_CONNECT: add_connect(out, &p->connect, how); break;
	case MQTT_CONNACK:
		str_addf(out, ", AckFlags=%d, ReasonCode=%u", p->connack.session_present,
		    p->connack.reason);
		break;
	case MQTT_PUBLISH: add_publish(out, &p->publish, how); break;
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBREL:
	case MQTT_PUBCOMP:
		str_addf(
		    out, ", PacketId=%u, ReasonCode=%u", p->ack.packet_id, p->ack.reason);
		break;
	case MQTT_SUBSCRIBE: add_subscribe(out, &p->subscribe); break;
	case MQTT_UNSUBSCRIBE: add_unsubscribe(out, &p->unsubscribe); break;
	case MQTT_SUBACK:
	case MQTT_UNSUBACK: add_suback(out, &p->suback); break;
	case MQTT_PINGREQ:
	case MQTT_PINGRESP: break;
	case MQTT_DISCONNECT:
		str_addf(out, ", ReasonCode=%u", p->disconnect.reason);
		break;
	case MQTT_AUTH: str_addf(out, ", ReasonCode=%u", p->auth.reason); break;
	}
	str_add_char(out, ')');
}
