/* SPDX-License-Identifier: Apache-2.0 */
/* message: views, kept copies and their counts. */
#include "emqxd/model/message.h"
#include "emqxd/core/worker.h"
#include "ipc/base/slice.h"
#include "tests/unit/tap.h"

static void
begin(void)
{
	if (worker_current == NULL)
		worker_init(1);
}

static uint32_t
refs(struct message *m)
{
	return atomic_load(&m->refs);
}

TEST(ten_queues_hold_one_copy)
{
	char topic[] = "a/b", payload[] = "hello";
	struct message view, *kept[10];

	begin();
	view = message_view(slice_str(topic), slice_str(payload));
	view.from = SLICE_LIT("me");
	view.props = SLICE_LIT("props");
	view.qos = 2;
	view.retain = true;
	view.publisher = 5;
	for (unsigned i = 0; i < 10; i++)
		kept[i] = message_keep(&view);
	memset(topic, '?', 3);
	memset(payload, '?', 5);
	for (unsigned i = 0; i < 10; i++)
		OK(kept[i] == kept[0]);
	EQ(refs(kept[0]), 11);
	message_done(&view);
	EQ(refs(kept[0]), 10);
	OK(slice_eq_str(kept[0]->topic, "a/b"));
	OK(slice_eq_str(kept[0]->payload, "hello"));
	OK(slice_eq_str(kept[0]->props, "props"));
	OK(slice_eq_str(kept[0]->from, "me"));
	EQ(kept[0]->qos, 2);
	EQ(kept[0]->publisher, 5);
	OK(kept[0]->retain && kept[0]->is_kept && !kept[0]->is_shared);
	EQ(message_bytes(kept[0]), 3 + 5 + 5);
	for (unsigned i = 0; i < 10; i++) {
		message_unref(&kept[i]);
		OK(kept[i] == NULL);
	}
	message_unref(&kept[0]); /* of nothing: nothing */
}

TEST(a_large_payload_is_counted_for_all_threads)
{
	static char big[MESSAGE_LARGE];
	struct message view, *kept;

	begin();
	view = message_view(slice_str("t"), slice_of(big, sizeof big));
	kept = message_keep(&view);
	OK(kept->is_shared);
	message_done(&view);
	EQ(refs(kept), 1);
	message_unref(&kept);
	view = message_view(slice_str("t"), slice_of(big, sizeof big - 1));
	kept = message_keep(&view);
	OK(!kept->is_shared);
	message_done(&view);
	message_unref(&kept);
}

TEST(a_shared_copy_is_one_of_its_own)
{
	struct message view, *kept, *shared;

	begin();
	view = message_view(slice_str("t"), SLICE_NONE);
	kept = message_keep(&view);
	shared = message_share(&view);
	OK(shared != kept && shared->is_shared && shared->is_kept);
	EQ(refs(shared), 1);
	message_unref(&shared);
	message_unref(&kept);
	message_done(&view);
}

TEST(keeping_what_is_kept_is_a_reference)
{
	struct message view, again, *kept, *more;

	begin();
	view = message_view(slice_str("t"), slice_str("p"));
	kept = message_keep(&view);
	message_done(&view);
	more = message_keep(kept);
	OK(more == kept);
	EQ(refs(kept), 2);
	message_unref(&more);
	again = message_view_of(kept);
	again.qos = 1;
	OK(!again.is_kept && again.topic.p == kept->topic.p);
	more = message_keep(&again);
	OK(more == kept && kept->qos == 0);
	message_unref(&more);
	message_done(&again);
	EQ(refs(kept), 1);
	message_unref(&kept);
}

TEST(seconds_left_are_rounded_up)
{
	struct message m;
	mono_t now = { 1000 };

	begin();
	m = message_view(slice_str("t"), SLICE_NONE);
	OK(!message_is_expired(&m, now));
	EQ(message_seconds_left(&m, now), UINT32_MAX);
	m.expires = mono_add(now, span_s(10));
	EQ(message_seconds_left(&m, now), 10);
	EQ(message_seconds_left(&m, mono_add(now, span_ms(1))), 10);
	EQ(message_seconds_left(&m, mono_add(now, span_ms(9001))), 1);
	OK(!message_is_expired(&m, mono_add(now, span_ms(9999))));
	OK(message_is_expired(&m, mono_add(now, span_s(10))));
	EQ(message_seconds_left(&m, mono_add(now, span_s(20))), 0);
}
