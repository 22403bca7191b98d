/* SPDX-License-Identifier: Apache-2.0 */
/* Fences: what was matched before one began is there when it is passed. */
#include "emqxd/routes/fence.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/nodes.h"
#include "tests/unit/tap.h"

static struct fence *fence;
static uint64_t reachable, asked_number, marked_number;
static unsigned asks, marks, passed;

static uint64_t
on_ask(void *arg, uint64_t number)
{
	(void)arg;
	asks++;
	asked_number = number;
	return reachable;
}

static void
on_mark(void *arg, unsigned place, uint64_t number)
{
	(void)arg;
	EQ(place, 1);
	marks++;
	marked_number = number;
}

static void
on_passed(struct fence_wait *w)
{
	(void)w;
	passed++;
}

static void
turn_of(struct worker *w)
{
	worker_act_as(w);
	loop_hurry(w->loop);
	loop_turn(w->loop);
	worker_act_as(worker_link());
}

static void
turns(unsigned n)
{
	while (n-- > 0) {
		for (unsigned i = 0; i < worker_count(); i++)
			turn_of(worker_get(i));
		turn_of(worker_link());
	}
}

static void
begin(uint64_t peers)
{
	static const struct fence_links links = { on_ask, on_mark, NULL };
	unsigned place;

	if (fence == NULL) {
		worker_init(2);
		nodes_birth("emqx@me", 50);
		OK(nodes_add(SLICE_LIT("emqx@a"), 10, &place) == EM_OK);
		worker_act_as(worker_link());
		fence = fence_new(&links, 100);
	}
	reachable = peers;
	asks = marks = passed = 0;
}

TEST(is_passed_only_when_all_marks_have_come_and_workers_have_posted)
{
	struct fence_wait w = { .done = on_passed };

	begin(1 << 1 | 1 << 2);
	fence_begin(fence, &w);
	EQ(asks, 1);
	turns(4);
	fence_on_mark(fence, 1, asked_number);
	fence_on_mark(fence, 2, asked_number - 1); /* of a former one */
	turns(4);
	EQ(passed, 0);
	fence_on_mark(fence, 2, asked_number);
	EQ(passed, 0);
	turns(1);
	EQ(passed, 0); /* once round: a worker may have posted to us, not to others yet */
	turns(3);
	EQ(passed, 1);
}

TEST(those_who_come_meanwhile_have_the_next_one_together)
{
	struct fence_wait first = { .done = on_passed }, second = { .done = on_passed },
			  third = { .done = on_passed };

	begin(1 << 1);
	fence_begin(fence, &first);
	fence_begin(fence, &second);
	fence_begin(fence, &third);
	fence_on_mark(fence, 1, asked_number);
	turns(4);
	EQ(passed, 1);
	EQ(asks, 2);
	fence_cancel(&third);
	fence_on_mark(fence, 1, asked_number);
	turns(4);
	EQ(passed, 2);
	EQ(asks, 2);
}

TEST(who_does_not_answer_or_knows_no_fences_is_passed_over)
{
	struct fence_wait w = { .done = on_passed };

	begin(1 << 1 | 1 << 2);
	fence_begin(fence, &w);
	fence_on_none(fence, 1, asked_number);
	turns(4);
	EQ(passed, 0);
	fence_on_down(fence, 2);
	turns(4);
	EQ(passed, 1);
	begin(0); /* nobody is there */
	fence_begin(fence, &w);
	EQ(passed, 0);
	turns(4);
	EQ(passed, 1);
}

TEST(who_asks_has_a_mark_behind_what_workers_have)
{
	begin(0);
	fence_on_ask(fence, 1, 7);
	turns(1);
	EQ(marks, 0);
	fence_on_ask(fence, 1, 8); /* the next walk's */
	turns(3);
	OK(marks >= 1);
	turns(4);
	EQ(marks, 2);
	EQ(marked_number, 8);
}

TEST(its_letters_and_who_waits_may_outlive_it)
{
	struct fence_wait w = { .done = on_passed };

	begin(1 << 1);
	fence_begin(fence, &w);
	fence_on_ask(fence, 1, 9);
	turn_of(worker_get(0)); /* one is on its way back, one there */
	worker_act_as(worker_link());
	fence_free(&fence);
	turns(4);
	OK(fence == NULL);
	EQ(marks, 0);
	OK(list_is_empty(&w.node));
	fence_cancel(&w);
	EQ(passed, 0);
}
