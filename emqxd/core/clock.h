/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock: the time as this turn sees it.  Read once a turn by the loop;
 * replaceable, for the simulator.
 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include "emqxd/core/worker.h"

static inline mono_t
clock_mono(void)
{
	return worker_self()->now;
}

static inline wall_t
clock_wall(void)
{
	return worker_self()->now_wall;
}

/* Reads the clocks for @w's turn. */
void clock_read(struct worker *w);
/* From now on clock_read takes the time from here (NULL: from the system again). */
typedef void clock_source_fn(mono_t *mono, wall_t *wall);
void clock_source(clock_source_fn *fn);

#endif
