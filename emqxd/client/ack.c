/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ack: PUBACK, PUBREC, PUBREL, PUBCOMP, both ways.  An id that is not under way is
 * answered where the standard has an answer (0x92), counted where it has none.
 */
#include "emqxd/client/channel.h"
#include "emqxd/core/trace_point.h"
#include "emqxd/model/metrics.h"
#include "emqxd/mqtt/encode.h"

static const struct {
	unsigned received, sent;
} counters[] = {
	[MQTT_PUBACK] = { METRIC_PACKETS_PUBACK_RECEIVED, METRIC_PACKETS_PUBACK_SENT },
	[MQTT_PUBREC] = { METRIC_PACKETS_PUBREC_RECEIVED, METRIC_PACKETS_PUBREC_SENT },
	[MQTT_PUBREL] = { METRIC_PACKETS_PUBREL_RECEIVED, METRIC_PACKETS_PUBREL_SENT },
	[MQTT_PUBCOMP] = { METRIC_PACKETS_PUBCOMP_RECEIVED, METRIC_PACKETS_PUBCOMP_SENT },
};

static void
trace_ack(struct channel *ch, enum mqtt_type type, uint16_t id, uint8_t reason)
{
	struct mqtt_packet p = { .type = type,
		.version = channel_version(ch),
		.first = (uint8_t)(type << 4 | (type == MQTT_PUBREL ? 2 : 0)),
		.ack = { .packet_id = id, .reason = reason } };

	tracing_sent(ch, &p);
}

void
ack_send(struct channel *ch, enum mqtt_type type, uint16_t id, uint8_t reason)
{
	bool is_short = reason == 0 || !channel_is_v5(ch);
	uint8_t *p = conn_room(ch->conn, is_short ? MQTT_ACK_SHORT : MQTT_ACK_SHORT + 1);

	metric_inc(counters[type].sent);
	mqtt_encode_ack_short(p, type, id);
	if (!is_short) {
		p[1] = 3;
		p[4] = reason;
	}
	if (EM_UNLIKELY(trace_is_on()))
		trace_ack(ch, type, id, is_short ? 0 : reason);
}

static void
on_puback(struct channel *ch, const struct mqtt_ack *p)
{
	em_err err = session_puback(ch->session, p->packet_id);

	if (EM_UNLIKELY(err == EM_NOTFOUND))
		metric_inc(METRIC_PACKETS_PUBACK_MISSED);
	else if (EM_UNLIKELY(err != EM_OK))
		metric_inc(METRIC_PACKETS_PUBACK_INUSE);
}

static void
on_pubrec(struct channel *ch, const struct mqtt_ack *p)
{
	em_err err = session_pubrec(ch->session, p->packet_id, p->reason >= 0x80);

	if (EM_LIKELY(err == EM_OK))
		return;
	metric_inc(err == EM_NOTFOUND ? METRIC_PACKETS_PUBREC_MISSED
				      : METRIC_PACKETS_PUBREC_INUSE);
	if (p->reason < 0x80)
		ack_send(
		    ch, MQTT_PUBREL, p->packet_id, REASON_PACKET_IDENTIFIER_NOT_FOUND);
}

static void
on_pubrel(struct channel *ch, const struct mqtt_ack *p)
{
	em_err err = session_pubrel(ch->session, p->packet_id);

	if (EM_UNLIKELY(err != EM_OK))
		metric_inc(METRIC_PACKETS_PUBREL_MISSED);
	ack_send(ch, MQTT_PUBCOMP, p->packet_id,
	    err == EM_OK ? 0 : REASON_PACKET_IDENTIFIER_NOT_FOUND);
}

static void
on_pubcomp(struct channel *ch, const struct mqtt_ack *p)
{
	em_err err = session_pubcomp(ch->session, p->packet_id);

	if (EM_UNLIKELY(err == EM_NOTFOUND))
		metric_inc(METRIC_PACKETS_PUBCOMP_MISSED);
	else if (EM_UNLIKELY(err != EM_OK))
		metric_inc(METRIC_PACKETS_PUBCOMP_INUSE);
}

void
ack_on_packet(struct channel *ch, const struct mqtt_frame *f)
{
	static void (*const by_type[])(struct channel *, const struct mqtt_ack *) = {
		[MQTT_PUBACK] = on_puback,
		[MQTT_PUBREC] = on_pubrec,
		[MQTT_PUBREL] = on_pubrel,
		[MQTT_PUBCOMP] = on_pubcomp,
	};
	enum mqtt_type type = mqtt_frame_type(f);
	struct mqtt_fault fault;
	struct mqtt_ack ack;

	if (EM_UNLIKELY(
		mqtt_decode_ack(f, channel_version(ch),
		    channel_decode_flags(channel_zone(ch)), &ack, &fault) != EM_OK)) {
		channel_fault(ch, &fault);
		return;
	}
	metric_inc(counters[type].received);
	by_type[type](ch, &ack);
}
