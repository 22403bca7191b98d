/* SPDX-License-Identifier: Apache-2.0 */
/* Text that grows, what a peer's bytes look like when printed, and globs. */
#include "ipc/base/str.h"
#include "ipc/base/mem.h"
#include "tests/unit/tap.h"

#include <locale.h>
#include <stdlib.h>

/* STR_EQ on what @add makes of @in. */
static void
expect(void (*add)(struct str *, struct slice), struct slice in, const char *want)
{
	struct str s = { 0 };
	char got[256];

	add(&s, in);
	OK(s.n < sizeof got);
	memcpy(got, str_get(&s), s.n + 1);
	str_fini(&s);
	STR_EQ(got, want);
}

TEST(a_text_nobody_wrote_to_is_empty)
{
	struct str s = { 0 };
	char *taken;

	STR_EQ(str_get(&s), "");
	EQ(str_slice(&s).n, 0);
	str_cut(&s, 0);
	str_reset(&s);
	taken = str_take(&s);
	STR_EQ(taken, "");
	mem_free(taken);
	str_fini(&s);
}

TEST(text_grows_and_ends_with_a_nul)
{
	struct str s = { 0 };

	for (int i = 0; i < 10000; i++) {
		str_add_char(&s, (char)('a' + i % 26));
		EQ(s.p[s.n], '\0');
	}
	EQ(s.n, 10000);
	EQ(strlen(str_get(&s)), 10000);
	EQ(s.p[9999], 'a' + 9999 % 26);
	str_fini(&s);
}

TEST(pieces_are_joined_in_order)
{
	struct str s = { 0 };

	str_add(&s, "a");
	str_add_slice(&s, SLICE_LIT("bc"));
	str_add_slice(&s, SLICE_NONE);
	str_add_bytes(&s, "def", 2);
	str_add_char(&s, '-');
	str_addf(&s, "%d %s", 12, "x");
	STR_EQ(str_get(&s), "abcde-12 x");
	str_fini(&s);
}

TEST(a_format_longer_than_the_room_is_printed_whole)
{
	for (int width = 0; width < 200; width++) {
		struct str s = { 0 };

		str_add(&s, "x");
		str_addf(&s, "%*d|", width, 7);
		EQ(s.n, (width > 1 ? width : 1) + 2);
		EQ(s.p[s.n - 1], '|');
		EQ(s.p[s.n - 2], '7');
		str_fini(&s);
	}
}

TEST(cut_shortens_and_never_lengthens)
{
	struct str s = { 0 };

	str_add(&s, "abcdef");
	str_cut(&s, 9);
	STR_EQ(str_get(&s), "abcdef");
	str_cut(&s, 3);
	STR_EQ(str_get(&s), "abc");
	str_reset(&s);
	STR_EQ(str_get(&s), "");
	OK(s.cap > 0);
	str_add(&s, "again");
	STR_EQ(str_get(&s), "again");
	str_fini(&s);
}

TEST(a_taken_text_belongs_to_the_taker)
{
	struct str s = { 0 };
	char *text;

	str_add(&s, "mine");
	text = str_take(&s);
	STR_EQ(text, "mine");
	STR_EQ(str_get(&s), "");
	mem_free(text);
}

TEST(printable_text_is_not_escaped)
{
	expect(
	    str_add_escaped, SLICE_LIT("sensor-17 \"x\" 'y' ~"), "sensor-17 \"x\" 'y' ~");
	expect(str_add_escaped,
	    SLICE_LIT("caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80"),
	    "caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80");
	expect(str_add_escaped, SLICE_NONE, "");
}

TEST(c0_and_del_are_escaped)
{
	expect(str_add_escaped, SLICE_LIT("a\x1b[31m\n=1+1"), "a\\x1b[31m\\x0a=1+1");
	expect(str_add_escaped, SLICE_LIT("\0\t\r\x7f"), "\\x00\\x09\\x0d\\x7f");
}

TEST(c1_is_escaped_byte_by_byte)
{
	expect(str_add_escaped,
	    SLICE_LIT("\xc2\x9b"
		      "2J"),
	    "\\xc2\\x9b2J");
	expect(str_add_escaped, SLICE_LIT("\xc2\x80\xc2\x9f"), "\\xc2\\x80\\xc2\\x9f");
	expect(str_add_escaped, SLICE_LIT("\xc2\xa0"), "\xc2\xa0");
}

TEST(every_bidirectional_mark_is_escaped)
{
	static const char *const marks[] = {
		"\xd8\x9c",     /* U+061C */
		"\xe2\x80\x8e", /* U+200E */
		"\xe2\x80\x8f",
		"\xe2\x80\xaa",
		"\xe2\x80\xab",
		"\xe2\x80\xac",
		"\xe2\x80\xad",
		"\xe2\x80\xae", /* U+202E */
		"\xe2\x81\xa6",
		"\xe2\x81\xa7",
		"\xe2\x81\xa8",
		"\xe2\x81\xa9",
	};

	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
		struct str s = { 0 };

		str_add_escaped(&s, slice_str(marks[i]));
		EQ(s.n, 4 * strlen(marks[i]));
		OK(strncmp(str_get(&s), "\\x", 2) == 0);
		str_fini(&s);
	}
	expect(str_add_escaped,
	    SLICE_LIT("\xe2\x80\xae"
		      "gpj"),
	    "\\xe2\\x80\\xaegpj");
}

TEST(the_backslash_is_doubled_so_that_no_escape_can_be_forged)
{
	expect(str_add_escaped, SLICE_LIT("\\x1b"), "\\\\x1b");
	expect(str_add_escaped, SLICE_LIT("\\"), "\\\\");
}

TEST(illformed_utf8_is_escaped_and_what_follows_is_read)
{
	expect(str_add_escaped,
	    SLICE_LIT("a\xff"
		      "b"),
	    "a\\xffb");
	expect(str_add_escaped, SLICE_LIT("\xc3"), "\\xc3");
	expect(str_add_escaped, SLICE_LIT("\xed\xa0\x80"), "\\xed\\xa0\\x80");
	expect(str_add_escaped, SLICE_LIT("\xc0\xaf"), "\\xc0\\xaf");
	expect(str_add_escaped,
	    SLICE_LIT("\xe2\x82"
		      "\xc3\xa9"),
	    "\\xe2\\x82\xc3\xa9");
}

TEST(json_escapes_what_json_must)
{
	expect(str_add_json, SLICE_LIT("a\"b\\c/d"), "a\\\"b\\\\c/d");
	expect(str_add_json, SLICE_LIT("\b\f\n\r\t"), "\\b\\f\\n\\r\\t");
	expect(str_add_json, SLICE_LIT("\0\x01\x1f"), "\\u0000\\u0001\\u001f");
	expect(str_add_json, SLICE_LIT("caf\xc3\xa9"), "caf\xc3\xa9");
	expect(str_add_json, SLICE_NONE, "");
}

TEST(json_lets_no_terminal_sequence_through)
{
	expect(str_add_json, SLICE_LIT("\x1b[0m\x7f\xc2\x9b\xe2\x80\xae"),
	    "\\u001b[0m\\u007f\\u009b\\u202e");
}

TEST(json_has_a_replacement_for_each_illformed_byte)
{
	expect(str_add_json, SLICE_LIT("a\xff\xc3"), "a\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(width_counts_columns_after_escaping)
{
	OK(setlocale(LC_CTYPE, "C.UTF-8") != NULL);
	EQ(str_width(SLICE_LIT("abc")), 3);
	EQ(str_width(SLICE_NONE), 0);
	EQ(str_width(SLICE_LIT("a\x1b")), 5);
	EQ(str_width(SLICE_LIT("\\")), 2);
	EQ(str_width(SLICE_LIT("\xc2\x9b")), 8);
	EQ(str_width(SLICE_LIT("\xff")), 4);
	EQ(str_width(SLICE_LIT("caf\xc3\xa9")), 4);
	EQ(str_width(SLICE_LIT("cafe\xcc\x81")), 4);             /* combining acute */
	EQ(str_width(SLICE_LIT("\xe6\x97\xa5\xe6\x9c\xac")), 4); /* two wide ones */
	setlocale(LC_CTYPE, "C");
}

TEST(width_is_that_of_the_escaped_text)
{
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			uint8_t bytes[2] = { (uint8_t)a, (uint8_t)b };
			struct str s = { 0 };
			size_t width = str_width(slice_of(bytes, 2));

			str_add_escaped(&s, slice_of(bytes, 2));
			/* Only a printable character of two bytes is narrower. */
			OK(width == s.n || (width < s.n && a >= 0xc2));
			str_fini(&s);
		}
	}
}

static bool
glob(const char *pattern, const char *text)
{
	return str_glob(slice_str(pattern), slice_str(text));
}

TEST(a_glob_without_wildcards_is_equality)
{
	OK(glob("abc", "abc"));
	OK(!glob("abc", "abcd"));
	OK(!glob("abcd", "abc"));
	OK(glob("", ""));
	OK(!glob("", "a"));
	OK(!glob("a", ""));
}

TEST(a_star_takes_any_number_of_characters)
{
	OK(glob("*", ""));
	OK(glob("**", ""));
	OK(glob("*", "anything"));
	OK(glob("sensor*", "sensor-17"));
	OK(glob("*17", "sensor-17"));
	OK(glob("s*r*7", "sensor-17"));
	OK(!glob("s*r*8", "sensor-17"));
	OK(glob("*ab", "aaab"));
	OK(glob("*aab", "aaaab"));
	OK(!glob("a*b", "ac"));
}

TEST(a_question_mark_takes_one_character_of_any_length)
{
	OK(glob("?", "a"));
	OK(!glob("?", ""));
	OK(!glob("?", "ab"));
	OK(glob("?", "\xc3\xa9"));
	OK(!glob("??", "\xc3\xa9"));
	OK(!glob("*??", "\xc3\xa9"));
	OK(glob("*??", "a\xc3\xa9"));
	OK(glob("?", "\xff"));
	OK(glob("a?c*", "abcdef"));
}

TEST(brackets_and_backslashes_mean_themselves)
{
	OK(glob("[a]", "[a]"));
	OK(!glob("[a]", "a"));
	OK(glob("\\*", "\\x"));
}

TEST(a_glob_of_many_stars_does_not_blow_up)
{
	enum { N = 4096 };
	char *text = mem_new(N + 1), *pattern = mem_new(129);

	memset(text, 'a', N);
	for (int i = 0; i < 64; i++)
		memcpy(pattern + 2 * i, "*a", 2);
	OK(glob(pattern, text));
	pattern[127] = 'b';
	OK(!glob(pattern, text));
	mem_free(text);
	mem_free(pattern);
}
