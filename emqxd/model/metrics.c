/* SPDX-License-Identifier: Apache-2.0 */
/* metrics: see metrics.h. */
#include "emqxd/model/metrics.h"

static const struct metrics_info info[] = {
#define METRIC(id_, name_, help_) [METRIC_##id_] = { name_, help_ },
#include "emqxd/model/metric.def"
#undef METRIC
};

const struct metrics_info *
metrics_get(unsigned id)
{
	CHECK(id < METRIC_N);
	return &info[id];
}
