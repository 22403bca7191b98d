/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusal: what an operator is told of changes that the disk did not take.
 */
#include "emqxd/core/alarm.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/worker.h"
#include "emqxd/store/change_inside.h"
#include "ipc/base/list.h"

#include <sys/statvfs.h>

#define CALM span_s(5)    /* without a refusal, then the alarm is over */
#define LITTLE (1u << 20) /* bytes of a disk */

static const char *
alarm_of(em_err err)
{
	return err == EM_FULL ? "store_full" : "store_error";
}

static bool
is_ordered(const struct store *s)
{
	return atomic_load(&s->group[CHANGE_GROUP_RET].is_ordered);
}

/* What an operator should do about it. */
static const char *
advice(const struct store *s, em_err err)
{
	if (err == EM_MALFORMED)
		return "the store's file is damaged: move the folder away and restart";
	if (err != EM_FULL)
		return "the store's disk fails: see the kernel's log";
	if (!kv_is_at_max(s->kv))
		return "the store's disk is full: make room there";
	/* In an order deletions come behind what does not fit. */
	if (is_ordered(s))
		return "store.max_size is reached: raise it here and restart";
	return "store.max_size is reached: raise it and restart, or delete some "
	       "(emqx_ctl retainer clean)";
}

static void
raise_alarm(struct store *s, em_err err)
{
	const char *what = advice(s, err);
	uint64_t used, max;

	atomic_store(&s->refusal, what);
	kv_size(s->kv, &used, &max);
	LOG(ERROR, "store_refuses", "error", err_text(err), "why", what, "dir",
	    kv_dir(s->kv), "used", used, "max_size", max);
	alarm_raise(alarm_of(err), NULL, "%s; %s; the store is %s",
	    is_ordered(s) ? "what the cluster agrees on waits"
			  : "retained and delayed messages are refused",
	    what, kv_dir(s->kv));
}

static void
clear_alarm(struct store *s)
{
	if (s->told != EM_OK)
		alarm_clear(alarm_of(s->told));
	s->told = EM_OK;
	atomic_store(&s->refusal, NULL);
}

const char *
store_refusal(void)
{
	return store_is_born() ? atomic_load(&store_self()->refusal) : NULL;
}

/* Where small rows still fit and large ones do not, batches are taken and refused by
 * turns: it is over when none was refused for a while. */
static void
look_for_calm(struct store *s)
{
	if (s->told == EM_OK || s->last != EM_OK ||
	    clock_mono().ns < mono_add(s->refused_at, CALM).ns)
		return;
	clear_alarm(s);
	LOG(INFO, "store_recovered");
}

static void
on_calm(struct timer *t)
{
	look_for_calm(LIST_OWNER(t, struct store, calm));
}

/* LMDB says of a write that came to its end half way that the disk failed. */
static bool
is_disk_full(const char *dir)
{
	struct statvfs v;

	return statvfs(dir, &v) == 0 && v.f_bavail * v.f_frsize < LITTLE;
}

/* What an operator sees of a batch. */
void
refusal_tell(struct store *s, em_err err)
{
	if (err == EM_IO && is_disk_full(kv_dir(s->kv)))
		err = EM_FULL;
	s->last = err;
	if (err == EM_OK) {
		look_for_calm(s);
		return;
	}
	s->refused_at = clock_mono();
	timer_arm(&s->calm, CALM, on_calm);
	if (err == s->told)
		return;
	clear_alarm(s);
	raise_alarm(s, err);
	s->told = err;
}
