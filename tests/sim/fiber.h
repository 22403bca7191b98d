/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fiber: a stack of its own for each simulated thread, all on one thread.  Whoever
 * resumes one goes on when it yields or ends.
 */
#ifndef TESTS_SIM_FIBER_H
#define TESTS_SIM_FIBER_H

#include <stdbool.h>

struct fiber;
typedef void fiber_fn(void *arg);

/* One that has ended may be started again. */
struct fiber *fiber_new(void);
void fiber_start(struct fiber *f, fiber_fn *fn, void *arg);
void fiber_resume(struct fiber *f);
/* Inside one. */
void fiber_yield(void);
bool fiber_is_running(void);
bool fiber_has_ended(const struct fiber *f);

#endif
