/* SPDX-License-Identifier: Apache-2.0 */
/* node_turn: see node_turn.h. */
#include "tests/sim/node_turn.h"
#include "tests/sim/chance.h"
#include "tests/sim/fiber.h"
#include "tests/sim/trail.h"
#include "tests/sim/wire.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/lock.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/worker.h"
#include "emqxd/session/inside.h"
#include "ipc/base/vec.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SETS_MAX (WORKER_MAX + 3)
#define EPOLL_FD 50000
#define EVENT_FD 60000
#define DOOR_FD 70000
#define START INT64_C(1000000000000)

struct interest {
	int fd;
	uint32_t events;
	void *ptr;
};

/* An epoll set and its eventfd: one a worker, in the order of their ids. */
struct set {
	VEC(struct interest) of;
	bool is_woken; /* the eventfd was written to since it was reported */
	bool is_waiting, is_forced;
	int64_t deadline;
	uint64_t quiet; /* times that it was quiescent */
};

struct waiting_job {
	struct job *job;
	uint64_t since[WORKER_MAX]; /* set.quiet; UINT64_MAX: was quiescent then */
};

static struct {
	struct set set[SETS_MAX];
	unsigned sets, events; /* made so far */
	struct fiber *fiber[WORKER_MAX];
	unsigned workers, yields;
	bool is_fair, is_over;
	int locks; /* held */
	int64_t now;
	VEC(struct waiting_job) jobs;
} turn;

/* What the linker puts in place of others (--wrap). */
int __wrap_epoll_create1(int flags);
int __wrap_eventfd(unsigned count, int flags);
int __wrap_epoll_ctl(int epfd, int op, int fd, struct epoll_event *e);
int __wrap_epoll_wait(int epfd, struct epoll_event *e, int max, int timeout);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __real_write(int fd, const void *p, size_t n);
mono_t __wrap_span_mono_now(void);
wall_t __wrap_span_wall_now(void);
void __wrap_jobs_post(struct job *j);
void __wrap_urcu_qsbr_synchronize_rcu(void);
void __wrap_urcu_qsbr_register_thread(void);
void __wrap_urcu_qsbr_unregister_thread(void);
void __wrap_urcu_qsbr_thread_online(void);
void __wrap_urcu_qsbr_thread_offline(void);
void __wrap_lock_take(struct lock *l);
void __real_lock_take(struct lock *l);
void __wrap_lock_give(struct lock *l);
void __real_lock_give(struct lock *l);

void
node_turn_begin(const struct node_plan *plan)
{
	turn.workers = plan->workers;
	turn.yields = plan->yields;
	turn.is_fair = turn.is_over = false;
	turn.now = START;
	turn.sets = turn.events = 0;
}

static void
live(void *arg)
{
	struct worker *w = arg;

	while (!turn.is_over)
		loop_turn(w->loop);
}

void
node_turn_start(void)
{
	for (unsigned i = 0; i < turn.workers; i++) {
		if (turn.fiber[i] == NULL)
			turn.fiber[i] = fiber_new();
		fiber_start(turn.fiber[i], live, worker_get(i));
		turn.set[i].is_forced = true;
	}
	worker_act_as(NULL);
}

static void
resume(unsigned worker)
{
	worker_act_as(worker_get(worker));
	fiber_resume(turn.fiber[worker]);
	worker_act_as(NULL);
}

void
node_turn_stop(void)
{
	turn.is_over = true;
	for (unsigned i = 0; i < turn.workers; i++)
		while (!fiber_has_ended(turn.fiber[i]))
			resume(i);
}

void
node_turn_end(void)
{
	for (unsigned i = 0; i < SETS_MAX; i++) {
		VEC_FINI(&turn.set[i].of);
		turn.set[i] = (struct set){ 0 };
	}
	if (turn.jobs.n > 0)
		trail_finding("a job was never done");
	VEC_FINI(&turn.jobs);
}

/* ---- the clock */

int64_t
node_now(void)
{
	return turn.now;
}

void
node_pass(int64_t ns)
{
	turn.now += ns;
}

mono_t
__wrap_span_mono_now(void)
{
	return (mono_t){ turn.now };
}

wall_t
__wrap_span_wall_now(void)
{
	return (wall_t){ INT64_C(1700000000000000000) + turn.now };
}

/* ---- giving way */

void
node_may_yield(void)
{
	if (!fiber_is_running() || turn.locks > 0 || turn.is_fair || turn.yields == 0 ||
	    !chance_one_in(turn.yields))
		return;
	fiber_yield();
}

void
__wrap_lock_take(struct lock *l)
{
	__real_lock_take(l);
	turn.locks++;
}

void
__wrap_lock_give(struct lock *l)
{
	turn.locks--;
	__real_lock_give(l);
}

void
node_be_fair(void)
{
	turn.is_fair = true;
}

/* ---- epoll */

bool
node_is_fd(int fd)
{
	return fd >= EPOLL_FD && fd < DOOR_FD + WORKER_MAX;
}

int
node_turn_door_fd(unsigned worker)
{
	return DOOR_FD + (int)worker;
}

void
node_turn_force(unsigned worker)
{
	turn.set[worker].is_forced = true;
}

int
__wrap_epoll_create1(int flags)
{
	(void)flags;
	CHECK(turn.sets < SETS_MAX);
	return EPOLL_FD + (int)turn.sets++;
}

int
__wrap_eventfd(unsigned count, int flags)
{
	(void)count;
	(void)flags;
	return EVENT_FD + (int)turn.events++;
}

ssize_t
__wrap_write(int fd, const void *p, size_t n)
{
	if (fd < EVENT_FD || fd >= EVENT_FD + (int)SETS_MAX)
		return __real_write(fd, p, n);
	turn.set[fd - EVENT_FD].is_woken = true;
	return (ssize_t)n;
}

static struct interest *
find(struct set *s, int fd)
{
	for (size_t i = 0; i < s->of.n; i++)
		if (s->of.p[i].fd == fd)
			return &s->of.p[i];
	return NULL;
}

int
__wrap_epoll_ctl(int epfd, int op, int fd, struct epoll_event *e)
{
	struct set *s = &turn.set[epfd - EPOLL_FD];
	struct interest *i = find(s, fd);

	if (op == EPOLL_CTL_ADD) {
		CHECK(i == NULL);
		VEC_ADD(&s->of, ((struct interest){ fd, e->events, e->data.ptr }));
		return 0;
	}
	if (i == NULL) {
		errno = ENOENT;
		return -1;
	}
	if (op == EPOLL_CTL_MOD)
		*i = (struct interest){ fd, e->events, e->data.ptr };
	else
		*i = s->of.p[--s->of.n];
	return 0;
}

static uint32_t
ready(const struct set *s, const struct interest *i)
{
	if (i->fd >= EVENT_FD && i->fd < EVENT_FD + (int)SETS_MAX)
		return s->is_woken ? EPOLLIN : 0;
	if (i->fd >= DOOR_FD && i->fd < DOOR_FD + WORKER_MAX)
		return node_door_is_ready((unsigned)(i->fd - DOOR_FD)) ? EPOLLIN : 0;
	return wire_ready(i->fd) & (i->events | EPOLLERR | EPOLLHUP);
}

static bool
has_ready(const struct set *s)
{
	for (size_t i = 0; i < s->of.n; i++)
		if (ready(s, &s->of.p[i]) != 0)
			return true;
	return false;
}

/* The kernel may report what is ready a little later, in any order. */
static int
report(struct set *s, struct epoll_event *e, int max)
{
	size_t first = s->of.n > 0 ? chance_below((unsigned)s->of.n) : 0;
	int n = 0;

	for (size_t k = 0; k < s->of.n && n < max; k++) {
		const struct interest *i = &s->of.p[(first + k) % s->of.n];
		uint32_t events = ready(s, i);

		if (events == 0 || (!turn.is_fair && n > 0 && chance_one_in(3)))
			continue;
		e[n].events = events;
		e[n++].data.ptr = i->ptr;
		if (i->fd >= EVENT_FD && i->fd < EVENT_FD + (int)SETS_MAX)
			s->is_woken = false; /* edge-triggered */
	}
	return n;
}

int
__wrap_epoll_wait(int epfd, struct epoll_event *e, int max, int timeout)
{
	struct set *s = &turn.set[epfd - EPOLL_FD];

	s->is_waiting = true;
	s->deadline = timeout < 0 ? INT64_MAX : turn.now + timeout * INT64_C(1000000);
	fiber_yield();
	s->is_waiting = false;
	s->is_forced = false;
	return turn.is_over ? 0 : report(s, e, max);
}

/* ---- grace periods */

void
__wrap_urcu_qsbr_thread_offline(void)
{
	turn.set[worker_self()->id].quiet++;
}

void
__wrap_urcu_qsbr_thread_online(void)
{
}

void
__wrap_urcu_qsbr_register_thread(void)
{
}

void
__wrap_urcu_qsbr_unregister_thread(void)
{
}

void
__wrap_urcu_qsbr_synchronize_rcu(void)
{
}

void
__wrap_jobs_post(struct job *j)
{
	struct waiting_job wait = { .job = j };

	for (unsigned i = 0; i < turn.workers; i++)
		wait.since[i] = turn.set[i].is_waiting ? UINT64_MAX : turn.set[i].quiet;
	VEC_ADD(&turn.jobs, wait);
}

static bool
is_over(const struct waiting_job *wait)
{
	for (unsigned i = 0; i < turn.workers; i++)
		if (wait->since[i] != UINT64_MAX && !turn.set[i].is_waiting &&
		    turn.set[i].quiet == wait->since[i])
			return false;
	return true;
}

/* Does the first job whose grace period is over; false: there is none. */
static bool
do_job(void)
{
	for (size_t i = 0; i < turn.jobs.n; i++) {
		struct job *j = turn.jobs.p[i].job;

		if (!is_over(&turn.jobs.p[i]))
			continue;
		turn.jobs.p[i] = turn.jobs.p[--turn.jobs.n];
		j->run(j);
		return true;
	}
	return false;
}

/* ---- who goes on */

static bool
may_run(const struct set *s)
{
	return !s->is_waiting || s->is_forced || turn.now >= s->deadline || has_ready(s);
}

/* Retained messages that a session may have at once wait for nothing but the turn. */
static bool
sleeps_over_a_pull(const struct worker *w)
{
	const struct session_worker *sessions = w->slot[ROOM_SESSION];

	return sessions != NULL && !list_is_empty(&sessions->pulling) &&
	       !timer_is_armed(&sessions->pace);
}

/* When all wait, nobody may sleep over a letter or over work of its own: that would be a
 * lost wake-up. */
static void
check_sleepers(void)
{
	for (unsigned i = 0; i < turn.workers; i++)
		if (!turn.set[i].is_waiting)
			return;
	for (unsigned i = 0; i < turn.workers; i++) {
		const struct set *s = &turn.set[i];

		if (s->deadline <= turn.now || s->is_woken || s->is_forced)
			continue;
		if (atomic_load(&worker_get(i)->box.head) != NULL)
			trail_finding(
			    "lost wake-up: worker %u sleeps and a letter waits", i);
		if (sleeps_over_a_pull(worker_get(i)))
			trail_finding("lost wake-up: worker %u sleeps and a session "
				      "waits for retained messages",
			    i);
	}
}

bool
node_is_amid(void)
{
	for (unsigned i = 0; i < turn.workers; i++)
		if (!turn.set[i].is_waiting)
			return true;
	return false;
}

bool
node_step(void)
{
	unsigned first = chance_below(turn.workers);

	if (turn.jobs.n > 0 && chance_one_in(4) && do_job())
		return true;
	for (unsigned k = 0; k < turn.workers; k++) {
		unsigned i = (first + k) % turn.workers;

		if (!may_run(&turn.set[i]))
			continue;
		resume(i);
		check_sleepers();
		return true;
	}
	return do_job();
}

int64_t
node_next_timer(void)
{
	int64_t next = INT64_MAX;

	for (unsigned i = 0; i < turn.workers; i++)
		if (turn.set[i].deadline < next)
			next = turn.set[i].deadline;
	return next;
}
