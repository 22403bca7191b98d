/* SPDX-License-Identifier: Apache-2.0 */
/* leave: a session that ends, with more subscriptions than are taken out at once. */
#include "tests/unit/session/house.h"

#include <stdio.h>

#define MANY 300u

static struct guest leaver, heir;

static void
sub_many(struct guest *g)
{
	house_sub(g, "g", "job", 1); /* the last that is taken out */
	for (unsigned i = 0; i < MANY; i++) {
		char filter[16];

		snprintf(filter, sizeof filter, "plain/%u", i);
		house_sub(g, "", filter, 0);
	}
}

static uint64_t
lost(void)
{
	return metrics_read(METRIC_DELIVERY_DROPPED_SESSION_ENDED);
}

static void
wait_left(uint64_t subscriptions)
{
	while (router_subscriptions_count() > subscriptions)
		loop_turn(worker_self()->loop);
}

TEST(what_a_group_is_owed_does_not_come_back_to_the_session_that_ends)
{
	uint64_t before;

	house_begin();
	before = lost();
	house_open(&leaver, "leaver", 3600);
	sub_many(&leaver);
	EQ(house_pub("job", 1), 1);
	EQ(house_pub("job", 1), 1); /* waits: the window is one */
	EQ(leaver.got, 1);
	session_kick(leaver.session, END_KICKED);
	OK(leaver.was_taken);
	EQ(lost(), before + 2);
	EQ(house_pub("job", 1), 0);
	EQ(lost(), before + 2);
	wait_left(0);
}

TEST(while_it_leaves_it_is_nobody_in_its_groups)
{
	uint64_t before;

	house_begin();
	before = lost();
	house_open(&leaver, "leaver", 3600);
	sub_many(&leaver);
	house_open(&heir, "heir", 3600);
	session_detach(heir.session, 3600, false);
	house_sub(&heir, "g", "job", 1);
	EQ(house_pub("job", 1), 1);
	EQ(leaver.got, 1); /* it was online */
	session_kick(leaver.session, END_KICKED);
	OK(router_subscriptions_count() > 1);
	OK(!leaver.session->subscriber.is_online);
	EQ(mqueue_count(heir.session->mqueue), 1);
	EQ(house_pub("job", 1), 1);
	EQ(mqueue_count(heir.session->mqueue), 2);
	EQ(lost(), before);
	wait_left(1);
	session_kick(heir.session, END_KICKED);
	EQ(lost(), before + 2);
}
