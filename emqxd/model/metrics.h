/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics: the names of counters; metric.def is the register, core/metric.h counts.
 */
#ifndef MODEL_METRICS_H
#define MODEL_METRICS_H

#include "emqxd/core/metric.h"

enum metrics {
#define METRIC(id_, ...) METRIC_##id_,
#include "emqxd/model/metric.def"
#undef METRIC
	METRIC_N
};
_Static_assert(METRIC_N <= METRIC_MAX, "core/worker.h has too few counters");

/* messages.qos0.received and so on, which stand in pairs in the register. */
static inline unsigned
metrics_received(uint8_t qos)
{
	_Static_assert(
	    METRIC_MESSAGES_QOS1_RECEIVED == METRIC_MESSAGES_QOS0_RECEIVED + 2 &&
		METRIC_MESSAGES_QOS2_RECEIVED == METRIC_MESSAGES_QOS0_RECEIVED + 4,
	    "the order of metric.def");
	return METRIC_MESSAGES_QOS0_RECEIVED + 2u * qos;
}

static inline unsigned
metrics_sent(uint8_t qos)
{
	_Static_assert(METRIC_MESSAGES_QOS1_SENT == METRIC_MESSAGES_QOS0_SENT + 2 &&
			   METRIC_MESSAGES_QOS2_SENT == METRIC_MESSAGES_QOS0_SENT + 4,
	    "the order of metric.def");
	return METRIC_MESSAGES_QOS0_SENT + 2u * qos;
}

struct metrics_info {
	const char *name, *help;
};
/* @id < METRIC_N */
const struct metrics_info *metrics_get(unsigned id);
/* Its value now, over all threads.  Totals that others add up to (packets.received,
 * messages.sent ...) are sums: the message path counts each thing once. */
uint64_t metrics_read(unsigned id);

#endif
