/* SPDX-License-Identifier: Apache-2.0 */
/* Help is there for every command, and fits the screen. */
#include "ctl/help.h"
#include "ipc/base/utf8.h"
#include "tests/unit/tap.h"

static struct str s;
static struct help help = { .to = &s };

static bool
fits(void)
{
	for (char *p = s.p, *nl; (nl = strchr(p, '\n')) != NULL; p = nl + 1)
		if (nl - p > 100)
			return false;
	return true;
}

TEST(every_command_is_explained_with_its_example)
{
	for (unsigned i = 0; i < CMD_N; i++) {
		const struct cmd *cmd = cmd_get((cmd_id)i);

		str_reset(&s);
		help_command(&help, cmd);
		OK(strstr(str_get(&s), cmd->summary) != NULL);
		OK(strstr(str_get(&s), cmd->example) != NULL);
		OK(fits());
	}
}

TEST(help_is_as_wide_as_the_terminal)
{
	static const unsigned widths[] = { 60, 120 };

	for (size_t i = 0; i < 2; i++) {
		struct help h = { .to = &s, .width = widths[i] };
		size_t longest = 0;

		str_reset(&s);
		help_all(&h);
		for (unsigned c = 0; c < CMD_N; c++) {
			const struct cmd *cmd = cmd_get((cmd_id)c);

			/* An example stays in one piece, to be copied. */
			if (strlen(cmd->example) + 2 <= widths[i])
				help_command(&h, cmd);
		}
		for (char *p = s.p, *nl; (nl = strchr(p, '\n')) != NULL; p = nl + 1)
			longest = (size_t)(nl - p) > longest ? (size_t)(nl - p) : longest;
		OK(longest <= widths[i]);
		OK(longest > widths[i] - 10);
	}
}

TEST(the_overview_names_every_command_but_hidden_ones)
{
	str_reset(&s);
	help_all(&help);
	for (unsigned i = 0; i < CMD_N; i++) {
		const struct cmd *cmd = cmd_get((cmd_id)i);
		bool hidden = (cmd->flags & (CMDF_HIDDEN | CMDF_SHELL)) != 0;

		EQ(strstr(str_get(&s), cmd->path) == NULL, hidden);
	}
}

static em_err
words(const char *a, const char *b, struct fault *f)
{
	struct slice w[] = { slice_str(a), slice_str(b) };

	str_reset(&s);
	return help_words(&help, w, b != NULL ? 2 : 1, f);
}

TEST(a_group_a_command_and_a_topic_are_found)
{
	struct fault f = { 0 };

	EQ(words("clients", NULL, &f), EM_OK);
	OK(strstr(str_get(&s), "clients kick") != NULL);
	EQ(words("clients", "kick", &f), EM_OK);
	OK(strstr(str_get(&s), "Usage: emqx_ctl clients kick") == str_get(&s));
	EQ(words("listeners", NULL, &f), EM_OK); /* a command and a group */
	OK(strstr(str_get(&s), "listeners restart") != NULL);
	EQ(words("routes", "list", &f), EM_OK);
	EQ(words("filter", NULL, &f), EM_OK);
	OK(strstr(str_get(&s), "mqueue_len > 100") != NULL);
}

TEST(an_unknown_word_is_told_with_the_nearest)
{
	struct fault f = { 0 };

	EQ(words("clinets", NULL, &f), EM_USAGE);
	STR_EQ(f.hint, "did you mean 'clients'?");
	fault_clear(&f);
}

TEST(no_topic_has_the_name_of_a_command)
{
	for (const struct help_topic *t = help_topics; t->name != NULL; t++) {
		struct slice word = slice_str(t->name);
		size_t used;

		OK(cmd_match(&word, 1, false, &used) == NULL && used == 0);
	}
	str_fini(&s);
}
