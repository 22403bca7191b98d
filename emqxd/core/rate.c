/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate: see rate.h.  The pace is whole nanoseconds: a rate over a thousand million a
 * second is no bound, and one near it is up to a half too generous.
 */
#include "emqxd/core/rate.h"
#include "ipc/base/check.h"

void
rate_configure(struct rate_gate *g, struct rate r)
{
	int64_t pace = 0;

	if (r.most > 0) {
		CHECK(r.per.ns > 0);
		pace = r.most > (uint64_t)r.per.ns ? 0 : r.per.ns / (int64_t)r.most;
	}
	atomic_store_explicit(&g->ahead, r.per.ns, memory_order_relaxed);
	atomic_store_explicit(&g->pace, pace, memory_order_relaxed);
}

uint32_t
rate_take(struct rate_gate *g, uint32_t want, mono_t now)
{
	int64_t pace = atomic_load_explicit(&g->pace, memory_order_relaxed);
	int64_t due, from, n;

	if (pace == 0)
		return want;
	due = atomic_load_explicit(&g->due, memory_order_relaxed);
	do {
		int64_t ahead = atomic_load_explicit(&g->ahead, memory_order_relaxed);

		from = due > now.ns ? due : now.ns;
		n = (now.ns + ahead - from) / pace;
		if (n <= 0)
			return 0;
		n = n < want ? n : want;
	} while (!atomic_compare_exchange_weak_explicit(
	    &g->due, &due, from + n * pace, memory_order_relaxed, memory_order_relaxed));
	return (uint32_t)n;
}

void
rate_give_back(struct rate_gate *g, uint32_t n)
{
	int64_t pace = atomic_load_explicit(&g->pace, memory_order_relaxed);

	atomic_fetch_sub_explicit(&g->due, n * pace, memory_order_relaxed);
}
