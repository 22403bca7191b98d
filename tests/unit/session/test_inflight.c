/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of the window. */
#include "emqxd/session/inflight.h"
#include "emqxd/core/worker.h"
#include "ipc/base/rand.h"
#include "tests/unit/tap.h"

static struct message *
a_message(void)
{
	struct message view = message_view(SLICE_LIT("t"), SLICE_LIT("x")), *m;

	m = message_keep(&view);
	message_done(&view);
	return m;
}

static uint16_t
push(struct inflight **f, uint32_t *seq)
{
	struct inflight_slot slot = {
		.message = a_message(), .state = INFLIGHT_PUBLISH, .qos = 1
	};

	return inflight_push(f, seq, slot);
}

TEST(ids_start_at_1_and_count_up)
{
	struct inflight *f = NULL;
	uint32_t seq = 0;

	worker_init(1);
	EQ(push(&f, &seq), 1);
	EQ(push(&f, &seq), 2);
	EQ(push(&f, &seq), 3);
	OK(inflight_find(f, seq, 2) != NULL);
	OK(inflight_find(f, seq, 4) == NULL);
	OK(inflight_find(f, seq, 0) == NULL);
	OK(inflight_find(f, seq, 65535) == NULL);
	inflight_free(&f);
	worker_fini();
}

TEST(a_message_that_the_client_has_is_no_longer_unreceived)
{
	struct inflight *f = NULL;
	uint32_t seq = 0;

	worker_init(1);
	EQ(inflight_unreceived(f), 0);
	for (unsigned i = 0; i < 4; i++)
		push(&f, &seq);
	inflight_find(f, seq, 2)->state = INFLIGHT_PUBREL;
	inflight_done(&f, inflight_find(f, seq, 3));
	EQ(inflight_count(f), 3);
	EQ(inflight_unreceived(f), 2);
	inflight_free(&f);
	worker_fini();
}

TEST(ids_wrap_to_1_after_65535_and_0_is_never_given)
{
	struct inflight *f = NULL;
	uint32_t seq = 0;

	worker_init(1);
	for (unsigned i = 1; i <= 200000; i++) {
		uint16_t id = push(&f, &seq);

		EQ(id, 1 + (i - 1) % 65535);
		inflight_done(&f, inflight_find(f, seq, id));
	}
	EQ(inflight_count(f), 0);
	inflight_free(&f);
	worker_fini();
}

TEST(what_is_never_acknowledged_holds_up_nobody_and_keeps_its_id)
{
	enum { HELD = 3, N = 300000 };
	struct inflight *f = NULL;
	uint32_t seq = 60000;
	uint16_t held[HELD], got;

	worker_init(1);
	for (unsigned i = 0; i < N; i++) {
		uint16_t id;

		OK(inflight_has_room(f, HELD + 1));
		id = push(&f, &seq);
		for (unsigned k = 0; k < HELD && k < i / 100; k++)
			OK(id != held[k]);
		if (i % 100 == 0 && i / 100 < HELD)
			held[i / 100] = id;
		else
			inflight_done(&f, inflight_find(f, seq, id));
	}
	EQ(inflight_count(f), HELD);
	inflight_rewind(f);
	for (unsigned k = 0; k < HELD; k++) {
		OK(inflight_resend(f, HELD, &got) != NULL);
		EQ(got, held[k]);
	}
	for (unsigned k = HELD; k-- > 0;)
		inflight_done(&f, inflight_find(f, seq, held[k]));
	EQ(inflight_count(f), 0);
	inflight_free(&f);
	worker_fini();
}

TEST(all_ids_but_one_may_be_under_way)
{
	struct inflight *f = NULL;
	uint32_t seq = 5;
	uint16_t last;

	worker_init(1);
	for (unsigned i = 1; i < UINT16_MAX; i++)
		push(&f, &seq);
	OK(inflight_find(f, seq, 5) == NULL);
	last = push(&f, &seq);
	EQ(last, 5);
	OK(!inflight_has_room(f, UINT16_MAX));
	inflight_done(&f, inflight_find(f, seq, 1000));
	OK(inflight_has_room(f, UINT16_MAX));
	EQ(push(&f, &seq), 1000);
	inflight_free(&f);
	worker_fini();
}

TEST(ids_go_on_where_their_count_wraps)
{
	struct inflight *f = NULL;
	uint32_t seq = UINT16_MAX * 65536u - 4;
	uint16_t id[8];

	worker_init(1);
	for (unsigned i = 0; i < 8; i++) {
		id[i] = push(&f, &seq);
		EQ(id[i], i < 3 ? 65532 + i : i == 3 ? 65535 : i - 3);
	}
	for (unsigned i = 0; i < 8; i += 2)
		inflight_done(&f, inflight_find(f, seq, id[i]));
	for (unsigned i = 0; i < 20; i++) { /* the holes go */
		uint16_t more = push(&f, &seq);

		inflight_done(&f, inflight_find(f, seq, more));
	}
	for (unsigned i = 1; i < 8; i += 2)
		inflight_done(&f, inflight_find(f, seq, id[i]));
	EQ(inflight_count(f), 0);
	inflight_free(&f);
	worker_fini();
}

TEST(acknowledgements_out_of_order_are_found)
{
	enum { N = 1000 };
	struct inflight *f = NULL;
	uint32_t seq = 65000;
	uint16_t id[N], got;
	unsigned n = 0;

	worker_init(1);
	rand_seed(3);
	for (unsigned i = 0; i < N; i++)
		id[i] = push(&f, &seq);
	for (unsigned i = 0; i < N / 2; i++) {
		struct inflight_slot *slot;
		unsigned k = (unsigned)rand_below(N);

		slot = inflight_find(f, seq, id[k]);
		if (slot != NULL)
			inflight_done(&f, slot);
		OK(inflight_find(f, seq, id[k]) == NULL);
		n += slot != NULL;
	}
	EQ(inflight_count(f), N - n);
	inflight_rewind(f);
	for (unsigned i = 0; i < N; i++)
		if (inflight_find(f, seq, id[i]) != NULL) {
			OK(inflight_resend(f, N, &got) != NULL);
			EQ(got, id[i]);
		}
	OK(inflight_resend(f, N, &got) == NULL);
	inflight_free(&f);
	worker_fini();
}

TEST(the_window_counts_what_is_under_way)
{
	struct inflight *f = NULL;
	uint32_t seq = 0;

	worker_init(1);
	OK(inflight_has_room(f, 1));
	push(&f, &seq);
	OK(!inflight_has_room(f, 1));
	OK(inflight_has_room(f, 2));
	inflight_done(&f, inflight_find(f, seq, 1));
	OK(inflight_has_room(f, 1));
	inflight_free(&f);
	worker_fini();
}

TEST(a_smaller_window_holds_what_is_sent_again)
{
	struct inflight *f = NULL;
	uint32_t seq = 0;
	uint16_t id;

	worker_init(1);
	for (unsigned i = 1; i <= 5; i++)
		push(&f, &seq);
	inflight_rewind(f);
	OK(inflight_resend(f, 2, &id) != NULL && id == 1);
	OK(inflight_resend(f, 2, &id) != NULL && id == 2);
	OK(inflight_resend(f, 2, &id) == NULL);
	/* One that is not on its way yet makes no room. */
	inflight_done(&f, inflight_find(f, seq, 4));
	OK(inflight_resend(f, 2, &id) == NULL);
	inflight_done(&f, inflight_find(f, seq, 2));
	OK(inflight_resend(f, 2, &id) != NULL && id == 3);
	OK(!inflight_has_room(f, 100));
	inflight_done(&f, inflight_find(f, seq, 1));
	OK(inflight_resend(f, 2, &id) != NULL && id == 5);
	OK(!inflight_has_more(f));
	OK(inflight_has_room(f, 100));
	inflight_free(&f);
	worker_fini();
}
