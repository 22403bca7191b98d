/* SPDX-License-Identifier: Apache-2.0 */
/* road: see road.h. */
#include "emqxd/publish/road.h"
#include "emqxd/model/metrics.h"
#include "emqxd/model/topic.h"
#include "emqxd/mqtt/reason.h"
#include "emqxd/publish/delayed.h"
#include "emqxd/store/change.h"

/* The notice board's part; false: it goes no further. */
static bool
retain(struct message *m, struct message_wait *wait, struct road_result *result)
{
	result->retained = retain_store(m, wait);
	/* A clearing is a row's change as well. */
	if (retain_is_durable(m->topic))
		result->is_full = change_is_full();
	if (m->payload.n > 0) {
		if (!topic_is_sys(m->topic) && result->retained != EM_STATE)
			metric_inc(result->retained == EM_OK
				       ? METRIC_MESSAGES_RETAINED
				       : METRIC_MESSAGES_RETAINED_REFUSED);
		return true;
	}
	return !retain_hides_clearing();
}

/* It waits beside the road. */
static struct road_result
delay(const struct message *m, struct message_wait *wait)
{
	struct road_result result = { .receivers = 1, .is_full = change_is_full() };
	em_err err = delayed_take(m, wait);

	if (err == EM_OK)
		return result;
	metric_inc(METRIC_MESSAGES_DROPPED);
	metric_inc(METRIC_MESSAGES_DELAYED_REFUSED);
	result.refused =
	    err == EM_MALFORMED ? REASON_TOPIC_NAME_INVALID : REASON_QUOTA_EXCEEDED;
	return result;
}

struct road_result
road_publish(struct message *m, struct message_wait *wait)
{
	struct road_result result = { .retained = EM_OK };
	struct router_result routed;

	if (EM_UNLIKELY(m->topic.p[0] == '$') && delayed_is_asked(m->topic))
		return delay(m, wait);
	if (EM_UNLIKELY(m->retain) && !retain(m, wait, &result))
		return result;
	routed = router_publish(m);
	result.receivers = routed.receivers;
	if (routed.is_full != NULL)
		result.is_full = routed.is_full;
	if (EM_UNLIKELY(routed.receivers == 0) && !topic_is_sys(m->topic)) {
		metric_inc(METRIC_MESSAGES_DROPPED);
		metric_inc(METRIC_MESSAGES_DROPPED_NO_SUBSCRIBERS);
	}
	return result;
}
