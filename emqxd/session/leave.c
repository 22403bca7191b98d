/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leave: what a session owes to shared groups that it leaves.  A message that came by one
 * and never left, or left with QoS 1 and was not acknowledged, goes on to another
 * member; a QoS 2 message whose delivery began is this client's alone
 * [MQTT5-4.8.2-5].  What nobody else takes is dropped and counted.
 *
 * A session with very many subscriptions is over at once, for everybody: it is found no
 * more, is offline in its groups, and refuses what they and the router still bring.  What
 * is left of its subscriptions is taken out in the turns that follow.
 */
#include "emqxd/core/clock.h"
#include "emqxd/core/loop.h"
#include "emqxd/model/metrics.h"
#include "emqxd/session/exclusive.h"
#include "emqxd/session/inside.h"

#define LEAVE_AT_ONCE 256u /* subscriptions */
#define A_LOOK 32u         /* of them between two looks at the clock */

/* A membership that is gone: its names are good until the end of the turn. */
struct left {
	uint32_t share;
	struct slice group, filter;
};

struct leaving {
	VEC(struct left) memberships;
	VEC(struct message *) owed; /* references, for the memberships in `by` */
	VEC(uint32_t) by;
	uint32_t lost;
};

static void
note_membership(struct leaving *l, const struct subscription *sub)
{
	struct left left = { router_membership(sub), router_group(sub),
		router_filter(sub) };

	VEC_ADD(&l->memberships, left);
}

static void
owe(struct leaving *l, struct message *m, uint32_t share)
{
	VEC_ADD(&l->owed, m);
	VEC_ADD(&l->by, share);
}

/* From the window: QoS 1 goes on, QoS 2 does not. */
static void
empty_window(struct session *s, struct leaving *l)
{
	const struct inflight_slot *slot;
	uint32_t at = 0;
	uint16_t id;

	l->lost += inflight_unreceived(s->inflight);
	inflight_begin_all(s->inflight);
	while ((slot = inflight_next(s->inflight, &at, &id)) != NULL) {
		if (slot->state != INFLIGHT_PUBLISH || slot->qos != 1 || slot->share == 0)
			continue;
		owe(l, message_ref(slot->message), slot->share);
		l->lost--;
	}
	inflight_free(&s->inflight);
}

static void
empty_queue(struct session *s, struct leaving *l)
{
	struct mqueue_entry e;

	while (mqueue_pop(&s->mqueue, &e)) {
		if (e.share != 0 && e.qos > 0) {
			owe(l, e.message, e.share);
		} else {
			l->lost++;
			message_unref(&e.message);
		}
	}
}

static const struct left *
find(const struct leaving *l, uint32_t share)
{
	for (size_t i = 0; i < l->memberships.n; i++)
		if (l->memberships.p[i].share == share)
			return &l->memberships.p[i];
	return NULL;
}

/* Gives what is owed to the other members. */
static void
pass_on(struct leaving *l)
{
	mono_t now = clock_mono();

	for (size_t i = 0; i < l->owed.n; i++) {
		const struct left *left = find(l, l->by.p[i]);
		struct message view = message_view_of(l->owed.p[i]);

		if (left == NULL || message_is_expired(&view, now) ||
		    !router_redispatch(left->group, left->filter, &view))
			l->lost++;
		message_done(&view);
		message_unref(&l->owed.p[i]);
	}
	VEC_FINI(&l->owed);
	VEC_FINI(&l->by);
	VEC_FINI(&l->memberships);
}

void
leave_all(struct session *s)
{
	const struct subscription *v = router_subscriptions(&s->subscriber);
	struct leaving l = { .lost = 0 };

	for (uint32_t i = s->subscriber.n - s->subscriber.shared; i < s->subscriber.n;
	     i++)
		note_membership(&l, &v[i]);
	for (uint32_t i = 0; s->has_exclusive && i < s->subscriber.n; i++)
		if (v[i].opts.exclusive)
			exclusive_give(router_filter(&v[i]), session_clientid(s));
	router_unsubscribe_some(&s->subscriber, LEAVE_AT_ONCE);
	s->is_over = true; /* before its groups are asked: memberships may be left */
	empty_window(s, &l);
	empty_queue(s, &l);
	pass_on(&l);
	deliver_dropped(s, METRIC_DELIVERY_DROPPED_SESSION_ENDED, l.lost);
}

void
leave_moved(struct session *s)
{
	const struct subscription *v = router_subscriptions(&s->subscriber);

	for (uint32_t i = 0; s->has_exclusive && i < s->subscriber.n; i++)
		if (v[i].opts.exclusive)
			exclusive_give(router_filter(&v[i]), session_clientid(s));
	router_unsubscribe_some(&s->subscriber, LEAVE_AT_ONCE);
	s->is_over = true;
	inflight_free(&s->inflight);
	mqueue_free(&s->mqueue);
}

static void
on_leave(struct timer *t)
{
	struct session_worker *w = session_worker();

	do {
		struct session *s = w->leaving;

		router_unsubscribe_some(&s->subscriber, A_LOOK);
		if (s->subscriber.n == 0) {
			w->leaving = s->next;
			session_free(s);
		}
	} while (w->leaving != NULL && !loop_is_late());
	if (w->leaving != NULL)
		timer_arm(t, span_ms(1), on_leave);
}

void
leave_later(struct session *s)
{
	struct session_worker *w = session_worker();

	s->next = w->leaving;
	w->leaving = s;
	if (!timer_is_armed(&w->leave))
		timer_arm(&w->leave, span_ms(1), on_leave);
}

void
leave_end(void)
{
	struct session_worker *w = session_worker();

	timer_cancel(&w->leave);
	while (w->leaving != NULL) {
		struct session *s = w->leaving;

		w->leaving = s->next;
		router_unsubscribe_some(&s->subscriber, UINT32_MAX);
		session_free(s);
	}
}

static void
collect(struct mqueue_entry *e, void *arg)
{
	owe(arg, e->message, e->share);
}

void
leave_share(struct session *s, struct slice group, struct slice filter, uint32_t share)
{
	struct leaving l = { .lost = 0 };
	struct left left = { share, group, filter };

	VEC_ADD(&l.memberships, left);
	mqueue_take_share(&s->mqueue, share, collect, &l);
	pass_on(&l);
	deliver_dropped(s, METRIC_DELIVERY_DROPPED_SESSION_ENDED, l.lost);
}
