/* SPDX-License-Identifier: Apache-2.0 */
/* limit: see limit.h. */
#include "emqxd/limit/limit.h"
#include "emqxd/core/alarm.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "emqxd/limit/group.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK span_ms(250)
#define TRIM_EVERY span_s(5) /* at most */

/* What unfinished things may take together: this part of the ceiling, below it and above. */
static const struct {
	uint64_t below, above;
} part_of[] = { [LIMIT_STRANGER] = { 8, UINT64_MAX }, [LIMIT_CLIENT] = { 4, 16 } };

struct limit {
	_Atomic uint64_t max, resident;
	_Atomic bool is_reached;
	struct timer timer;         /* the first client worker's, as the next is */
	mono_t trimmed;             /* when a job was asked to */
	_Atomic uint64_t held_then; /* held, when resident was looked at */
	_Alignas(64) _Atomic uint64_t held;
};

static struct limit *
self(void)
{
	return node_slot(ROOM_LIMIT);
}

static uint64_t
resident_now(void)
{
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	char text[128], *end = text;
	ssize_t got;

	if (fd < 0)
		return 0;
	got = read(fd, text, sizeof text - 1);
	close(fd);
	text[got > 0 ? got : 0] = '\0';
	strtoull(text, &end, 10); /* the second number of it */
	return strtoull(end, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t
of_the_machine(void)
{
	uint64_t all =
	    (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t group = group_memory(CGROUP_SELF, CGROUP_ROOT);

	return (group > 0 && group < all ? group : all) / 5 * 4;
}

void
limit_birth(void)
{
	struct limit *l = aligned_alloc(64, sizeof *l);

	CHECK(l != NULL && self() == NULL);
	memset(l, 0, sizeof *l);
	l->max = UINT64_MAX;
	node_slot_set(ROOM_LIMIT, l);
}

void
limit_death(void)
{
	mem_free(self());
	node_slot_set(ROOM_LIMIT, NULL);
}

void
limit_configure(uint64_t bytes)
{
	atomic_store(&self()->max, bytes == LIMIT_AUTO ? of_the_machine() : bytes);
}

static void
trim(struct job *j)
{
	mem_trim();
	mem_free(j);
}

/* Much of what is resident may be free, in the heap between what is in use. */
static void
ask_for_trim(struct limit *l)
{
	struct job *j;

	if (l->trimmed.ns != 0 && mono_since(clock_mono(), l->trimmed).ns < TRIM_EVERY.ns)
		return;
	l->trimmed = clock_mono();
	j = MEM_NEW(struct job);
	j->run = trim;
	jobs_post(j);
}

static void
look(struct limit *l)
{
	uint64_t held = atomic_load(&l->held);
	uint64_t resident = resident_now();
	uint64_t max = atomic_load(&l->max);
	bool was = atomic_load(&l->is_reached);
	bool is = resident >= (was ? max / 20 * 19 : max);

	atomic_store(&l->resident, resident);
	atomic_store(&l->held_then, held);
	atomic_store(&l->is_reached, is);
	if (resident >= max / 10 * 9)
		ask_for_trim(l);
	if (is && !was)
		alarm_raise("memory_limit", NULL,
		    "%llu MB are resident, node.memory_limit is %llu MB: new work is "
		    "refused",
		    (unsigned long long)resident >> 20, (unsigned long long)max >> 20);
	if (was && !is)
		alarm_clear("memory_limit");
}

static void
on_time(struct timer *t)
{
	look(LIST_OWNER(t, struct limit, timer));
	timer_arm(t, LOOK, on_time);
}

void
limit_worker_birth(void)
{
	if (worker_self()->id == 0)
		timer_arm(&self()->timer, LOOK, on_time);
}

void
limit_worker_death(void)
{
	if (worker_self()->id == 0)
		timer_cancel(&self()->timer);
}

bool
limit_is_reached(void)
{
	const struct limit *l = self();

	return l != NULL && atomic_load_explicit(&l->is_reached, memory_order_relaxed);
}

/* Is there too much, as far as can be known between two looks? */
static bool
is_too_much(const struct limit *l, uint64_t held)
{
	uint64_t then = atomic_load_explicit(&l->held_then, memory_order_relaxed);
	uint64_t since = held > then ? held - then : 0;

	return limit_is_reached() ||
	       atomic_load_explicit(&l->resident, memory_order_relaxed) + since >=
		   atomic_load_explicit(&l->max, memory_order_relaxed);
}

bool
limit_hold(size_t n, enum limit_who who)
{
	struct limit *l = self();
	uint64_t held, max;

	if (l == NULL)
		return true;
	held = atomic_fetch_add_explicit(&l->held, n, memory_order_relaxed) + n;
	max = atomic_load_explicit(&l->max, memory_order_relaxed);
	if (held <= max / part_of[who].below &&
	    (held <= max / part_of[who].above || !is_too_much(l, held)))
		return true;
	limit_release(n);
	return false;
}

void
limit_hold_anyway(size_t n)
{
	struct limit *l = self();

	if (l != NULL)
		atomic_fetch_add_explicit(&l->held, n, memory_order_relaxed);
}

void
limit_release(size_t n)
{
	struct limit *l = self();

	if (l != NULL)
		atomic_fetch_sub_explicit(&l->held, n, memory_order_relaxed);
}

void
limit_memory(uint64_t *resident, uint64_t *max)
{
	*resident = atomic_load(&self()->resident);
	*max = atomic_load(&self()->max);
}
