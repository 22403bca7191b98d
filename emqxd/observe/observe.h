/* SPDX-License-Identifier: Apache-2.0 */
/*
 * observe: the windows to look in.  What lives here: figures with their maxima
 * (stats.h), traces (trace.h).  What does not: the counters themselves
 * (core/metric.h), the points at which lines arise (core/trace_point.h), and how an
 * operator asks (admin/).
 *
 * Birth and death on main; the worker's on each client worker and on the admin thread.
 */
#ifndef OBSERVE_OBSERVE_H
#define OBSERVE_OBSERVE_H

#include "ipc/base/err.h"

EM_MUST_USE em_err observe_birth(struct fault *f);
void observe_death(void);
void observe_worker_birth(void);
void observe_worker_death(void);

/* ---- for the room's own files */

struct observe_traces;
struct observe_maxima;
struct observe_traces *observe_traces(void);
struct observe_maxima *observe_maxima(void);

#endif
