/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to other nodes and from them: what they carry, in what order, and what is done
 * when the link takes no more. */
#include "tests/unit/routes/forwards.h"

TEST(a_record_carries_all_that_a_message_has)
{
	struct message m;
	struct forward_record record = { .tried = 5 }, out;
	struct wbuf w = wbuf_growing(1 << 20);
	mono_t now = { 1000000000 }, later = { 77 };
	struct rbuf r;

	begin_nodes();
	m = message_view(slice_str("a/b"), slice_str("load"));
	m.props = slice_str("\1\1");
	m.from = slice_str("me");
	m.at.ns = 123456789;
	m.qos = 2;
	m.retain = true;
	m.publisher = 99;
	m.expires.ns = now.ns + 5000000000;
	record.m = m;
	OK(forward_record_put(&w, &record, now));
	record.group = slice_str("g");
	record.filter = slice_str("a/+");
	record.number = 1234;
	record.m.expires.ns = INT64_MAX;
	OK(forward_record_put(&w, &record, now));
	record.m.expires = now;
	OK(!forward_record_put(&w, &record, now));
	r = rbuf_of(wbuf_slice(&w));
	OK(forward_record_next(&r, &out, later));
	OK(slice_eq_str(out.m.topic, "a/b") && slice_eq_str(out.m.payload, "load"));
	OK(slice_eq_str(out.m.props, "\1\1") && slice_eq_str(out.m.from, "me"));
	EQ(out.m.qos, 2);
	OK(out.m.retain);
	EQ(out.m.at.ns, 123456789);
	EQ(out.m.expires.ns, 77 + 5000000000);
	EQ(out.m.publisher, 0); /* known by its client id */
	EQ(out.group.n, 0);
	OK(forward_record_next(&r, &out, later));
	OK(slice_eq_str(out.group, "g") && slice_eq_str(out.filter, "a/+"));
	EQ(out.number, 1234);
	EQ(out.tried, 5);
	EQ(out.m.expires.ns, INT64_MAX);
	OK(!forward_record_next(&r, &out, later) && r.err == EM_OK);
	/* Cut anywhere it is nonsense, never more. */
	for (size_t n = 1; n < w.n; n++) {
		r = rbuf_of(slice_of(w.p, n));
		while (forward_record_next(&r, &out, later))
			;
	}
	wbuf_fini(&w);
}

TEST(many_small_ones_go_together_in_their_order)
{
	struct ear e = { .s.home = 1 };
	char text[16];
	size_t frames;

	begin_nodes();
	sub(&e, "", "t", 0);
	set(1, "", "t", 1);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(text, sizeof text, "%u", i);
		EQ(pub_qos("t", text, 0), 2);
	}
	all_turns(2);
	EQ(e.got, 3000);
	frames = sent.n;
	OK(frames >= 2 && frames < 200);
	for (size_t i = 0; i < sent.n; i++)
		OK(sent.p[i].n <= 61440 && sent.p[i].frame == FORWARD_BATCH);
	e.got = 0;
	hear_sent();
	all_turns(2);
	EQ(e.got, 3000);
	STR_EQ(e.payload, "2999");
	EQ(sent.n, 0); /* it is not sent on */
	gone(&e);
	set(1, "", "t", 0);
}

static void
large(size_t n, enum forward_frame frame, size_t frames)
{
	struct ear e = { .s.home = 0 };
	uint8_t *bytes = mem_new(n);
	struct message m;

	begin_nodes();
	m = message_view(slice_str("t"), slice_of(bytes, n));
	sub(&e, "", "t", 0);
	set(1, "", "t", 1);
	memset(bytes, 'x', n);
	router_publish(&m);
	message_done(&m);
	all_turns(2);
	EQ(sent.n, frames);
	EQ(sent.p[0].frame, frame);
	hear_sent();
	all_turns(2);
	EQ(e.got, 2);
	EQ(e.payload_n, n);
	EQ(e.payload[5], 'x');
	gone(&e);
	set(1, "", "t", 0);
	mem_free(bytes);
}

TEST(large_ones_go_alone_and_very_large_ones_in_parts)
{
	large(70000, FORWARD_BATCH, 1);
	large(400000, FORWARD_PART, 4);
}

static bool
publisher_waits(const char *topic, const char *text, uint8_t qos)
{
	struct message m = message_view(slice_str(topic), slice_str(text));
	struct router_result result;

	m.qos = qos;
	result = router_publish(&m);
	message_done(&m);
	return result.is_full == worker_link();
}

TEST(what_comes_for_somebody_who_has_gone_is_counted)
{
	struct ear e = { .s.home = 0 };
	uint64_t dropped = both_want(&e);

	pub_qos("t", "a", 1);
	all_turns(2);
	hear_sent();
	all_turns(2);
	EQ(e.got, 2); /* from here, and as another node's */
	EQ(counted(METRIC_MESSAGES_FORWARD_DROPPED), dropped);
	gone(&e);
	pub_qos("t", "b", 1);
	all_turns(2);
	hear_sent();
	all_turns(2);
	EQ(counted(METRIC_MESSAGES_FORWARD_DROPPED), dropped + 1);
	set(1, "", "t", 0);
}

TEST(when_a_link_is_full_qos_0_goes_first_and_publishers_wait)
{
	char text[2000];
	struct ear e = { .s.home = 0 };
	uint64_t dropped = counted(METRIC_MESSAGES_FORWARD_DROPPED);
	unsigned n = 0;

	begin_nodes();
	set(1, "", "t", 1);
	set(2, "", "elsewhere", 1);
	memset(text, 'y', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	waits = BUFFER - 1000;
	pub_qos("t", text, 0);
	all_turns(1);
	EQ(sent.n, 0);
	EQ(counted(METRIC_MESSAGES_FORWARD_DROPPED), dropped + 1);
	is_full = true;
	while (!publisher_waits("t", text, 1)) {
		n++;
		all_turns(1);
	}
	n++;
	OK(n > 500 && n < 600);
	OK(mailbox_is_blocked(worker_link()));
	OK(!mailbox_is_full(worker_link()));
	OK(!publisher_waits("t", text, 0)); /* it is dropped */
	OK(!publisher_waits("elsewhere", text, 1));
	is_full = false;
	waits = 0;
	while (mailbox_is_blocked(worker_link()))
		all_turns(1);
	sub(&e, "", "t", 1);
	hear_sent();
	all_turns(4);
	EQ(e.got, n);
	EQ(counted(METRIC_MESSAGES_FORWARD_DROPPED),
	    dropped + 3); /* and "elsewhere" here */
	gone(&e);
	set(1, "", "t", 0);
	set(2, "", "elsewhere", 0);
}

TEST(a_node_that_is_away_for_a_moment_gets_what_is_acknowledged)
{
	uint64_t dropped;

	begin_nodes();
	set(1, "", "t", 1);
	worker_act_as(worker_link());
	forward_up(forward, 1, false);
	as(0);
	dropped = counted(METRIC_MESSAGES_FORWARD_DROPPED);
	pub_qos("t", "a", 0);
	pub_qos("t", "b", 1);
	all_turns(1);
	EQ(counted(METRIC_MESSAGES_FORWARD_DROPPED), dropped + 1);
	EQ(sent.n, 0);
	worker_act_as(worker_link());
	forward_up(forward, 1, true);
	as(0);
	all_turns(1);
	EQ(sent.n, 2);
	EQ(sent.p[0].frame, FORWARD_BEGIN);
	/* It cannot be reached: all goes. */
	worker_act_as(worker_link());
	forward_up(forward, 1, false);
	as(0);
	pub_qos("t", "b", 1);
	all_turns(1);
	worker_act_as(worker_link());
	nodes_set_running(1, false);
	forward_lost(forward, 1);
	as(0);
	EQ(counted(METRIC_MESSAGES_FORWARD_DROPPED), dropped + 2);
	pub_qos("t", "b", 1);
	all_turns(1);
	EQ(counted(METRIC_MESSAGES_FORWARD_DROPPED), dropped + 3);
	set(1, "", "t", 0);
}

TEST(what_a_link_loses_is_counted_where_it_is_missed)
{
	uint64_t lost = counted(METRIC_MESSAGES_FORWARD_LOST);

	begin_nodes();
	set(1, "", "t", 1);
	set(1, "g", "g", 1);
	link_again();
	hear_sent();
	EQ(counted(METRIC_MESSAGES_FORWARD_LOST), lost);
	pub_qos("t", "comes", 1);
	all_turns(1);
	hear_sent();
	pub_qos("t", "one", 1);
	pub_qos("t", "two", 0);
	pub_qos("g", "is kept", 1);
	pub_qos("g", "is not", 0);
	all_turns(1);
	set(1, "g", "g", 0); /* what is kept comes again, and is for nobody */
	forget_sent();
	link_again();
	hear_sent();
	EQ(counted(METRIC_MESSAGES_FORWARD_LOST), lost + 3);
	/* Once; and another life of it has lost nothing yet. */
	link_again();
	hear_sent();
	EQ(counted(METRIC_MESSAGES_FORWARD_LOST), lost + 3);
	hear_number(1, FORWARD_ACK, UINT64_MAX);
	set(1, "", "t", 0);
}

TEST(nonsense_is_counted)
{
	uint64_t dropped = counted(METRIC_MESSAGES_FORWARD_DROPPED);

	begin_nodes();
	worker_act_as(worker_link());
	forward_on_frame(forward, 1, FORWARD_BATCH, slice_str("abcdefgh"));
	forward_on_frame(forward, 1, FORWARD_PART, SLICE_NONE);
	forward_on_frame(forward, 1, FORWARD_ACK, slice_str("a"));
	as(0);
	EQ(counted(METRIC_MESSAGES_FORWARD_DROPPED), dropped + 3);
}
