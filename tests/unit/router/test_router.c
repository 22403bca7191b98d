/* SPDX-License-Identifier: Apache-2.0 */
/* router: who gets what, on one worker and across two, against a plain list. */
#include "tests/unit/router/ears.h"
#include "emqxd/model/metrics.h"

TEST(a_subscriber_gets_what_its_filter_matches)
{
	struct ear a = { 0 };

	begin();
	OK(sub(&a, "", "sensors/+/temp", 1));
	EQ(pub("sensors/7/temp"), 1);
	EQ(pub("sensors/7/hum"), 0);
	EQ(a.got, 1);
	STR_EQ(a.topic, "sensors/7/temp");
	STR_EQ(a.payload, "hello");
	EQ(router_filters(), 1);
	EQ(router_subscriptions_count(), 1);
	OK(unsub(&a, "", "sensors/+/temp") == EM_OK);
	OK(unsub(&a, "", "sensors/+/temp") == EM_NOTFOUND);
	EQ(pub("sensors/7/temp"), 0);
	EQ(router_filters(), 0);
	EQ(router_subscriptions_count(), 0);
}

TEST(subscribing_again_replaces_the_options)
{
	struct ear a = { 0 };
	bool is_new = true;

	begin();
	OK(sub(&a, "", "a/b", 0));
	OK(router_subscribe(&a.s, SLICE_NONE, slice_str("a/b"),
	       (struct subopts){ .id = 9, .qos = 2 }, &is_new) == EM_OK);
	OK(!is_new);
	EQ(pub("a/b"), 1);
	EQ(a.id, 9);
	EQ(a.s.n, 1);
	gone(&a);
}

TEST(a_letter_brings_all_fields_and_the_frame)
{
	struct ear b = { .s.home = 1 };
	const char frame[] = "0?..a/b..hello";
	struct slice wire = slice_of(frame, sizeof frame - 1);
	struct message m;
	struct router_result r;

	begin();
	sub(&b, "", "a/#", 1);
	m = message_view(slice_of(wire.p + 4, 3), slice_of(wire.p + 9, 5));
	m.wire = wire;
	m.wire_version = 4;
	m.from = SLICE_LIT("someone");
	m.props = SLICE_LIT("12345");
	m.qos = 1;
	m.retain = true;
	m.publisher = 42;
	r = router_publish(&m);
	message_done(&m);
	EQ(r.receivers, 1);
	EQ(b.got, 0);
	turns(2);
	EQ(b.got, 1);
	STR_EQ(b.topic, "a/b");
	STR_EQ(b.payload, "hello");
	EQ(b.qos, 1);
	EQ(b.publisher, 42);
	OK(b.retain);
	OK(b.kept != NULL && !b.kept->is_shared);
	OK(slice_eq_str(b.kept->from, "someone"));
	OK(slice_eq_str(b.kept->props, "12345"));
	EQ(b.wire.n, wire.n);
	gone(&b);
}

TEST(a_large_payload_is_shared_not_copied)
{
	struct ear a = { 0 }, b = { .s.home = 1 }, c = { .s.home = 1 };
	static char big[100000];
	struct message m;

	begin();
	memset(big, 'x', sizeof big - 1);
	sub(&a, "", "big", 1);
	sub(&b, "", "big", 1);
	sub(&c, "", "+", 1);
	m = message_view(slice_str("big"), slice_str(big));
	m.qos = 1;
	EQ(router_publish(&m).receivers, 3);
	message_done(&m);
	turns(2);
	OK(a.kept != NULL && a.kept == b.kept && b.kept == c.kept);
	EQ(a.kept->payload.n, sizeof big - 1);
	EQ(atomic_load(&a.kept->refs), 3);
	gone(&a);
	gone(&b);
	gone(&c);
}

TEST(a_deliver_may_take_its_subscriber_away)
{
	struct ear e[5] = { 0 };

	begin();
	for (unsigned i = 0; i < 5; i++) {
		e[i].leaves = i % 2 == 0;
		sub(&e[i], "", "a/b", 0);
	}
	EQ(pub("a/b"), 5);
	EQ(pub("a/b"), 2);
	for (unsigned i = 0; i < 5; i++) {
		EQ(e[i].got, e[i].leaves ? 1 : 2);
		EQ(e[i].s.n, e[i].leaves ? 0 : 1);
		gone(&e[i]);
	}
	EQ(router_filters(), 0);
}

TEST(a_letter_to_who_left_finds_nobody)
{
	struct ear b = { .s.home = 1 };

	begin();
	sub(&b, "", "a/b", 0);
	EQ(pub("a/b"), 1);
	gone(&b);
	turns(3);
	EQ(b.got, 0);
	EQ(router_filters(), 0);
}

static bool is_writing;

static void
publish_once(void *arg)
{
	if (!is_writing)
		return;
	is_writing = false;
	pub(arg);
}

/* As a will does when a flush finds its connection broken. */
TEST(what_is_published_while_writing_leaves_with_its_turn)
{
	struct ear b = { .s.home = 1 };
	static char topic[] = "a/b";
	struct loop *loop;

	begin();
	sub(&b, "", topic, 0);
	loop = worker_self()->loop;
	loop_at_turn(loop, LOOP_FLUSH, publish_once, topic);
	is_writing = true;
	loop_hurry(loop);
	loop_turn(loop);
	OK(!is_writing);
	OK(worker_self()->box.outbox[1] != NULL);
	turns(2);
	EQ(b.got, 1);
	gone(&b);
}

TEST(questions_are_answered)
{
	struct ear a = { 0 }, b = { .s.home = 1 };
	struct str out = { 0 };

	begin();
	sub(&a, "", "b/#", 0);
	sub(&b, "", "b/#", 0);
	sub(&b, "g", "a", 0);
	sub(&a, "", "b/+", 0);
	OK(router_lookup(slice_str("b/#")));
	OK(!router_lookup(slice_str("b/c")));
	OK(!router_lookup(SLICE_NONE));
	OK(router_next(SLICE_NONE, &out));
	STR_EQ(str_get(&out), "a");
	OK(router_next(slice_str("a"), &out));
	STR_EQ(str_get(&out), "b/#");
	OK(router_next(slice_str("b/"), &out));
	STR_EQ(str_get(&out), "b/#");
	OK(router_next(slice_str("b/#"), &out));
	STR_EQ(str_get(&out), "b/+");
	OK(!router_next(slice_str("b/+"), &out));
	str_fini(&out);
	EQ(router_filters(), 3);
	EQ(router_subscriptions_count(), 4);
	EQ(router_shared_count(), 1);
	OK(slice_eq_str(router_group(&router_subscriptions(&b.s)[1]), "g"));
	OK(slice_eq_str(router_filter(&router_subscriptions(&b.s)[1]), "a"));
	OK(router_group(&a.s.v[0]).n == 0);
	OK(router_find(&a.s, SLICE_NONE, slice_str("b/+")) == &a.s.v[1]);
	OK(router_find(&a.s, slice_str("g"), slice_str("b/+")) == NULL);
	OK(router_find(&a.s, SLICE_NONE, slice_str("a")) == NULL);
	OK(router_find(&a.s, SLICE_NONE, SLICE_NONE) == NULL);
	gone(&a);
	gone(&b);
	EQ(router_shared_count(), 0);
}

TEST(a_filter_counts_the_subscribers_of_all_workers)
{
	struct ear a = { 0 }, b = { .s.home = 1 }, c = { .s.home = 1 };

	begin();
	sub(&a, "", "x/+", 0);
	sub(&b, "", "x/+", 0);
	sub(&c, "", "x/+", 0);
	sub(&c, "g", "x/y", 0);
	sub(&c, "", "z", 0);
	EQ(router_subscribers(slice_str("x/+")), 3);
	EQ(router_subscribers(slice_str("x/y")), 1);
	EQ(router_subscribers(slice_str("x")), 0);
	gone(&a);
	gone(&b);
	gone(&c);
}

/* ---- shared groups */

enum { EARS = 40, FILTERS = 300 };

static char filter[FILTERS][48];
static bool wants[EARS][FILTERS];
static struct ear ear[EARS];

static void
random_text(char *out, bool is_filter)
{
	static const char *const level[] = { "", "a", "b", "c", "ab", "$x", "d" };
	unsigned n = 1 + (unsigned)rand_below(5);
	size_t at = 0;

	for (unsigned i = 0; i < n; i++) {
		const char *l = level[rand_below(7)];

		if (is_filter && rand_below(4) == 0)
			l = "+";
		if (is_filter && i + 1 == n && rand_below(4) == 0)
			l = "#";
		at += (size_t)snprintf(out + at, 48 - at, "%s%s", i > 0 ? "/" : "", l);
	}
	if (at == 0)
		snprintf(out, 48, "a");
}

/* Do seats and lists hold each other's index? */
static void
check_indexes(void)
{
	for (unsigned e = 0; e < EARS; e++) {
		struct subscriber *s = &ear[e].s;
		struct subscription *v = router_subscriptions(s);

		for (uint32_t i = 0; i < s->n; i++) {
			struct column *c;

			if (v[i].group != NULL) {
				EQ(v[i].group->index, i);
				OK(v[i].group->s == s);
				continue;
			}
			c = route_column(v[i].route, s->home);
			OK(c != NULL && v[i].pos < column_count(c));
			OK(column_seats(c)[v[i].pos].s == s);
			EQ(column_seats(c)[v[i].pos].index, i);
		}
	}
}

static void
change(unsigned e, unsigned f)
{
	struct topic_filter parsed;
	struct subscriber *s = &ear[e].s;
	bool is_new;

	as(s->home);
	OK(topic_filter_parse(slice_str(filter[f]), &parsed) == EM_OK);
	if (wants[e][f])
		OK(router_unsubscribe(s, SLICE_NONE, parsed.filter) == EM_OK);
	else
		OK(router_subscribe(s, SLICE_NONE, parsed.filter, (struct subopts){ 0 },
		       &is_new) == EM_OK &&
		    is_new);
	wants[e][f] = !wants[e][f];
	as(0);
}

static void
check_topic(const char *topic)
{
	for (unsigned e = 0; e < EARS; e++)
		ear[e].got = 0;
	as((unsigned)rand_below(WORKERS));
	pub(topic);
	as(0);
	turns(2);
	for (unsigned e = 0; e < EARS; e++) {
		unsigned n = 0;

		for (unsigned f = 0; f < FILTERS; f++)
			n += wants[e][f] &&
			     topic_match(slice_str(filter[f]), slice_str(topic));
		EQ(ear[e].got, n);
	}
}

TEST(the_trie_finds_what_a_list_finds)
{
	unsigned distinct = 0;
	char topic[48];
	uint64_t n = 0;

	begin();
	rand_seed(5);
	while (distinct < FILTERS) {
		bool is_known = false;

		random_text(filter[distinct], true);
		for (unsigned i = 0; i < distinct; i++)
			is_known |= strcmp(filter[i], filter[distinct]) == 0;
		distinct += !is_known;
	}
	for (unsigned e = 0; e < EARS; e++)
		ear[e].s.home = (uint16_t)(e % WORKERS);
	for (unsigned round = 0; round < 6000; round++) {
		/* Seasons: many, then few. */
		unsigned e = (unsigned)rand_below(EARS);
		unsigned f = (unsigned)rand_below(FILTERS);
		bool grows = round / 1500 % 2 == 0;

		if (wants[e][f] != grows || rand_below(4) == 0)
			change(e, f);
		if (round % 4 == 0) {
			random_text(topic, false);
			check_topic(topic);
		}
		if (round % 100 == 0)
			check_indexes();
	}
	for (unsigned e = 0; e < EARS; e++) {
		for (unsigned f = 0; f < FILTERS; f++)
			n += wants[e][f];
		EQ(ear[e].s.n, n);
		n = 0;
		gone(&ear[e]);
	}
	EQ(router_filters(), 0);
	EQ(router_subscriptions_count(), 0);
}

TEST(one_node_has_a_hundred_thousand_children_and_none_again)
{
	enum { MANY = 100000 };
	struct ear a = { 0 };
	char text[32];
	bool is_new;

	begin();
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(text, sizeof text, "dev/%u/x", i);
		OK(router_subscribe(&a.s, SLICE_NONE, slice_str(text),
		       (struct subopts){ .id = i }, &is_new) == EM_OK);
		if (i % 4096 == 0)
			turns(1);
	}
	EQ(router_filters(), MANY);
	for (unsigned i = 0; i < MANY; i += 97) {
		snprintf(text, sizeof text, "dev/%u/x", i);
		EQ(pub(text), 1);
		EQ(a.id, i);
	}
	EQ(pub("dev/100000/x"), 0);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(text, sizeof text, "dev/%u/x", (i * 7919) % MANY);
		OK(unsub(&a, "", text) == EM_OK);
		if (i % 4096 == 0) {
			turns(1);
			EQ(pub(text), 0);
			snprintf(text, sizeof text, "dev/%u/x", ((i + 1) * 7919) % MANY);
			EQ(pub(text), 1);
		}
	}
	EQ(router_filters(), 0);
	OK(a.s.cap == 0);
}

TEST(what_no_memory_takes_to_another_worker_is_counted)
{
	struct ear b[2] = { { .s.home = 1 }, { .s.home = 1 } },
		   in_group = { .s.home = 1 };
	struct message m = message_view(slice_str("a/b"), slice_str("x"));
	uint64_t all, lost;

	begin();
	sub(&b[0], "", "a/b", 1);
	sub(&b[1], "", "a/b", 1);
	sub(&b[1], "", "a/+", 1);
	sub(&in_group, "g", "a/#", 1);
	all = metrics_read(METRIC_DELIVERY_DROPPED);
	lost = metrics_read(METRIC_DELIVERY_DROPPED_NO_MEMORY);
	m.wire.n = (size_t)UINT32_MAX; /* no letter is so large */
	EQ(router_publish(&m).receivers, 3);
	EQ(metrics_read(METRIC_DELIVERY_DROPPED) - all, 4);
	EQ(metrics_read(METRIC_DELIVERY_DROPPED_NO_MEMORY) - lost, 4);
	m.wire.n = 0;
	EQ(router_publish(&m).receivers, 3);
	turns(2);
	EQ(b[0].got + b[1].got + in_group.got, 4);
	EQ(metrics_read(METRIC_DELIVERY_DROPPED) - all, 4);
	message_done(&m);
	gone(&b[0]);
	gone(&b[1]);
	gone(&in_group);
}

/* The last one: worker 1 does not come back. */
TEST(letters_to_a_worker_that_ended_are_thrown_away)
{
	static char big[5000];
	struct ear b = { .s.home = 1 };
	struct message m;

	begin();
	memset(big, 'x', sizeof big - 1);
	sub(&b, "", "a/b", 1);
	m = message_view(slice_str("a/b"), slice_str(big));
	EQ(router_publish(&m).receivers, 1);
	OK(m.kept != NULL && atomic_load(&m.kept->refs) == 2);
	gone(&b);
	as(1);
	router_worker_death();
	as(0);
	loop_hurry(worker_self()->loop);
	loop_turn(worker_self()->loop);
	mailbox_post_all(worker_self());
	as(1);
	mailbox_open_all(worker_self());
	EQ(atomic_load(&m.kept->refs), 1);
	as(0);
	message_done(&m);
}
