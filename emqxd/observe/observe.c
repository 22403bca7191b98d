/* SPDX-License-Identifier: Apache-2.0 */
/* observe: see observe.h. */
#include "emqxd/observe/observe.h"
#include "ipc/base/mem.h"
#include "emqxd/core/worker.h"
#include "emqxd/observe/stats.h"
#include "emqxd/observe/trace.h"

struct observe {
	struct observe_traces *traces;
	struct observe_maxima *maxima;
};

static struct observe *
self(void)
{
	struct observe *o = node_slot(ROOM_OBSERVE);

	CHECK(o != NULL);
	return o;
}

em_err
observe_birth(struct fault *f)
{
	struct observe *o = MEM_NEW(struct observe);

	(void)f;
	node_slot_set(ROOM_OBSERVE, o);
	o->traces = observe_trace_new();
	o->maxima = observe_stats_new();
	return EM_OK;
}

void
observe_death(void)
{
	struct observe *o = node_slot(ROOM_OBSERVE);

	if (o == NULL)
		return;
	observe_trace_free(&o->traces);
	observe_stats_free(&o->maxima);
	node_slot_set(ROOM_OBSERVE, NULL);
	mem_free(o);
}

void
observe_worker_birth(void)
{
	if (worker_self()->kind == WORKER_ADMIN)
		observe_stats_serve();
	else
		observe_trace_worker_birth();
}

void
observe_worker_death(void)
{
	if (worker_self()->kind == WORKER_ADMIN)
		observe_stats_stop();
	else
		observe_trace_worker_death();
}

struct observe_traces *
observe_traces(void)
{
	return self()->traces;
}

struct observe_maxima *
observe_maxima(void)
{
	return self()->maxima;
}
