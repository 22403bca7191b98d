/* SPDX-License-Identifier: Apache-2.0 */
/* Time as people write it, and as it is printed for them. */
#include "ipc/base/span.h"
#include "ipc/base/rand.h"
#include "tests/unit/tap.h"

#include <stdlib.h>
#include <time.h>

/* The nanoseconds of @text, or minus the error. */
static int64_t
parse(const char *text, span_t unit)
{
	span_t d;
	em_err err = span_parse(slice_str(text), unit, &d);

	return err == EM_OK ? d.ns : -(int64_t)err;
}

static int64_t
ns(const char *text)
{
	return parse(text, span_s(1));
}

#define PRINTS(d_, text_)                            \
	do {                                         \
		char buf_[SPAN_TEXT_MAX];            \
		STR_EQ(span_print(d_, buf_), text_); \
	} while (0)

TEST(every_unit_is_read)
{
	EQ(ns("1f"), span_s(14 * 86400).ns);
	EQ(ns("1w"), span_s(7 * 86400).ns);
	EQ(ns("1d"), span_s(86400).ns);
	EQ(ns("1h"), span_s(3600).ns);
	EQ(ns("1m"), span_s(60).ns);
	EQ(ns("15s"), span_s(15).ns);
	EQ(ns("100ms"), span_ms(100).ns);
	EQ(ns("0s"), 0);
	EQ(ns("1H"), span_s(3600).ns);
	EQ(ns("5MS"), span_ms(5).ns);
}

TEST(units_are_added_up)
{
	EQ(ns("1h30m"), span_s(5400).ns);
	EQ(ns("1d2h3m4s5ms"), span_s(86400 + 7200 + 180 + 4).ns + span_ms(5).ns);
	EQ(ns("1s1s"), span_s(2).ns);
}

TEST(fractions_are_exact)
{
	EQ(ns("1.5s"), span_ms(1500).ns);
	EQ(ns("0.1h"), span_s(360).ns);
	EQ(ns("0.000000001s"), 1);
	EQ(ns("0.5ms"), span_us(500).ns);
	EQ(ns("1.123456789s"), 1123456789);
	EQ(ns("1.50000000000000000000000000s"), span_ms(1500).ns);
	EQ(ns("1.5h0.5m"), span_s(5430).ns);
}

TEST(a_bare_number_is_in_the_unit_of_its_field)
{
	EQ(parse("30", span_s(1)), span_s(30).ns);
	EQ(parse("30", span_ms(1)), span_ms(30).ns);
	EQ(parse("1.5", span_s(1)), span_ms(1500).ns);
	EQ(parse("0", span_ms(1)), 0);
	EQ(ns("1h30"), -EM_MALFORMED); /* seconds or minutes? nobody knows */
}

TEST(infinity_is_infinite)
{
	span_t d;

	EQ(span_parse(SLICE_LIT("infinity"), span_s(1), &d), EM_OK);
	OK(span_is_infinite(d));
	EQ(span_parse(SLICE_LIT("Infinity"), span_s(1), &d), EM_OK);
	OK(span_is_infinite(d));
	OK(span_is_infinite(SPAN_INFINITE));
	EQ(mono_add((mono_t){ 5 }, SPAN_INFINITE).ns, INT64_MAX);
}

TEST(what_is_no_length_of_time_is_malformed)
{
	static const char *const texts[] = { "", "s", "-1s", "+1s", "1 s", " 1s", "1s ",
		"1x", "1sec", "1.s", ".5s", "1..5s", "1h-30m", "1,5s", "infinit",
		"infinity1" };

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		EQ(ns(texts[i]), -EM_MALFORMED);
}

TEST(a_time_of_more_than_292_years_is_too_big)
{
	EQ(ns("106751d"), span_s(INT64_C(106751) * 86400).ns);
	EQ(ns("106752d"), -EM_TOOBIG);
	EQ(ns("9223372036854775807"), -EM_TOOBIG);
	EQ(ns("99999999999999999999999999s"), -EM_TOOBIG);
	EQ(ns("106751d106751d"), -EM_TOOBIG);
	EQ(ns("9223372036.854775806s"), INT64_MAX - 1);
	EQ(ns("9223372036.854775807s"), -EM_TOOBIG); /* would be infinite */
}

TEST(a_time_is_printed_by_its_largest_units)
{
	PRINTS(span_s(15), "15s");
	PRINTS(span_s(5400), "1h30m");
	PRINTS(span_s(7200), "2h");
	PRINTS(span_s(86400 + 5), "1d5s");
	PRINTS(span_s(0), "0s");
	PRINTS(span_ms(100), "100ms");
	PRINTS(span_ms(1500), "1.5s");
	PRINTS(span_ms(60500), "1m0.5s");
	PRINTS(span_us(250), "0.25ms");
	PRINTS(span_ns(1), "0.000001ms");
	PRINTS(SPAN_INFINITE, "infinity");
	PRINTS(span_s(-90), "-1m30s");
	PRINTS(span_ns(INT64_MIN), "-106751d23h47m16.854775808s");
}

TEST(what_is_printed_reads_back_to_the_nanosecond)
{
	rand_seed(1);
	for (int i = 0; i < 20000; i++) {
		int64_t want = (int64_t)(rand_u64() >> (1 + rand_below(62)));
		char buf[SPAN_TEXT_MAX];

		if (i % 2 == 0) /* round ones too */
			want -= want % 1000000;
		EQ(ns(span_print(span_ns(want), buf)), want);
	}
	EQ(ns("106751d23h47m16.854775806s"), INT64_MAX - 1);
}

static const char *
uptime(int64_t seconds, char *buf, size_t n)
{
	return span_print_long(span_s(seconds), buf, n);
}

TEST(an_uptime_drops_leading_zero_units_and_keeps_later_ones)
{
	char buf[64];

	STR_EQ(uptime(86400 + 3 * 3600 + 4 * 60 + 12, buf, sizeof buf),
	    "1 days, 3 hours, 4 minutes, 12 seconds");
	STR_EQ(uptime(2 * 86400 + 3 * 3600 + 12, buf, sizeof buf),
	    "2 days, 3 hours, 0 minutes, 12 seconds");
	STR_EQ(uptime(3603, buf, sizeof buf), "1 hours, 0 minutes, 3 seconds");
	STR_EQ(uptime(292, buf, sizeof buf), "4 minutes, 52 seconds");
	STR_EQ(uptime(60, buf, sizeof buf), "1 minutes, 0 seconds");
	STR_EQ(uptime(1, buf, sizeof buf), "1 seconds");
	STR_EQ(uptime(0, buf, sizeof buf), "0 seconds");
	STR_EQ(uptime(-5, buf, sizeof buf), "0 seconds");
}

TEST(an_uptime_that_does_not_fit_is_cut_and_ended)
{
	char buf[64], guard[64];

	for (size_t n = 1; n < sizeof buf; n++) {
		memset(guard, 'x', sizeof guard);
		uptime(86400, guard, n);
		OK(strlen(guard) < n);
		OK(strncmp(guard, uptime(86400, buf, sizeof buf), strlen(guard)) == 0);
		EQ(guard[n], 'x');
	}
}

TEST(a_date_is_printed_as_rfc3339_with_microseconds)
{
	char buf[SPAN_TEXT_MAX];

	STR_EQ(wall_print((wall_t){ 0 }, true, buf), "1970-01-01T00:00:00.000000+00:00");
	STR_EQ(wall_print((wall_t){ INT64_C(1582277998123456789) }, true, buf),
	    "2020-02-21T09:39:58.123456+00:00");
	STR_EQ(wall_print((wall_t){ -1 }, true, buf), "1969-12-31T23:59:59.999999+00:00");
	STR_EQ(wall_print((wall_t){ INT64_MAX }, true, buf),
	    "2262-04-11T23:47:16.854775+00:00");
	STR_EQ(wall_print((wall_t){ INT64_MIN }, true, buf),
	    "1677-09-21T00:12:43.145224+00:00");
}

TEST(a_local_date_has_the_offset_of_its_zone)
{
	char buf[SPAN_TEXT_MAX];

	setenv("TZ", "EAST-05:30", 1);
	tzset();
	STR_EQ(wall_print((wall_t){ 0 }, false, buf), "1970-01-01T05:30:00.000000+05:30");
	setenv("TZ", "WEST03:30", 1);
	tzset();
	STR_EQ(wall_print((wall_t){ 0 }, false, buf), "1969-12-31T20:30:00.000000-03:30");
	unsetenv("TZ");
	tzset();
}

TEST(the_clocks_go_forward)
{
	mono_t a = span_mono_now(), b = span_mono_now();

	OK(a.ns > 0);
	OK(mono_since(b, a).ns >= 0);
	OK(wall_to_ms(span_wall_now()) > INT64_C(1700000000000));
}
