/* SPDX-License-Identifier: Apache-2.0 */
/* alarm: see alarm.h. */
#include "emqxd/core/alarm.h"
#include "emqxd/core/lock.h"
#include "emqxd/core/worker.h"
#include "ipc/base/mem.h"
#include "ipc/base/vec.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ACTIVE_MAX 1024u /* names are the rooms' own, and few */
#define TOLD_MAX 4u

struct alarms {
	struct lock lock;
	struct alarm_limits limits;
	VEC(struct alarm) active, over; /* over: oldest first */
	alarm_told_fn *told[TOLD_MAX];
	unsigned told_n;
};

static struct alarms *
alarms(void)
{
	struct alarms *all = node_slot(ROOM_ALARM);

	CHECK(all != NULL);
	return all;
}

void
alarm_birth(void)
{
	struct alarms *all = MEM_NEW(struct alarms);

	lock_init(&all->lock, LOCK_ALARM);
	all->limits = (struct alarm_limits){ .history = 1000, .keep = span_s(86400) };
	node_slot_set(ROOM_ALARM, all);
}

void
alarm_death(void)
{
	struct alarms *all = alarms();

	VEC_FINI(&all->active);
	VEC_FINI(&all->over);
	lock_fini(&all->lock);
	mem_free(all);
	node_slot_set(ROOM_ALARM, NULL);
}

void
alarm_configure(const struct alarm_limits *l)
{
	struct alarms *all = alarms();

	lock_take(&all->lock);
	all->limits = *l;
	lock_give(&all->lock);
}

void
alarm_tell(alarm_told_fn *fn)
{
	struct alarms *all = alarms();

	CHECK(all->told_n < TOLD_MAX);
	all->told[all->told_n++] = fn;
}

/* The index among the active ones, or their count.  Under the lock. */
static size_t
find(const struct alarms *all, const char *name)
{
	size_t i = 0;

	while (i < all->active.n && strcmp(all->active.p[i].name, name) != 0)
		i++;
	return i;
}

static void
cut_history(struct alarms *all, size_t n)
{
	all->over.n -= n;
	memmove(all->over.p, all->over.p + n, all->over.n * sizeof all->over.p[0]);
}

/* What is too old or too many goes. */
static void
tidy(struct alarms *all)
{
	int64_t oldest = span_wall_now().ns - all->limits.keep.ns;
	size_t n = 0;

	if (all->over.n > all->limits.history)
		n = all->over.n - all->limits.history;
	while (!span_is_infinite(all->limits.keep) && n < all->over.n &&
	       all->over.p[n].cleared.ns < oldest)
		n++;
	if (n > 0)
		cut_history(all, n);
}

static void
tell(const struct alarms *all, const struct alarm *a)
{
	for (unsigned i = 0; i < all->told_n; i++)
		all->told[i](a);
}

bool
alarm_raise(const char *name, const char *details, const char *fmt, ...)
{
	struct alarms *all = alarms();
	struct alarm a = { .activated = span_wall_now() };
	bool is_new;
	va_list ap;

	snprintf(a.name, sizeof a.name, "%s", name);
	snprintf(a.details, sizeof a.details, "%s", details != NULL ? details : "{}");
	va_start(ap, fmt);
	vsnprintf(a.message, sizeof a.message, fmt, ap);
	va_end(ap);
	lock_take(&all->lock);
	is_new = find(all, a.name) == all->active.n && all->active.n < ACTIVE_MAX;
	if (is_new)
		VEC_ADD(&all->active, a);
	lock_give(&all->lock);
	if (is_new)
		tell(all, &a);
	return is_new;
}

bool
alarm_clear(const char *name)
{
	struct alarms *all = alarms();
	struct alarm a;
	bool was;
	size_t i;

	lock_take(&all->lock);
	i = find(all, name);
	was = i < all->active.n;
	if (was) {
		a = all->active.p[i];
		a.cleared = span_wall_now();
		all->active.p[i] = all->active.p[--all->active.n];
		VEC_ADD(&all->over, a);
		tidy(all);
	}
	lock_give(&all->lock);
	if (was)
		tell(all, &a);
	return was;
}

bool
alarm_is_active(const char *name)
{
	struct alarms *all = alarms();
	bool is;

	lock_take(&all->lock);
	is = find(all, name) < all->active.n;
	lock_give(&all->lock);
	return is;
}

unsigned
alarm_count(void)
{
	struct alarms *all = alarms();
	unsigned n;

	lock_take(&all->lock);
	n = (unsigned)all->active.n;
	lock_give(&all->lock);
	return n;
}

bool
alarm_get(unsigned i, struct alarm *out)
{
	struct alarms *all = alarms();
	bool is_there;

	lock_take(&all->lock);
	tidy(all);
	is_there = i < all->active.n + all->over.n;
	if (i < all->active.n)
		*out = all->active.p[i];
	else if (is_there)
		*out = all->over.p[all->over.n - 1 - (i - all->active.n)];
	lock_give(&all->lock);
	return is_there;
}

void
alarm_forget(void)
{
	struct alarms *all = alarms();

	lock_take(&all->lock);
	all->over.n = 0;
	lock_give(&all->lock);
}
