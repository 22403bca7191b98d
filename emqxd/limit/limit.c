/* SPDX-License-Identifier: Apache-2.0 */
/* limit: see limit.h. */
#include "emqxd/limit/limit.h"
#include "emqxd/core/alarm.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "emqxd/limit/group.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK span_ms(250)

struct limit {
	_Atomic uint64_t max, resident;
	_Atomic bool is_reached;
	struct timer timer; /* the first client worker's */
};

static struct limit *
self(void)
{
	return node_slot(ROOM_LIMIT);
}

/* The second number of the file, or the only one; 0: it says none. */
static uint64_t
number_in(const char *path, bool second)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[128], *end = text;
	uint64_t n;
	ssize_t got;

	if (fd < 0)
		return 0;
	got = read(fd, text, sizeof text - 1);
	close(fd);
	text[got > 0 ? got : 0] = '\0';
	n = strtoull(text, &end, 10); /* "max" gives 0 */
	return second ? strtoull(end, NULL, 10) : n;
}

static uint64_t
page(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t
of_the_machine(void)
{
	uint64_t all = (uint64_t)sysconf(_SC_PHYS_PAGES) * page();
	uint64_t group = group_memory(GROUP_SELF, GROUP_ROOT);

	return (group > 0 && group < all ? group : all) / 5 * 4;
}

void
limit_birth(void)
{
	struct limit *l = MEM_NEW(struct limit);

	CHECK(self() == NULL);
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
look(struct limit *l)
{
	uint64_t resident = number_in("/proc/self/statm", true) * page();
	uint64_t max = atomic_load(&l->max);
	bool was = atomic_load(&l->is_reached);
	bool is = resident >= (was ? max / 20 * 19 : max);

	atomic_store(&l->resident, resident);
	atomic_store(&l->is_reached, is);
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

void
limit_memory(uint64_t *resident, uint64_t *max)
{
	*resident = atomic_load(&self()->resident);
	*max = atomic_load(&self()->max);
}
