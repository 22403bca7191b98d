/* SPDX-License-Identifier: Apache-2.0 */
/* trie: what a plain use of the router does not reach: equal hashes, endless levels. */
#include "emqxd/router/trie.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/worker.h"
#include "emqxd/router/route.h"
#include "ipc/base/mem.h"
#include "tests/unit/tap.h"

#include <stdio.h>

static struct trie trie;
static struct trie_hits hits;

static void
begin(void)
{
	if (worker_current == NULL) {
		worker_init(1);
		OK(jobs_start(1) == EM_OK);
		worker_act_as(worker_get(0));
	}
	trie_init(&trie);
}

static void
turn(void)
{
	loop_hurry(worker_self()->loop);
	loop_turn(worker_self()->loop);
}

static struct route *
add(struct slice filter)
{
	struct route *r = route_new(filter);

	trie_add(&trie, r);
	return r;
}

static void
del(struct route *r)
{
	trie_del(&trie, r);
	route_free(r);
}

static size_t
matches(struct slice topic)
{
	trie_match(&trie, topic, &hits);
	return hits.routes.n;
}

/* A key of 0 makes all hashes equal: directories to their depth, then one long table. */
TEST(children_whose_hashes_are_equal_are_found_all_the_same)
{
	enum { MANY = 2000 };
	struct route **r = mem_new_array(MANY, sizeof *r);
	char text[16];

	begin();
	trie.key[1] = 0;
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(text, sizeof text, "%u", i);
		r[i] = add(slice_str(text));
		OK(trie_find(&trie, slice_str(text)) == r[i]);
	}
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(text, sizeof text, "%u", i);
		EQ(matches(slice_str(text)), 1);
		OK(hits.routes.p[0] == r[i]);
		del(r[i]);
		OK(trie_find(&trie, slice_str(text)) == NULL);
		if (i % 256 == 0)
			turn();
	}
	trie_fini(&trie);
	mem_free(r);
}

TEST(as_many_levels_as_a_filter_may_have_need_no_stack)
{
	enum { LEN = 60000 };
	char *text = mem_new(LEN + 1);
	struct route *plain, *wild, *rest;

	begin();
	memset(text, '/', LEN);
	plain = add(slice_of(text, LEN));
	text[LEN - 1] = '#';
	rest = add(slice_of(text, LEN));
	text[LEN - 1] = '+';
	wild = add(slice_of(text, LEN));
	text[LEN - 1] = '/';
	EQ(matches(slice_of(text, LEN)), 2);
	EQ(matches(slice_of(text, LEN - 1)), 2);
	EQ(matches(slice_of(text, LEN - 2)), 1);
	del(plain);
	EQ(matches(slice_of(text, LEN)), 1);
	del(rest);
	EQ(matches(slice_of(text, LEN - 1)), 1);
	del(wild);
	EQ(matches(slice_of(text, LEN - 1)), 0);
	turn();
	trie_fini(&trie);
	mem_free(text);
}

TEST(the_generation_moves_with_every_change)
{
	uint64_t was;
	struct route *r;

	begin();
	was = trie_generation(&trie);
	r = add(SLICE_LIT("a/b"));
	OK(trie_generation(&trie) != was);
	was = trie_generation(&trie);
	EQ(matches(SLICE_LIT("a/b")), 1);
	OK(trie_generation(&trie) == was);
	del(r);
	OK(trie_generation(&trie) != was);
	trie_fini(&trie);
	trie_hits_fini(&hits);
}
