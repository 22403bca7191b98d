/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of the rules that are shipped. */
#include "emqxd/access/access.h"
#include "tests/unit/tap.h"

static bool
may(const char *peer, const char *username, const char *filter)
{
	struct clientinfo who = { .clientid = SLICE_LIT("c"),
		.username = slice_str(username),
		.has_username = username != NULL };

	OK(addr_parse(slice_str(peer), &who.peer) == EM_OK);
	return access_may_subscribe(&who, slice_str(filter));
}

TEST(sys_is_for_the_machine_itself_and_the_dashboard)
{
	OK(may("127.0.0.1:5", NULL, "$SYS/#"));
	OK(may("[::1]:5", NULL, "$SYS/brokers"));
	OK(may("[::ffff:127.0.0.1]:5", NULL, "$SYS/brokers/+/version"));
	OK(!may("127.0.0.2:5", NULL, "$SYS/#"));
	OK(!may("10.0.0.1:5", "ann", "$SYS/brokers/+/version"));
	OK(!may("[::2]:5", NULL, "$SYS/+"));
	OK(may("10.0.0.1:5", "dashboard", "$SYS/#"));
	OK(!may("10.0.0.1:5", "dashboards", "$SYS/#"));
}

TEST(a_superuser_is_asked_nothing)
{
	struct clientinfo who = { .clientid = SLICE_LIT("c"), .is_superuser = true };

	OK(addr_parse(SLICE_LIT("10.0.0.1:5"), &who.peer) == EM_OK);
	OK(access_may_subscribe(&who, SLICE_LIT("$SYS/#")));
	OK(access_may_subscribe(&who, SLICE_LIT("#")));
}

TEST(everything_at_once_is_too_and_all_else_is_anybodys)
{
	OK(!may("10.0.0.1:5", NULL, "#"));
	OK(!may("10.0.0.1:5", "dashboard", "+/#"));
	OK(may("127.0.0.1:5", NULL, "#"));
	OK(may("10.0.0.1:5", NULL, "+"));
	OK(may("10.0.0.1:5", NULL, "a/#"));
	OK(may("10.0.0.1:5", NULL, "$SYSTEM/a"));
	OK(may("10.0.0.1:5", NULL, "$SYS"));
}
