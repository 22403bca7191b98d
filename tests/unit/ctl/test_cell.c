/* SPDX-License-Identifier: Apache-2.0 */
/* One value as text. */
#include "ctl/cell.h"
#include "ipc/base/str.h"
#include "tests/unit/ctl/fixture.h"
#include "tests/unit/tap.h"

#include <locale.h>

static struct str s;

static const char *
text_of(struct row_value v, cell_style style)
{
	v.set = true;
	str_reset(&s);
	cell_add(&s, &v, style, true);
	return str_get(&s);
}

static const char *
span(span_t d, cell_style style)
{
	return text_of((struct row_value){ .type = CT_SPAN, .i = d.ns }, style);
}

TEST(a_person_reads_rounded_spans)
{
	STR_EQ(span(span_ns(3723123456789), CELL_HUMAN), "1h2m3s");
	STR_EQ(span(span_ns(1500400000), CELL_HUMAN), "1.5s");
	STR_EQ(span(SPAN_INFINITE, CELL_HUMAN), "infinity");
	STR_EQ(span(span_ns(55593), CELL_HUMAN), "0.055ms");
	STR_EQ(span(span_ns(-2455593), CELL_HUMAN), "-2.455ms");
	STR_EQ(span(span_ns(12345678), CELL_HUMAN), "12ms");
	STR_EQ(span(span_ns(55), CELL_HUMAN), "0.000055ms");
	STR_EQ(span(span_ms(1500), CELL_CSV), "1.5");
	STR_EQ(span(SPAN_INFINITE, CELL_CSV), "infinity");
}

TEST(times_are_rfc_3339)
{
	struct row_value v = { .type = CT_TIME, .i = 1582249657123456000 };

	STR_EQ(text_of(v, CELL_HUMAN), "2020-02-21T01:47:37+00:00");
	STR_EQ(text_of(v, CELL_CLASSIC), "2020-02-21T01:47:37.123456+00:00");
}

TEST(sizes_have_a_unit_for_people_alone)
{
	struct row_value v = { .type = CT_BYTES, .i = 1572864 };

	STR_EQ(text_of(v, CELL_HUMAN), "1.5MB");
	STR_EQ(text_of(v, CELL_CSV), "1572864");
	v.i = 512;
	STR_EQ(text_of(v, CELL_HUMAN), "512B");
	v.i = INT64_MAX;
	STR_EQ(text_of(v, CELL_HUMAN), "8.0EB");
}

static const char *
number(double d, cell_style style)
{
	return text_of((struct row_value){ .type = CT_NUMBER, .d = d }, style);
}

TEST(fractions_are_short_for_people_and_exact_in_csv)
{
	STR_EQ(number(1.73388671875, CELL_HUMAN), "1.73");
	STR_EQ(number(-2.5, CELL_CLASSIC), "-2.5");
	STR_EQ(number(100, CELL_HUMAN), "100");
	STR_EQ(number(0, CELL_HUMAN), "0");
	STR_EQ(number(0.0075512, CELL_HUMAN), "0.00755");
	STR_EQ(number(1.73388671875, CELL_CSV), "1.73388671875");
}

TEST(a_missing_value_is_said_in_three_ways)
{
	struct row_value v = { .type = CT_INT };

	str_reset(&s);
	cell_add(&s, &v, CELL_HUMAN, true);
	cell_add(&s, &v, CELL_CLASSIC, true);
	cell_add(&s, &v, CELL_CSV, true);
	STR_EQ(str_get(&s), "-undefined");
}

static const char *
form(struct row_value v, template_form f)
{
	v.set = true;
	str_reset(&s);
	cell_add_form(&s, &v, f, CELL_CLASSIC, true);
	return str_get(&s);
}

TEST(forms_of_a_template)
{
	struct row_value time = { .type = CT_TIME, .i = 1582249657123456000 };
	struct row_value text = { .type = CT_TEXT, .text = SLICE_LIT("a'\"\n") };

	STR_EQ(form(time, FORM_MS), "1582249657123");
	STR_EQ(form(time, FORM_LOCAL), "2020-02-21 01:47:37");
	STR_EQ(
	    form((struct row_value){ .type = CT_SPAN, .i = 60000000000 }, FORM_SECONDS),
	    "60");
	STR_EQ(form((struct row_value){ .type = CT_SPAN, .i = INT64_MAX }, FORM_SECONDS),
	    "infinity");
	STR_EQ(form((struct row_value){ .type = CT_SPAN, .i = 292000000000 }, FORM_LONG),
	    "4 minutes, 52 seconds");
	STR_EQ(form((struct row_value){ .type = CT_BOOL, .i = 1 }, FORM_DIGIT), "1");
	STR_EQ(form(text, FORM_QUOTED), "\"a'\\\"\\x0a\"");
	STR_EQ(form(text, FORM_ATOM), "'a\\'\"\\x0a'");
	STR_EQ(
	    form((struct row_value){ .type = CT_BYTES, .i = 2048 }, FORM_BYTES), "2048");
	STR_EQ(form((struct row_value){ .type = CT_INT, .i = 0 }, FORM_MANY), "s");
	STR_EQ(form((struct row_value){ .type = CT_INT, .i = 1 }, FORM_MANY), "");
	STR_EQ(form((struct row_value){ .type = CT_INT, .i = 1 }, FORM_ONE), "s");
	STR_EQ(form((struct row_value){ .type = CT_INT, .i = 2 }, FORM_ONE), "");
}

TEST(a_group_without_its_cell_is_left_out)
{
	struct wbuf bytes = wbuf_growing(1 << 16);
	struct row row;

	fixture_client("c1", &bytes, &row);
	str_reset(&s);
	cell_add_template(&s, &row,
	    "{clientid:6}|[?, user {username}?][?, q {mqueue_len}?]", CELL_CLASSIC, true);
	STR_EQ(str_get(&s), "c1    |, q 3");
	wbuf_fini(&bytes);
}

TEST(text_is_cut_between_characters)
{
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	str_reset(&s);
	cell_add_cut(&s, SLICE_LIT("\xc3\xa9t\xc3\xa9s"), 3);
	STR_EQ(str_get(&s), "\xc3\xa9t\xe2\x80\xa6");
	EQ(cell_width(str_slice(&s)), 3);
	str_reset(&s);
	cell_add_cut(&s, SLICE_LIT("\xc3\xa9t\xc3\xa9s"), 4);
	STR_EQ(str_get(&s), "\xc3\xa9t\xc3\xa9s");
	str_reset(&s);
	cell_add_cut(&s, SLICE_LIT("\xe6\xbc\xa2\xe5\xad\x97"), 3); /* two columns each */
	STR_EQ(str_get(&s), "\xe6\xbc\xa2\xe2\x80\xa6");
	str_fini(&s);
}
