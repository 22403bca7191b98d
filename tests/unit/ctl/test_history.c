/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the shell are kept for the next one, secrets never. */
#include "ctl/history.h"
#include "tests/unit/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/test_history.XXXXXX";

static const char *
newest(struct history_file *h)
{
	HistEvent ev;

	return history(h->lines, &ev, H_FIRST) >= 0 ? ev.str : "(none)";
}

TEST(a_line_is_there_for_the_next_shell)
{
	struct history_file h;
	struct stat st;

	OK(mkdtemp(folder) != NULL);
	OK(setenv("XDG_STATE_HOME", folder, 1) == 0);
	history_open(&h);
	STR_EQ(newest(&h), "(none)");
	history_keep(&h, "clients list");
	history_keep(&h, "two\nlines \\ here");
	OK(stat(h.path, &st) == 0);
	EQ(st.st_mode & 0777, 0600);
	history_close(&h);
	history_open(&h);
	STR_EQ(newest(&h), "two\nlines \\ here");
	history_close(&h);
}

TEST(two_shells_keep_their_lines_both)
{
	struct history_file a, b;
	HistEvent ev;

	history_open(&a);
	history_open(&b);
	history_keep(&a, "from a");
	history_keep(&b, "from b");
	history_close(&a);
	history_close(&b);
	history_open(&a);
	STR_EQ(newest(&a), "from b");
	OK(history(a.lines, &ev, H_NEXT) >= 0);
	STR_EQ(ev.str, "from a");
	history_close(&a);
}

TEST(a_long_history_is_shortened_at_the_start)
{
	struct history_file h;
	HistEvent ev;
	char line[32];
	int n = 0;

	history_open(&h);
	for (int i = 0; i < 2 * HISTORY_MAX + 10; i++) {
		(void)snprintf(line, sizeof line, "line %d", i);
		history_keep(&h, line);
	}
	history_close(&h);
	history_open(&h); /* writes it anew */
	history_close(&h);
	history_open(&h);
	STR_EQ(newest(&h), line);
	for (int rc = history(h.lines, &ev, H_FIRST); rc >= 0;
	     rc = history(h.lines, &ev, H_NEXT))
		n++;
	EQ(n, HISTORY_MAX);
	history_close(&h);
}

TEST(where_no_folder_can_be_made_nothing_is_kept)
{
	struct history_file h;

	OK(setenv("XDG_STATE_HOME", "/proc/nowhere", 1) == 0);
	history_open(&h);
	OK(h.path == NULL);
	history_keep(&h, "x");
	STR_EQ(newest(&h), "x");
	history_close(&h);
}

TEST(a_secret_is_never_kept)
{
	static const struct cmd_arg plain = { .name = "name", .type = CT_TEXT };
	static const struct cmd_arg secret = { .name = "password", .type = CT_SECRET };
	struct params p = { .cmd = NULL };

	OK(params_add_word(&p, &plain, SLICE_LIT("x"), NULL) == EM_OK);
	OK(history_may_keep(&p));
	OK(params_add_word(&p, &secret, SLICE_LIT("x"), NULL) == EM_OK);
	OK(!history_may_keep(&p));
	params_fini(&p);
	OK(chdir("/") == 0);
	{
		char command[64];

		(void)snprintf(command, sizeof command, "rm -r %s", folder);
		OK(system(command) == 0);
	}
}
