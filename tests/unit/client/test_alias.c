/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of topic aliases. */
#include "emqxd/client/alias.h"
#include "tests/unit/tap.h"

#include <string.h>

TEST(an_alias_means_the_topic_that_was_set_last)
{
	struct alias_in *a = NULL;

	EQ(alias_get(a, 1).n, 0);
	EQ(alias_set(&a, 1, SLICE_LIT("a/b"), 100), EM_OK);
	EQ(alias_set(&a, 65535, SLICE_LIT("c"), 100), EM_OK);
	OK(slice_eq_str(alias_get(a, 1), "a/b"));
	OK(slice_eq_str(alias_get(a, 65535), "c"));
	EQ(alias_get(a, 2).n, 0);
	EQ(alias_set(&a, 1, SLICE_LIT("d/e/f"), 100), EM_OK);
	OK(slice_eq_str(alias_get(a, 1), "d/e/f"));
	alias_free(&a);
	EQ(alias_get(a, 1).n, 0);
	alias_free(&a);
}

TEST(topics_of_all_aliases_are_bounded_together)
{
	struct alias_in *a = NULL;

	EQ(alias_set(&a, 1, SLICE_LIT("12345"), 10), EM_OK);
	EQ(alias_set(&a, 2, SLICE_LIT("123456"), 10), EM_FULL);
	EQ(alias_set(&a, 2, SLICE_LIT("12345"), 10), EM_OK);
	EQ(alias_set(&a, 3, SLICE_LIT("1"), 10), EM_FULL);
	EQ(alias_set(&a, 1, SLICE_LIT("1234"), 10), EM_OK);
	EQ(alias_set(&a, 3, SLICE_LIT("1"), 10), EM_OK);
	OK(slice_eq_str(alias_get(a, 2), "12345"));
	alias_free(&a);
}

TEST(a_topic_that_goes_out_has_an_alias_from_its_second_time_on)
{
	struct alias_out *a = alias_out_new(2);
	bool is_known;

	EQ(alias_out_find(a, SLICE_LIT("t/1"), &is_known), 1);
	OK(!is_known);
	/* It did not go: the next one may have it. */
	EQ(alias_out_find(a, SLICE_LIT("t/2"), &is_known), 1);
	alias_out_set(a, 1, SLICE_LIT("t/2"));
	EQ(alias_out_find(a, SLICE_LIT("t/2"), &is_known), 1);
	OK(is_known);
	EQ(alias_out_find(a, SLICE_LIT("t/1"), &is_known), 2);
	alias_out_set(a, 2, SLICE_LIT("t/1"));
	EQ(alias_out_find(a, SLICE_LIT("t/2"), &is_known), 1);
	EQ(alias_out_find(a, SLICE_LIT("t/3"), &is_known), 2); /* t/1 rested longest */
	OK(!is_known);
	alias_out_set(a, 2, SLICE_LIT("t/3"));
	EQ(alias_out_find(a, SLICE_LIT("t/1"), &is_known), 1);
	OK(!is_known);
	alias_out_free(&a);
	OK(a == NULL);
}

TEST(a_long_topic_goes_without_an_alias)
{
	struct alias_out *a = alias_out_new(65535);
	char topic[ALIAS_OUT_TOPIC + 1];
	bool is_known;

	memset(topic, 'x', sizeof topic);
	EQ(alias_out_find(a, slice_of(topic, sizeof topic), &is_known), 0);
	EQ(alias_out_find(a, slice_of(topic, sizeof topic - 1), &is_known), 1);
	alias_out_free(&a);
}
