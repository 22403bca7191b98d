/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock: the register's table, the counters by name, and the check of ranks.
 *
 * The counters are changed by whoever holds a lock of that name; locks of one name
 * in different objects (simulated nodes) may do so at once, hence atomics.
 */
#include "emqxd/core/lock.h"

#include <stdatomic.h>

static const struct {
	const char *name, *help;
	unsigned rank;
} locks[LOCK_N] = {
#define LOCK(id_, name_, rank_, help_) [LOCK_##id_] = { name_, help_, rank_ },
#include "emqxd/core/lock.def"
#undef LOCK
};

static struct {
	_Atomic uint64_t taken, contended;
	_Atomic int64_t waited;
} lock_counts[LOCK_N];

#ifdef EM_DEBUG
static _Thread_local uint64_t ranks_held; /* bit by rank */

static void
note_taken(enum lock_id id)
{
	CHECK(ranks_held >> locks[id].rank == 0);
	ranks_held |= UINT64_C(1) << locks[id].rank;
}

static void
note_given(enum lock_id id)
{
	CHECK((ranks_held >> locks[id].rank & 1) != 0);
	ranks_held &= ~(UINT64_C(1) << locks[id].rank);
}
#else
static void
note_taken(enum lock_id id)
{
	(void)id;
}

static void
note_given(enum lock_id id)
{
	(void)id;
}
#endif

void
lock_init(struct lock *l, enum lock_id id)
{
	int rc = pthread_mutex_init(&l->mutex, NULL);

	CHECK(rc == 0 && id < LOCK_N && locks[id].rank < 64);
	l->id = id;
}

void
lock_fini(struct lock *l)
{
	int rc = pthread_mutex_destroy(&l->mutex);

	CHECK(rc == 0);
}

/* Somebody else has it: waits, and counts the time. */
static void
wait_for(struct lock *l)
{
	mono_t since = span_mono_now();
	int rc = pthread_mutex_lock(&l->mutex);

	CHECK(rc == 0);
	atomic_fetch_add_explicit(&lock_counts[l->id].contended, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&lock_counts[l->id].waited,
	    mono_since(span_mono_now(), since).ns, memory_order_relaxed);
}

void
lock_take(struct lock *l)
{
	note_taken(l->id);
	if (pthread_mutex_trylock(&l->mutex) != 0)
		wait_for(l);
	atomic_fetch_add_explicit(&lock_counts[l->id].taken, 1, memory_order_relaxed);
}

void
lock_give(struct lock *l)
{
	int rc;

	note_given(l->id);
	rc = pthread_mutex_unlock(&l->mutex);
	CHECK(rc == 0);
}

struct lock_stat
lock_stat_get(enum lock_id id)
{
	CHECK(id < LOCK_N);
	return (struct lock_stat){
		.name = locks[id].name,
		.help = locks[id].help,
		.rank = locks[id].rank,
		.taken =
		    atomic_load_explicit(&lock_counts[id].taken, memory_order_relaxed),
		.contended = atomic_load_explicit(
		    &lock_counts[id].contended, memory_order_relaxed),
		.waited = span_ns(
		    atomic_load_explicit(&lock_counts[id].waited, memory_order_relaxed)),
	};
}
