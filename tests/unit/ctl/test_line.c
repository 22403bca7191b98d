/* SPDX-License-Identifier: Apache-2.0 */
/* A line of the shell: words, quotes, and what shall happen to the answer. */
#include "ctl/line.h"
#include "tests/unit/tap.h"

static struct line line;
static struct fault fault;

static em_err
parse(const char *text)
{
	line_clear(&line);
	fault_clear(&fault);
	return line_parse(slice_str(text), &line, &fault);
}

static const char *
word(size_t i)
{
	return i < line.words.n ? line.words.p[i].text : "(none)";
}

TEST(words_are_parted_by_blanks)
{
	EQ(parse("  clients\tlist  --limit 3 \n"), EM_OK);
	EQ(line.words.n, 4);
	STR_EQ(word(0), "clients");
	STR_EQ(word(3), "3");
	OK(!line.open && !line.in_tail);
}

TEST(the_tools_own_name_is_dropped_before_a_command)
{
	EQ(parse("emqx_ctl clients list | grep x"), EM_OK);
	EQ(line.words.n, 2);
	STR_EQ(word(0), "clients");
	EQ(line.greps.n, 1);
	EQ(parse("emqx_ctl"), EM_OK);
	EQ(line.words.n, 1);
	EQ(parse("clients show emqx_ctl"), EM_OK);
	EQ(line.words.n, 3);
}

TEST(quotes_keep_blanks_and_each_other)
{
	EQ(parse("show 'a \"b' \"c 'd\\\" \\\\ \\n\" e\\ f ''"), EM_OK);
	EQ(line.words.n, 5);
	STR_EQ(word(1), "a \"b");
	STR_EQ(word(2), "c 'd\" \\ \\n");
	STR_EQ(word(3), "e f");
	STR_EQ(word(4), "");
}

TEST(an_open_quote_or_a_backslash_at_the_end_wants_more)
{
	OK(line_is_open(SLICE_LIT("show 'a")));
	OK(line_is_open(SLICE_LIT("show \"a")));
	OK(line_is_open(SLICE_LIT("show \\")));
	OK(!line_is_open(SLICE_LIT("show a")));
	OK(!line_is_open(SLICE_LIT("show 'a\\'")));
	EQ(parse("show \\\n a\\\nb"), EM_OK);
	EQ(line.words.n, 2);
	STR_EQ(word(1), "ab");
	OK(line_is_open(SLICE_LIT("show \\\n")));
	OK(line_is_open(SLICE_LIT("show a\\\n")));
}

TEST(a_comment_fills_its_line_but_a_topic_may_begin_with_the_same_sign)
{
	EQ(parse("# clients list | nonsense"), EM_OK);
	EQ(line.words.n, 0);
	EQ(parse("topics show #"), EM_OK);
	STR_EQ(word(2), "#");
}

TEST(a_pipe_leads_to_grep_alone)
{
	EQ(parse("clients list | grep -vi 'a b' |grep x"), EM_OK);
	EQ(line.words.n, 2);
	EQ(line.greps.n, 2);
	OK(line.greps.p[0].invert && line.greps.p[0].nocase);
	STR_EQ(line.greps.p[0].pattern, "a b");
	OK(!line.greps.p[1].invert);
	OK(line.in_tail);
	EQ(parse("clients list | sort"), EM_USAGE);
	STR_EQ(fault.text, "only grep may follow |");
	EQ(parse("clients list | grep"), EM_USAGE);
	EQ(parse("clients list | grep -x a"), EM_USAGE);
}

TEST(an_arrow_leads_to_a_file)
{
	EQ(parse("clients list >/tmp/x"), EM_OK);
	STR_EQ(line.file, "/tmp/x");
	OK(!line.append);
	EQ(parse("clients list | grep a >> 'b c'"), EM_OK);
	STR_EQ(line.file, "b c");
	OK(line.append);
	EQ(parse("clients list >"), EM_USAGE);
	EQ(parse("clients list > a b"), EM_USAGE);
	EQ(parse("clients list > a | grep b"), EM_USAGE);
}

TEST(inside_a_word_and_in_quotes_signs_mean_nothing)
{
	EQ(parse("clients list --filter a>b 'x | y' c|d"), EM_OK);
	EQ(line.words.n, 6);
	STR_EQ(word(3), "a>b");
	STR_EQ(word(4), "x | y");
	STR_EQ(word(5), "c|d");
}

TEST(what_is_quoted_is_read_back)
{
	static const char *const words[] = { "plain", "t/#", "$SYS/#", "", "a b", "it's",
		"say \"x\"", "back\\slash", "both ' and \" and \\", "|", ">x", "a\nb",
		"\xc3\xa9t\xc3\xa9" };
	struct str s = { 0 };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		str_reset(&s);
		str_add(&s, "w ");
		line_quote(&s, slice_str(words[i]), true);
		EQ(parse(str_get(&s)), EM_OK);
		EQ(line.words.n, 2);
		STR_EQ(word(1), words[i]);
	}
	str_reset(&s);
	line_quote(&s, SLICE_LIT("a b"), false);
	STR_EQ(str_get(&s), "'a b");
	str_fini(&s);
}

TEST(the_place_of_each_word_is_known)
{
	EQ(parse("ab 'c d' e'f"), EM_OK);
	EQ(line.words.p[1].at, 3);
	EQ(line.words.p[1].end, 8);
	EQ(line.words.p[2].quote, '\'');
	EQ(line.words.p[2].end, 12);
	line_clear(&line);
	fault_clear(&fault);
}
