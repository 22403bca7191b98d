/* SPDX-License-Identifier: Apache-2.0 */
/* end: the register says each thing once. */
#include "emqxd/model/end.h"
#include "ipc/cmdline.h"
#include "tests/unit/tap.h"

TEST(every_end_says_all_and_has_a_name_of_its_own)
{
	for (end_reason r = 0; r < END_N; r++) {
		const struct end_info *e = end_get(r);

		for (end_reason other = 0; other < r; other++)
			OK(strcmp(e->name, end_get(other)->name) != 0);
		OK(e->legacy[0] != '\0' && e->meaning[0] != '\0');
		OK(e->causes[0] != '\0' && e->advice[0] != '\0');
		OK(e->side < END_SIDE_N);
	}
}

/* Words with an underscore are columns of @cmd. */
static void
check_columns(const struct cmd *cmd, struct slice text)
{
	while (text.n > 0) {
		size_t n = 0;

		while (n < text.n && text.p[n] != ' ')
			n++;
		if (memchr(text.p, '_', n) != NULL)
			OK(cmd_find_col(cmd, slice_head(text, n)) >= 0);
		text = slice_from(text, n + 1);
	}
}

/* A colon in a word (tcp:default) does not end it. */
static size_t
command_length(const char *text)
{
	size_t n = strcspn(text, ",;:)");

	while (text[n] == ':' && text[n + 1] != ' ')
		n += 1 + strcspn(text + n + 1, ",;:)");
	return n;
}

/* "emqx_ctl WORDS" up to a comma or the like; what stands behind a colon is about its
 * answer. */
static void
check_command(const char *text)
{
	size_t len = command_length(text), n = 0;
	struct slice words[16], rest = slice_of(text, len);
	struct cmdline line;

	while (rest.n > 0 && n < 16) {
		size_t w = 0;

		while (w < rest.n && rest.p[w] != ' ')
			w++;
		words[n++] = slice_head(rest, w);
		rest = slice_from(rest, w + 1);
	}
	EQ(cmdline_parse(&line, words, n, 0, NULL), EM_OK);
	if (line.cmd != NULL && text[len] == ':')
		check_columns(line.cmd, slice_str(text + len + 1));
	cmdline_fini(&line);
}

static unsigned
check_commands(const char *text)
{
	unsigned found = 0;

	while ((text = strstr(text, "emqx_ctl ")) != NULL) {
		text += strlen("emqx_ctl ");
		check_command(text);
		found++;
	}
	return found;
}

TEST(commands_and_columns_that_are_named_exist)
{
	unsigned found = 0;

	for (end_reason r = 0; r < END_N; r++) {
		const struct end_info *e = end_get(r);

		found += check_commands(e->meaning) + check_commands(e->causes) +
			 check_commands(e->advice);
	}
	OK(found >= 6);
}

TEST(a_code_leads_to_its_end)
{
	EQ(end_of_code(0x81), END_FRAME_ERROR);
	EQ(end_of_code(0x82), END_PROTOCOL_ERROR);
	EQ(end_of_code(0x89), END_SERVER_BUSY);
	EQ(end_of_code(0x95), END_FRAME_TOO_LARGE);
	EQ(end_of_code(0), END_N);
	EQ(end_of_code(0x87), END_NOT_AUTHORIZED);
	EQ(end_of_code(0x9f), END_N);
}

TEST(the_names_of_the_manual_are_there)
{
	STR_EQ(end_get(END_TCP_CLOSED)->legacy, "closed");
	STR_EQ(end_get(END_FRAME_ERROR)->legacy, "function_clause");
	STR_EQ(end_get(END_KEEPALIVE_TIMEOUT)->name, "keepalive_timeout");
	STR_EQ(end_side_name(END_BY_CLIENT), "client");
	STR_EQ(end_side_name(END_BY_SERVER), "server");
	STR_EQ(end_side_name(END_BY_NETWORK), "network");
}
