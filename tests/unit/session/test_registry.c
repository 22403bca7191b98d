/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of the table of sessions: it finds, grows, shrinks, and a walk meets everybody. */
#include "emqxd/core/slab.h"
#include "emqxd/core/worker.h"
#include "emqxd/session/registry.h"
#include "emqxd/session/session.h"
#include "ipc/base/mem.h"
#include "tests/unit/tap.h"

#include <stdio.h>

#define N 20000u

struct one {
	struct session session;
	bool is_in;
	unsigned met;
};

static struct registries all;
static struct one *ones;

static void
begin(void)
{
	worker_init(1);
	worker_act_as(worker_get(0));
	registry_birth(&all);
	node_slot_set(ROOM_SESSION, &all);
	ones = mem_new_array(N, sizeof *ones);
	for (unsigned i = 0; i < N; i++) {
		char id[16];
		int n = snprintf(id, sizeof id, "c%u", i);
		struct session_names *names = mem_new(sizeof *names + sizeof id);

		names->clientid_n = (uint16_t)n;
		memcpy(names->text, id, (size_t)n);
		ones[i].session.names = names;
	}
}

static void
end(void)
{
	node_slot_set(ROOM_SESSION, NULL);
	registry_death(&all);
	for (unsigned i = 0; i < N; i++)
		mem_free(ones[i].session.names);
	MEM_FREE(ones);
	worker_act_as(NULL);
	worker_fini();
}

static void
put(unsigned i, bool in)
{
	if (ones[i].is_in == in)
		return;
	if (in)
		registry_add(&ones[i].session);
	else
		registry_del(&ones[i].session);
	ones[i].is_in = in;
}

static void
meet(struct session *s, void *arg)
{
	(void)arg;
	((struct one *)s)->met++;
}

static void
meet_and_end(struct session *s, void *arg)
{
	meet(s, arg);
	put((unsigned)((struct one *)s - ones), false);
}

TEST(what_was_added_is_found_and_the_table_is_as_large_as_it_must)
{
	uint64_t held, before, at_most, after;

	begin();
	slab_usage(&held, &before);
	for (unsigned i = 0; i < N; i++)
		put(i, true);
	slab_usage(&held, &at_most);
	for (unsigned i = 0; i < N; i++)
		OK(registry_find(session_clientid(&ones[i].session)) == &ones[i].session);
	OK(registry_find(SLICE_LIT("c")) == NULL);
	EQ(registry_count_all(), N);
	for (unsigned i = 0; i < N; i++)
		put(i, false);
	EQ(registry_count_all(), 0);
	OK(registry_find(SLICE_LIT("c7")) == NULL);
	slab_usage(&held, &after);
	if (at_most > before) /* under a sanitizer the slab is the heap of libc */
		OK(after - before <= 4096);
	end();
}

/* Grows or shrinks between the steps: who is there all the time is met. */
static void
walk(unsigned stay, bool grows)
{
	uint64_t at = 0;
	unsigned next = stay;

	begin();
	for (unsigned i = 0; i < (grows ? stay : N); i++)
		put(i, true);
	while (registry_step(&at, 16, meet, NULL))
		for (unsigned k = 0; k < 40 && next < N; k++)
			put(next++, grows);
	for (unsigned i = 0; i < stay; i++)
		OK(ones[i].met >= 1);
	end();
}

TEST(a_walk_meets_everybody_while_the_table_grows)
{
	walk(3000, true);
	walk(1, true);
}

TEST(a_walk_meets_everybody_while_the_table_shrinks)
{
	walk(3000, false);
	walk(100, false);
}

TEST(a_walk_may_end_everybody)
{
	uint64_t at = 0;

	begin();
	for (unsigned i = 0; i < N; i++)
		put(i, true);
	while (registry_step(&at, 64, meet_and_end, NULL))
		;
	EQ(registry_count_all(), 0);
	for (unsigned i = 0; i < N; i++)
		EQ(ones[i].met, 1);
	end();
}

TEST(a_walk_without_changes_meets_each_once)
{
	uint64_t at = 0;

	begin();
	for (unsigned i = 0; i < 5000; i++)
		put(i, true);
	while (registry_step(&at, 7, meet, NULL))
		;
	for (unsigned i = 0; i < 5000; i++)
		EQ(ones[i].met, 1);
	end();
}
