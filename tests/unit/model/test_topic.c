/* SPDX-License-Identifier: Apache-2.0 */
/* topic: what a name and a filter are, and when they match [MQTT5-4.7]. */
#include "emqxd/model/topic.h"
#include "tests/unit/tap.h"

#include <stdio.h>

static bool
match(const char *filter, const char *topic)
{
	return topic_match(slice_str(filter), slice_str(topic));
}

static bool
is_filter(const char *s)
{
	return topic_filter_is_valid(slice_str(s));
}

TEST(the_examples_of_the_standard_match)
{
	/* 4.7.1.2 */
	OK(match("sport/tennis/player1/#", "sport/tennis/player1"));
	OK(match("sport/tennis/player1/#", "sport/tennis/player1/ranking"));
	OK(match("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"));
	OK(match("sport/#", "sport"));
	OK(match("#", "sport/tennis"));
	/* 4.7.1.3 */
	OK(match("sport/tennis/+", "sport/tennis/player1"));
	OK(match("sport/tennis/+", "sport/tennis/player2"));
	OK(!match("sport/tennis/+", "sport/tennis/player1/ranking"));
	OK(!match("sport/+", "sport"));
	OK(match("sport/+", "sport/"));
	OK(match("+/+", "/finance"));
	OK(match("/+", "/finance"));
	OK(!match("+", "/finance"));
}

TEST(a_leading_wildcard_leaves_dollar_topics_alone)
{
	OK(!match("#", "$SYS/monitor/Clients"));
	OK(!match("+/monitor/Clients", "$SYS/monitor/Clients"));
	OK(!match("+", "$SYS"));
	OK(match("$SYS/#", "$SYS/monitor/Clients"));
	OK(match("$SYS/#", "$SYS"));
	OK(match("$SYS/monitor/+", "$SYS/monitor/Clients"));
	OK(match("a/+", "a/$b"));
	OK(topic_match_rest(slice_str("+"), slice_str("$b")));
}

TEST(levels_may_be_empty_and_case_counts)
{
	OK(match("/", "/"));
	OK(match("+/+", "/"));
	OK(match("a//b", "a//b"));
	OK(match("a/+/b", "a//b"));
	OK(!match("a/b", "a//b"));
	OK(!match("a", "a/"));
	OK(!match("a/", "a"));
	OK(!match("a", "A"));
	OK(!match("a/#", "ab"));
	OK(!match("a/b/#", "a"));
	OK(!match("a/+/#", "a"));
	OK(match("a/+/#", "a/b"));
	OK(match("/#", "/"));
	OK(!match("", "a"));
	OK(!match("#", ""));
}

TEST(wildcards_stand_alone_in_their_level_and_the_last_is_last)
{
	OK(is_filter("+"));
	OK(is_filter("#"));
	OK(is_filter("+/tennis/#"));
	OK(is_filter("sport/+/player1"));
	OK(is_filter("/"));
	OK(is_filter(" "));
	OK(!is_filter(""));
	OK(!is_filter("sport+"));
	OK(!is_filter("sport/tennis#"));
	OK(!is_filter("sport/tennis/#/ranking"));
	OK(!is_filter("#/"));
	OK(!is_filter("a/++"));
	OK(!is_filter("a/+#"));
	OK(!is_filter("##"));
	OK(topic_has_wildcard(slice_str("a/+")));
	OK(topic_has_wildcard(slice_str("#")));
	OK(!topic_has_wildcard(slice_str("a/b")));
	OK(!topic_has_wildcard(SLICE_NONE));
}

TEST(a_name_has_no_wildcards_and_is_not_empty)
{
	OK(topic_name_is_valid(slice_str("/")));
	OK(topic_name_is_valid(slice_str("a b")));
	OK(!topic_name_is_valid(slice_str("")));
	OK(!topic_name_is_valid(SLICE_NONE));
	OK(!topic_name_is_valid(slice_str("a/+")));
	OK(!topic_name_is_valid(slice_str("a#")));
}

TEST(levels_are_what_stands_between_slashes)
{
	struct slice rest = slice_str("a//b/"), level;

	EQ(topic_levels(rest), 4);
	EQ(topic_levels(slice_str("/")), 2);
	EQ(topic_levels(slice_str("a")), 1);
	EQ(topic_levels(SLICE_NONE), 0);
	OK(topic_next_level(&rest, &level) && slice_eq_str(level, "a"));
	OK(topic_next_level(&rest, &level) && slice_eq_str(level, ""));
	OK(topic_next_level(&rest, &level) && slice_eq_str(level, "b"));
	OK(topic_next_level(&rest, &level) && slice_eq_str(level, ""));
	OK(!topic_next_level(&rest, &level));
}

static bool
parses(const char *text, const char *group, const char *filter)
{
	struct topic_filter f;

	return topic_filter_parse(slice_str(text), &f) == EM_OK &&
	       slice_eq_str(f.group, group) && slice_eq_str(f.filter, filter);
}

static bool
is_refused(const char *text)
{
	struct topic_filter f;

	return topic_filter_parse(slice_str(text), &f) == EM_MALFORMED &&
	       f.group.n == 0 && f.filter.n == 0;
}

TEST(a_shared_filter_is_taken_apart)
{
	OK(parses("a/+", "", "a/+"));
	OK(parses("$share/g/a/+", "g", "a/+"));
	OK(parses("$share/g//", "g", "/"));
	OK(parses("$share/g//a", "g", "/a"));
	OK(parses("$share/g/#", "g", "#"));
	OK(parses("$share/$queue/a", "$queue", "a"));
	OK(parses("$queue/a/b", "$queue", "a/b"));
	OK(parses("$queue//", "$queue", "/"));
	OK(parses("$share", "", "$share"));
	OK(parses("$sharex/g/a", "", "$sharex/g/a"));
	OK(parses("$SYS/#", "", "$SYS/#"));
}

TEST(a_faulty_shared_filter_is_refused)
{
	OK(is_refused("$share//a"));
	OK(is_refused("$share/g"));
	OK(is_refused("$share/g/"));
	OK(is_refused("$share/"));
	OK(is_refused("$share/g+/a"));
	OK(is_refused("$share/+/a"));
	OK(is_refused("$share/#/a"));
	OK(is_refused("$share/g/a#"));
	OK(is_refused("$queue/"));
	OK(is_refused("$queue/a/#/b"));
	OK(is_refused("$share/g/$share/h/a"));
	OK(is_refused("$queue/$queue/a"));
	OK(is_refused(""));
}
