/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publish: a PUBLISH from the client: alias, topic, capabilities, QoS 2 ids, then the
 * road of all messages, then its acknowledgement.  publish_to_message() is the one
 * place where packets and messages meet on the way in.
 */
#include "emqxd/client/channel.h"
#include "emqxd/client/extra.h"
#include "emqxd/client/topics.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/trace_point.h"
#include "emqxd/model/metrics.h"
#include "emqxd/model/topic.h"
#include "emqxd/mqtt/prop.h"
#include "emqxd/publish/delayed.h"
#include "emqxd/publish/road.h"
#include "emqxd/store/change.h"

/* The full topic's name; false: refused.  The decoder lets a topic be empty only where
 * there is an alias, and has no wildcard in one. */
static bool
resolve_alias(struct channel *ch, struct mqtt_publish *p)
{
	struct promise promise;

	if (EM_LIKELY(!prop_has(&p->props, MQTT_PROP_TOPIC_ALIAS)))
		return true;
	promise = channel_promise(ch);
	if (p->props.topic_alias > promise.max_topic_alias) {
		channel_refuse(ch, REASON_TOPIC_ALIAS_INVALID,
		    "[MQTT5-3.3.2-9] a topic alias over the maximum");
		return false;
	}
	if (p->topic.n > 0) {
		if (alias_set(&extra_of(&ch->extra)->alias_in, p->props.topic_alias,
			p->topic, promise.max_packet_size) == EM_OK)
			return true;
		channel_refuse(ch, REASON_QUOTA_EXCEEDED,
		    "topic aliases of more bytes than mqtt.max_packet_size");
		return false;
	}
	if (ch->extra != NULL)
		p->topic = alias_get(ch->extra->alias_in, p->props.topic_alias);
	if (p->topic.n == 0)
		channel_refuse(ch, REASON_PROTOCOL_ERROR,
		    "[MQTT5-3.3.4] a topic alias that was never set");
	return p->topic.n > 0;
}

static bool
is_allowed(struct channel *ch, const struct mqtt_publish *p)
{
	const struct zone *zone = channel_zone(ch);
	const struct promise promise = channel_promise(ch);

	/* Of n slashes and nothing else there are n + 1 levels. */
	if (EM_UNLIKELY(p->topic.n >= zone->max_topic_levels &&
			topic_levels(p->topic) > zone->max_topic_levels)) {
		channel_refuse(ch, REASON_TOPIC_NAME_INVALID,
		    "more levels than mqtt.max_topic_levels");
		return false;
	}
	if (EM_UNLIKELY(p->qos > promise.max_qos)) {
		channel_refuse(ch, REASON_QOS_NOT_SUPPORTED,
		    "[MQTT5-3.2.2-11] over mqtt.max_qos_allowed");
		return false;
	}
	if (EM_UNLIKELY(p->retain && !promise.retain_available)) {
		channel_refuse(ch, REASON_RETAIN_NOT_SUPPORTED,
		    "[MQTT5-3.2.2-14] mqtt.retain_available is off");
		return false;
	}
	return true;
}

/* The topic as the broker knows it; false: it cannot be one. */
static bool
change_topic(struct channel *ch, struct mqtt_publish *p)
{
	if (EM_LIKELY((ch->flags & CHANNEL_TOPICS) == 0) ||
	    topics_in(ch->session, TOPICS_PUBLISH, &p->topic))
		return true;
	channel_refuse(
	    ch, REASON_TOPIC_NAME_INVALID, "no topic after rewrite and mountpoint");
	return false;
}

static void
set_expiry(struct channel *ch, struct message *m, const struct mqtt_publish *p)
{
	span_t most = channel_zone(ch)->message_expiry_interval;

	if (prop_has(&p->props, MQTT_PROP_MESSAGE_EXPIRY)) {
		span_t asked = span_s(p->props.message_expiry);

		if (asked.ns < most.ns)
			most = asked;
	}
	m->expires = mono_add(clock_mono(), most);
}

static struct message
publish_to_message(struct channel *ch, const struct mqtt_publish *p, uint8_t *frame,
    const struct mqtt_frame *f)
{
	struct message m = { .topic = p->topic,
		.payload = p->payload,
		.from = session_clientid(ch->session),
		.expires = { INT64_MAX },
		.at = clock_wall(),
		.publisher = (uintptr_t)ch->session,
		.qos = p->qos,
		.retain = p->retain };

	if (EM_UNLIKELY((ch->flags & CHANNEL_TOPICS) != 0) &&
	    prop_is_forwardable(&p->props)) {
		m.props = p->props.raw; /* and the frame has another topic */
	} else if (EM_LIKELY(p->props.set == 0 || prop_is_forwardable(&p->props))) {
		/* The frame may go on as it is, but for the flags of its first byte. */
		frame[0] = (uint8_t)(MQTT_PUBLISH << 4 | p->qos << 1);
		m.wire = slice_of(frame, f->total);
		m.wire_version = ch->version;
		if (p->props.set != 0)
			m.props = p->props.raw;
	} else {
		uint8_t *props = client_scratch(p->props.raw.n);

		m.props = slice_of(props, prop_forward(&p->props, props));
	}
	set_expiry(ch, &m, p);
	return m;
}

void
publish_acknowledge(struct channel *ch, uint8_t qos, uint16_t id, uint8_t code)
{
	/* With an error the exchange is over: no PUBREL follows [MQTT5-4.3.3-9]. */
	if (qos == 2 && code >= 0x80 && code != REASON_PACKET_IDENTIFIER_IN_USE &&
	    channel_is_v5(ch))
		(void)!session_pubrel(ch->session, id);
	ack_send(ch, qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, id, code);
}

/* Must its acknowledgement wait: for the disk, or for one before it? */
static bool
is_late(const struct channel *ch, const struct mqtt_publish *p)
{
	return (ch->flags & CHANNEL_ACKS_WAIT) != 0 ||
	       (p->retain && retain_is_durable(p->topic)) ||
	       (p->topic.p[0] == '$' && delayed_is_asked(p->topic));
}

/* A QoS 2 message that came before is acknowledged again, behind what it waits for. */
static void
acknowledge_again(struct channel *ch, const struct mqtt_publish *p)
{
	struct change *flush;
	struct pending *pending;

	if (EM_LIKELY(!is_late(ch, p))) {
		ack_send(ch, MQTT_PUBREC, p->packet_id, 0);
		return;
	}
	pending = pending_open(ch, p->packet_id, 2);
	flush = store_is_born() ? change_flush() : NULL;
	if (flush != NULL)
		change_send(&flush, pending_done, pending);
	else
		pending_due(pending);
}

/* False: the message was received before, or there are too many. */
static bool
is_first_time(struct channel *ch, const struct mqtt_publish *p)
{
	em_err err = session_await_pubrel(
	    ch->session, p->packet_id, channel_promise(ch).max_awaiting_rel);

	if (EM_LIKELY(err == EM_OK))
		return true;
	if (err == EM_EXISTS && p->dup) {
		metric_inc(METRIC_PACKETS_PUBLISH_REPEATED);
		acknowledge_again(ch, p);
	} else if (err == EM_EXISTS) {
		/* Without DUP it is another message with an id that is in use. */
		metric_inc(METRIC_PACKETS_PUBLISH_INUSE);
		ack_send(ch, MQTT_PUBREC, p->packet_id, REASON_PACKET_IDENTIFIER_IN_USE);
	} else {
		metric_inc(METRIC_PACKETS_PUBLISH_DROPPED);
		channel_refuse(ch, REASON_RECEIVE_MAXIMUM_EXCEEDED,
		    "[MQTT5-3.3.4-7] more QoS 2 messages without PUBREL than the Receive "
		    "Maximum");
	}
	return false;
}

static uint8_t
code_of(const struct road_result *r)
{
	if (EM_UNLIKELY(r->refused != 0))
		return r->refused;
	/* It was routed, but the board did not take it; one that is off takes nothing. */
	if (EM_UNLIKELY(r->retained != EM_OK && r->retained != EM_STATE))
		return REASON_QUOTA_EXCEEDED;
	return r->receivers == 0 ? REASON_NO_MATCHING_SUBSCRIBERS : 0;
}

/* What a client of 3.x, or of QoS 0, is not told. */
static void
log_refused(struct channel *ch, const struct message *m, const struct road_result *r)
{
	bool is_retained = r->refused == 0 && r->retained != EM_OK;

	if (EM_LIKELY(
		r->refused == 0 && (r->retained == EM_OK || r->retained == EM_STATE)))
		return;
	LOG(WARN, is_retained ? "message_not_retained" : "message_refused", "clientid",
	    session_clientid(ch->session), "topic", m->topic, "cause",
	    is_retained ? err_text(r->retained) : reason_name(r->refused));
}

/* Down the road, and its acknowledgement when its time has come; the worker to wait for. */
static struct worker *
publish_late(struct channel *ch, const struct mqtt_publish *p, struct message *m)
{
	struct pending *pending = pending_open(ch, p->packet_id, p->qos);
	struct message_wait wait = { .done = pending_done, .arg = pending };
	struct road_result result = road_publish(m, &wait);

	log_refused(ch, m, &result);
	pending_code(pending, code_of(&result));
	if (!wait.is_asked)
		pending_due(pending);
	return result.is_full;
}

static struct worker *
publish_now(struct channel *ch, const struct mqtt_publish *p, struct message *m)
{
	struct road_result result = road_publish(m, NULL);

	log_refused(ch, m, &result);
	if (p->qos > 0)
		publish_acknowledge(ch, p->qos, p->packet_id, code_of(&result));
	return result.is_full;
}

void
publish_on_packet(struct channel *ch, uint8_t *frame, const struct mqtt_frame *f)
{
	unsigned flags = channel_decode_flags(channel_zone(ch));
	struct mqtt_publish p;
	struct mqtt_fault fault;
	struct worker *full;
	struct message m;

	if (EM_UNLIKELY(mqtt_decode_publish(f, channel_version(ch), flags, &p, &fault) !=
			EM_OK)) {
		metric_inc(METRIC_PACKETS_PUBLISH_ERROR);
		channel_fault(ch, &fault);
		return;
	}
	if (!resolve_alias(ch, &p) || !is_allowed(ch, &p) || !change_topic(ch, &p)) {
		metric_inc(METRIC_PACKETS_PUBLISH_ERROR);
		return;
	}
	metric_inc(metrics_received(p.qos));
	if (p.qos == 2 && !is_first_time(ch, &p))
		return;
	m = publish_to_message(ch, &p, frame, f);
	if (EM_UNLIKELY(trace_is_on()))
		tracing_publish(ch, &m);
	if (EM_UNLIKELY(p.qos > 0 && is_late(ch, &p)))
		full = publish_late(ch, &p, &m);
	else
		full = publish_now(ch, &p, &m);
	message_done(&m);
	if (EM_UNLIKELY(full != NULL))
		pressure_pause(ch, full);
}
