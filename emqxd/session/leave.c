/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leave: what a session owes to shared groups that it leaves.  A message that came by one
 * and never left, or left with QoS 1 and was not acknowledged, goes on to another
 * member; a QoS 2 message whose delivery began is this client's alone
 * [MQTT5-4.8.2-5].  What nobody else takes is dropped and counted.
 */
#include "emqxd/core/clock.h"
#include "emqxd/model/metrics.h"
#include "emqxd/session/exclusive.h"
#include "emqxd/session/inside.h"

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

	if (s->subscriber.has_shared)
		for (uint32_t i = 0; i < s->subscriber.n; i++)
			if (v[i].group != NULL)
				note_membership(&l, &v[i]);
	for (uint32_t i = 0; s->has_exclusive && i < s->subscriber.n; i++)
		if (v[i].opts.exclusive)
			exclusive_give(router_filter(&v[i]), session_clientid(s));
	router_unsubscribe_all(&s->subscriber);
	empty_window(s, &l);
	empty_queue(s, &l);
	pass_on(&l);
	deliver_dropped(s, METRIC_DELIVERY_DROPPED_SESSION_ENDED, l.lost);
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
