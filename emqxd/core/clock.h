/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock: the time as this turn sees it, read once a turn by the loop.  Who acts as
 * a worker (a test) sets it by hand.
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

#endif
