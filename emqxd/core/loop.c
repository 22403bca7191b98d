/* SPDX-License-Identifier: Apache-2.0 */
/* loop: see loop.h. */
#include "emqxd/core/loop.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/slab.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "ipc/base/mem.h"
#include "ipc/base/vec.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVENTS_MAX 512
#define LONG span_us(500)
#define TOO_LONG span_ms(2)
#define LATE span_us(900) /* after which a turn takes nothing more in */
#define LOOK 2            /* descriptors between two looks at the clock */

struct turn_call {
	loop_turn_fn *fn;
	void *arg;
};

struct loop {
	int epoll_fd;
	struct watch wake; /* the eventfd */
	bool is_hurried;
	_Atomic uint64_t turns, turns_long;
	_Atomic int64_t turn_max;
	VEC(struct turn_call) at_turn[LOOP_STAGE_N];
	struct epoll_event ready[EVENTS_MAX];
};

static void
ignore(struct watch *w, uint32_t events)
{
	(void)w;
	(void)events;
}

struct loop *
loop_new(void)
{
	struct loop *l = MEM_NEW(struct loop);
	em_err err;

	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	l->wake = (struct watch){ .on_ready = ignore,
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	CHECK(l->epoll_fd >= 0 && l->wake.fd >= 0);
	/* Edge-triggered and never read: a wake-up costs one write and nothing here. */
	err = loop_watch(l, &l->wake, EPOLLIN | EPOLLET);
	CHECK(err == EM_OK);
	return l;
}

void
loop_free(struct loop **lp)
{
	struct loop *l = *lp;

	if (l == NULL)
		return;
	close(l->epoll_fd);
	close(l->wake.fd);
	for (unsigned i = 0; i < LOOP_STAGE_N; i++)
		VEC_FINI(&l->at_turn[i]);
	MEM_FREE(*lp);
}

em_err
loop_watch(struct loop *l, struct watch *w, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = w };

	CHECK(w->on_ready != NULL && w->fd >= 0);
	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, w->fd, &e) == 0
		   ? EM_OK
		   : err_from_errno(errno);
}

void
loop_rewatch(struct loop *l, struct watch *w, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = w };
	int rc = epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, w->fd, &e);

	CHECK(rc == 0);
}

void
loop_unwatch(struct loop *l, struct watch *w)
{
	struct epoll_event e = { 0 };

	epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, &e);
	w->on_ready = ignore; /* its event of this turn may still come */
}

void
loop_at_turn(struct loop *l, enum loop_stage stage, loop_turn_fn *fn, void *arg)
{
	VEC_ADD(&l->at_turn[stage], ((struct turn_call){ fn, arg }));
}

void
loop_hurry(struct loop *l)
{
	l->is_hurried = true;
}

void
loop_wake(struct loop *l)
{
	uint64_t one = 1;
	ssize_t n;

	do
		n = write(l->wake.fd, &one, sizeof one);
	while (n < 0 && errno == EINTR);
	/* EAGAIN: the counter is at its maximum, the edge is there all the same. */
}

bool
loop_is_late(void)
{
	return mono_since(span_mono_now(), worker_self()->now).ns >= LATE.ns;
}

static int
timeout_ms(struct loop *l, struct worker *w)
{
	span_t left;

	if (l->is_hurried)
		return 0;
	left = wheel_next(w->wheel, w->now);
	if (span_is_infinite(left))
		return -1;
	return (int)(left.ns / 1000000 < 60000 ? (left.ns + 999999) / 1000000 : 60000);
}

static void
doing(struct worker *w, const char *what)
{
	atomic_store_explicit(&w->doing, what, memory_order_relaxed);
}

static int
wait_events(struct loop *l, struct worker *w)
{
	int timeout = timeout_ms(l, w);
	int n;

	l->is_hurried = false;
	if (timeout != 0 && !mailbox_may_sleep(w))
		timeout = 0;
	atomic_store_explicit(&w->turn_since, 0, memory_order_relaxed);
	qsbr_offline();
	n = epoll_wait(l->epoll_fd, l->ready, EVENTS_MAX, timeout);
	qsbr_online();
	mailbox_awake(w);
	clock_read(w);
	atomic_store_explicit(&w->turn_since, w->now.ns, memory_order_relaxed);
	return n;
}

static void
run_stage(struct loop *l, struct worker *w, enum loop_stage stage)
{
	doing(w, stage == LOOP_FLUSH ? "flush" : "end of turn");
	for (size_t i = 0; i < l->at_turn[stage].n; i++)
		l->at_turn[stage].p[i].fn(l->at_turn[stage].p[i].arg);
}

/* What there is no time for comes again, behind the others: it is still ready. */
static void
serve(struct loop *l, int n)
{
	for (int i = 0; i < n; i++) {
		struct watch *watch = l->ready[i].data.ptr;

		watch->on_ready(watch, l->ready[i].events);
		if (i % LOOK == LOOK - 1 && loop_is_late()) {
			l->is_hurried = true;
			return;
		}
	}
}

/* How much of a turn that took long was work: the thread may have waited for a CPU. */
static int64_t
worked(int64_t since, int64_t took)
{
	int64_t cpu = span_cpu_now().ns - since;

	return cpu < took ? cpu : took;
}

void
loop_turn(struct loop *l)
{
	struct worker *w = worker_self();
	int64_t took, cpu;
	int n;

	mailbox_post_all(w); /* what flushing or somebody between turns has written */
	n = wait_events(l, w);
	cpu = span_cpu_now().ns;

	doing(w, "letters");
	mailbox_open_all(w);
	doing(w, "descriptors");
	serve(l, n);
	doing(w, "timers");
	if (wheel_run(w->wheel, w->now))
		l->is_hurried = true;
	run_stage(l, w, LOOP_DELIVER);
	run_stage(l, w, LOOP_POST);
	mailbox_post_all(w);
	run_stage(l, w, LOOP_FLUSH);
	run_stage(l, w, LOOP_POST); /* pushed before the thread is quiescent */
	run_stage(l, w, LOOP_BURY);
	if (slab_turn())
		l->is_hurried = true;
	atomic_store_explicit(&l->turns, loop_turns(l) + 1, memory_order_relaxed);
	took = span_mono_now().ns - w->now.ns;
	if (took > LONG.ns)
		took = worked(cpu, took);
	if (took > TOO_LONG.ns)
		atomic_store_explicit(
		    &l->turns_long, loop_turns_long(l) + 1, memory_order_relaxed);
	if (took > atomic_load_explicit(&l->turn_max, memory_order_relaxed))
		atomic_store_explicit(&l->turn_max, took, memory_order_relaxed);
}

span_t
loop_turn_max(const struct loop *l)
{
	return span_ns(atomic_load_explicit(&l->turn_max, memory_order_relaxed));
}

uint64_t
loop_turns(const struct loop *l)
{
	return atomic_load_explicit(&l->turns, memory_order_relaxed);
}

uint64_t
loop_turns_long(const struct loop *l)
{
	return atomic_load_explicit(&l->turns_long, memory_order_relaxed);
}
