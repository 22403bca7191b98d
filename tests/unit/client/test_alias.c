/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of topic aliases. */
#include "emqxd/client/alias.h"
#include "tests/unit/tap.h"

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
