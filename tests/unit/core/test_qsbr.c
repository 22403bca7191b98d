/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of grace periods. */
#include "emqxd/core/jobs.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/worker.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "tests/unit/tap.h"

/* A value that a writer replaces and readers look at; freed ones are poisoned first. */
struct value {
	_Atomic unsigned magic;
};
#define ALIVE 0xa11feu

static _Atomic(struct value *) shared;
static _Atomic bool is_bad;
static _Atomic unsigned freed, readers_done;

static void
poison(void *p, size_t n)
{
	struct value *v = p;

	(void)n;
	atomic_store(&v->magic, 0);
	atomic_fetch_add(&freed, 1);
	mem_free(v);
}

struct look {
	struct letter letter;
	const struct value *named; /* by a letter, after it was retired */
	unsigned left;
};

static void
look(struct letter *l)
{
	struct look *k = LIST_OWNER(l, struct look, letter);
	const struct value *v = atomic_load_explicit(&shared, memory_order_acquire);

	if (atomic_load(&v->magic) != ALIVE ||
	    (k->named != NULL && atomic_load(&k->named->magic) != ALIVE))
		atomic_store(&is_bad, true);
	if (k->left-- == 0) {
		atomic_fetch_add(&readers_done, 1);
		mem_free(k);
		return;
	}
	/* The next turn of this worker or the other may name what was seen in this one:
	 * letters are covered by the walk through the mailboxes. */
	k->named = worker_self()->id == 0 ? v : NULL;
	worker_post(worker_get(worker_self()->id ^ 1), l);
}

static void
replace(struct worker *w)
{
	struct value *v = MEM_NEW(struct value);

	(void)w;
	atomic_store(&v->magic, ALIVE);
	v = atomic_exchange_explicit(&shared, v, memory_order_acq_rel);
	if (v != NULL)
		qsbr_retire(v, sizeof *v, poison);
}

static void
nothing(struct worker *w)
{
	(void)w;
}

TEST(nothing_is_freed_that_a_reader_or_a_letter_can_name)
{
	struct value *last;

	worker_init(2);
	OK(jobs_start(1) == EM_OK);
	replace(NULL);
	OK(worker_start(nothing, nothing) == EM_OK);
	for (unsigned i = 0; i < 4; i++) {
		struct look *k = MEM_NEW(struct look);

		k->letter.open = look;
		k->left = 2000;
		worker_post(worker_get(i % 2), &k->letter);
	}
	while (atomic_load(&readers_done) < 4 || !qsbr_is_idle()) {
		if (atomic_load(&readers_done) < 4)
			replace(NULL);
		loop_hurry(worker_self()->loop);
		loop_turn(worker_self()->loop);
	}
	OK(!atomic_load(&is_bad));
	OK(atomic_load(&freed) > 0);
	EQ(qsbr_waiting(), 0);
	worker_stop();
	jobs_stop();
	last = atomic_exchange(&shared, NULL);
	mem_free(last);
	worker_fini();
}

TEST(what_waits_at_the_end_is_drained)
{
	unsigned before;

	worker_init(1);
	before = atomic_load(&freed);
	replace(NULL);
	replace(NULL);
	EQ(qsbr_waiting(), sizeof(struct value));
	qsbr_drain();
	EQ(atomic_load(&freed), before + 1);
	EQ(qsbr_waiting(), 0);
	mem_free(atomic_exchange(&shared, NULL));
	worker_fini();
}

static void
forget(void *p, size_t n)
{
	(void)p;
	(void)n;
}

TEST(what_is_large_does_not_wait_for_more)
{
	static char large;

	worker_init(1);
	OK(jobs_start(1) == EM_OK);
	worker_act_as(worker_get(0));
	qsbr_retire(&large, 700000, forget);
	OK(worker_self()->retired != NULL);
	qsbr_retire(&large, 700000, forget);
	OK(worker_self()->retired == NULL); /* it is on its way */
	EQ(qsbr_waiting(), 1400000);
	while (!qsbr_is_idle())
		loop_turn(worker_self()->loop);
	EQ(qsbr_waiting(), 0);
	jobs_stop();
	worker_act_as(worker_main());
	worker_fini();
}
