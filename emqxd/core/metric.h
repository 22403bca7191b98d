/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metric: counters and gauges by id, one array a thread, summed by the reader.
 * What they are called stands in model/metric.def.
 */
#ifndef CORE_METRIC_H
#define CORE_METRIC_H

#include "emqxd/core/worker.h"

static inline void
metric_add(unsigned id, uint64_t n)
{
	_Atomic uint64_t *m = &worker_self()->metric[id];

	atomic_store_explicit(
	    m, atomic_load_explicit(m, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline void
metric_inc(unsigned id)
{
	metric_add(id, 1);
}

/* A gauge goes down on the thread that took it up, or on another: the sum counts. */
static inline void
metric_sub(unsigned id, uint64_t n)
{
	metric_add(id, (uint64_t)0 - n);
}

/* Sum over all threads. */
uint64_t metric_sum(unsigned id);

#endif
