/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of the timer wheel, under a clock of our own. */
#include "emqxd/core/clock.h"
#include "emqxd/core/timer.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/rand.h"
#include "tests/unit/tap.h"

#define TICK (INT64_C(1) << 24)

struct alarm {
	struct timer timer;
	int64_t wanted, fired;
};

static void
setup(void)
{
	worker_init(1);
	worker_self()->now = (mono_t){ TICK };
	wheel_free(&worker_self()->wheel);
	worker_self()->wheel = wheel_new(worker_self()->now);
}

static void
note(struct timer *t)
{
	LIST_OWNER(t, struct alarm, timer)->fired = worker_self()->now.ns;
}

/* Lets time pass in steps of half a tick. */
static void
pass(int64_t ns)
{
	for (int64_t end = worker_self()->now.ns + ns; worker_self()->now.ns < end;) {
		worker_self()->now.ns += TICK / 2;
		while (wheel_run(worker_self()->wheel, worker_self()->now))
			;
	}
}

TEST(a_timer_is_never_early_and_at_most_two_ticks_late)
{
	struct alarm a[400] = { 0 };

	setup();
	rand_seed(7);
	for (unsigned i = 0; i < 400; i++) {
		int64_t ns = (int64_t)rand_below(i < 200 ? 300 * TICK : 70000 * TICK);

		a[i].wanted = worker_self()->now.ns + ns;
		timer_arm(&a[i].timer, span_ns(ns), note);
		worker_self()->now.ns += (int64_t)rand_below(TICK / 400);
	}
	pass(71000 * TICK);
	for (unsigned i = 0; i < 400; i++) {
		OK(a[i].fired >= a[i].wanted);
		OK(a[i].fired <= a[i].wanted + 3 * TICK);
		OK(!timer_is_armed(&a[i].timer));
	}
	worker_fini();
}

TEST(a_cancelled_timer_does_not_fire)
{
	struct alarm a = { 0 };

	setup();
	timer_arm(&a.timer, span_ms(100), note);
	timer_cancel(&a.timer);
	OK(!timer_is_armed(&a.timer));
	pass(100 * TICK);
	EQ(a.fired, 0);
	OK(span_is_infinite(wheel_next(worker_self()->wheel, worker_self()->now)));
	worker_fini();
}

TEST(arming_again_moves_it)
{
	struct alarm a = { 0 };

	setup();
	timer_arm(&a.timer, span_ns(10 * TICK), note);
	timer_arm(&a.timer, span_ns(1000 * TICK), note);
	pass(500 * TICK);
	EQ(a.fired, 0);
	pass(600 * TICK);
	OK(a.fired > 0);
	timer_arm(&a.timer, SPAN_INFINITE, note);
	OK(!timer_is_armed(&a.timer));
	worker_fini();
}

static void
again(struct timer *t)
{
	struct alarm *a = LIST_OWNER(t, struct alarm, timer);

	if (++a->fired < 5)
		timer_arm(t, span_ns(3 * TICK), again);
}

TEST(a_callback_may_arm_its_timer_again)
{
	struct alarm a = { 0 };

	setup();
	timer_arm(&a.timer, span_ns(3 * TICK), again);
	pass(100 * TICK);
	EQ(a.fired, 5);
	worker_fini();
}

static void
take_long(struct timer *t)
{
	mono_t end = mono_add(span_mono_now(), span_us(100));

	while (span_mono_now().ns < end.ns)
		;
	note(t);
}

TEST(a_turn_fires_for_a_bounded_time)
{
	enum { N = 64 };
	struct alarm *a = mem_new_array(N, sizeof *a);
	unsigned turns = 0;
	unsigned fired = 0;

	setup();
	for (unsigned i = 0; i < N; i++)
		timer_arm(&a[i].timer, span_ns(5 * TICK), take_long);
	worker_self()->now.ns += 10 * TICK;
	while (wheel_run(worker_self()->wheel, worker_self()->now)) {
		EQ(wheel_next(worker_self()->wheel, worker_self()->now).ns, 0);
		turns++;
	}
	for (unsigned i = 0; i < N; i++)
		fired += a[i].fired != 0;
	EQ(fired, N);
	OK(turns >= 3);
	mem_free(a);
	worker_fini();
}

TEST(one_of_many_that_are_due_may_be_cancelled_by_another)
{
	enum { N = 1000 };
	struct alarm *a = mem_new_array(N, sizeof *a);
	unsigned fired = 0;

	setup();
	for (unsigned i = 0; i < N; i++)
		timer_arm(&a[i].timer, span_ns(5 * TICK), note);
	for (unsigned i = 0; i < N; i += 2)
		timer_cancel(&a[i].timer);
	pass(10 * TICK);
	for (unsigned i = 0; i < N; i++)
		fired += a[i].fired != 0;
	EQ(fired, N / 2);
	mem_free(a);
	worker_fini();
}

TEST(the_loop_may_wait_until_the_next_timer_but_not_longer)
{
	struct alarm a = { 0 };
	int64_t waited = 0;

	setup();
	timer_arm(&a.timer, span_ns(900 * TICK), note);
	for (unsigned rounds = 0; a.fired == 0 && rounds < 100; rounds++) {
		span_t wait = wheel_next(worker_self()->wheel, worker_self()->now);

		worker_self()->now.ns += wait.ns;
		waited += wait.ns;
		wheel_run(worker_self()->wheel, worker_self()->now);
	}
	OK(a.fired != 0);
	OK(waited >= 900 * TICK && waited <= 903 * TICK);
	worker_fini();
}

TEST(a_long_sleep_skips_no_timer)
{
	struct alarm a = { 0 }, b = { 0 };

	setup();
	timer_arm(&a.timer, span_ns(70000 * TICK), note);
	timer_arm(&b.timer, span_ns(200 * TICK), note);
	worker_self()->now.ns += 80000 * TICK;
	while (wheel_run(worker_self()->wheel, worker_self()->now))
		;
	OK(a.fired != 0 && b.fired != 0);
	worker_fini();
}

/* A timer knows 32 bits of its tick: the wheel's count goes on. */
TEST(after_years_of_uptime_the_loop_still_waits)
{
	static const int64_t ticks[] = { 3, 50, 200, 300, 70000 };
	struct alarm a[5] = { 0 };

	setup();
	worker_self()->now.ns += (INT64_C(1) << 56) - 100 * TICK;
	OK(!wheel_run(worker_self()->wheel, worker_self()->now));
	for (unsigned i = 0; i < 5; i++) {
		a[i].wanted = worker_self()->now.ns + ticks[i] * TICK;
		timer_arm(&a[i].timer, span_ns(ticks[i] * TICK), note);
	}
	pass(150 * TICK);
	EQ(a[2].fired, 0);
	OK(wheel_next(worker_self()->wheel, worker_self()->now).ns > 40 * TICK);
	pass(71000 * TICK);
	for (unsigned i = 0; i < 5; i++) {
		OK(a[i].fired >= a[i].wanted);
		OK(a[i].fired <= a[i].wanted + 3 * TICK);
	}
	worker_fini();
}
