/* SPDX-License-Identifier: Apache-2.0 */
/* Shared groups: one member of each gets a message. */
#include "tests/unit/router/ears.h"

#define MEMBERS 6
static struct ear member[MEMBERS];

static void
group_of(const char *group, unsigned n)
{
	begin();
	memset(member, 0, sizeof member);
	for (unsigned i = 0; i < n; i++) {
		member[i].s.home = (uint16_t)(i % WORKERS);
		as(member[i].s.home);
		router_set_online(&member[i].s, true);
		sub(&member[i], group, "job/+", 1);
	}
	as(0);
}

static unsigned
group_got(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MEMBERS; i++) {
		n += member[i].got;
		member[i].got = 0;
	}
	return n;
}

static void
set_strategy(enum share_strategy s)
{
	router_configure(NULL, 0, s, SHARE_RANDOM);
}

static void
group_gone(void)
{
	for (unsigned i = 0; i < MEMBERS; i++)
		gone(&member[i]);
	set_strategy(SHARE_ROUND_ROBIN);
	EQ(router_shared_count(), 0);
}

TEST(round_robin_is_even)
{
	static const enum share_strategy even[] = { SHARE_ROUND_ROBIN,
		SHARE_ROUND_ROBIN_PER_GROUP };

	for (unsigned k = 0; k < 2; k++) {
		group_of("g", MEMBERS);
		set_strategy(even[k]);
		for (unsigned i = 0; i < 10 * MEMBERS; i++)
			EQ(pub("job/1"), 1);
		turns(2);
		for (unsigned i = 0; i < MEMBERS; i++)
			EQ(member[i].got, 10);
		group_gone();
	}
}

TEST(a_group_may_have_a_strategy_of_its_own)
{
	const struct share_conf own[] = { { "g", SHARE_STICKY, SHARE_INHERITS },
		{ "h", SHARE_INHERITS, SHARE_HASH_TOPIC } };
	unsigned most = 0;

	group_of("g", MEMBERS);
	router_configure(own, 2, SHARE_ROUND_ROBIN, SHARE_RANDOM);
	for (unsigned i = 0; i < 60; i++)
		pub("job/1");
	turns(2);
	for (unsigned i = 0; i < MEMBERS; i++)
		most = member[i].got > most ? member[i].got : most;
	EQ(most, 60);
	EQ(group_got(), 60);
	/* It reads the rules again when they change. */
	router_configure(own + 1, 1, SHARE_ROUND_ROBIN, SHARE_RANDOM);
	for (unsigned i = 0; i < 10 * MEMBERS; i++)
		pub("job/1");
	turns(2);
	for (unsigned i = 0; i < MEMBERS; i++)
		EQ(member[i].got, 10);
	group_gone();
}

TEST(sticky_begins_as_it_is_told)
{
	unsigned who;

	for (unsigned k = 0; k < 20; k++) {
		group_of("g", MEMBERS);
		router_configure(NULL, 0, SHARE_HASH_TOPIC, SHARE_RANDOM);
		pub("job/1");
		turns(2);
		for (who = 0; member[who].got == 0; who++)
			;
		router_configure(NULL, 0, SHARE_STICKY, SHARE_HASH_TOPIC);
		pub("job/1");
		turns(2);
		EQ(member[who].got, 2);
		EQ(group_got(), 2);
		group_gone();
	}
}

/* Who got the message that was published by a client of this name; everybody forgets it. */
static unsigned
got_from(const char *name)
{
	unsigned who = MEMBERS;

	pub_from(name, "job/1", "x", 0);
	turns(2);
	for (unsigned i = 0; i < MEMBERS; i++)
		if (member[i].got > 0)
			who = i;
	EQ(group_got(), 1);
	return who;
}

TEST(sticky_sticks_for_each_publisher)
{
	enum { PUBLISHERS = 48 };
	unsigned first[PUBLISHERS], reached[MEMBERS] = { 0 }, n = 0;
	char name[16];

	group_of("g", MEMBERS);
	set_strategy(SHARE_STICKY);
	for (unsigned round = 0; round < 4; round++)
		for (unsigned i = 0; i < PUBLISHERS; i++) {
			unsigned who;

			snprintf(name, sizeof name, "p%u", i);
			as(round % WORKERS);
			who = got_from(name);
			if (round == 0)
				first[i] = who;
			EQ(who, first[i]);
			reached[who]++;
		}
	as(0);
	for (unsigned i = 0; i < MEMBERS; i++)
		n += reached[i] > 0;
	OK(n >= 3); /* all but always all of them */
	/* Those of one that goes choose others, and do not come back with it. */
	set_online(&member[2], false);
	for (unsigned i = 0; i < PUBLISHERS; i++) {
		unsigned who;

		snprintf(name, sizeof name, "p%u", i);
		who = got_from(name);
		OK(who != 2 && (first[i] == 2 || who == first[i]));
		set_online(&member[2], true);
		EQ(got_from(name), who);
		set_online(&member[2], false);
	}
	group_gone();
}

TEST(sticky_sticks_to_the_only_member_when_others_come)
{
	group_of("g", MEMBERS);
	set_strategy(SHARE_STICKY);
	for (unsigned i = 0; i < MEMBERS; i++)
		set_online(&member[i], i == 3);
	EQ(got_from("me"), 3);
	for (unsigned i = 0; i < MEMBERS; i++)
		set_online(&member[i], true);
	EQ(got_from("me"), 3);
	group_gone();
}

TEST(each_group_and_each_plain_subscriber_gets_its_own)
{
	struct ear plain = { 0 };

	group_of("g", 3);
	sub(&member[3], "h", "job/#", 0);
	sub(&plain, "", "job/1", 0);
	EQ(pub("job/1"), 3);
	turns(2);
	EQ(plain.got, 1);
	EQ(member[3].got, 1);
	EQ(group_got(), 2);
	gone(&plain);
	group_gone();
}

TEST(random_reaches_everybody_and_hashes_always_the_same)
{
	unsigned who = MEMBERS;

	group_of("g", MEMBERS);
	set_strategy(SHARE_RANDOM);
	for (unsigned i = 0; i < 600; i++)
		pub("job/1");
	turns(2);
	for (unsigned i = 0; i < MEMBERS; i++)
		OK(member[i].got > 40);
	EQ(group_got(), 600);
	for (unsigned k = 0; k < 3; k++) {
		set_strategy(k == 0   ? SHARE_HASH_TOPIC
			     : k == 1 ? SHARE_HASH_CLIENTID
				      : SHARE_STICKY);
		for (unsigned i = 0; i < 50; i++)
			pub("job/1");
		turns(2);
		for (who = 0; who < MEMBERS && member[who].got == 0; who++)
			;
		EQ(member[who].got, 50);
		EQ(group_got(), 50);
	}
	/* What sticks follows its member when others move. */
	gone(&member[(who + 1) % MEMBERS]);
	gone(&member[(who + 2) % MEMBERS]);
	for (unsigned i = 0; i < 50; i++)
		pub("job/1");
	turns(2);
	EQ(member[who].got, 50);
	set_online(&member[who], false);
	for (unsigned i = 0; i < 50; i++)
		pub("job/1");
	turns(2);
	EQ(member[who].got, 50);
	EQ(group_got(), 100);
	group_gone();
}

TEST(those_online_come_first)
{
	group_of("g", MEMBERS);
	for (unsigned i = 1; i < MEMBERS; i++)
		set_online(&member[i], false);
	for (unsigned i = 0; i < 12; i++)
		EQ(pub("job/1"), 1);
	turns(2);
	EQ(member[0].got, 12);
	set_online(&member[0], false);
	for (unsigned i = 0; i < 12; i++)
		EQ(pub("job/1"), 1);
	turns(2);
	EQ(member[0].got, 14);
	EQ(group_got(), 24);
	set_online(&member[5], true);
	set_online(&member[5], true);
	pub("job/1");
	turns(2);
	EQ(member[5].got, 1);
	group_gone();
}

TEST(who_refuses_is_passed_over_until_all_did)
{
	group_of("g", MEMBERS);
	for (unsigned i = 0; i < MEMBERS; i++)
		member[i].refuses = i != 4;
	for (unsigned i = 0; i < 10; i++)
		pub_qos("job/1", "x", 1);
	turns(2 * MEMBERS);
	EQ(member[4].got, 10);
	member[4].refuses = true;
	member[4].got = 0;
	for (unsigned i = 0; i < 10; i++)
		pub_qos("job/1", "x", 2);
	turns(2 * MEMBERS);
	EQ(group_got(), 0);
	group_gone();
}

TEST(qos0_goes_on_from_those_who_are_away_but_not_from_one_online)
{
	group_of("g", MEMBERS);
	for (unsigned i = 0; i < MEMBERS; i++) {
		member[i].refuses = i != 4;
		set_online(&member[i], false);
	}
	for (unsigned i = 0; i < 2 * MEMBERS; i++)
		pub("job/1");
	turns(2 * MEMBERS);
	EQ(group_got(), 2 * MEMBERS);
	/* A letter is under way when its receiver's session ends. */
	set_online(&member[1], true);
	pub("job/1");
	set_online(&member[1], false);
	set_online(&member[4], true);
	turns(2 * MEMBERS);
	EQ(member[4].got, 1);
	set_online(&member[4], false);
	for (unsigned i = 0; i < 2; i++) { /* here and there */
		set_online(&member[i], true);
		pub("job/1");
		turns(2 * MEMBERS);
		set_online(&member[i], false);
	}
	EQ(group_got(), 1);
	group_gone();
}

TEST(a_letter_to_a_member_that_left_goes_to_another)
{
	group_of("g", 4);
	set_online(&member[0], false);
	set_online(&member[2], false); /* those of worker 0: letters go to 1 and 3 */
	for (unsigned i = 0; i < 10; i++)
		pub_qos("job/1", "x", 1);
	gone(&member[1]);
	turns(4);
	EQ(member[3].got, 10);
	for (unsigned i = 0; i < 10; i++)
		pub_qos("job/1", "x", 1);
	gone(&member[3]);
	turns(4);
	EQ(member[0].got + member[2].got, 10);
	EQ(group_got(), 20);
	for (unsigned i = 0; i < 10; i++)
		pub_qos("job/1", "x", 0);
	gone(&member[0]);
	gone(&member[2]);
	turns(4);
	EQ(router_filters(), 0);
	group_gone();
}

TEST(a_group_takes_a_thousand_members_and_loses_them)
{
	enum { CROWD = 1000 };
	struct ear *crowd = mem_new_array(CROWD, sizeof *crowd);
	unsigned got = 0;

	begin();
	for (unsigned i = 0; i < CROWD; i++) {
		crowd[i].s.home = (uint16_t)(i % WORKERS);
		set_online(&crowd[i], i % 3 != 0);
		OK(sub(&crowd[i], "g", "job/+", 0));
		OK(!sub(&crowd[i], "g", "job/+", 0));
	}
	EQ(router_shared_count(), CROWD);
	for (unsigned i = 0; i < CROWD; i++)
		EQ(pub("job/1"), 1);
	turns(20);
	for (unsigned i = 0; i < CROWD; i++) {
		got += crowd[i].got;
		OK(crowd[i].got <= (i % 3 != 0 ? 2 : 0));
	}
	EQ(got, CROWD);
	for (unsigned i = 0; i < CROWD; i++)
		gone(&crowd[(i * 7) % CROWD]);
	EQ(router_shared_count(), 0);
	EQ(router_filters(), 0);
	mem_free(crowd);
}

/* Has the n-th group a member?  Asks it by name. */
static bool
has_group(unsigned n)
{
	struct message m = message_view(slice_str("job/1"), slice_str("x"));
	char name[16];
	bool has;

	snprintf(name, sizeof name, "g%u", n);
	has = router_redispatch(slice_str(name), slice_str("job/+"), &m);
	message_done(&m);
	return has;
}

/* A mailbox is opened for a bounded time. */
static void
come_to(const struct ear *e, unsigned n)
{
	for (unsigned i = 0; i < n && e->got < n; i++)
		turns(1);
	turns(1); /* and no more than these */
}

TEST(a_filter_has_thousands_of_groups_and_loses_them)
{
	enum { CROWD = 2000 };
	struct ear e[2] = { { .s.home = 0 }, { .s.home = 1 } };
	char name[16];

	begin();
	for (unsigned i = 0; i < CROWD; i++) {
		snprintf(name, sizeof name, "g%u", i);
		OK(!has_group(i));
		OK(sub(&e[i % 2], name, "job/+", 0));
		OK(!sub(&e[i % 2], name, "job/+", 0));
		OK(has_group(i));
	}
	come_to(&e[1], CROWD / 2);
	e[0].got = e[1].got = 0;
	EQ(pub("job/1"), CROWD);
	EQ(router_subscribers(slice_str("job/+")), CROWD);
	come_to(&e[1], CROWD / 2);
	EQ(e[0].got, CROWD / 2);
	EQ(e[1].got, CROWD / 2);
	for (unsigned i = 0; i < CROWD; i++) {
		unsigned n = (i * 7) % CROWD;

		snprintf(name, sizeof name, "g%u", n);
		OK(has_group(n));
		as(n % 2);
		EQ(unsub(&e[n % 2], name, "job/+"), EM_OK);
		EQ(unsub(&e[n % 2], name, "job/+"), EM_NOTFOUND);
		as(0);
		OK(!has_group(n));
		if (i % 100 == 0)
			EQ(pub("job/1"), CROWD - i - 1);
		if (CROWD - i < 30 && n % 3 == 0) /* few: some come again */
			OK(sub(&e[n % 2], name, "job/+", 0));
	}
	gone(&e[0]);
	gone(&e[1]);
	turns(1);
	EQ(router_shared_count(), 0);
	EQ(router_filters(), 0);
}
