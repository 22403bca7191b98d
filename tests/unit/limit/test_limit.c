/* SPDX-License-Identifier: Apache-2.0 */
/* limit: what unfinished things may take, and the heap's free pages near the ceiling. */
#include "emqxd/limit/limit.h"
#include "emqxd/core/alarm.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/worker.h"
#include "ipc/base/mem.h"
#include "tests/unit/tap.h"

#include <malloc.h>
#include <stdint.h>

#define MAX (1u << 20)

/* Sanitizers have a heap of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HEAP_IS_LIBCS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HEAP_IS_LIBCS 0
#endif
#endif
#ifndef HEAP_IS_LIBCS
#define HEAP_IS_LIBCS 1
#endif

static void
begin(void)
{
	if (worker_current != NULL)
		return;
	worker_init(1);
	OK(jobs_start(1) == EM_OK);
	alarm_birth();
	limit_birth();
	limit_configure(MAX);
}

TEST(strangers_hold_an_eighth_of_the_ceiling_together_and_clients_a_quarter)
{
	begin();
	OK(limit_hold(MAX / 8, LIMIT_STRANGER));
	OK(!limit_hold(1, LIMIT_STRANGER));
	OK(limit_hold(MAX / 8, LIMIT_CLIENT));
	OK(!limit_hold(1, LIMIT_CLIENT));
	limit_release(MAX / 4);
	OK(limit_hold(1, LIMIT_STRANGER));
	limit_release(1);
}

TEST(what_must_be_kept_counts_too)
{
	begin();
	limit_hold_anyway(MAX / 4);
	OK(!limit_hold(1, LIMIT_CLIENT));
	limit_release(MAX / 4);
}

/* Looks of the first client worker until @is(), at most some seconds of them. */
static bool
look_until(bool (*is)(void))
{
	worker_act_as(worker_get(0));
	for (unsigned i = 0; i < 40 && !is(); i++)
		loop_turn(worker_self()->loop);
	worker_act_as(worker_main());
	return is();
}

static uint64_t few;

static bool
is_less_resident(void)
{
	uint64_t resident, max;

	limit_memory(&resident, &max);
	return resident > 0 && resident < few;
}

TEST(near_the_ceiling_the_free_pages_of_the_heap_go_back)
{
	enum { N = 400, SIZE = 100000 };
	static void *blocks[N];

	begin();
	mallopt(M_MMAP_THRESHOLD, 1 << 20); /* as mem_give_back() does */
	for (unsigned i = 0; i < N; i++) {
		blocks[i] = mem_new(SIZE);
		memset(blocks[i], 'x', SIZE);
	}
	/* The last one stays: behind what is free the heap does not end. */
	for (unsigned i = 0; i < N - 1; i++)
		mem_free(blocks[i]);
	few = (uint64_t)N / 2 * SIZE;
	worker_act_as(worker_get(0));
	limit_worker_birth();
	OK(look_until(is_less_resident) || !HEAP_IS_LIBCS);
	mem_free(blocks[N - 1]);
}

TEST(above_the_ceiling_clients_hold_a_sixteenth_and_strangers_nothing)
{
	begin();
	OK(look_until(limit_is_reached)); /* more than MAX is resident */
	OK(limit_hold(MAX / 16, LIMIT_CLIENT));
	OK(!limit_hold(1, LIMIT_CLIENT));
	OK(!limit_hold(1, LIMIT_STRANGER));
	limit_release(MAX / 16);
}

TEST(the_room_ends)
{
	worker_act_as(worker_get(0));
	limit_worker_death();
	worker_act_as(worker_main());
	limit_death();
	alarm_death();
	OK(!limit_is_reached());
	jobs_stop();
	worker_fini();
}
