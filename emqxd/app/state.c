/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state: for somebody who cannot ask through the socket.  The lines are warnings,
 * so that they are written at the level that is usual.
 */
#include "emqxd/app/state.h"
#include "emqxd/app/app.h"
#include "emqxd/app/watchdog.h"
#include "emqxd/core/lock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/slab.h"
#include "emqxd/core/worker.h"

static void
dump_worker(const struct app *a, const struct worker *w, mono_t now)
{
	int64_t since = atomic_load_explicit(&w->turn_since, memory_order_relaxed);
	const char *doing = atomic_load_explicit(&w->doing, memory_order_relaxed);

	LOG(WARN, "state_worker", "worker", w->id, "kind", worker_kind_name(w->kind),
	    "doing", since != 0 ? doing : "waiting", "ms",
	    since != 0 ? span_to_ms(mono_since(now, (mono_t){ since })) : 0, "turns",
	    loop_turns(w->loop), "longest_ms", span_to_ms(loop_turn_max(w->loop)), "slow",
	    w->kind == WORKER_CLIENTS || w->kind == WORKER_ADMIN
		? watchdog_slow_turns(a->watchdog, w)
		: 0,
	    "mailbox_bytes", atomic_load_explicit(&w->box.waiting, memory_order_relaxed));
}

static void
dump_lock(enum lock_id id)
{
	struct lock_stat s = lock_stat_get(id);

	LOG(WARN, "state_lock", "lock", s.name, "taken", s.taken, "contended",
	    s.contended, "waited_ms", span_to_ms(s.waited));
}

void
state_dump(const struct app *a)
{
	mono_t now = span_mono_now();
	uint64_t held, used;

	slab_usage(&held, &used);
	LOG(WARN, "state", "workers", worker_count(), "files", a->files, "slab_held",
	    held, "slab_used", used, "to_be_freed", qsbr_waiting());
	for (unsigned i = 0; i < worker_all(); i++)
		dump_worker(a, worker_get(i), now);
	for (unsigned id = 0; id < LOCK_N; id++)
		dump_lock((enum lock_id)id);
}
