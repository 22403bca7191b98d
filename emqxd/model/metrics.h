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

struct metrics_info {
	const char *name, *help;
};
/* @id < METRIC_N */
const struct metrics_info *metrics_get(unsigned id);
/* Its value now, over all threads.  Totals that others add up to (packets.received,
 * messages.sent ...) are sums: the message path counts each thing once. */
uint64_t metrics_read(unsigned id);

#endif
