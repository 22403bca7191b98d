/* SPDX-License-Identifier: Apache-2.0 */
/* Other nodes' rows, what they are told, and messages to and from them. */
#include "emqxd/router/remote.h"
#include "emqxd/model/nodes.h"
#include "tests/unit/router/ears.h"

/* What went to the link thread. */
static struct {
	unsigned changes, forwards, shared;
	char group[32], filter[64], topic[64], payload[64];
	uint32_t online, offline;
	uint64_t places, tried;
	unsigned to[NODES_MAX]; /* of shared ones, by place */
	unsigned place;
	uint8_t qos;
} told;

static void
on_changed(struct slice group, struct slice filter, uint32_t online, uint32_t offline)
{
	told.changes++;
	snprintf(told.group, sizeof told.group, "%.*s", SLICE_FMT(group));
	snprintf(told.filter, sizeof told.filter, "%.*s", SLICE_FMT(filter));
	told.online = online;
	told.offline = offline;
}

static void
note(struct message *m)
{
	OK(worker_self() == worker_link());
	snprintf(told.topic, sizeof told.topic, "%.*s", SLICE_FMT(m->topic));
	snprintf(told.payload, sizeof told.payload, "%.*s",
	    (int)(m->payload.n < 63 ? m->payload.n : 63), (const char *)m->payload.p);
	told.qos = m->qos;
}

static void
on_forward(uint64_t places, struct message *m)
{
	told.forwards++;
	told.places = places;
	note(m);
}

static void
on_forward_shared(unsigned place, uint64_t tried, struct slice group, struct slice filter,
    struct message *m)
{
	told.shared++;
	told.to[place]++;
	told.place = place;
	told.tried = tried;
	snprintf(told.group, sizeof told.group, "%.*s", SLICE_FMT(group));
	snprintf(told.filter, sizeof told.filter, "%.*s", SLICE_FMT(filter));
	note(m);
}

static const struct router_remote remote = { on_changed, on_forward, on_forward_shared,
	NULL };

static void
forget(void)
{
	memset(&told, 0, sizeof told);
}

/* With nodes a (place 1) and b (2), both running. */
static void
begin_nodes(void)
{
	unsigned place;

	if (inside_node() == NULL) {
		begin();
		worker_act_as(worker_link());
		router_worker_birth();
		nodes_birth("emqx@me", 50);
		OK(nodes_add(slice_str("emqx@a"), 10, &place) == EM_OK && place == 1);
		OK(nodes_add(slice_str("emqx@b"), 90, &place) == EM_OK && place == 2);
	}
	nodes_set_running(1, true);
	nodes_set_running(2, true);
	router_remote_use(&remote);
	as(0);
	forget();
}

/* Letters of all threads, that of links too. */
static void
all_turns(void)
{
	for (unsigned i = 0; i < 3; i++) {
		turns(1);
		worker_act_as(worker_link());
		for (unsigned k = 0; k < 2; k++) {
			loop_hurry(worker_self()->loop);
			loop_turn(worker_self()->loop);
		}
		as(0);
	}
}

static void
set(unsigned place, const char *group, const char *filter, uint32_t online,
    uint32_t offline)
{
	struct worker *was = worker_current;

	worker_act_as(worker_link());
	OK(router_remote_set(
	       place, slice_str(group), slice_str(filter), online, offline) == EM_OK);
	worker_act_as(was);
}

static bool
is_told(const char *group, const char *filter, uint32_t online, uint32_t offline)
{
	bool is_so = told.changes == 1 && strcmp(told.group, group) == 0 &&
		     strcmp(told.filter, filter) == 0 && told.online == online &&
		     told.offline == offline;

	told.changes = 0;
	return is_so;
}

TEST(the_first_and_the_last_subscriber_of_a_filter_are_told)
{
	struct ear e = { .s.home = 0 }, f = { .s.home = 1 };

	begin_nodes();
	sub(&e, "", "a/+", 0);
	OK(is_told("", "a/+", 1, 0));
	sub(&f, "", "a/+", 0);
	sub(&e, "", "a/+", 1);
	EQ(told.changes, 0);
	gone(&e);
	EQ(told.changes, 0);
	gone(&f);
	OK(is_told("", "a/+", 0, 0));
	/* Alone again: nobody is told. */
	router_remote_use(NULL);
	sub(&e, "", "a/+", 0);
	gone(&e);
	EQ(told.changes, 0);
}

TEST(a_group_tells_its_members_online_and_away)
{
	struct ear e = { .s.home = 0 }, f = { .s.home = 1 };

	begin_nodes();
	e.s.is_online = true;
	sub(&e, "g", "job/+", 0);
	OK(is_told("g", "job/+", 1, 0));
	sub(&f, "g", "job/+", 0);
	OK(is_told("g", "job/+", 1, 1));
	set_online(&f, true);
	OK(is_told("g", "job/+", 2, 0));
	set_online(&f, true);
	EQ(told.changes, 0);
	gone(&e);
	OK(is_told("g", "job/+", 1, 0));
	gone(&f);
	OK(is_told("g", "job/+", 0, 0));
}

TEST(a_message_goes_once_with_all_places_and_to_those_here)
{
	struct ear e = { .s.home = 1 };
	char big[3000];

	begin_nodes();
	set(1, "", "a/#", 1, 0);
	set(2, "", "a/#", 1, 0);
	set(2, "", "+/b", 1, 0);
	sub(&e, "", "a/b", 0);
	EQ(router_remote_nodes(slice_str("a/#")), 6);
	EQ(router_remote_nodes(slice_str("a/b")), 1);
	EQ(router_remote_nodes(slice_str("a/c")), 0);
	EQ(router_remote_count(), 3);
	OK(router_lookup(slice_str("+/b")));
	EQ(router_subscribers(slice_str("a/#")), 0);
	EQ(pub_qos("a/b", "hello", 1), 3);
	all_turns();
	EQ(told.forwards, 1);
	EQ(told.places, 6);
	STR_EQ(told.topic, "a/b");
	STR_EQ(told.payload, "hello");
	EQ(told.qos, 1);
	EQ(e.got, 1);
	/* One that is not copied. */
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	EQ(pub_qos("a/c", big, 2), 2);
	all_turns();
	EQ(told.forwards, 2);
	EQ(told.payload[0], 'x');
	/* Twice is as good as once. */
	set(2, "", "+/b", 1, 0);
	set(1, "", "a/#", 0, 0);
	set(1, "", "a/#", 0, 0);
	EQ(router_remote_count(), 2);
	EQ(pub("a/c"), 1);
	all_turns();
	EQ(told.places, 4);
	set(2, "", "+/b", 0, 0);
	set(2, "", "a/#", 0, 0);
	EQ(pub("a/c"), 0);
	gone(&e);
	EQ(router_filters(), 0);
	EQ(router_remote_count(), 0);
}

TEST(what_comes_from_a_node_stays_here)
{
	struct ear e = { .s.home = 0 }, f = { .s.home = 1 };
	struct message m = message_view(slice_str("a/b"), slice_str("hi"));
	struct router_result r;

	begin_nodes();
	set(1, "", "a/b", 1, 0);
	set(1, "g", "a/b", 1, 0);
	sub(&e, "", "a/b", 0);
	sub(&f, "", "a/+", 0);
	sub(&f, "g", "a/b", 0);
	forget();
	worker_act_as(worker_link());
	r = router_remote_publish(&m);
	message_done(&m);
	EQ(r.receivers, 2);
	all_turns();
	EQ(e.got, 1);
	EQ(f.got, 1);
	EQ(told.forwards + told.shared, 0);
	gone(&e);
	gone(&f);
	set(1, "", "a/b", 0, 0);
	set(1, "g", "a/b", 0, 0);
	EQ(router_filters(), 0);
}

/* Three members here, two at a, four at b: @n messages by this strategy. */
static unsigned
to_group(enum share_strategy strategy, unsigned n)
{
	static struct ear here[3];
	unsigned got = 0;

	begin_nodes();
	memset(here, 0, sizeof here);
	router_configure(NULL, 0, strategy, SHARE_RANDOM);
	for (unsigned i = 0; i < 3; i++) {
		here[i].s.home = (uint16_t)(i % WORKERS);
		here[i].s.is_online = true;
		sub(&here[i], "g", "job/+", 1);
	}
	set(1, "g", "job/+", 2, 5);
	set(2, "g", "job/+", 4, 0);
	forget();
	for (unsigned i = 0; i < n; i++)
		EQ(pub("job/1"), 1);
	all_turns();
	for (unsigned i = 0; i < 3; i++) {
		got += here[i].got;
		if (strategy == SHARE_ROUND_ROBIN && n == 90)
			EQ(here[i].got, 10);
		gone(&here[i]);
	}
	EQ(got + told.shared, n);
	set(1, "g", "job/+", 0, 0);
	set(2, "g", "job/+", 0, 0);
	EQ(router_filters(), 0);
	router_configure(NULL, 0, SHARE_ROUND_ROBIN, SHARE_RANDOM);
	return got;
}

TEST(a_node_gets_as_much_as_it_has_members)
{
	EQ(to_group(SHARE_ROUND_ROBIN, 90), 30);
	EQ(told.to[1], 20);
	EQ(told.to[2], 40);
	STR_EQ(told.group, "g");
	STR_EQ(told.filter, "job/+");
	EQ(told.tried, 0);
	EQ(to_group(SHARE_ROUND_ROBIN_PER_GROUP, 90), 30);
	EQ(told.to[2], 40);
	OK(to_group(SHARE_RANDOM, 900) > 150 && told.to[1] > 100 && told.to[2] > 250);
}

TEST(local_sticky_and_hashes_stay_with_one)
{
	unsigned got;

	EQ(to_group(SHARE_LOCAL, 30), 30);
	for (unsigned i = 0; i < 10; i++) {
		got = to_group(SHARE_STICKY, 30);
		OK(got == 30 || told.to[1] == 30 || told.to[2] == 30);
	}
	got = to_group(SHARE_HASH_CLIENTID, 30);
	OK(got == 30 || told.to[1] == 30 || told.to[2] == 30);
	EQ(to_group(SHARE_HASH_CLIENTID, 30), got);
}

TEST(a_node_that_does_not_run_is_not_picked)
{
	begin_nodes();
	set(1, "g", "t", 1, 0);
	set(2, "g", "t", 0, 1);
	forget();
	EQ(pub("t"), 1);
	all_turns();
	EQ(told.place, 1);
	nodes_set_running(1, false);
	EQ(pub("t"), 1);
	all_turns();
	EQ(told.place, 2);
	nodes_set_running(2, false);
	EQ(pub("t"), 0);
	set(1, "g", "t", 0, 0);
	set(2, "g", "t", 0, 0);
}

TEST(when_nobody_here_takes_it_another_node_is_asked)
{
	struct ear e = { .s = { .home = 1, .is_online = true } };
	struct message m = message_view(slice_str("t"), slice_str("x"));

	begin_nodes();
	m.qos = 1;
	e.refuses = true;
	sub(&e, "g", "t", 1);
	set(1, "g", "t", 1, 0);
	set(2, "g", "t", 1, 0);
	forget();
	/* Node a sent it, after its own members had refused. */
	worker_act_as(worker_link());
	EQ(router_remote_share(slice_str("g"), slice_str("t"), 2, &m).receivers, 1);
	all_turns();
	EQ(told.shared, 1);
	EQ(told.place, 2);
	EQ(told.tried, 3);
	/* All were asked. */
	worker_act_as(worker_link());
	EQ(router_remote_share(slice_str("g"), slice_str("t"), 6, &m).receivers, 1);
	all_turns();
	EQ(told.shared, 1);
	/* The last member here has gone meanwhile. */
	gone(&e);
	worker_act_as(worker_link());
	EQ(router_remote_share(slice_str("g"), slice_str("t"), 4, &m).receivers, 1);
	all_turns();
	EQ(told.shared, 2);
	EQ(told.place, 1);
	message_done(&m);
	set(1, "g", "t", 0, 0);
	set(2, "g", "t", 0, 0);
	EQ(router_filters(), 0);
}

static bool
keeps(void *arg, struct slice group, struct slice filter)
{
	(void)group;
	return slice_eq_str(filter, arg);
}

static unsigned
purge(unsigned place, unsigned most, router_keep_fn *keep, const char *what)
{
	struct str after = { 0 };
	unsigned steps = 1;

	worker_act_as(worker_link());
	while (router_remote_purge(place, &after, most, keep, (void *)(uintptr_t)what))
		steps++;
	str_fini(&after);
	as(0);
	return steps;
}

TEST(a_place_is_taken_out_in_steps)
{
	struct ear e = { .s.home = 0 };
	char filter[16];

	begin_nodes();
	for (unsigned i = 0; i < 100; i++) {
		snprintf(filter, sizeof filter, "f/%u", i);
		set(1 + i % 2, "", filter, 1, 0);
		set(1 + i % 2, "g", filter, 1, 0);
	}
	sub(&e, "", "f/7", 0);
	set(1, "", "f/7", 1, 0);
	EQ(router_remote_count(), 201);
	EQ(purge(1, 10, keeps, "f/8"), 10);
	EQ(router_remote_count(), 102);
	EQ(router_filters(), 51);
	EQ(router_remote_nodes(slice_str("f/8")), 2);
	EQ(router_remote_nodes(slice_str("f/7")), 5);
	purge(1, 1000, NULL, NULL);
	EQ(router_remote_count(), 100);
	purge(2, 1, NULL, NULL);
	EQ(router_remote_count(), 0);
	EQ(router_filters(), 1);
	gone(&e);
	EQ(router_filters(), 0);
}

static void
on_row(
    void *arg, struct slice group, struct slice filter, uint32_t online, uint32_t offline)
{
	str_addf(arg, "%.*s|%.*s|%u|%u ", SLICE_FMT(group), SLICE_FMT(filter), online,
	    offline);
}

TEST(rows_of_this_node_are_walked_in_steps)
{
	struct ear e = { .s.home = 0 }, f = { .s = { .home = 1, .is_online = true } };
	struct str after = { 0 }, rows = { 0 };

	begin_nodes();
	sub(&e, "", "b", 0);
	sub(&f, "", "a", 0);
	sub(&e, "g", "c", 0);
	sub(&f, "g", "c", 0);
	set(1, "", "aa", 1, 0);
	set(1, "h", "c", 1, 0);
	while (router_remote_own(&after, 1, on_row, &rows))
		;
	STR_EQ(str_get(&rows), "|a|1|0 |b|1|0 g|c|1|1 ");
	str_fini(&after);
	str_fini(&rows);
	gone(&e);
	gone(&f);
	purge(1, 10, NULL, NULL);
}
