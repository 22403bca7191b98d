/* SPDX-License-Identifier: Apache-2.0 */
/* Text of a field to its member, and back. */
#include "emqxd/conf/field.h"
#include "emqxd/conf/hocon_parse.h"
#include "emqxd/conf/load.h"
#include "tests/unit/tap.h"

struct all {
	bool yes;
	uint8_t small;
	uint16_t port;
	uint32_t number, percent, ratio, word;
	uint64_t bytes;
	span_t span;
	const char *text;
	struct conf_addr addr;
	struct conf_list list;
	struct conf_map map;
	struct rate rate;
};
#define ALL(m_) CONF_MEMBER(struct all, m_)

static const struct conf_word any[] = { { "infinity", 0 }, { NULL, 0 } };
static const struct conf_word infinity[] = { { "infinity", UINT32_MAX }, { NULL, 0 } };
static const struct conf_word never[] = { { "infinity", INT64_MAX }, { NULL, 0 } };
static const struct conf_word endless[] = { { "infinity", -1 }, { NULL, 0 } };
static const struct conf_word words[] = { { "low", 0 }, { "high", 7 }, { "HIGHEST", 7 },
	{ NULL, 0 } };

static const struct conf_field f_yes = { ALL(yes), .type = CONF_BOOL };
static const struct conf_field f_small = { ALL(small), .type = CONF_INT, .max = 2 };
static const struct conf_field f_port = { ALL(port), .type = CONF_INT };
static const struct conf_field f_number = { ALL(number), .type = CONF_INT, .min = 1,
	.max = 100, .words = infinity };
static const struct conf_field f_percent = { ALL(percent), .type = CONF_PERCENT,
	.max = 100 };
static const struct conf_field f_ratio = { ALL(ratio), .type = CONF_RATIO };
static const struct conf_field f_word = { ALL(word), .type = CONF_ENUM, .words = words };
static const struct conf_field f_bytes = { ALL(bytes), .type = CONF_SIZE, .min = 1,
	.max = INT64_MAX, .words = endless };
static const struct conf_field f_span = { ALL(span), .type = CONF_SPAN, .min = 1000000,
	.max = INT64_C(3600) * 1000000000, .words = never };
static const struct conf_field f_text = { ALL(text), .type = CONF_TEXT, .def = "",
	.max = 8 };
static const struct conf_field f_addr = { ALL(addr), .type = CONF_ADDR };
static const struct conf_field f_list = { ALL(list), .type = CONF_LIST };
static const struct conf_field f_map = { ALL(map), .type = CONF_MAP, .def = "disabled",
	.min = 1, .max = 255 };
static const struct conf_field f_levels = { ALL(map), .type = CONF_MAP, .def = "{}",
	.words = words };
static const struct conf_field f_rate = { ALL(rate), .type = CONF_RATE, .min = 1,
	.max = 1000000, .words = any };
static const struct conf_field f_secret = { ALL(small), .type = CONF_INT, .max = 2,
	.secret = true };

/* Reads @text and prints what came of it. */
static void
becomes(const struct conf_field *f, const char *text, const char *want)
{
	struct conf_pool pool = { 0 };
	struct all all = { 0 };
	struct str why = { 0 }, out = { 0 };

	if (!value_read_text(f, slice_str(text), &pool, &all, &why))
		tap_fail(__FILE__, __LINE__, "%s: %s", text, str_get(&why));
	value_print(f, &all, &out);
	STR_EQ(str_get(&out), want);
	conf_pool_fini(&pool);
	str_fini(&why);
	str_fini(&out);
}

static void
refuses(const struct conf_field *f, const char *text, const char *want)
{
	struct conf_pool pool = { 0 };
	struct all all, same;
	struct str why = { 0 };

	memset(&all, 0x5a, sizeof(all));
	memset(&same, 0x5a, sizeof(same));
	OK(!value_read_text(f, slice_str(text), &pool, &all, &why));
	if (strstr(str_get(&why), want) == NULL)
		tap_fail(__FILE__, __LINE__, "'%s' is not in: %s", want, str_get(&why));
	MEM_EQ(&all, &same, sizeof(all));
	conf_pool_fini(&pool);
	str_fini(&why);
}

/* The same from HOCON under the key a. */
static bool
read_hocon(const struct conf_field *f, const char *hocon, struct conf_pool *pool,
    struct all *all, struct str *why)
{
	struct conf_report report = { 0 };
	struct conf_tree t;
	bool ok;

	tree_init(&t);
	OK(hocon_parse_text(&t, "t", slice_str(hocon), &report) == EM_OK);
	ok = value_read(f, tree_find(&t, SLICE_LIT("a")), pool, all, why);
	tree_fini(&t);
	conf_report_fini(&report);
	return ok;
}

TEST(a_bool_is_true_false_on_or_off)
{
	becomes(&f_yes, "true", "true");
	becomes(&f_yes, "on", "true");
	becomes(&f_yes, "OFF", "false");
	refuses(&f_yes, "yes", "'yes' is not possible; expected true or false");
}

TEST(a_number_keeps_its_bounds_and_those_of_its_member)
{
	becomes(&f_number, "100", "100");
	refuses(&f_number, "0", "1 .. 100, or infinity");
	refuses(&f_number, "101", "1 .. 100");
	refuses(&f_number, "-1", "1 .. 100");
	refuses(&f_number, "1x", "1 .. 100");
	refuses(&f_number, "", "1 .. 100");
	becomes(&f_port, "65535", "65535");
	refuses(&f_port, "65536", "0 .. 65535");
	refuses(&f_small, "3", "0 .. 2");
}

TEST(a_word_may_stand_for_a_number)
{
	becomes(&f_number, "infinity", "infinity");
	becomes(&f_number, "Infinity", "infinity");
	refuses(&f_port, "infinity", "0 .. 65535");
}

TEST(sizes_are_counted_by_1024)
{
	becomes(&f_bytes, "64KB", "64KB");
	becomes(&f_bytes, "1536", "1536");
	becomes(&f_bytes, "1024MB", "1GB");
	becomes(&f_bytes, "infinity", "infinity");
	refuses(&f_bytes, "0", "a size such as 64KB");
	refuses(&f_bytes, "1XB", "a size such as 64KB");
}

TEST(a_blank_or_a_fraction_is_told_as_it_can_be_read)
{
	refuses(&f_bytes, "1.5MB", "write it without the fraction: 1536KB");
	refuses(&f_bytes, "3 MB", "write it without the blank: 3MB");
	refuses(&f_span, "2 m", "write it without the blank: 2m");
}

TEST(a_bare_number_of_a_time_is_milliseconds)
{
	becomes(&f_span, "1500", "1.5s");
	becomes(&f_span, "15s", "15s");
	becomes(&f_span, "1h", "1h");
	becomes(&f_span, "infinity", "infinity");
	refuses(&f_span, "0", "a time such as 15s, 1ms .. 1h, or infinity");
	refuses(&f_span, "2h", "1ms .. 1h");
	refuses(&f_span, "soon", "a time such as 15s");
}

TEST(a_rate_is_a_number_in_a_time)
{
	becomes(&f_rate, "1000/s", "1000/s");
	becomes(&f_rate, "100/1m", "100/m");
	becomes(&f_rate, "7/5m", "7/5m");
	becomes(&f_rate, "7/1.5s", "7/1.5s");
	becomes(&f_rate, "infinity", "infinity");
	refuses(&f_rate, "0/s", "a rate such as 1000/s, or infinity");
	refuses(&f_rate, "1000001/s", "a rate");
	refuses(&f_rate, "1000", "a rate");
	refuses(&f_rate, "/s", "a rate");
	refuses(&f_rate, "5/", "a rate");
	refuses(&f_rate, "5/3", "a rate");
	refuses(&f_rate, "5/0s", "a rate");
	refuses(&f_rate, "5/week", "a rate");
	refuses(&f_rate, "-5/s", "a rate");
	refuses(&f_rate, "5/sssssssssss", "a rate");
}

TEST(a_share_is_a_percentage_or_a_fraction)
{
	becomes(&f_percent, "80%", "80%");
	becomes(&f_percent, "0.8", "80%");
	refuses(&f_percent, "101%", "0% .. 100%");
	refuses(&f_percent, "%", "0% .. 100%");
}

TEST(a_factor_has_three_places)
{
	becomes(&f_ratio, "1.5", "1.5");
	becomes(&f_ratio, "2", "2.0");
	becomes(&f_ratio, "0.125", "0.125");
	refuses(&f_ratio, "-1", "a factor");
	refuses(&f_ratio, "1e300", "a factor");
}

TEST(an_enum_is_one_of_its_words)
{
	becomes(&f_word, "low", "low");
	becomes(&f_word, "HIGH", "high");
	becomes(&f_word, "highest", "high");
	refuses(&f_word, "7", "one of low, high, HIGHEST");
}

TEST(a_text_has_bounds_too)
{
	becomes(&f_text, "", "");
	becomes(&f_text, "12345678", "12345678");
	refuses(&f_text, "123456789", "is not possible");
}

TEST(an_address_is_a_port_or_host_and_port)
{
	becomes(&f_addr, "1883", ":1883");
	becomes(&f_addr, ":1883", ":1883");
	becomes(&f_addr, "0.0.0.0:1883", "0.0.0.0:1883");
	becomes(&f_addr, "[::]:1883", "[::]:1883");
	becomes(&f_addr, "[fe80::1]:0", "[fe80::1]:0");
	becomes(&f_addr, "localhost:1", "localhost:1");
	refuses(&f_addr, "", "a port, or host:port");
	refuses(&f_addr, "0.0.0.0", "a port");
	refuses(&f_addr, "0.0.0.0:", "a port");
	refuses(&f_addr, "0.0.0.0:65536", "a port");
	refuses(&f_addr, "::1:1883", "a port");
	refuses(&f_addr, "[::1]", "a port");
	refuses(&f_addr, "[::1:1883", "a port");
	refuses(&f_addr, "[127.0.0.1]:1883", "a port");
	refuses(&f_addr, "broker.example.com:1883", "a port");
}

TEST(a_list_is_an_array_or_a_text_with_commas)
{
	struct conf_pool pool = { 0 };
	struct str why = { 0 }, out = { 0 };
	struct all all = { 0 };

	becomes(&f_list, "a, b ,c", "[\"a\", \"b\", \"c\"]");
	becomes(&f_list, "", "[]");
	OK(read_hocon(&f_list, "a = [x, \"y z\"]", &pool, &all, &why));
	value_print(&f_list, &all, &out);
	STR_EQ(str_get(&out), "[\"x\", \"y z\"]");
	OK(!read_hocon(&f_list, "a = [{b = 1}]", &pool, &all, &why));
	conf_pool_fini(&pool);
	str_fini(&why);
	str_fini(&out);
}

TEST(a_map_is_sorted_and_found)
{
	struct conf_pool pool = { 0 };
	struct str why = { 0 }, out = { 0 };
	struct all all = { 0 };
	int64_t v = 0;

	OK(read_hocon(
	    &f_map, "a { \"t/2\" = 8, \"t/1\" = 10, t = 1 }", &pool, &all, &why));
	EQ(all.map.n, 3);
	OK(conf_map_find(&all.map, SLICE_LIT("t/2"), &v));
	EQ(v, 8);
	OK(conf_map_find(&all.map, SLICE_LIT("t"), &v));
	EQ(v, 1);
	OK(!conf_map_find(&all.map, SLICE_LIT("t/3"), &v));
	value_print(&f_map, &all, &out);
	STR_EQ(str_get(&out), "{\"t\" = 1, \"t/1\" = 10, \"t/2\" = 8}");
	OK(!read_hocon(&f_map, "a { x = 256 }", &pool, &all, &why));
	OK(!read_hocon(&f_map, "a { x { y = 1 } }", &pool, &all, &why));
	OK(read_hocon(&f_map, "a = disabled", &pool, &all, &why));
	EQ(all.map.n, 0);
	conf_pool_fini(&pool);
	str_fini(&why);
	str_fini(&out);
}

TEST(a_map_of_words_takes_only_these)
{
	struct conf_pool pool = { 0 };
	struct str why = { 0 }, out = { 0 };
	struct all all = { 0 };

	OK(read_hocon(&f_levels, "a { net = high }", &pool, &all, &why));
	value_print(&f_levels, &all, &out);
	STR_EQ(str_get(&out), "{\"net\" = high}");
	OK(!read_hocon(&f_levels, "a { net = 7 }", &pool, &all, &why));
	OK(strstr(str_get(&why), "one of low") != NULL);
	conf_pool_fini(&pool);
	str_fini(&why);
	str_fini(&out);
}

TEST(an_object_is_no_number)
{
	struct conf_pool pool = { 0 };
	struct str why = { 0 };
	struct all all = { 0 };

	OK(!read_hocon(&f_number, "a { b = 1 }", &pool, &all, &why));
	OK(!read_hocon(&f_number, "a = [1]", &pool, &all, &why));
	conf_pool_fini(&pool);
	str_fini(&why);
}

TEST(a_wrong_secret_is_not_repeated)
{
	struct conf_pool pool = { 0 };
	struct str why = { 0 };
	struct all all = { 0 };

	OK(!value_read_text(&f_secret, SLICE_LIT("hunter2"), &pool, &all, &why));
	OK(strstr(str_get(&why), "hunter2") == NULL);
	conf_pool_fini(&pool);
	str_fini(&why);
}

TEST(a_row_whose_type_and_size_differ_is_not_sound)
{
	static const struct conf_field bad = { ALL(number), .type = CONF_SPAN };

	OK(value_field_is_sound(&f_span));
	OK(!value_field_is_sound(&bad));
}
