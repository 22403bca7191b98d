/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to other nodes and from them: what they carry, in what order, and what is done
 * when the link takes no more. */
#include "emqxd/routes/forward.h"
#include "emqxd/routes/forward_record.h"
#include "emqxd/core/clock.h"
#include "emqxd/model/metrics.h"
#include "emqxd/model/nodes.h"
#include "tests/unit/router/ears.h"

#include <limits.h>

/* ---- the link's double */

struct frame {
	enum forward_frame frame;
	unsigned place;
	size_t n;
	uint8_t *bytes;
};

static VEC(struct frame) sent;
static bool is_full;
static unsigned takes; /* so many frames before it is full */
static uint64_t waits; /* what pending() says */
static unsigned held;

static em_err
on_send(void *arg, unsigned place, enum forward_frame frame, struct slice body)
{
	struct frame f = { frame, place, body.n, NULL };

	(void)arg;
	if ((is_full || takes == 0) && frame != FORWARD_ACK)
		return EM_FULL;
	takes--;
	f.bytes = (uint8_t *)mem_dup(body.p, body.n);
	VEC_ADD(&sent, f);
	return EM_OK;
}

static em_err
on_room(void *arg, unsigned place, enum forward_frame frame, size_t n, uint8_t **out)
{
	struct frame f = { frame, place, n, mem_new(n) };

	(void)arg;
	if (is_full) {
		mem_free(f.bytes);
		return EM_FULL;
	}
	VEC_ADD(&sent, f);
	*out = f.bytes;
	return EM_OK;
}

static uint64_t
on_pending(void *arg, unsigned place)
{
	(void)arg;
	(void)place;
	return waits;
}

static void
on_hold(void *arg, unsigned place, bool is_held)
{
	(void)arg;
	EQ(place, 1);
	held += is_held;
}

static void
forget_sent(void)
{
	for (size_t i = 0; i < sent.n; i++)
		mem_free(sent.p[i].bytes);
	sent.n = 0;
}

static void
nothing(struct slice group, struct slice filter, uint32_t online, uint32_t offline)
{
	(void)group;
	(void)filter;
	(void)online;
	(void)offline;
}

static const struct router_remote remote = { nothing, forward_nodes, forward_group,
	NULL };
static struct forward *forward;

#define BUFFER (2u << 20)

static void
begin_nodes(void)
{
	struct forward_conf conf = { .links = { on_send, on_room, on_pending, on_hold,
					 NULL },
		.incarnation = 1000,
		.buffer = BUFFER,
		.frame_max = 128 << 10 };
	unsigned place;

	if (forward == NULL) {
		begin();
		nodes_birth("emqx@me", 50);
		OK(nodes_add(slice_str("emqx@a"), 10, &place) == EM_OK);
		OK(nodes_add(slice_str("emqx@b"), 90, &place) == EM_OK);
		worker_act_as(worker_link());
		router_worker_birth();
		forward = forward_new(&conf);
		router_remote_use(&remote);
	}
	worker_act_as(worker_link());
	nodes_set_running(1, true);
	nodes_set_running(2, true);
	forward_up(forward, 1, true);
	forward_up(forward, 2, true);
	is_full = false;
	takes = UINT_MAX;
	waits = 0;
	forget_sent();
	as(0);
}

static void
all_turns(unsigned n)
{
	struct worker *was = worker_current;

	for (; n > 0; n--) {
		turns(1);
		worker_act_as(worker_link());
		for (unsigned k = 0; k < 2; k++) {
			loop_hurry(worker_self()->loop);
			loop_turn(worker_self()->loop);
		}
	}
	turns(1);
	worker_act_as(was);
}

static void
set(unsigned place, const char *group, const char *filter, uint32_t online)
{
	OK(router_remote_set(place, slice_str(group), slice_str(filter), online, 0) ==
	    EM_OK);
}

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

/* All that was sent comes back, as from node a. */
static void
hear_sent(void)
{
	worker_act_as(worker_link());
	for (size_t i = 0; i < sent.n; i++)
		forward_on_frame(
		    forward, 1, sent.p[i].frame, slice_of(sent.p[i].bytes, sent.p[i].n));
	as(0);
	forget_sent();
}

static uint64_t
counted(unsigned id)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < worker_all(); i++)
		n += atomic_load(&worker_get(i)->metric[id]);
	return n;
}

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

/* A mailbox is opened for a bounded time: on a slow machine over several turns. */
static void
turns_until(const struct ear *e, unsigned n)
{
	all_turns(2);
	for (unsigned k = 0; k < 1000 && e->got < n; k++)
		all_turns(1);
	EQ(e->got, n);
	all_turns(300); /* the link thread may have more of them before it */
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
	turns_until(&e, 3000);
	frames = sent.n;
	OK(frames >= 2 && frames < 200);
	for (size_t i = 0; i < sent.n; i++)
		OK(sent.p[i].n <= 61440 && sent.p[i].frame == FORWARD_BATCH);
	e.got = 0;
	hear_sent();
	turns_until(&e, 3000);
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
	uint64_t dropped;

	begin_nodes();
	dropped = counted(METRIC_MESSAGES_FORWARD_DROPPED);
	sub(&e, "", "t", 0);
	set(1, "", "t", 1);
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
	EQ(counted(METRIC_MESSAGES_FORWARD_DROPPED), dropped + 3); /* and "elsewhere" here */
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

static void
link_again(void)
{
	worker_act_as(worker_link());
	forward_up(forward, 1, false);
	forward_up(forward, 1, true);
	as(0);
	all_turns(1);
}

static void
hear(unsigned place, enum forward_frame frame, struct slice body)
{
	worker_act_as(worker_link());
	forward_on_frame(forward, place, frame, body);
	as(0);
}

static void
hear_number(unsigned place, enum forward_frame frame, uint64_t number)
{
	uint8_t bytes[8];
	struct wbuf w = wbuf_fixed(bytes, sizeof bytes);

	wbuf_u64(&w, number);
	hear(place, frame, wbuf_slice(&w));
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
	uint64_t dropped;

	begin_nodes();
	dropped = counted(METRIC_MESSAGES_FORWARD_DROPPED);
	sub(&e, "", "t", 0);
	set(1, "", "t", 1);
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
	uint64_t dropped;

	begin_nodes();
	dropped = counted(METRIC_MESSAGES_FORWARD_DROPPED);
	sub(&e, "", "t", 0);
	set(1, "", "t", 1);
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
	forward_lost(forward, 1); /* the other one is picked, by a letter */
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
