/* SPDX-License-Identifier: Apache-2.0 */
/* What is sent again when a link or a node is lost: messages of shared groups that nobody
 * has said are over, and the parts of a large one. */
#include "tests/unit/routes/forwards.h"

/* Of the last group's message so far. */
static uint64_t
forward_number(void)
{
	struct message m = message_view(SLICE_LIT("t"), SLICE_LIT("x"));
	struct forward_record rec;
	struct rbuf r;

	worker_act_as(worker_link());
	forward_group(2, 0, SLICE_LIT("g"), SLICE_LIT("t"), &m);
	as(0);
	all_turns(1);
	r = rbuf_of(slice_of(sent.p[0].bytes, sent.p[0].n));
	OK(forward_record_next(&r, &rec, clock_mono()));
	forget_sent();
	return rec.number;
}

TEST(a_groups_messages_that_a_link_loses_go_again_and_come_once)
{
	struct ear e = { .s = { .home = 0, .is_online = true } };

	begin_nodes();
	set(1, "g", "t", 1);
	pub_qos("t", "comes", 1);
	pub_qos("t", "is lost", 1);
	all_turns(1);
	set(1, "g", "t", 0);
	sub(&e, "g", "t", 1);
	forget_sent();
	for (unsigned i = 0; i < 2; i++) {
		link_again(); /* no ACK: both go again, and are known the second time */
		EQ(sent.n, 2);
		hear_sent();
		all_turns(1);
		EQ(e.got, 2);
		if (i == 0)
			forget_sent();
	}
	hear_sent(); /* the ACK */
	link_again();
	EQ(sent.n, 1); /* BEGIN */
	gone(&e);
}

/* 400 000 bytes: four parts. */
static void
pub_large(char what)
{
	uint8_t *bytes = mem_new(400000);
	struct message m = message_view(slice_str("t"), slice_of(bytes, 400000));

	memset(bytes, what, 400000);
	m.qos = 1;
	router_publish(&m);
	message_done(&m);
	mem_free(bytes);
	all_turns(2);
}

TEST(of_a_large_one_no_rest_comes_when_its_link_broke_before)
{
	struct ear e = { .s.home = 0 };
	uint64_t dropped = both_want(&e);

	takes = 2;
	pub_large('x');
	EQ(e.got, 1);
	EQ(sent.n, 2);
	takes = UINT_MAX;
	hear_sent();
	link_again();
	EQ(sent.n, 1);
	EQ(sent.p[0].frame, FORWARD_BEGIN);
	EQ(counted(METRIC_MESSAGES_FORWARD_DROPPED), dropped + 1);
	/* What of it had come is no part of the next one. */
	pub_large('y');
	EQ(e.got, 2);
	EQ(sent.n, 5);
	hear_sent();
	all_turns(2);
	EQ(e.got, 3);
	EQ(e.payload_n, 400000);
	EQ(e.payload[5], 'y');
	EQ(counted(METRIC_MESSAGES_FORWARD_DROPPED), dropped + 1);
	gone(&e);
	set(1, "", "t", 0);
}

TEST(a_large_one_that_has_begun_goes_on_when_only_the_way_back_is_lost)
{
	struct ear e = { .s.home = 0 };
	uint64_t dropped = both_want(&e);

	takes = 2;
	pub_large('x');
	pub_large('y');
	worker_act_as(worker_link());
	forward_lost(forward, 1);
	as(0);
	EQ(counted(METRIC_MESSAGES_FORWARD_DROPPED), dropped + 1);
	takes = UINT_MAX;
	all_turns(1);
	EQ(sent.n, 4);
	e.got = 0;
	hear_sent();
	all_turns(2);
	EQ(e.got, 1);
	EQ(e.payload[5], 'x');
	gone(&e);
	set(1, "", "t", 0);
}

TEST(the_rest_of_a_large_one_is_for_nobody_when_its_beginning_was_given_up)
{
	struct ear e = { .s.home = 0 };
	VEC(struct frame) x = { 0 };

	begin_nodes();
	sub(&e, "", "t", 0);
	set(1, "", "t", 1);
	pub_large('x');
	EQ(sent.n, 4);
	for (size_t i = 0; i < sent.n; i++)
		VEC_ADD(&x, sent.p[i]);
	sent.n = 0;
	e.got = 0;
	worker_act_as(worker_link());
	for (size_t i = 0; i < x.n; i++) {
		forward_on_frame(
		    forward, 1, x.p[i].frame, slice_of(x.p[i].bytes, x.p[i].n));
		if (i == 1)
			forward_lost(forward, 1);
	}
	as(0);
	all_turns(2);
	EQ(e.got, 0);
	pub_large('y');
	hear_sent();
	all_turns(2);
	EQ(e.got, 2);
	EQ(e.payload[5], 'y');
	for (size_t i = 0; i < x.n; i++)
		mem_free(x.p[i].bytes);
	VEC_FINI(&x);
	gone(&e);
	set(1, "", "t", 0);
}

TEST(of_a_groups_messages_those_that_there_was_no_room_to_keep_are_counted)
{
	uint64_t dropped;
	char *text = mem_new(50001);

	begin_nodes();
	memset(text, 'z', 50000);
	set(1, "g", "t", 1);
	dropped = counted(METRIC_MESSAGES_FORWARD_DROPPED);
	for (unsigned i = 0; i < 100; i++) {
		pub_qos("t", text, 1);
		all_turns(1);
	}
	worker_act_as(worker_link());
	nodes_set_running(1, false);
	forward_up(forward, 1, false);
	forward_lost(forward, 1);
	as(0);
	all_turns(2);
	/* Nobody else is in the group. */
	EQ(counted(METRIC_MESSAGES_FORWARD_DROPPED), dropped + 100);
	set(1, "g", "t", 0);
	mem_free(text);
}

TEST(a_groups_message_goes_to_another_when_its_node_is_lost)
{
	uint64_t first;
	size_t n;

	begin_nodes();
	set(1, "g", "t", 1);
	first = forward_number();
	pub_qos("t", "one", 1);
	pub_qos("t", "two", 1);
	pub_qos("t", "none", 0);
	all_turns(1);
	EQ(sent.n, 1);
	hear_number(1, FORWARD_ACK, first + 1); /* it was taken */
	forget_sent();
	worker_act_as(worker_link());
	set(2, "g", "t", 1);
	nodes_set_running(1, false);
	forward_up(forward, 1, false);
	forward_lost(forward, 1);
	as(0);
	all_turns(2);
	EQ(sent.n, 1);
	EQ(sent.p[0].place, 2);
	n = sent.p[0].n;
	OK(n > 3 && memcmp(sent.p[0].bytes + n - 3, "two", 3) == 0);
	OK(memmem(sent.p[0].bytes, n, "one", 3) == NULL);
	hear_number(2, FORWARD_ACK, UINT64_MAX);
	set(1, "g", "t", 0);
	set(2, "g", "t", 0);
}

/* So many of t are on their way to node a for group g, and it is lost; returns how many
 * were dropped before. */
static uint64_t
loses_many(unsigned n)
{
	uint64_t dropped;
	char text[16];

	begin_nodes();
	hear_number(1, FORWARD_ACK, UINT64_MAX);
	set(1, "g", "t", 1);
	for (unsigned i = 0; i < n; i++) {
		snprintf(text, sizeof text, "%u", i);
		pub_qos("t", text, 1);
		if (i % 100 == 0)
			all_turns(1);
	}
	all_turns(2);
	forget_sent();
	dropped = counted(METRIC_MESSAGES_FORWARD_DROPPED);
	worker_act_as(worker_link());
	nodes_set_running(1, false);
	forward_up(forward, 1, false);
	set(1, "g", "t", 0);
	forward_lost(forward, 1);
	as(0);
	return dropped;
}

#define MANY 20000u

TEST(very_many_of_a_lost_node_are_picked_again_in_steps)
{
	uint64_t dropped, forwarded, now;
	unsigned n = 0;

	dropped = loses_many(MANY);
	set(2, "g", "t", 1);
	forwarded = counted(METRIC_MESSAGES_FORWARD);
	do {
		link_turn();
		now = counted(METRIC_MESSAGES_FORWARD);
		n++;
	} while (now < forwarded + MANY && n < MANY);
	EQ(now, forwarded + MANY);
	OK(n > 3);
	all_turns(2);
	EQ(counted(METRIC_MESSAGES_FORWARD), forwarded + MANY);
	EQ(counted(METRIC_MESSAGES_FORWARD_DROPPED), dropped);
	hear_number(2, FORWARD_ACK, UINT64_MAX);
	set(2, "g", "t", 0);
}

TEST(what_is_picked_again_waits_for_workers_that_are_behind)
{
	struct ear e = { .s = { .home = 1, .is_online = true } };
	uint64_t dropped, waiting;

	begin_nodes();
	sub(&e, "g", "t", 1);
	set_online(&e, false); /* node a's member is */
	dropped = loses_many(MANY);
	atomic_store(&worker_get(1)->box.mark, 300000);
	set_online(&e, true);
	for (unsigned i = 0; i < MANY && !mailbox_is_full(worker_get(1)); i++)
		link_turn();
	OK(mailbox_is_full(worker_get(1)));
	waiting = atomic_load(&worker_get(1)->box.waiting);
	for (unsigned i = 0; i < 100; i++)
		link_turn();
	OK(atomic_load(&worker_get(1)->box.waiting) == waiting);
	for (unsigned i = 0; i < 100 * MANY && e.got < MANY; i++)
		all_turns(1);
	EQ(e.got, MANY);
	STR_EQ(e.payload, "19999");
	EQ(counted(METRIC_MESSAGES_FORWARD_DROPPED), dropped);
	atomic_store(&worker_get(1)->box.mark, MAILBOX_MARK);
	gone(&e);
}

static void
dies(unsigned place)
{
	worker_act_as(worker_link());
	nodes_set_running(place, false);
	forward_up(forward, place, false);
	forward_lost(forward, place);
	forward_dead(forward, place);
	as(0);
	all_turns(2);
}

TEST(what_a_dead_node_had_of_a_group_and_was_not_over_goes_to_another)
{
	uint64_t first;
	size_t n;

	begin_nodes();
	set(1, "g", "t", 1);
	hear(1, FORWARD_OWED, SLICE_LIT("\3")); /* it says what is over */
	worker_act_as(worker_link());
	forward_ctl(forward, 1, true); /* the other direction: it does not say so again */
	forward_ctl(forward, 1, false);
	as(0);
	first = forward_number();
	pub_qos("t", "one", 1);
	pub_qos("t", "two", 2);
	all_turns(1);
	hear_number(1, FORWARD_ACK, first + 2);
	hear_number(1, FORWARD_DONE, first + 1);
	set(2, "g", "t", 1);
	forget_sent();
	dies(1);
	EQ(sent.n, 1);
	EQ(sent.p[0].place, 2);
	n = sent.p[0].n;
	OK(n > 3 && memcmp(sent.p[0].bytes + n - 3, "two", 3) == 0);
	forget_sent();
	dies(1);
	EQ(sent.n, 0); /* once */
	hear_number(2, FORWARD_ACK, UINT64_MAX);
	set(1, "g", "t", 0);
	set(2, "g", "t", 0);
}

TEST(who_has_a_groups_message_says_when_it_is_over)
{
	struct ear e = { .s = { .home = 1, .is_online = true } };
	struct rbuf r;
	uint64_t first;

	begin_nodes();
	set(1, "g", "t", 1);
	first = forward_number();
	pub_qos("t", "one", 1);
	all_turns(1);
	set(1, "g", "t", 0);
	sub(&e, "g", "t", 1);
	worker_act_as(worker_link());
	forward_ctl(forward, 1, true);
	hear_sent();
	all_turns(3);
	EQ(sent.n, 2);
	EQ(sent.p[0].frame, FORWARD_ACK);
	EQ(sent.p[1].frame, FORWARD_OWED);
	EQ(sent.p[1].n, 9);
	r = rbuf_of(slice_of(sent.p[1].bytes + 1, 8));
	OK(rbuf_u64(&r) == first + 1);
	forget_sent();
	as(1);
	message_unref(&e.kept);
	as(0);
	all_turns(3);
	EQ(sent.n, 1);
	EQ(sent.p[0].frame, FORWARD_DONE);
	r = rbuf_of(slice_of(sent.p[0].bytes, sent.p[0].n));
	OK(rbuf_u64(&r) == first + 1);
	worker_act_as(worker_link());
	forward_ctl(forward, 1, false);
	as(0);
	gone(&e);
}

TEST(a_groups_message_that_is_on_its_way_to_a_node_when_it_is_lost_goes_to_another)
{
	struct ear e = { .s = { .home = 1, .is_online = true } };

	begin_nodes();
	hear_number(1, FORWARD_ACK, UINT64_MAX);
	set(1, "g", "t", 1);
	pub_qos("t", "one", 1);
	all_turns(1);
	set(2, "g", "t", 1);
	worker_act_as(worker_link());
	nodes_set_running(1, false);
	forward_lost(forward, 1);
	link_turn(); /* the other one is picked, by a letter */
	nodes_set_running(2, false);
	forward_lost(forward, 2);
	as(0);
	sub(&e, "g", "t", 1);
	all_turns(2);
	EQ(e.got, 1);
	set(1, "g", "t", 0);
	set(2, "g", "t", 0);
	gone(&e);
}

TEST(what_a_node_sends_of_a_group_is_acknowledged)
{
	struct ear e = { .s = { .home = 1, .is_online = true } };

	begin_nodes();
	set(1, "g", "t", 1);
	pub_qos("t", "one", 1);
	all_turns(1);
	set(1, "g", "t", 0);
	sub(&e, "g", "t", 1);
	hear_sent();
	all_turns(1);
	EQ(e.got, 1);
	EQ(sent.n, 1);
	EQ(sent.p[0].frame, FORWARD_ACK);
	EQ(sent.p[0].place, 1);
	gone(&e);
}
