/* SPDX-License-Identifier: Apache-2.0 */
/* The table: every row is whole, and rows are found by words. */
#include "ipc/cmd.h"
#include "ipc/base/str.h"
#include "ipc/cmdline.h"
#include "ipc/template.h"
#include "tests/unit/tap.h"

#define EACH(cmd_)                                                                \
	for (unsigned id_ = 0; id_ < CMD_N; id_++)                                \
		for (const struct cmd *cmd_ = cmd_get((cmd_id)id_); cmd_ != NULL; \
		     cmd_ = NULL)

static const struct cmd *
match(const char *line, bool abbrev, size_t *used)
{
	struct cmdline_words w;
	const struct cmd *cmd;

	cmdline_split(&w, slice_str(line));
	cmd = cmd_match(w.v.p, w.v.n, abbrev, used);
	cmdline_words_fini(&w);
	return cmd;
}

TEST(every_row_says_what_it_is)
{
	EACH(cmd)
	{
		EQ(cmd->id, id_);
		OK(cmd->summary != NULL && cmd->example != NULL);
		OK(cmd->summary[strlen(cmd->summary) - 1] != '.');
		OK((cmd->flags & (CMDF_READ | CMDF_WRITE)) != 0);
		OK((cmd->flags & (CMDF_READ | CMDF_WRITE)) != (CMDF_READ | CMDF_WRITE));
		OK(cmd->local || cmd->cols != NULL);
		OK(cmd->local || cmd->classic != NULL);
		OK(cmd->shape != SHAPE_SAID || cmd->said != NULL);
		OK(cmd_n_args(cmd) <= CMD_ARGS_MAX);
		OK(cmd_n_cols(cmd) <= CMD_COLS_MAX);
		for (const struct cmd_col *c = cmd->cols; c != NULL && c->name; c++)
			OK(c->help != NULL);
	}
}

static void
check_arg(const struct cmd_arg *a)
{
	OK(a->help != NULL);
	EQ(a->type == CT_ENUM, a->values != NULL);
	OK(a->type != CT_TIME && a->type != CT_COUNTS);
	if (a->type == CT_SPAN && (a->flags & ARGF_MAYVALUE) != 0)
		OK(a->dflt != NULL);
}

TEST(every_argument_and_option_is_whole)
{
	const struct cmd_arg *shared[] = { cmd_list_opts, cmd_watch_opts, cmd_node_opts,
		cmd_tool_opts };

	EACH(cmd)
	{
		bool optional = false;

		for (const struct cmd_arg *a = cmd->args; a != NULL && a->name; a++) {
			check_arg(a);
			OK(!optional || (a->flags & ARGF_OPTIONAL) != 0);
			optional = (a->flags & ARGF_OPTIONAL) != 0;
			OK((a->flags & ARGF_REPEAT) == 0 || a[1].name == NULL);
		}
		for (const struct cmd_arg *a = cmd->opts; a != NULL && a->name; a++)
			check_arg(a);
	}
	for (size_t i = 0; i < 3; i++)
		for (const struct cmd_arg *a = shared[i]; a->name != NULL; a++)
			check_arg(a);
}

/* Before the command is known, the name alone tells whether a value follows. */
TEST(options_of_one_name_take_values_alike_and_hide_none_of_the_tool)
{
	EACH(cmd)
	{
		for (const struct cmd_arg *a = cmd->opts; a != NULL && a->name; a++) {
			struct slice name = slice_str(a->name);

			OK(cmd_find_tool_opt(name, '\0') == NULL);
			OK(cmd_find_arg(cmd, name) == NULL);
			for (unsigned k = 0; k < CMD_N; k++) {
				const struct cmd_arg *b =
				    cmd_find_opt(cmd_get((cmd_id)k), name);

				OK(b == NULL || b->type == a->type);
				OK(b == NULL || b->flags == a->flags);
			}
		}
	}
	for (const struct cmd_arg *a = cmd_list_opts; a->name != NULL; a++)
		OK(cmd_find_tool_opt(slice_str(a->name), '\0') == NULL);
	for (const struct cmd_arg *a = cmd_tool_opts; a->name != NULL; a++)
		OK(a->letter == '\0' || cmd_find_tool_opt(SLICE_NONE, a->letter) == a);
}

TEST(paths_and_aliases_are_found_and_unique)
{
	EACH(cmd)
	{
		OK(cmd_find(slice_str(cmd->path)) == cmd);
		for (size_t i = 0; cmd->aliases != NULL && cmd->aliases[i]; i++)
			OK(cmd_find(slice_str(cmd->aliases[i])) == cmd);
		for (const struct cmd_col *c = cmd->cols; c != NULL && c->name; c++)
			EQ(cmd_find_col(cmd, slice_str(c->name)), c - cmd->cols);
	}
	OK(cmd_find(SLICE_LIT("clients")) == NULL);
}

TEST(templates_name_declared_columns)
{
	EACH(cmd)
	{
		OK(template_is_good(cmd, cmd->classic));
		OK(template_is_good(cmd, cmd->classic44));
		OK(template_is_good(cmd, cmd->said));
		OK(cmd->would == NULL || template_is_good(cmd, cmd->would));
	}
}

TEST(every_example_parses)
{
	EACH(cmd)
	{
		struct cmdline_words w;
		struct cmdline line;
		size_t skip;

		cmdline_split(&w, slice_str(cmd->example));
		skip = slice_eq_str(w.v.p[0], "emqx_ctl") ? 1 : 0;
		for (size_t i = 0; i < w.v.n; i++) /* what the reader's shell takes */
			if (slice_eq_str(w.v.p[i], ">"))
				w.v.n = i;
		EQ(cmdline_parse(&line, w.v.p + skip, w.v.n - skip, CMDLINE_SHELL, NULL),
		    EM_OK);
		OK(line.cmd == cmd);
		cmdline_fini(&line);
		cmdline_words_fini(&w);
	}
}

TEST(longest_path_wins)
{
	size_t used;

	EQ(match("listeners tcp:default", false, &used)->id, CMD_LISTENERS);
	EQ(used, 1);
	EQ(match("listeners start tcp:default", false, &used)->id, CMD_LISTENERS_START);
	EQ(used, 2);
	EQ(match("log handlers set-level file debug", false, &used)->id,
	    CMD_LOG_HANDLERS_SET_LEVEL);
	EQ(used, 3);
	EQ(match("routes list", false, &used)->id, CMD_TOPICS_LIST);
	OK(match("clients lsit", false, &used) == NULL);
	EQ(used, 1);
	OK(match("nonsense", false, &used) == NULL);
	EQ(used, 0);
	OK(match("", false, &used) == NULL);
}

TEST(abbreviations_count_only_when_asked_and_unique)
{
	size_t used;

	EQ(match("cli l", true, &used)->id, CMD_CLIENTS_LIST);
	EQ(match("lis sto tcp:default", true, &used)->id, CMD_LISTENERS_STOP);
	EQ(match("log h s", true, &used) == NULL, true); /* start stop set-level */
	OK(match("cli l", false, &used) == NULL);
	OK(match("s", true, &used) == NULL);
	EQ(match("broker", true, &used)->id, CMD_BROKER);
	EQ(match("__names clientid x", true, &used)->id, CMD_NAMES);
	OK(match("__nam", true, &used) == NULL);
}

TEST(next_words_are_listed_once_without_hidden_ones)
{
	struct slice clients = SLICE_LIT("clients"), next[CMD_N];
	size_t n = cmd_next_words(NULL, 0, false, next, CMD_N), seen = 0;

	for (size_t i = 0; i < n; i++) {
		seen += slice_eq(next[i], clients);
		OK(next[i].p[0] != '_');
		OK(!slice_eq_str(next[i], "quit"));
	}
	EQ(seen, 1);
	EQ(cmd_next_words(&clients, 1, false, next, CMD_N), 3);
	OK(slice_eq_str(next[0], "list"));
	EQ(cmd_next_words(&clients, 1, false, next, 2), 2);
}

TEST(usage_shows_what_may_be_left_out)
{
	struct str s = { 0 };

	cmd_usage(cmd_get(CMD_CLIENTS_KICK), &s);
	STR_EQ(str_get(&s), "clients kick <clientid>...");
	str_reset(&s);
	cmd_usage(cmd_get(CMD_TRACE_START), &s);
	STR_EQ(
	    str_get(&s), "trace start client|topic|ip_address <value> <file> [<level>]");
	str_reset(&s);
	cmd_usage(cmd_get(CMD_CONF_SHOW), &s);
	STR_EQ(str_get(&s), "conf show [<path>] [--ignored]");
	str_fini(&s);
}

TEST(hashes_tell_rows_apart_and_stay)
{
	OK(cmd_hash(cmd_get(CMD_CLIENTS_LIST)) != cmd_hash(cmd_get(CMD_CLIENTS_SHOW)));
	OK(cmd_hash(cmd_get(CMD_STATUS)) == cmd_hash(cmd_get(CMD_STATUS)));
	OK(cmd_table_hash() == cmd_table_hash());
	OK(cmd_table_hash() != 0);
}

TEST(type_names_lead_back)
{
	for (unsigned t = 0; t < CMD_TYPE_N; t++) {
		cmd_type back = CMD_TYPE_N;

		EQ(cmd_type_find(slice_str(cmd_type_name((cmd_type)t)), &back), EM_OK);
		EQ(back, t);
	}
	OK(cmd_type_is_live(CT_CLIENTID) && cmd_type_is_live(CT_HANDLER));
	OK(!cmd_type_is_live(CT_ENUM) && !cmd_type_is_live(CT_COLUMN));
}
