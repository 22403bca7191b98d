/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer: a hierarchical wheel, O(1) to arm and cancel, ticks of 16.8 ms.  A
 * timer never fires early and at most two ticks late; a turn fires as many as a
 * bounded time allows, so a million due at once stall nobody.
 *
 * Timers sit inside their objects (32 bytes) and belong to the thread that armed
 * them.  A callback may free the object and may arm the timer again.
 */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include "ipc/base/span.h"

#include <stdbool.h>

struct timer;
typedef void timer_fn(struct timer *t);

struct timer_link { /* of a ring */
	struct timer_link *next, *prev;
};

struct timer {
	struct timer_link link; /* first; next NULL: not armed */
	timer_fn *fn;
	uint32_t tick;
	uint32_t spare; /* the owner's */
};

/* Arms (again) to fire @after from now; SPAN_INFINITE cancels.  More than half a year is
 * taken as that: who allows more looks at the clock when it fires. */
void timer_arm(struct timer *t, span_t after, timer_fn *fn);
void timer_cancel(struct timer *t);
static inline bool
timer_is_armed(const struct timer *t)
{
	return t->link.next != NULL;
}

/* The loop's part. */
struct wheel *wheel_new(mono_t now);
void wheel_free(struct wheel **wp);
/* Fires what is due, for a bounded time; true: more is due now. */
bool wheel_run(struct wheel *w, mono_t now);
/* How long the loop may wait. */
span_t wheel_next(const struct wheel *w, mono_t now);

#endif
