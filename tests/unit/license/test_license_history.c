/* SPDX-License-Identifier: Apache-2.0 */
/* license_history: the most sessions of each day and month. */
#include "emqxd/license/license_history.h"
#include "emqxd/license/license_date.h"
#include "tests/unit/tap.h"

#define DAY INT64_C(86400000000000)

static wall_t
at(int64_t day, int64_t hour)
{
	return (wall_t){ day * DAY + hour * DAY / 24 };
}

TEST(the_most_of_a_day_stays)
{
	struct license_history h = { .days = { 0 } };
	struct license_mark m;

	OK(!license_history_note(&h, at(20785, 1), 0));
	OK(license_history_note(&h, at(20785, 1), 5));
	OK(!license_history_note(&h, at(20785, 2), 5));
	OK(!license_history_note(&h, at(20785, 2), 4));
	OK(license_history_note(&h, at(20785, 3), 9));
	OK(license_history_note(&h, at(20786, 0), 2));
	OK(!license_history_note(&h, at(20785, 5), 2)); /* the clock went back */
	OK(license_history_get(&h, LICENSE_DAILY, 0, &m));
	STR_EQ(m.period, "2026-11-29");
	EQ(m.high, 2);
	OK(license_history_get(&h, LICENSE_DAILY, 1, &m));
	STR_EQ(m.period, "2026-11-28");
	EQ(m.high, 9);
	EQ(m.at.ns, at(20785, 3).ns);
	OK(!license_history_get(&h, LICENSE_DAILY, 2, &m));
	license_history_fini(&h);
}

TEST(a_clock_that_was_far_ahead_once_leaves_one_day_and_spoils_no_other)
{
	struct license_history h = { .days = { 0 } }, again = { .days = { 0 } };
	struct license_mark m;
	struct str text = { 0 };

	OK(license_history_note(&h, at(20785, 1), 5));
	OK(license_history_note(&h, at(24438, 1), 7)); /* ten years ahead */
	OK(license_history_note(&h, at(20785, 2), 6)); /* it was mended */
	OK(license_history_note(&h, at(20786, 1), 3));
	OK(license_history_note(&h, at(20786, 2), 4));
	EQ(h.days.n, 3);
	license_history_print(&h, &text);
	EQ(license_history_parse(&again, str_slice(&text)), 0);
	OK(license_history_get(&again, LICENSE_DAILY, 0, &m));
	STR_EQ(m.period, "2036-11-28");
	EQ(m.high, 7);
	OK(license_history_get(&again, LICENSE_DAILY, 1, &m));
	STR_EQ(m.period, "2026-11-29");
	EQ(m.high, 4);
	OK(license_history_get(&again, LICENSE_DAILY, 2, &m));
	STR_EQ(m.period, "2026-11-28");
	EQ(m.high, 6);
	str_fini(&text);
	license_history_fini(&h);
	license_history_fini(&again);
}

TEST(what_is_older_than_all_that_is_kept_is_not)
{
	struct license_history h = { .days = { 0 } };

	for (int64_t d = 0; d < LICENSE_HISTORY_DAYS; d++)
		OK(license_history_note(&h, at(20000 + 2 * d, 12), 5));
	OK(!license_history_note(&h, at(19000, 1), 9));
	EQ(h.days.p[0].day, license_date_of(at(20000, 0)));
	OK(license_history_note(&h, at(20001, 1), 9)); /* the oldest goes for it */
	EQ(h.days.n, LICENSE_HISTORY_DAYS);
	EQ(h.days.p[0].high, 9);
	EQ(h.days.p[1].day, license_date_of(at(20002, 0)));
	license_history_fini(&h);
}

TEST(a_month_is_the_highest_of_its_days)
{
	struct license_history h = { .days = { 0 } };
	struct license_mark m;

	for (int64_t d = 20785; d < 20785 + 10; d++)
		license_history_note(&h, at(d, 0), (uint64_t)(d % 7 + 1));
	OK(license_history_get(&h, LICENSE_MONTHLY, 0, &m));
	STR_EQ(m.period, "2026-12");
	EQ(m.high, 7);
	OK(license_history_get(&h, LICENSE_MONTHLY, 1, &m));
	STR_EQ(m.period, "2026-11");
	OK(!license_history_get(&h, LICENSE_MONTHLY, 2, &m));
	license_history_fini(&h);
}

TEST(five_years_are_kept_and_come_back_from_the_disk)
{
	struct license_history h = { .days = { 0 } }, again = { .days = { 0 } };
	struct str text = { 0 }, copy = { 0 };

	for (int64_t d = 0; d < 2000; d++)
		OK(license_history_note(&h, at(20000 + d, 12), (uint64_t)d + 1));
	EQ(h.days.n, LICENSE_HISTORY_DAYS);
	license_history_print(&h, &text);
	EQ(license_history_parse(&again, str_slice(&text)), 0);
	license_history_print(&again, &copy);
	STR_EQ(str_get(&copy), str_get(&text));
	str_fini(&text);
	str_fini(&copy);
	license_history_fini(&h);
	license_history_fini(&again);
}

TEST(lines_that_are_none_are_left_out_and_counted)
{
	struct license_history h = { .days = { 0 } };

	EQ(license_history_parse(
	       &h, SLICE_LIT("x\n2026-11-28 5 1764288000000\n2026-11-28 6 1764288000000\n"
			     "2026-11-27 6 1\n2026-11-29 -1 1\n2026-11-30 7\n"
			     "2026-12-01 8 1764288000000")),
	    5);
	EQ(h.days.n, 2);
	license_history_fini(&h);
}
