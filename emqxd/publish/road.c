/* SPDX-License-Identifier: Apache-2.0 */
/* road: see road.h. */
#include "emqxd/publish/road.h"
#include "emqxd/model/metrics.h"
#include "emqxd/retain/retain.h"

struct road_result
road_publish(struct message *m)
{
	struct road_result result = { .retained = EM_OK };
	struct router_result routed;

	if (EM_UNLIKELY(m->retain)) {
		result.retained = retain_store(m);
		if (result.retained == EM_OK && m->payload.n > 0)
			metric_inc(METRIC_MESSAGES_RETAINED);
	}
	routed = router_publish(m);
	result.receivers = routed.receivers;
	result.is_full = routed.is_full;
	if (EM_UNLIKELY(routed.receivers == 0)) {
		metric_inc(METRIC_MESSAGES_DROPPED);
		metric_inc(METRIC_MESSAGES_DROPPED_NO_SUBSCRIBERS);
	}
	return result;
}
