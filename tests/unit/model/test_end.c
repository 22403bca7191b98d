/* SPDX-License-Identifier: Apache-2.0 */
/* end: the register says each thing once. */
#include "emqxd/model/end.h"
#include "tests/unit/tap.h"

TEST(every_end_says_all_and_has_a_name_of_its_own)
{
	for (end_reason r = 0; r < END_N; r++) {
		const struct end_info *e = end_get(r);

		for (end_reason other = 0; other < r; other++)
			OK(strcmp(e->name, end_get(other)->name) != 0);
		OK(e->legacy[0] != '\0' && e->meaning[0] != '\0');
		OK(e->causes[0] != '\0' && e->advice[0] != '\0');
		OK(e->side < END_SIDE_N);
	}
}

TEST(a_code_leads_to_its_end)
{
	EQ(end_of_code(0x81), END_FRAME_ERROR);
	EQ(end_of_code(0x82), END_PROTOCOL_ERROR);
	EQ(end_of_code(0x89), END_SERVER_BUSY);
	EQ(end_of_code(0x95), END_FRAME_TOO_LARGE);
	EQ(end_of_code(0), END_N);
	EQ(end_of_code(0x87), END_N); /* not built yet */
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
