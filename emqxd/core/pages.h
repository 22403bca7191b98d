/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pages: the memory of the slabs, in pages of 64 KiB: mapped in
 * regions of 4 MiB, never unmapped, given back to the kernel by page.  What does not
 * live here: what a page is cut into (slab).
 *
 * A free page is backed with memory (and then used again first) or not.  The kernel's
 * part, backing one and taking its memory back, may take milliseconds: a jobs thread
 * does both, once there is one.  It keeps some free pages backed, an eighth of those in
 * use and never more than 4 MiB, and 2 MiB of what was given back before it takes the
 * memory of any; a burst faster than that backs its own.
 *
 * Any thread.
 */
#ifndef CORE_PAGES_H
#define CORE_PAGES_H

#include "emqxd/core/jobs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGES_SIZE 65536u

struct pages {
	pthread_mutex_t lock;
	void **backed, **bare; /* free ones: stacks with room for all there are */
	size_t backed_n, bare_n, all_n;
	bool has_jobs, is_busy; /* a job was posted and has not ended */
	struct job job;
	_Atomic uint64_t held; /* bytes of those in use */
};

/* clang-format off */
#define PAGES_INIT { .lock = PTHREAD_MUTEX_INITIALIZER }
/* clang-format on */

/* Aligned to its size; what it holds is anything.  Not @is_backed: its memory comes as it
 * is touched. */
void *pages_take(struct pages *p, bool *is_backed);
/* Backs one whole, in one call: sixteen faults cost more than ten times as much. */
void pages_back(void *page);
void pages_give(struct pages *p, void *page);
/* From now on a jobs thread backs and gives back; else whoever frees gives back. */
void pages_use_jobs(struct pages *p, bool on);
uint64_t pages_held(const struct pages *p);

#endif
