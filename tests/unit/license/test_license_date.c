/* SPDX-License-Identifier: Apache-2.0 */
/* license_date: days of the calendar. */
#include "emqxd/license/license_date.h"
#include "tests/unit/tap.h"

static int64_t
day(const char *text)
{
	int64_t d;

	OK(license_date_parse(slice_str(text), &d) == EM_OK);
	return d;
}

TEST(days_count_from_1970)
{
	EQ(day("19700101"), 0);
	EQ(day("20000301") - day("20000228"), 2);
	EQ(day("21000301") - day("21000228"), 1);
	EQ(day("20261128"), 20785);
	EQ(license_date_of((wall_t){ 0 }), 0);
	EQ(license_date_of((wall_t){ -1 }), -1);
	EQ(license_date_of((wall_t){ INT64_C(86400000000000) }), 1);
}

TEST(each_day_of_400_years_is_printed_and_read_back)
{
	char text[LICENSE_DATE_TEXT], digits[9] = "";
	int64_t last = day("23700101");

	for (int64_t d = 0; d < last; d++) {
		license_date_print(d, text);
		memcpy(digits, text, 4);
		memcpy(digits + 4, text + 5, 2);
		memcpy(digits + 6, text + 8, 2);
		EQ(day(digits), d);
	}
}

TEST(what_is_no_day_is_refused)
{
	static const char *const bad[] = { "", "2026112", "202611281", "20260230",
		"20261301", "20260001", "20260100", "19691231", "2026-1-1", "+2026112" };
	int64_t d;

	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
		OK(license_date_parse(slice_str(bad[i]), &d) == EM_MALFORMED);
}
