/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watchdog: do all threads turn?  A turn over 100 ms is counted and logged by the
 * thread itself; one that has not come back after 5 s is an error that main logs;
 * one over node.watchdog is told with the stacks of all threads, and then the
 * process aborts.  The service manager hears from us only while all turn.
 *
 * Main looks once a second; that is also the log's tick.
 */
#ifndef APP_WATCHDOG_H
#define APP_WATCHDOG_H

#include "emqxd/core/worker.h"

struct watchdog;

/* On main, before the threads and after them. */
struct watchdog *watchdog_new(void);
void watchdog_free(struct watchdog **wp);
/* On each thread that is watched. */
void watchdog_worker_birth(struct watchdog *d);
/* Turns of @w that took over 100 ms.  Any thread. */
uint64_t watchdog_slow_turns(const struct watchdog *d, const struct worker *w);

#endif
