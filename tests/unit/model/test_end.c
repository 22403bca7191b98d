/* SPDX-License-Identifier: Apache-2.0 */
/* end: the register says each thing once. */
#include "emqxd/model/end.h"
#include "tests/unit/tap.h"

TEST(every_end_is_found_by_its_name)
{
	for (end_reason r = 0; r < END_N; r++) {
		const struct end_info *e = end_get(r);

		EQ(end_find(slice_str(e->name)), r);
		OK(e->legacy[0] != '\0' && e->meaning[0] != '\0');
		OK(e->causes[0] != '\0' && e->advice[0] != '\0');
		OK(e->side < END_SIDE_N);
	}
	EQ(end_find(slice_str("no_such_end")), END_N);
	EQ(end_find(SLICE_NONE), END_N);
}

TEST(the_names_of_the_manual_are_there)
{
	STR_EQ(end_get(END_TCP_CLOSED)->legacy, "closed");
	STR_EQ(end_get(END_FRAME_ERROR)->legacy, "function_clause");
	STR_EQ(end_get(END_KEEPALIVE_TIMEOUT)->name, "keepalive_timeout");
	STR_EQ(end_side_name(END_BY_CLIENT), "client");
	STR_EQ(end_side_name(END_BY_SERVER), "server");
	STR_EQ(end_side_name(END_BY_NETWORK), "network");
}
