/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of a node that looks for its cluster: whom it joins, and whom not. */
#include "emqxd/discover/seek.h"
#include "tests/unit/discover/discover_house.h"

/* The world: who answers, and of how many members its cluster is. */
static unsigned members_of[10]; /* 10.0.0.N; 0: nobody there */
static bool is_member, is_slow;
static char asked[512];
static unsigned looks, joins, joined;

/* What is under way while @is_slow. */
static seek_done_fn *late;
static void *late_arg;

static bool
am_member(void)
{
	return is_member;
}

static void
join(const char *target, bool only_look, seek_done_fn *done, void *arg)
{
	unsigned n = (unsigned)(strchr(target, ':')[-1] - '0');
	size_t size = strlen(asked);

	snprintf(asked + size, sizeof asked - size, "%s%u ", only_look ? "?" : "!", n);
	looks += only_look;
	joins += !only_look;
	if (!only_look && members_of[n] > 0) {
		joined = n;
		is_member = true;
	}
	late = done;
	late_arg = arg;
	if (!is_slow)
		done(arg, members_of[n] > 0 ? EM_OK : EM_UNREACHABLE,
		    members_of[n] + !only_look);
}

/* 10.0.0.3 is of our cluster, when we are a member. */
static bool
is_ours(const char *address)
{
	return strcmp(address, "10.0.0.3:4370") == 0;
}

static unsigned passes;

static void
on_pass(bool is_over)
{
	passes += is_over;
}

static const struct seek_ops ops = {
	.is_member = am_member, .is_ours = is_ours, .on_pass = on_pass, .join = join
};
static const char *seeds[] = { "10.0.0.1", "10.0.0.2", "10.0.0.3" };

/* This node is 10.0.0.@me. */
static struct seek *
begin(unsigned me, unsigned one, unsigned two, unsigned three)
{
	struct discover_conf c = house_conf(DISCOVER_STATIC);

	members_of[1] = one;
	members_of[2] = two;
	members_of[3] = three;
	is_member = is_slow = false;
	asked[0] = '\0';
	looks = joins = joined = 0;
	house_open();
	snprintf(c.me.host, sizeof c.me.host, "10.0.0.%u", me);
	c.seeds = (struct conf_list){ seeds, 3 };
	return seek_start(&c, &ops);
}

static void
end(struct seek *s)
{
	seek_stop(&s);
	house_close();
}

TEST(a_node_that_is_alone_joins_the_lowest_which_is_alone_too)
{
	struct seek *s = begin(2, 1, 1, 1);

	TURN_UNTIL(is_member);
	STR_EQ(asked, "?1 ?3 !1 ");
	end(s);
}

TEST(the_lowest_waits_for_the_others)
{
	struct seek *s = begin(1, 1, 1, 1);

	TURN_UNTIL(looks >= 4);
	EQ(joins, 0);
	end(s);
}

TEST(a_cluster_that_there_is_already_is_joined_by_the_lowest_too)
{
	struct seek *s = begin(1, 1, 1, 2);

	TURN_UNTIL(is_member);
	EQ(joined, 3);
	end(s);
}

TEST(without_the_lowest_nobody_founds_a_cluster)
{
	struct seek *s = begin(3, 0, 1, 1);

	TURN_UNTIL(looks >= 4);
	EQ(joins, 0);
	members_of[1] = 1;
	TURN_UNTIL(is_member);
	EQ(joined, 1);
	end(s);
}

TEST(a_node_that_is_none_of_the_seeds_founds_none_but_joins)
{
	struct seek *s = begin(9, 0, 0, 0);

	TURN_UNTIL(looks >= 6);
	EQ(joins, 0);
	members_of[2] = 2;
	TURN_UNTIL(is_member);
	EQ(joined, 2);
	end(s);
}

TEST(a_member_joins_nobody_but_looks_at_those_that_are_not_its_own)
{
	struct seek *s = begin(2, 1, 1, 1);

	TURN_UNTIL(is_member);
	asked[0] = '\0';
	passes = 0;
	TURN_UNTIL(passes == 2);
	STR_EQ(asked, "?1 ?1 ");
	EQ(joins, 1);
	end(s);
}

TEST(a_member_that_was_removed_meanwhile_joins_again)
{
	struct seek *s = begin(2, 3, 1, 1);

	TURN_UNTIL(is_member);
	passes = 0;
	TURN_UNTIL(passes > 0);
	is_member = false;
	TURN_UNTIL(joins == 2);
	end(s);
}

TEST(for_whom_one_waits_can_be_asked)
{
	char text[DISCOVER_TEXT_MAX];
	struct seek *s = begin(2, 0, 1, 1);

	OK(seek_waits_for(s, text) == NULL && seek_waits_for(NULL, text) == NULL);
	TURN_UNTIL(seek_waits_for(s, text) != NULL);
	OK(strstr(seek_waits_for(s, text), "10.0.0.1") != NULL);
	end(s);
}

TEST(a_node_that_left_does_not_come_back_until_it_is_told_to)
{
	struct seek *s = begin(2, 1, 1, 1);
	uint64_t rounds;

	TURN_UNTIL(is_member);
	seek_pause(s);
	is_member = false;
	OK(seek_is_paused(s));
	rounds = seek_status(s).rounds;
	TURN_UNTIL(seek_status(s).rounds >= rounds + 3);
	EQ(joins, 1);
	OK(seek_resume(s));
	TURN_UNTIL(is_member);
	EQ(joins, 2);
	end(s);
}

TEST(one_thing_at_a_time_and_what_ends_after_the_end_tells_nobody)
{
	struct seek *s = begin(2, 1, 1, 1);

	is_slow = true;
	TURN_UNTIL(seek_status(s).rounds >= 3);
	EQ(looks, 1);
	end(s);
	late(late_arg, EM_OK, 5); /* frees what is left */
	EQ(joins, 0);
}

TEST(without_a_strategy_there_is_nothing_to_resume)
{
	struct discover_conf c = house_conf(DISCOVER_MANUAL);

	house_open();
	OK(seek_start(&c, &ops) == NULL);
	OK(!seek_resume(NULL) && !seek_is_paused(NULL));
	seek_pause(NULL);
	EQ(seek_status(NULL).rounds, 0);
	house_close();
}
