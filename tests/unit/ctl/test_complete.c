/* SPDX-License-Identifier: Apache-2.0 */
/* What a word may become, from the table and from whoever knows live names. */
#include "ctl/complete.h"
#include "ipc/base/str.h"
#include "tests/unit/tap.h"

static struct complete items;
static struct str found;

/* The daemon knows three clients. */
static void
ask(void *ctx, cmd_type type, struct slice prefix, const struct slice *before,
    size_t n_before, struct complete *out)
{
	static const char *const ids[] = { "sensor-1", "sensor-2", "x y" };
	unsigned *asked = ctx;

	(void)before;
	(void)n_before;
	++*asked;
	for (size_t i = 0; type == CT_CLIENTID && i < 3; i++)
		if (slice_starts(slice_str(ids[i]), prefix))
			complete_add(out, slice_str(ids[i]), NULL);
}

/* The candidates for a line whose words have one blank between them. */
static const char *
complete(const char *line, unsigned flags)
{
	struct slice words[16];
	unsigned asked = 0;
	size_t n = 0;

	for (;;) {
		size_t len = strcspn(line, " ");

		words[n++] = slice_of(line, len);
		if (line[len] == '\0')
			break;
		line += len + 1;
	}
	complete_fini(&items);
	complete_words(&items, words, n, flags, ask, &asked);
	str_reset(&found);
	str_add(&found, "");
	for (size_t i = 0; i < items.v.n; i++)
		str_addf(&found, "%s%s", i > 0 ? " " : "", items.v.p[i].text);
	return str_get(&found);
}

TEST(a_group_says_what_is_in_it)
{
	STR_EQ(complete("clie", 0), "clients");
	STR_EQ(items.v.p[0].help, "list, show, kick");
	STR_EQ(complete("log h", 0), "handlers");
	STR_EQ(items.v.p[0].help, "list, start, stop, set-level");
}

TEST(a_command_word_is_completed)
{
	STR_EQ(complete("cl", 0), "cluster clients");
	STR_EQ(complete("listeners st", 0), "start stop");
	STR_EQ(complete("clients ", 0), "list show kick");
	STR_EQ(complete("qu", 0), "");
	STR_EQ(complete("qu", CMDLINE_SHELL), "quit");
	STR_EQ(complete("__", 0), "");
	OK(strstr(complete("", 0), "subscriptions") != NULL);
}

TEST(a_command_word_says_what_it_does)
{
	(void)complete("clients ki", 0);
	STR_EQ(items.v.p[0].help, "Disconnect a client and drop its session");
}

TEST(live_names_come_from_the_daemon)
{
	STR_EQ(complete("clients show se", 0), "sensor-1 sensor-2");
	STR_EQ(complete("clients kick sensor-1 x", 0), "x y");
	STR_EQ(complete("cli sh sensor-2", CMDLINE_ABBREV), "sensor-2");
	STR_EQ(complete("clients show nobody", 0), "");
}

TEST(values_of_an_enum)
{
	STR_EQ(complete("vm m", 0), "memory");
	STR_EQ(complete("trace start t", 0), "topic");
	STR_EQ(complete("--color ", 0), "auto always never");
	STR_EQ(complete("--color=n", 0), "--color=never");
	STR_EQ(complete("clients list -o js", 0), "json jsonl");
}

TEST(options_that_are_given_are_not_offered_again)
{
	STR_EQ(complete("clients list --li", 0), "--limit");
	STR_EQ(complete("clients list --limit 3 --li", 0), "");
	STR_EQ(complete("clients list --limit=3 --li", 0), "");
	OK(strstr(complete("clients list ", 0), "--filter") != NULL);
	OK(strstr(complete("conf show --", 0), "--ignored") != NULL);
	OK(strstr(complete("status --", 0), "--json") != NULL);
}

TEST(columns_of_the_command)
{
	STR_EQ(complete("clients list --sort conn", 0), "connected connected_at");
	STR_EQ(complete("clients list --sort -mqueue_l", 0), "-mqueue_len");
	STR_EQ(complete("clients list --columns clientid,user", 0), "clientid,username");
	STR_EQ(complete("clients list --filter mqueue_l", 0), "mqueue_len");
}

TEST(help_completes_commands)
{
	STR_EQ(complete("help cl", 0), "cluster clients");
	STR_EQ(complete("help clients k", 0), "kick");
}

TEST(what_all_have_in_common)
{
	(void)complete("clients show se", 0);
	OK(slice_eq_str(complete_common(&items), "sensor-"));
	complete_fini(&items);
	complete_add(&items, SLICE_LIT("\xc3\xa9"), NULL);
	complete_add(&items, SLICE_LIT("\xc3\xa8"), NULL);
	EQ(complete_common(&items).n, 0); /* not half a character */
	complete_fini(&items);
	str_fini(&found);
}
