/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pages: see pages.h.
 *
 * The free ones are on two stacks, of those backed and of those that are bare, under a
 * lock that is taken once in 64 KiB.  No system call but mmap is made while it is held.
 */
#include "emqxd/core/pages.h"
#include "ipc/base/check.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

#include <stddef.h>
#include <sys/mman.h>

#define REGION_SIZE (4u << 20)
#define RESERVE_MAX 64u /* backed and free, for the next burst */
#define SPARE_MAX 32u   /* backed and free beyond the reserve: then those over */
#define SPARE_KEEP 8u   /* this are given back */

/* Maps a region; the lock is held. */
static void
map_region(struct pages *p)
{
	uint8_t *at = mmap(NULL, REGION_SIZE + PAGES_SIZE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t room = (p->all_n + REGION_SIZE / PAGES_SIZE + 1) * sizeof(void *);
	uint8_t *end;

	CHECK(at != MAP_FAILED);
	end = at + REGION_SIZE + PAGES_SIZE;
	at += (PAGES_SIZE - ((uintptr_t)at & (PAGES_SIZE - 1))) & (PAGES_SIZE - 1);
	p->bare = mem_grow(p->bare, room);
	p->backed = mem_grow(p->backed, room);
	for (; (size_t)(end - at) >= PAGES_SIZE; at += PAGES_SIZE) {
		p->bare[p->bare_n++] = at;
		p->all_n++;
	}
}

static void *
take_bare(struct pages *p)
{
	if (p->bare_n == 0)
		map_region(p);
	return p->bare[--p->bare_n];
}

/* How many shall be backed and free. */
static size_t
reserve(const struct pages *p)
{
	size_t n = pages_held(p) / PAGES_SIZE / 8;

	return n < RESERVE_MAX ? n : RESERVE_MAX;
}

/* Gives back what is over @keep; the lock is held, but not during the call. */
static void
trim(struct pages *p, size_t keep)
{
	while (p->backed_n > keep) {
		void *page = p->backed[--p->backed_n];

		pthread_mutex_unlock(&p->lock);
		madvise(page, PAGES_SIZE, MADV_DONTNEED);
		pthread_mutex_lock(&p->lock);
		p->bare[p->bare_n++] = page;
	}
}

static void
fill(struct pages *p)
{
	while (p->backed_n < reserve(p)) {
		void *page = take_bare(p);

		pthread_mutex_unlock(&p->lock);
		pages_back(page);
		pthread_mutex_lock(&p->lock);
		p->backed[p->backed_n++] = page;
	}
}

static bool
is_short(const struct pages *p)
{
	return p->backed_n < reserve(p) / 2;
}

static bool
is_rich(const struct pages *p)
{
	return p->backed_n > reserve(p) + SPARE_MAX;
}

static void
work(struct job *j)
{
	struct pages *p = LIST_OWNER(j, struct pages, job);

	pthread_mutex_lock(&p->lock);
	while (is_short(p) || is_rich(p)) {
		fill(p);
		trim(p, reserve(p) + SPARE_KEEP);
	}
	p->is_busy = false;
	pthread_mutex_unlock(&p->lock);
}

/* The lock is held. */
static void
ask_for_work(struct pages *p)
{
	if (!p->has_jobs || p->is_busy)
		return;
	p->is_busy = true;
	p->job.run = work;
	jobs_post(&p->job);
}

void *
pages_take(struct pages *p, bool *is_backed)
{
	void *page;

	pthread_mutex_lock(&p->lock);
	*is_backed = p->backed_n > 0;
	page = *is_backed ? p->backed[--p->backed_n] : take_bare(p);
	atomic_fetch_add_explicit(&p->held, PAGES_SIZE, memory_order_relaxed);
	if (is_short(p))
		ask_for_work(p);
	pthread_mutex_unlock(&p->lock);
	return page;
}

void
pages_back(void *page)
{
	volatile uint8_t *p = page;

	if (madvise(page, PAGES_SIZE, MADV_POPULATE_WRITE) == 0)
		return;
	for (size_t at = 0; at < PAGES_SIZE; at += 4096)
		p[at] = 0; /* a kernel before 5.14 */
}

void
pages_give(struct pages *p, void *page)
{
	pthread_mutex_lock(&p->lock);
	atomic_fetch_sub_explicit(&p->held, PAGES_SIZE, memory_order_relaxed);
	p->backed[p->backed_n++] = page;
	if (!p->has_jobs)
		trim(p, 0);
	else if (is_rich(p))
		ask_for_work(p);
	pthread_mutex_unlock(&p->lock);
}

void
pages_use_jobs(struct pages *p, bool on)
{
	pthread_mutex_lock(&p->lock);
	p->has_jobs = on;
	pthread_mutex_unlock(&p->lock);
}

uint64_t
pages_held(const struct pages *p)
{
	return atomic_load_explicit(&p->held, memory_order_relaxed);
}
