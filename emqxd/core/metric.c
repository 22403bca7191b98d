/* SPDX-License-Identifier: Apache-2.0 */
/* metric: see metric.h. */
#include "emqxd/core/metric.h"

uint64_t
metric_sum(unsigned id)
{
	uint64_t sum = 0;

	CHECK(id < METRIC_MAX);
	for (unsigned i = 0; i < worker_all(); i++)
		sum += atomic_load_explicit(
		    &worker_get(i)->metric[id], memory_order_relaxed);
	return sum;
}
