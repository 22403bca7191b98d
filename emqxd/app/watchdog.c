/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watchdog: two callbacks in each thread's turn, one timer on main.
 *
 * A thread notes when it had taken its input (descriptors, letters, timers) and
 * when the turn is over: so a slow one says which half was slow.  Main reads what
 * the loop publishes: since when the turn lasts (0: it waits) and what it does.
 *
 * A process that was stopped or a machine that slept looks as if all threads hung:
 * a look that comes much too late itself is skipped.
 */
#include "emqxd/app/watchdog.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "emqxd/app/core_conf.h"
#include "emqxd/app/notify.h"
#include "emqxd/conf/snapshot.h"
#include "emqxd/core/crash.h"
#include "emqxd/core/log.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/timer.h"

#include <stdio.h>

#define PERIOD span_s(1)
#define TOO_LATE span_s(3) /* between two looks */
#define SLOW span_ms(100)
#define STUCK span_s(5)

/* Written by the thread. */
struct watched {
	mono_t input_at;
	_Atomic uint64_t slow;
};

struct watchdog {
	struct timer timer;
	mono_t last; /* look */
	span_t notify_every;
	mono_t notified;
	int64_t told[WORKER_MAX + 1]; /* the turn that was reported, by worker */
	struct watched watched[WORKER_MAX + 1];
};

static void
note_input(void *arg)
{
	struct watched *me = arg;

	me->input_at = span_mono_now();
}

static void
note_turn(void *arg)
{
	struct watched *me = arg;
	struct worker *w = worker_self();
	span_t input = mono_since(me->input_at, w->now);
	span_t took = mono_since(span_mono_now(), w->now);

	if (took.ns < SLOW.ns)
		return;
	atomic_fetch_add_explicit(&me->slow, 1, memory_order_relaxed);
	LOG(WARN, "turn_slow", "worker", w->id, "ms", span_to_ms(took), "in",
	    input.ns * 2 > took.ns ? "input" : "output");
}

void
watchdog_worker_birth(struct watchdog *d)
{
	struct worker *w = worker_self();
	struct watched *me = &d->watched[w->id];

	loop_at_turn(w->loop, LOOP_DELIVER, note_input, me);
	loop_at_turn(w->loop, LOOP_BURY, note_turn, me);
}

uint64_t
watchdog_slow_turns(const struct watchdog *d, const struct worker *w)
{
	CHECK(w->id <= WORKER_MAX);
	return atomic_load_explicit(&d->watched[w->id].slow, memory_order_relaxed);
}

static void
give_up(const struct worker *w, span_t age)
{
	const char *doing = atomic_load_explicit(&w->doing, memory_order_relaxed);
	char why[128], text[SPAN_TEXT_MAX];

	snprintf(why, sizeof why, "worker %u has been at '%s' for %s (node.watchdog)",
	    w->id, doing != NULL ? doing : "", span_print(age, text));
	crash_all_stacks(why);
}

/* Does it turn? */
static bool
look_at(struct watchdog *d, const struct worker *w, mono_t now, span_t limit)
{
	int64_t since = atomic_load_explicit(&w->turn_since, memory_order_relaxed);
	span_t age = mono_since(now, (mono_t){ since });

	if (since == 0)
		return true;
	if (age.ns >= limit.ns)
		give_up(w, age);
	if (age.ns < STUCK.ns)
		return true;
	if (d->told[w->id] != since) {
		d->told[w->id] = since;
		LOG(ERROR, "turn_stuck", "worker", w->id, "doing",
		    atomic_load_explicit(&w->doing, memory_order_relaxed), "seconds",
		    span_to_s(age));
	}
	return false;
}

static void
look(struct timer *t)
{
	struct watchdog *d = LIST_OWNER(t, struct watchdog, timer);
	const struct core_conf *conf = conf_get(CONF_CORE);
	mono_t now = span_mono_now();
	bool all_turn = true;

	timer_arm(t, PERIOD, look);
	log_tick();
	if (mono_since(now, d->last).ns < TOO_LATE.ns) {
		for (unsigned i = 0; i <= worker_count(); i++)
			all_turn &= look_at(d, worker_get(i), now, conf->watchdog);
	}
	d->last = now;
	if (all_turn && mono_since(now, d->notified).ns >= d->notify_every.ns) {
		d->notified = now;
		notify_send("WATCHDOG=1");
	}
}

struct watchdog *
watchdog_new(void)
{
	struct watchdog *d = MEM_NEW(struct watchdog);

	d->last = span_mono_now();
	/* Thrice in its patience, so that a late tick is no death. */
	d->notify_every = notify_watchdog();
	if (!span_is_infinite(d->notify_every))
		d->notify_every = span_ns(d->notify_every.ns / 3);
	timer_arm(&d->timer, PERIOD, look);
	return d;
}

void
watchdog_free(struct watchdog **wp)
{
	if (*wp == NULL)
		return;
	timer_cancel(&(*wp)->timer);
	MEM_FREE(*wp);
}
