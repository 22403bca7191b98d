/* SPDX-License-Identifier: Apache-2.0 */
/* license_date: see license_date.h.  A year begins in March here, so that the day more of a
 * leap year is its last. */
#include "emqxd/license/license_date.h"
#include "ipc/base/num.h"

#include <stdio.h>

#define DAY_NS (INT64_C(86400) * 1000000000)
#define ERA_YEARS 400
#define ERA_DAYS 146097
#define TO_1970 719468 /* days from 0000-03-01 */

static int64_t
day_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t m = month <= 2 ? month + 9 : month - 3;
	int64_t era = y / ERA_YEARS, rest = y % ERA_YEARS;

	return era * ERA_DAYS + rest * 365 + rest / 4 - rest / 100 + (153 * m + 2) / 5 +
	       day - 1 - TO_1970;
}

static bool
is_leap(uint64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

em_err
license_date_parse(struct slice text, int64_t *day)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	uint64_t number, y, m, d;

	*day = 0;
	if (text.n != 8 || num_parse_u64(text, &number) != EM_OK)
		return EM_MALFORMED;
	y = number / 10000;
	m = number / 100 % 100;
	d = number % 100;
	if (y < 1970 || m < 1 || m > 12 || d < 1 ||
	    d > days[m - 1] + (m == 2 && is_leap(y) ? 1u : 0u))
		return EM_MALFORMED;
	*day = day_of((int64_t)y, (int64_t)m, (int64_t)d);
	return EM_OK;
}

int64_t
license_date_of(wall_t t)
{
	return t.ns / DAY_NS - (t.ns % DAY_NS < 0 ? 1 : 0);
}

const char *
license_date_print(int64_t day, char buf[LICENSE_DATE_TEXT])
{
	int64_t z = day + TO_1970, era, rest, year, in_year, m;

	CHECK(z >= 0);
	era = z / ERA_DAYS;
	rest = z % ERA_DAYS;
	year = (rest - rest / 1460 + rest / 36524 - rest / 146096) / 365;
	in_year = rest - (365 * year + year / 4 - year / 100);
	m = (5 * in_year + 2) / 153;
	snprintf(buf, LICENSE_DATE_TEXT, "%04u-%02u-%02u",
	    (unsigned)(year + era * ERA_YEARS + (m >= 10 ? 1 : 0)) % 10000,
	    (unsigned)(m < 10 ? m + 3 : m - 9) % 100,
	    (unsigned)(in_year - (153 * m + 2) / 5 + 1) % 100);
	return buf;
}
