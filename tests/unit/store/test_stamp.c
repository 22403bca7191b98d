/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of the clock that stamps have. */
#include "emqxd/store/stamp.h"
#include "tests/unit/tap.h"

#define S INT64_C(1000000000)

static int64_t
wall_at(struct stamp_wall *w, int64_t wall, int64_t mono)
{
	return stamp_wall(w, (wall_t){ wall * S }, (mono_t){ mono * S }).ns / S;
}

TEST(a_short_jump_of_the_wall_clock_is_not_followed_and_one_that_lasts_is)
{
	struct stamp_wall w = { .is_set = false };

	EQ(wall_at(&w, 1000, 1), 1000);
	EQ(wall_at(&w, 1005, 6), 1005);
	EQ(wall_at(&w, 4610, 11), 1010); /* an hour ahead */
	EQ(wall_at(&w, 4615, 16), 1015);
	EQ(wall_at(&w, 1020, 21), 1020);
	EQ(wall_at(&w, 500, 26), 1025); /* back */
	EQ(wall_at(&w, 519, 45), 1044);
	EQ(wall_at(&w, 520, 46), 520);
	EQ(wall_at(&w, 521, 47), 521);
}

TEST(a_clock_is_never_less_than_one_that_was_seen)
{
	uint64_t last = 0;

	EQ(stamp_next(&last, (wall_t){ 7 }), 7);
	EQ(stamp_next(&last, (wall_t){ 5 }), 8);
	stamp_see(&last, 20);
	stamp_see(&last, 10);
	EQ(stamp_next(&last, (wall_t){ 15 }), 21);
}
