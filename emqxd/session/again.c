/* SPDX-License-Identifier: Apache-2.0 */
/*
 * again: what time brings about while a session lives, on its one timer: messages that
 * are sent again on a live connection (3.x only, mqtt.retry_interval [MQTT5-4.4.0-1]),
 * QoS 2 ids whose PUBREL does not come (mqtt.await_rel_timeout), the will's delay, and
 * the session's end.  The timer is armed for the first of them, and again when it
 * fires; what comes later than it was armed for costs nothing.
 */
#include "emqxd/core/clock.h"
#include "emqxd/model/metrics.h"
#include "emqxd/session/inside.h"

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* How long ago it was sent. */
static int64_t
age_ns(const struct inflight_slot *slot, mono_t now)
{
	uint32_t ticks = (inflight_tick(now) - slot->sent) & INFLIGHT_TICKS;

	return (int64_t)ticks << 23;
}

/* When the next message is to be sent again. */
static int64_t
retry_due(struct session *s, mono_t now)
{
	span_t interval = zone_get(s->zone)->retry_interval;
	int64_t due = INT64_MAX;
	const struct inflight_slot *slot;
	uint32_t at = 0;
	uint16_t id;

	if (s->to == NULL || !s->retries || span_is_infinite(interval))
		return due;
	while ((slot = inflight_next(s->inflight, &at, &id)) != NULL)
		due = earlier(due, now.ns + interval.ns - age_ns(slot, now));
	return due;
}

void
again_arm(struct session *s)
{
	mono_t now = clock_mono();
	int64_t at = retry_due(s, now);

	if (s->is_frozen)
		return; /* it has no time of its own */
	if (s->to == NULL) {
		at = earlier(at, s->ends.ns);
		if (s->rare != NULL && s->rare->will.message != NULL)
			at = earlier(at, s->rare->will.due.ns);
	}
	if (s->rare != NULL)
		at = earlier(at,
		    awaiting_due(s->rare->awaiting, zone_get(s->zone)->await_rel_timeout)
			.ns);
	if (at == INT64_MAX)
		timer_cancel(&s->timer);
	else
		timer_arm(
		    &s->timer, span_ns(at > now.ns ? at - now.ns : 0), session_on_timer);
}

static void
send_again(struct session *s, struct inflight_slot *slot, uint16_t id)
{
	const struct session_sink *sink = session_worker()->sink;
	struct session_out out = { .subid = slot->subid,
		.share = slot->share,
		.packet_id = id,
		.qos = slot->qos,
		.dup = true,
		.retain = slot->retain };

	if (slot->state == INFLIGHT_PUBREL)
		sink->pubrel(s->to, id);
	else
		(void)!sink->publish(s->to, slot->message, &out);
}

static void
retry(struct session *s, mono_t now)
{
	span_t interval = zone_get(s->zone)->retry_interval;
	struct inflight_slot *slot;
	uint32_t at = 0;
	uint16_t id;

	if (s->to == NULL || !s->retries || span_is_infinite(interval))
		return;
	while ((slot = inflight_next(s->inflight, &at, &id)) != NULL) {
		if (age_ns(slot, now) < interval.ns)
			continue;
		/* A socket that takes nothing has it still; its turn comes an interval later. */
		if (session_worker()->sink->can_take(s->to))
			send_again(s, slot, id);
		slot->sent = inflight_tick(now) & INFLIGHT_TICKS;
	}
}

void
again_run(struct session *s, mono_t now)
{
	uint32_t n = 0;

	retry(s, now);
	if (s->rare != NULL)
		n = awaiting_expire(
		    &s->rare->awaiting, zone_get(s->zone)->await_rel_timeout, now);
	metric_add(METRIC_MESSAGES_DROPPED, n);
	metric_add(METRIC_MESSAGES_DROPPED_AWAIT_PUBREL_TIMEOUT, n);
}
