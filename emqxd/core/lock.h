/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock: mutexes with a name and a rank (lock.def), for the few things that threads
 * share and that no mailbox serves.  Each counts how often it was taken and how
 * often somebody had to wait, by name.  Built with -DEM_DEBUG, a thread that takes
 * a lock of a rank not above all those it holds aborts: what cannot be taken in two
 * orders cannot deadlock.
 */
#ifndef CORE_LOCK_H
#define CORE_LOCK_H

#include "ipc/base/span.h"

#include <pthread.h>

enum lock_id {
#define LOCK(id_, ...) LOCK_##id_,
#include "emqxd/core/lock.def"
#undef LOCK
	LOCK_N
};

struct lock {
	pthread_mutex_t mutex;
	enum lock_id id;
};

void lock_init(struct lock *l, enum lock_id id);
void lock_fini(struct lock *l);
void lock_take(struct lock *l);
void lock_give(struct lock *l);

struct lock_stat {
	const char *name, *help;
	unsigned rank;
	uint64_t taken, contended; /* by all locks of that name */
	span_t waited;             /* in sum */
};
struct lock_stat lock_stat_get(enum lock_id id);

#endif
