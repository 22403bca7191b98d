/* SPDX-License-Identifier: Apache-2.0 */
/* What a view on bytes is, also when there are none. */
#include "ipc/base/slice.h"
#include "tests/unit/tap.h"

TEST(empty_slices_are_equal_whether_null_or_not)
{
	OK(slice_eq(SLICE_NONE, slice_of("", 0)));
	OK(slice_eq(SLICE_NONE, slice_str(NULL)));
	OK(slice_eq_str(SLICE_NONE, ""));
	OK(!slice_eq_str(SLICE_NONE, "a"));
	EQ(slice_cmp(SLICE_NONE, SLICE_LIT("")), 0);
}

TEST(bytes_are_ordered_unsigned_and_a_prefix_comes_first)
{
	EQ(slice_cmp(SLICE_LIT("a"), SLICE_LIT("b")), -1);
	EQ(slice_cmp(SLICE_LIT("b"), SLICE_LIT("a")), 1);
	EQ(slice_cmp(SLICE_LIT("ab"), SLICE_LIT("ab")), 0);
	EQ(slice_cmp(SLICE_LIT("a"), SLICE_LIT("ab")), -1);
	EQ(slice_cmp(SLICE_LIT("b"), SLICE_LIT("ab")), 1);
	EQ(slice_cmp(SLICE_LIT("\xff"), SLICE_LIT("\x01")), 1);
	EQ(slice_cmp(SLICE_NONE, SLICE_LIT("a")), -1);
}

TEST(a_nul_byte_is_a_byte_like_another)
{
	OK(!slice_eq(SLICE_LIT("a\0b"), SLICE_LIT("a\0c")));
	EQ(SLICE_LIT("a\0b").n, 3);
	EQ(slice_cmp(SLICE_LIT("a\0b"), SLICE_LIT("a")), 1);
}

TEST(cutting_past_the_end_gives_what_there_is)
{
	OK(slice_eq_str(slice_from(SLICE_LIT("abc"), 1), "bc"));
	OK(slice_eq_str(slice_from(SLICE_LIT("abc"), 9), ""));
	OK(slice_eq_str(slice_from(SLICE_NONE, 9), ""));
	OK(slice_eq_str(slice_head(SLICE_LIT("abc"), 2), "ab"));
	OK(slice_eq_str(slice_head(SLICE_LIT("abc"), 9), "abc"));
	OK(slice_eq_str(slice_head(SLICE_NONE, 9), ""));
}

TEST(every_slice_starts_with_the_empty_one)
{
	OK(slice_starts(SLICE_LIT("abc"), SLICE_LIT("ab")));
	OK(!slice_starts(SLICE_LIT("abc"), SLICE_LIT("b")));
	OK(!slice_starts(SLICE_LIT("ab"), SLICE_LIT("abc")));
	OK(slice_starts(SLICE_LIT("abc"), SLICE_NONE));
	OK(slice_starts(SLICE_NONE, SLICE_NONE));
}
