/* SPDX-License-Identifier: Apache-2.0 */
/* pull: retained messages for a new subscription, and that nobody sleeps over them. */
#include "tests/unit/session/house.h"
#include "emqxd/core/timer.h"

#include <stdio.h>

#define TOPICS 100u

static struct guest guest;
static bool has_slept;

static void
begin(void)
{
	house_begin();
	for (unsigned i = 0; i < TOPICS; i++) {
		char topic[16];
		int n = snprintf(topic, sizeof topic, "r/%u", i);
		struct message m =
		    message_view(slice_of(topic, (size_t)n), SLICE_LIT("x"));

		m.retain = true;
		OK(retain_store(&m, NULL) == EM_OK);
	}
	has_slept = false;
	house_open(&guest, "guest", 0);
}

static void
end(void)
{
	session_kick(guest.session, END_KICKED);
}

static void
on_slept(struct timer *t)
{
	(void)t;
	has_slept = true;
}

/* As the flush of a connection that was congested: it takes all and says so. */
static void
at_flush(void *arg)
{
	(void)arg;
	if (!guest.is_full)
		return;
	guest.is_full = false;
	session_pump(guest.session);
}

TEST(what_is_asked_for_again_behind_the_delivery_comes_without_another_event)
{
	struct timer bell = { 0 };

	begin();
	loop_at_turn(worker_self()->loop, LOOP_FLUSH, at_flush, NULL);
	guest.is_full = true;
	house_sub(&guest, "", "r/+", 0);
	house_turn();
	EQ(guest.got, 0);
	/* Would it sleep, then as long as this: nothing else comes. */
	timer_arm(&bell, span_s(3), on_slept);
	while (guest.got < TOPICS && !has_slept)
		loop_turn(worker_self()->loop);
	EQ(guest.got, TOPICS);
	OK(!has_slept);
	timer_cancel(&bell);
	end();
}

/* Topics with so much in common that each look at one takes long. */
static void
put_long(unsigned n, char *topic, size_t size)
{
	memset(topic, 'a', size);
	for (unsigned i = 0; i < n; i++) {
		int end = snprintf(topic + size - 16, 16, "/%06u/x", i);
		struct message m = message_view(
		    slice_of(topic, size - 16 + (size_t)end), SLICE_LIT("1"));

		m.retain = true;
		OK(retain_store(&m, NULL) == EM_OK);
	}
}

TEST(a_turn_looks_for_a_bounded_time)
{
	enum { LONG = 65000, N = 200 };
	static char topic[LONG];
	unsigned turns = 0;

	begin();
	put_long(N, topic, LONG);
	house_sub(&guest, "", "+/+/no", 0);
	for (; guest.session->rare->cursors.n > 0; turns++)
		house_turn();
	EQ(guest.got, 0);
	OK(turns >= 3);
	end();
}
