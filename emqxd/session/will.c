/* SPDX-License-Identifier: Apache-2.0 */
/*
 * will: the message that a session leaves behind when its client goes without a word
 * [MQTT5-3.1.2.5].  It goes the road of all messages.
 */
#include "emqxd/core/clock.h"
#include "emqxd/model/metrics.h"
#include "emqxd/publish/road.h"
#include "emqxd/session/inside.h"

void
will_set(struct session *s, const struct session_will *will)
{
	struct session_rare *rare = session_rare_of(s);

	message_unref(&rare->will.message);
	rare->will = *will;
	rare->will.due = (mono_t){ INT64_MAX };
	rare->will.stamp = ++session_worker()->wills;
	if (EM_UNLIKELY(session_worker()->will_told != NULL))
		session_worker()->will_told(s, &rare->will);
}

void
will_drop(struct session *s)
{
	if (s->rare == NULL || s->rare->will.message == NULL)
		return;
	message_unref(&s->rare->will.message);
	if (EM_UNLIKELY(session_worker()->will_told != NULL))
		session_worker()->will_told(s, NULL);
}

void
will_publish(struct session *s)
{
	span_t most = zone_get(s->zone)->message_expiry_interval;
	struct message view;

	if (s->rare == NULL || s->rare->will.message == NULL)
		return;
	view = message_view_of(s->rare->will.message);
	message_unref(&view.kept); /* who keeps it keeps what is set here */
	view.at = clock_wall();
	view.publisher = (uintptr_t)s;
	/* Its interval counts from now on, not from the CONNECT that brought it. */
	if (view.expires.ns < most.ns)
		most = span_ns(view.expires.ns);
	view.expires = mono_add(clock_mono(), most);
	metric_inc(METRIC_MESSAGES_PUBLISH);
	road_publish(&view, NULL);
	message_done(&view);
	will_drop(s);
}
