/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deliver: a message for a session: straight to the connection, into the window, or
 * into the queue; acknowledgements open the window again.
 *
 * QoS 0 goes at once unless the socket takes nothing (then it waits behind what waits
 * already).  QoS 1 and 2 go when the window has room and nothing waits.  Whatever is
 * dropped is counted once, by cause, and by session.
 */
#include "emqxd/core/clock.h"
#include "emqxd/limit/limit.h"
#include "emqxd/model/metrics.h"
#include "emqxd/session/inside.h"

#define MQTT_SUBID_MAX 0xfffffffu

void
deliver_dropped(struct session *s, unsigned cause, uint32_t n)
{
	if (n == 0)
		return;
	s->timer.spare += n;
	metric_add(METRIC_DELIVERY_DROPPED, n);
	metric_add(cause, n);
}

/* Hands it to the connection.  False: refused, and counted unless another member of its
 * group may take it. */
static bool
send_now(struct session *s, struct message *m, const struct session_out *out)
{
	if (EM_LIKELY(session_worker()->sink->publish(s->to, m, out))) {
		s->delivered++;
		return true;
	}
	if (out->share == 0)
		deliver_dropped(s, METRIC_DELIVERY_DROPPED_TOO_LARGE, 1);
	return false;
}

/* The topic counts as the client knows it. */
static uint32_t
priority_of(const struct session *s, const struct zone *zone, const struct message *m)
{
	struct slice topic = m->topic, mountpoint = session_mountpoint(s);
	int64_t priority;

	if (EM_LIKELY(zone->mqueue_priorities.n == 0))
		return MQUEUE_LOWEST;
	if (slice_starts(topic, mountpoint))
		topic = slice_from(topic, mountpoint.n);
	if (conf_map_find(&zone->mqueue_priorities, topic, &priority))
		return (uint32_t)priority;
	return zone->mqueue_default_highest ? MQUEUE_HIGHEST : MQUEUE_LOWEST;
}

static void
enqueue(struct session *s, const struct session_out *out, struct message *m)
{
	const struct zone *zone = zone_get(s->zone);
	struct mqueue_bounds bounds = { zone->max_mqueue_len, zone->max_mqueue_bytes };
	struct mqueue_entry e = { .subid = out->subid & MQTT_SUBID_MAX,
		.qos = out->qos & 3u,
		.retain = out->retain,
		.share = out->share };

	if (out->qos == 0 && !zone->mqueue_store_qos0) {
		deliver_dropped(s, METRIC_DELIVERY_DROPPED_QOS0, 1);
		return;
	}
	e.message = EM_LIKELY(!limit_is_reached()) ? message_keep(m) : NULL;
	if (e.message == NULL) {
		deliver_dropped(s, METRIC_DELIVERY_DROPPED_NO_MEMORY, 1);
		return;
	}
	deliver_dropped(s, METRIC_DELIVERY_DROPPED_QUEUE_FULL,
	    mqueue_push(
		EM_UNLIKELY(s->is_frozen) ? &session_rare_of(s)->late : &s->mqueue,
		&bounds, priority_of(s, zone, m), e));
}

/* QoS 1 and 2, with room in the window: takes the reference @kept.  False: refused. */
static bool
begin(struct session *s, struct session_out *out, struct message *m, struct message *kept)
{
	struct inflight_slot slot = { .message = kept,
		.subid = out->subid & MQTT_SUBID_MAX,
		.share = out->share,
		.state = INFLIGHT_PUBLISH,
		.qos = out->qos & 3u,
		.sent = inflight_tick(clock_mono()) & INFLIGHT_TICKS,
		.retain = out->retain };

	out->packet_id = inflight_push(&s->inflight, &s->seq, slot);
	if (EM_LIKELY(send_now(s, m, out))) {
		if (out->qos == 2)
			message_repay(kept); /* nobody else's any more [MQTT5-4.8.2-5] */
		if (EM_UNLIKELY(s->retries) && !timer_is_armed(&s->timer))
			again_arm(s);
		return true;
	}
	inflight_done(&s->inflight, inflight_find(s->inflight, s->seq, out->packet_id));
	return false;
}

bool
deliver_has_room(struct session *s, uint8_t qos)
{
	if (s->to == NULL || !session_worker()->sink->can_take(s->to))
		return false;
	if (qos == 0)
		return !mqueue_has_qos0(s->mqueue);
	return mqueue_count(s->mqueue) == 0 && inflight_has_room(s->inflight, s->window);
}

bool
deliver_to(struct session *s, const struct subopts *opts, struct message *m, bool retain,
    uint32_t share)
{
	struct session_out out = { .subid = opts->id,
		.share = share,
		.qos = opts->qos < m->qos ? opts->qos : m->qos,
		.retain = retain };
	struct message *kept;

	if (EM_UNLIKELY(zone_get(s->zone)->upgrade_qos))
		out.qos = opts->qos > m->qos ? opts->qos : m->qos;
	if (EM_UNLIKELY(!deliver_has_room(s, out.qos))) {
		enqueue(s, &out, m);
		return true;
	}
	if (out.qos == 0)
		return send_now(s, m, &out) || share == 0;
	kept = message_keep(m);
	if (kept != NULL)
		return begin(s, &out, m, kept) || share == 0;
	deliver_dropped(s, METRIC_DELIVERY_DROPPED_NO_MEMORY, 1);
	return true;
}

/* Is it the publisher's own, and unwanted?  What waited between (a delayed message) has the
 * client's id only. */
static bool
is_unwanted(const struct session *s, const struct subopts *opts, const struct message *m)
{
	if (!session_wants_no_own(s, opts))
		return false;
	return m->publisher == (uintptr_t)s ||
	       (m->publisher == 0 && m->from.n > 0 &&
		   slice_eq(m->from, session_clientid(s)));
}

bool
session_deliver(
    struct subscriber *subscriber, const struct subscription *sub, struct message *m)
{
	struct session *s = LIST_OWNER(subscriber, struct session, subscriber);
	bool retain = m->retain && sub->opts.retain_as_published;

	if (EM_UNLIKELY(s->to == NULL) && s->is_over)
		return sub->group == NULL; /* a group asks its next member */
	if (EM_UNLIKELY(m->publisher == (uintptr_t)s || m->publisher == 0) &&
	    is_unwanted(s, &sub->opts, m)) {
		metric_inc(METRIC_DELIVERY_DROPPED);
		metric_inc(METRIC_DELIVERY_DROPPED_NO_LOCAL);
		return true;
	}
	if (EM_LIKELY(sub->group == NULL))
		return deliver_to(s, &sub->opts, m, retain, 0);
	/* A member whose session ends just now lets the group try another. */
	if (s->to == NULL && s->expiry == 0 && !s->is_frozen)
		return false;
	return deliver_to(s, &sub->opts, m, retain, router_membership(sub));
}

/* ---- what waits */

static bool
may_go(struct session *s, const struct mqueue_entry *e)
{
	return session_worker()->sink->can_take(s->to) &&
	       (e->qos == 0 || inflight_has_room(s->inflight, s->window));
}

/* What was under way before this connection, as far as its window goes. */
static void
resend(struct session *s)
{
	const struct session_sink *sink = session_worker()->sink;
	struct inflight_slot *slot;
	uint16_t id;

	while ((slot = inflight_resend(s->inflight, s->window, &id)) != NULL) {
		struct session_out out = { .subid = slot->subid,
			.packet_id = id,
			.share = slot->share,
			.qos = slot->qos,
			.dup = true,
			.retain = slot->retain };

		if (slot->state == INFLIGHT_PUBREL) {
			sink->pubrel(s->to, id);
		} else if (!sink->publish(s->to, slot->message, &out)) {
			/* This connection takes less than the one before. */
			inflight_done(&s->inflight, slot);
			deliver_dropped(s, METRIC_DELIVERY_DROPPED_TOO_LARGE, 1);
			continue;
		}
		slot->sent = inflight_tick(clock_mono()) & INFLIGHT_TICKS;
	}
}

void
session_pump(struct session *s)
{
	const struct mqueue_entry *next;
	struct mqueue_entry e;

	if (s->to == NULL)
		return;
	resend(s);
	while ((next = mqueue_peek(s->mqueue)) != NULL && may_go(s, next) &&
	       mqueue_pop(&s->mqueue, &e)) {
		struct session_out out = { .subid = e.subid,
			.share = e.share,
			.qos = e.qos,
			.retain = e.retain };
		bool is_taken = true;

		if (message_is_expired(e.message, clock_mono())) {
			deliver_dropped(s, METRIC_DELIVERY_DROPPED_EXPIRED, 1);
			message_unref(&e.message);
		} else if (e.qos == 0) {
			is_taken = send_now(s, e.message, &out);
			message_unref(&e.message);
		} else {
			is_taken = begin(s, &out, e.message, e.message);
		}
		/* Of a shared one send_now() did not count it. */
		if (!is_taken && e.share != 0)
			deliver_dropped(s, METRIC_DELIVERY_DROPPED_TOO_LARGE, 1);
	}
	if (EM_UNLIKELY(s->rare != NULL))
		pull_schedule(s);
}

void
session_replay(struct session *s)
{
	inflight_rewind(s->inflight);
	session_pump(s);
	if (s->retries && inflight_count(s->inflight) > 0)
		again_arm(s);
}

/* ---- acknowledgements */

static void
finish(struct session *s, struct inflight_slot *slot)
{
	inflight_done(&s->inflight, slot);
	if (s->mqueue != NULL || s->rare != NULL || inflight_has_more(s->inflight))
		session_pump(s);
}

em_err
session_puback(struct session *s, uint16_t id)
{
	struct inflight_slot *slot = inflight_find(s->inflight, s->seq, id);

	if (slot == NULL)
		return EM_NOTFOUND;
	if (slot->qos != 1)
		return EM_STATE;
	metric_inc(METRIC_MESSAGES_ACKED);
	finish(s, slot);
	return EM_OK;
}

em_err
session_pubrec(struct session *s, uint16_t id, bool is_error)
{
	struct inflight_slot *slot = inflight_find(s->inflight, s->seq, id);

	if (slot == NULL)
		return EM_NOTFOUND;
	if (slot->qos != 2)
		return EM_STATE;
	if (slot->state == INFLIGHT_PUBLISH)
		metric_inc(METRIC_MESSAGES_ACKED);
	if (is_error) {
		finish(s, slot);
		return EM_OK;
	}
	message_unref(&slot->message);
	slot->state = INFLIGHT_PUBREL;
	slot->sent = inflight_tick(clock_mono()) & INFLIGHT_TICKS;
	session_worker()->sink->pubrel(s->to, id);
	return EM_OK;
}

em_err
session_pubcomp(struct session *s, uint16_t id)
{
	struct inflight_slot *slot = inflight_find(s->inflight, s->seq, id);

	if (slot == NULL)
		return EM_NOTFOUND;
	if (slot->state != INFLIGHT_PUBREL)
		return EM_STATE;
	finish(s, slot);
	return EM_OK;
}

em_err
session_await_pubrel(struct session *s, uint16_t id, uint32_t max)
{
	struct session_rare *rare = session_rare_of(s);
	em_err err = awaiting_add(&rare->awaiting, id, max, clock_mono());

	if (err == EM_OK && !timer_is_armed(&s->timer))
		again_arm(s);
	return err;
}

em_err
session_pubrel(struct session *s, uint16_t id)
{
	return s->rare != NULL ? awaiting_del(&s->rare->awaiting, id) : EM_NOTFOUND;
}
