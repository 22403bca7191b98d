/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of mailboxes, and of threads that use them. */
#include "emqxd/core/loop.h"
#include "emqxd/core/mailbox.h"
#include "emqxd/core/worker.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "tests/unit/tap.h"

struct note {
	struct letter letter;
	int value;
};

static int seen[1000];
static unsigned seen_n;

static void
read_note(struct letter *l)
{
	struct note *n = LIST_OWNER(l, struct note, letter);

	seen[seen_n++] = n->value;
	mem_free(n);
}

static void
post_note(struct worker *to, int value, uint32_t bytes)
{
	struct note *n = MEM_NEW(struct note);

	n->letter = (struct letter){ .open = read_note, .bytes = bytes };
	n->value = value;
	worker_post(to, &n->letter);
}

TEST(letters_of_one_sender_are_opened_in_order)
{
	worker_init(2);
	seen_n = 0;
	worker_act_as(worker_get(0));
	for (int i = 0; i < 100; i++)
		post_note(worker_get(1), i, 0);
	mailbox_post_all(worker_get(0));
	for (int i = 100; i < 200; i++)
		post_note(worker_get(1), i, 0);
	mailbox_post_all(worker_get(0));
	worker_act_as(worker_get(1));
	OK(mailbox_open_all(worker_get(1)));
	EQ(seen_n, 200);
	for (int i = 0; i < 200; i++)
		EQ(seen[i], i);
	OK(!mailbox_open_all(worker_get(1)));
	worker_act_as(worker_main());
	worker_fini();
}

TEST(a_letter_waits_for_the_end_of_the_turn)
{
	worker_init(2);
	seen_n = 0;
	worker_act_as(worker_get(0));
	post_note(worker_get(1), 1, 0);
	OK(mailbox_may_sleep(worker_get(1)));
	mailbox_post_all(worker_get(0));
	OK(!mailbox_may_sleep(worker_get(1)));
	worker_act_as(worker_get(1));
	mailbox_open_all(worker_get(1));
	worker_act_as(worker_main());
	worker_fini();
}

TEST(data_over_the_mark_makes_a_mailbox_full_until_it_is_opened)
{
	struct worker *to;

	worker_init(2);
	to = worker_get(1);
	seen_n = 0;
	atomic_store(&to->box.mark, 1000);
	worker_act_as(worker_get(0));
	post_note(to, 1, 999);
	OK(!mailbox_is_full(to));
	post_note(to, 2, 1);
	OK(mailbox_is_full(to));
	mailbox_post_all(worker_get(0));
	OK(mailbox_is_full(to));
	worker_act_as(to);
	mailbox_open_all(to);
	OK(!mailbox_is_full(to));
	EQ(seen_n, 2);
	worker_act_as(worker_main());
	worker_fini();
}

/* Two workers send a ball to and fro; main is told when it is over. */
struct ball {
	struct letter letter;
	unsigned left;
};
static _Atomic bool is_over;

static void
catch_ball(struct letter *l)
{
	struct ball *b = LIST_OWNER(l, struct ball, letter);

	if (worker_self() == worker_main())
		atomic_store(&is_over, true);
	else if (b->left-- == 0)
		worker_post(worker_main(), l);
	else
		worker_post(worker_get(worker_self()->id ^ 1), l);
}

static void
nothing(struct worker *w)
{
	(void)w;
}

TEST(no_wake_up_is_lost_between_threads)
{
	static struct ball balls[4];

	worker_init(2);
	atomic_store(&is_over, false);
	OK(worker_start(nothing, nothing) == EM_OK);
	for (unsigned i = 0; i < 4; i++) {
		balls[i] =
		    (struct ball){ .letter = { .open = catch_ball }, .left = 5000 };
		worker_post(worker_get(i % 2), &balls[i].letter);
	}
	while (!atomic_load(&is_over))
		loop_turn(worker_self()->loop);
	worker_stop();
	worker_fini();
}
