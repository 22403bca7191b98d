/* SPDX-License-Identifier: Apache-2.0 */
/* clock: see clock.h. */
#include "emqxd/core/clock.h"

static _Atomic(clock_source_fn *) clock_from;

void
clock_read(struct worker *w)
{
	clock_source_fn *fn = atomic_load_explicit(&clock_from, memory_order_relaxed);

	if (EM_UNLIKELY(fn != NULL)) {
		fn(&w->now, &w->now_wall);
		return;
	}
	w->now = span_mono_now();
	w->now_wall = span_wall_now();
}

void
clock_source(clock_source_fn *fn)
{
	atomic_store(&clock_from, fn);
}
