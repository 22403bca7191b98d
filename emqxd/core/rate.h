/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate: no more than so many in so long ("1000/s"), counted for the whole node.
 *
 * A gate keeps one number, the time at which everything let through so far would have
 * been due at an even pace; it may run ahead of the clock by one period.  So a gate that
 * rested lets one period's worth through at once, and then as many as the pace allows.
 *
 * Threads: any; rate_configure() while others take is fine.
 */
#ifndef CORE_RATE_H
#define CORE_RATE_H

#include "ipc/base/span.h"

#include <stdatomic.h>
#include <stdint.h>

struct rate {
	uint64_t most; /* 0: no bound */
	span_t per;    /* more than 0 */
};

struct rate_gate {             /* zeroed: no bound */
	_Atomic int64_t due;   /* ns of the monotonic clock */
	_Atomic int64_t pace;  /* ns each; 0: no bound */
	_Atomic int64_t ahead; /* ns that due may be before the clock */
};

void rate_configure(struct rate_gate *g, struct rate r);
/* How many of @want may go now: 0 .. @want.  One load when there is no bound. */
uint32_t rate_take(struct rate_gate *g, uint32_t want, mono_t now);
/* @n of those taken did not go. */
void rate_give_back(struct rate_gate *g, uint32_t n);

#endif
