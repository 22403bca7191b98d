/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of the queue. */
#include "emqxd/session/mqueue.h"
#include "emqxd/core/worker.h"
#include "ipc/base/rand.h"
#include "tests/unit/tap.h"

#include <stdio.h>
#include <string.h>

static const struct mqueue_bounds three = { 3, UINT64_MAX };

static struct mqueue_entry
entry(const char *payload, uint8_t qos)
{
	struct message view = message_view(SLICE_LIT("t"), slice_str(payload));
	struct mqueue_entry e = { .message = message_keep(&view), .qos = qos & 3u };

	message_done(&view);
	return e;
}

static const char *
pop(struct mqueue **q)
{
	static char text[64];
	struct mqueue_entry e;

	if (!mqueue_pop(q, &e))
		return "";
	snprintf(text, sizeof text, "%.*s", SLICE_FMT(e.message->payload));
	message_unref(&e.message);
	return text;
}

TEST(messages_leave_in_order)
{
	struct mqueue *q = NULL;

	worker_init(1);
	mqueue_push(&q, &three, 0, entry("1", 1));
	mqueue_push(&q, &three, 0, entry("2", 0));
	mqueue_push(&q, &three, 0, entry("3", 2));
	EQ(mqueue_count(q), 3);
	EQ(mqueue_bytes(q), 6);
	STR_EQ(pop(&q), "1");
	STR_EQ(pop(&q), "2");
	STR_EQ(pop(&q), "3");
	OK(q == NULL);
	worker_fini();
}

TEST(a_full_queue_drops_the_oldest_qos0_first)
{
	struct mqueue *q = NULL;

	worker_init(1);
	mqueue_push(&q, &three, 0, entry("1", 1));
	mqueue_push(&q, &three, 0, entry("2", 0));
	mqueue_push(&q, &three, 0, entry("3", 0));
	EQ(mqueue_push(&q, &three, 0, entry("4", 1)), 1);
	EQ(mqueue_push(&q, &three, 0, entry("5", 1)), 1);
	OK(!mqueue_has_qos0(q));
	EQ(mqueue_push(&q, &three, 0, entry("6", 1)), 1);
	STR_EQ(pop(&q), "4");
	STR_EQ(pop(&q), "5");
	STR_EQ(pop(&q), "6");
	worker_fini();
}

TEST(a_message_over_the_bytes_alone_is_refused)
{
	struct mqueue_bounds b = { UINT32_MAX, 10 };
	struct mqueue *q = NULL;

	worker_init(1);
	EQ(mqueue_push(&q, &b, 0, entry("123", 1)), 0);
	EQ(mqueue_push(&q, &b, 0, entry("1234567890", 1)), 1);
	EQ(mqueue_count(q), 1);
	EQ(mqueue_push(&q, &b, 0, entry("123456", 1)), 1);
	STR_EQ(pop(&q), "123456");
	worker_fini();
}

TEST(the_lowest_priority_goes_first)
{
	struct mqueue *q = NULL;

	worker_init(1);
	mqueue_push(&q, &three, 5, entry("high", 0));
	mqueue_push(&q, &three, 0, entry("low1", 1));
	mqueue_push(&q, &three, 0, entry("low2", 1));
	EQ(mqueue_push(&q, &three, 5, entry("high2", 1)), 1);   /* low1 went */
	EQ(mqueue_push(&q, &three, 0, entry("low3", 0)), 1);    /* itself: QoS 0 */
	EQ(mqueue_push(&q, &three, 0, entry("low4", 1)), 1);    /* low2 went */
	EQ(mqueue_push(&q, &three, 7, entry("highest", 1)), 1); /* low4 went */
	EQ(mqueue_push(&q, &three, 1, entry("lower", 1)), 1); /* itself: all are above */
	STR_EQ(pop(&q), "highest");
	STR_EQ(pop(&q), "high");
	STR_EQ(pop(&q), "high2");
	OK(q == NULL);
	worker_fini();
}

TEST(a_high_priority_leaves_first_and_starves_nobody)
{
	const struct mqueue_bounds many = { UINT32_MAX, UINT64_MAX };
	struct mqueue *q = NULL;
	char out[64] = "";

	worker_init(1);
	for (unsigned i = 0; i < 25; i++)
		mqueue_push(&q, &many, 0, entry("l", 1));
	for (unsigned i = 0; i < 25; i++)
		mqueue_push(&q, &many, 1, entry("h", 1));
	for (unsigned i = 0; i < 30; i++)
		strcat(out, pop(&q));
	/* 1 + 10 of the higher one, then one of the lower */
	STR_EQ(out, "hhhhhhhhhhhlhhhhhhhhhhhlhhhlll");
	EQ(mqueue_count(q), 20);
	mqueue_free(&q);
	worker_fini();
}

static void
note_share(struct mqueue_entry *e, void *arg)
{
	strncat(arg, (const char *)e->message->payload.p, e->message->payload.n);
	message_unref(&e->message);
}

TEST(what_came_by_a_share_can_be_taken_out)
{
	struct mqueue *q = NULL;
	struct mqueue_entry e;
	char out[16] = "";

	worker_init(1);
	for (unsigned i = 0; i < 3; i++) {
		e = entry(i == 0 ? "a" : i == 1 ? "b" : "c", 1);
		e.share = i == 1 ? 0 : 9;
		mqueue_push(&q, &three, i, e);
	}
	mqueue_take_share(&q, 9, note_share, out);
	STR_EQ(out, "ca");
	STR_EQ(pop(&q), "b");
	OK(q == NULL);
	worker_fini();
}

/* The rule said plainly, over an array. */
struct plain {
	int id[64];
	uint8_t qos[64];
	unsigned n;
};

static void
plain_take(struct plain *p, unsigned at)
{
	for (p->n--; at < p->n; at++) {
		p->id[at] = p->id[at + 1];
		p->qos[at] = p->qos[at + 1];
	}
}

static unsigned
plain_push(struct plain *p, unsigned max, int id, uint8_t qos)
{
	unsigned gone = 0, at = 0;

	if (p->n == max) {
		bool has_qos0 = false;

		for (unsigned i = p->n; i-- > 0;)
			if (p->qos[i] == 0) {
				at = i;
				has_qos0 = true;
			}
		if (!has_qos0 && qos == 0)
			return 1; /* the new one is the only QoS 0 */
		plain_take(p, at);
		gone = 1;
	}
	p->id[p->n] = id;
	p->qos[p->n++] = qos;
	return gone;
}

TEST(any_mixture_is_dropped_as_the_rule_says)
{
	struct mqueue_bounds b = { 20, UINT64_MAX };
	struct mqueue *q = NULL;
	struct plain p = { .n = 0 };

	worker_init(1);
	rand_seed(11);
	for (int i = 0; i < 50000; i++) {
		char text[16];

		if (rand_below(3) == 0) {
			snprintf(text, sizeof text, "%d", p.n > 0 ? p.id[0] : -1);
			STR_EQ(pop(&q), p.n > 0 ? text : "");
			if (p.n > 0)
				plain_take(&p, 0);
		} else {
			uint8_t qos = (uint8_t)rand_below(3);

			snprintf(text, sizeof text, "%d", i);
			EQ(mqueue_push(&q, &b, 0, entry(text, qos)),
			    plain_push(&p, 20, i, qos));
		}
		EQ(mqueue_count(q), p.n);
	}
	mqueue_free(&q);
	worker_fini();
}
