/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outgoing: the session's way to the socket.  A QoS 0 message to a receiver of the
 * publisher's version is its frame as it came; everything else is encoded: the head
 * is written, a small payload copied behind it, a large one referred to.
 */
#include "emqxd/client/channel.h"
#include "emqxd/client/extra.h"
#include "emqxd/client/topics.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/trace_point.h"
#include "emqxd/model/metrics.h"
#include "emqxd/model/topic.h"
#include "emqxd/mqtt/encode.h"

/* As the client knows it. */
static struct slice
topic_of(const struct channel *ch, const struct message *m)
{
	return EM_LIKELY((ch->flags & CHANNEL_MOUNTED) == 0)
		   ? m->topic
		   : topics_out(ch->session, m->topic);
}

static void
trace_out(struct channel *ch, const struct message *m, const struct session_out *out)
{
	struct mqtt_packet p = { .type = MQTT_PUBLISH,
		.version = channel_version(ch),
		.first = MQTT_FIRST_PUBLISH(out->dup, out->qos, out->retain),
		.publish = { .topic = topic_of(ch, m),
		    .payload = m->payload,
		    .packet_id = out->packet_id,
		    .qos = out->qos,
		    .dup = out->dup,
		    .retain = out->retain } };

	tracing_sent(ch, &p);
}

/* The topic by an alias; true: the client learns it by this packet. */
static bool
add_alias(struct channel *ch, struct mqtt_publish_head *h)
{
	bool is_known;

	h->alias = alias_out_find(ch->extra->alias_out, h->topic, &is_known);
	if (is_known)
		h->topic = SLICE_NONE;
	return h->alias != 0 && !is_known;
}

static bool
encode(struct channel *ch, struct message *m, const struct session_out *out)
{
	struct mqtt_publish_head h = { .first = MQTT_FIRST_PUBLISH(
					   out->dup, out->qos, out->retain),
		.packet_id = out->packet_id,
		.topic = topic_of(ch, m),
		.props = m->props,
		.subids = &out->subid,
		.subids_n = out->subid != 0 ? 1 : 0 };
	struct message *kept = NULL;
	bool is_alias_new = false;
	size_t head;
	uint8_t *p;

	if (EM_UNLIKELY(m->expires.ns != INT64_MAX) && channel_is_v5(ch)) {
		h.has_expiry = true;
		h.expiry = message_seconds_left(m, clock_mono());
	}
	if (EM_UNLIKELY((ch->flags & CHANNEL_ALIASES) != 0))
		is_alias_new = add_alias(ch, &h);
	head = mqtt_encode_publish_size(&h, channel_version(ch), m->payload.n);
	if (head == 0 || head + m->payload.n > ch->max_packet)
		return false;
	if (m->payload.n >= MESSAGE_LARGE) {
		kept = message_keep(m);
		if (kept == NULL)
			return false;
	}
	if (EM_UNLIKELY(
		is_alias_new)) /* only what is really sent is known to the client */
		alias_out_set(ch->extra->alias_out, h.alias, topic_of(ch, m));
	p = conn_room(ch->conn, kept != NULL ? head : head + m->payload.n);
	p = mqtt_encode_publish_head(p, &h, channel_version(ch));
	if (kept != NULL) {
		conn_put_payload(ch->conn, kept);
		message_unref(&kept);
	} else if (m->payload.n > 0) {
		memcpy(p, m->payload.p, m->payload.n);
	}
	return true;
}

bool
outgoing_publish(void *to, struct message *m, const struct session_out *out)
{
	struct channel *ch = to;

	CHECK_OBJ(ch, CHANNEL_MAGIC);
	if (EM_LIKELY(out->qos == 0 && m->qos == 0 && m->wire_version == ch->version &&
		      !out->retain && out->subid == 0 && m->wire.n <= ch->max_packet &&
		      (ch->flags & (CHANNEL_ALIASES | CHANNEL_MOUNTED)) == 0))
		conn_put_turn(ch->conn, m->wire.p, m->wire.n);
	else if (!encode(ch, m, out))
		return false;
	if (EM_LIKELY(!topic_is_sys(m->topic)))
		metric_inc(metrics_sent(out->qos));
	if (EM_UNLIKELY(trace_is_on()))
		trace_out(ch, m, out);
	return true;
}

void
outgoing_pubrel(void *to, uint16_t id)
{
	ack_send(to, MQTT_PUBREL, id, 0);
}

bool
outgoing_can_take(void *to)
{
	struct channel *ch = to;

	return !conn_is_congested(ch->conn) && !conn_is_ended(ch->conn);
}
