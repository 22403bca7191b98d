/* SPDX-License-Identifier: Apache-2.0 */
/*
 * help: pages of plain text, as wide as the terminal; heads bold on a terminal.
 */
#include "ctl/help.h"
#include "ctl/color.h"
#include "ipc/cmdline.h"
#include "ipc/nearest.h"

enum { HELP_INDENT = 2, HELP_LEFT = 34, HELP_WIDTH = 80 };

static void
head(const struct help *h, const char *text)
{
	str_add_char(h->to, '\n');
	color_add(h->to, h->color, COLOR_HEAD, text);
	str_add_char(h->to, '\n');
}

static size_t
width_of(const struct help *h)
{
	return h->width > 0 ? h->width : HELP_WIDTH;
}

void
help_wrap(struct str *s, const char *text, size_t indent, size_t width)
{
	size_t col = indent;

	while (*text != '\0') {
		size_t n = strcspn(text, " \n");

		if (col > indent && col + 1 + n > width) {
			str_addf(s, "\n%*s", (int)indent, "");
			col = indent;
		} else if (col > indent) {
			str_add_char(s, ' ');
			col++;
		}
		str_add_bytes(s, text, n);
		col += n;
		text += n;
		text += strspn(text, " \n");
	}
	str_add_char(s, '\n');
}

static void
wrapped(const struct help *h, const char *text)
{
	help_wrap(h->to, text, 0, width_of(h));
}

/* "  left            right": right wraps in its own column, which has half of the line at
 * least. */
static void
pair(const struct help *h, const char *left, const char *right)
{
	size_t width = width_of(h), n = strlen(left) + HELP_INDENT;
	size_t at = width / 2 < HELP_LEFT ? width / 2 : HELP_LEFT;

	str_addf(h->to, "%*s", HELP_INDENT, "");
	if (n > width)
		help_wrap(h->to, left, 2 * HELP_INDENT, width - HELP_INDENT);
	else
		str_add(h->to, left);
	if (n > width || n + 2 > at) {
		str_add(h->to, n > width ? "" : "\n");
		n = 0;
	}
	str_addf(h->to, "%*s", (int)(at - n), "");
	help_wrap(h->to, right, at, width);
}

static bool
is_shown(const struct help *h, const struct cmd *cmd)
{
	if ((cmd->flags & CMDF_HIDDEN) != 0)
		return false;
	return h->shell || (cmd->flags & CMDF_SHELL) == 0;
}

static void
command_line(const struct help *h, const struct cmd *cmd)
{
	struct str usage = { 0 };

	cmd_usage(cmd, &usage);
	pair(h, str_get(&usage), cmd->summary);
	str_fini(&usage);
}

static void
add_values(struct str *s, const struct cmd_arg *arg, const char *sep)
{
	for (size_t i = 0; arg->values != NULL && arg->values[i] != NULL; i++)
		str_addf(s, "%s%s", i > 0 ? sep : "", arg->values[i]);
}

void
help_option(struct str *s, const struct cmd_arg *opt)
{
	bool may = (opt->flags & ARGF_MAYVALUE) != 0;

	if (opt->letter != '\0')
		str_addf(s, "-%c, ", opt->letter);
	str_addf(s, "--%s", opt->name);
	if (opt->type == CT_FLAG)
		return;
	str_add(s, may ? "[=" : " ");
	if (opt->type == CT_ENUM)
		add_values(s, opt, "|");
	else
		str_addf(s, "<%s>", cmd_type_name(opt->type));
	str_add(s, may ? "]" : "");
}

static void
options(const struct help *h, const struct cmd_arg *opts)
{
	struct str left = { 0 }, right = { 0 };

	for (; opts != NULL && opts->name != NULL; opts++) {
		str_reset(&left);
		str_reset(&right);
		help_option(&left, opts);
		str_add(&right, opts->help);
		if (opts->dflt != NULL)
			str_addf(&right, " (%s)", opts->dflt);
		pair(h, str_get(&left), str_get(&right));
	}
	str_fini(&left);
	str_fini(&right);
}

static void
arguments(const struct help *h, const struct cmd *cmd)
{
	struct str left = { 0 }, right = { 0 };

	for (const struct cmd_arg *a = cmd->args; a != NULL && a->name != NULL; a++) {
		str_reset(&left);
		str_reset(&right);
		str_addf(&left, "<%s>", a->name);
		str_add(&right, a->help);
		if (a->type == CT_ENUM) {
			str_add(&right, ": ");
			add_values(&right, a, ", ");
		}
		if (a->dflt != NULL)
			str_addf(&right, " (%s)", a->dflt);
		pair(h, str_get(&left), str_get(&right));
	}
	str_fini(&left);
	str_fini(&right);
}

static void
columns(const struct help *h, const struct cmd *cmd)
{
	struct str left = { 0 };

	for (const struct cmd_col *c = cmd->cols; c != NULL && c->name != NULL; c++) {
		str_reset(&left);
		str_addf(&left, "%s%s", c->name, c->wide ? " *" : "");
		pair(h, str_get(&left), c->help);
	}
	str_fini(&left);
}

static void
also_called(const struct help *h, const struct cmd *cmd)
{
	for (size_t i = 0; cmd->aliases != NULL && cmd->aliases[i] != NULL; i++)
		str_addf(h->to, "Also: %s\n", cmd->aliases[i]);
}

static bool
has_wide(const struct cmd *cmd)
{
	for (const struct cmd_col *c = cmd->cols; c != NULL && c->name != NULL; c++)
		if (c->wide)
			return true;
	return false;
}

static const char *
danger_text(const struct cmd *cmd)
{
	switch (cmd->dangerous) {
	case DANGER_NONE: return NULL;
	case DANGER_MANY:
		return "Asks before it is done to several; without a terminal that needs "
		       "--yes. --dry-run only says what would happen.";
	case DANGER_ASK:
		return "Asks on a terminal unless --yes. --dry-run only says what would "
		       "happen.";
	}
	UNREACHABLE();
}

void
help_command(const struct help *h, const struct cmd *cmd)
{
	const char *scope = cmd_scope_text(cmd->scope), *danger = danger_text(cmd);
	struct str *s = h->to, usage = { 0 };

	str_add(&usage, h->shell ? "" : "emqx_ctl ");
	cmd_usage(cmd, &usage);
	color_add(s, h->color, COLOR_HEAD, "Usage:");
	str_add_char(s, ' ');
	help_wrap(s, str_get(&usage), strlen("Usage: "), width_of(h));
	str_reset(&usage);
	also_called(h, cmd);
	str_addf(&usage, "%s.", cmd->summary);
	str_add_char(s, '\n');
	wrapped(h, str_get(&usage));
	str_fini(&usage);
	if (cmd->detail != NULL)
		wrapped(h, cmd->detail);
	if (danger != NULL)
		wrapped(h, danger);
	if (scope != NULL) {
		struct str text = { 0 };

		str_addf(&text, "What it changes holds for %s.", scope);
		wrapped(h, str_get(&text));
		str_fini(&text);
	}
	if (cmd_n_args(cmd) > 0) {
		head(h, "Arguments");
		arguments(h, cmd);
	}
	if (cmd->opts != NULL || (cmd->flags & CMDF_WATCH) != 0 || cmd_takes_nodes(cmd))
		head(h, "Options");
	options(h, cmd->opts);
	if ((cmd->flags & CMDF_LIST) != 0)
		options(h, cmd_list_opts);
	if ((cmd->flags & CMDF_WATCH) != 0)
		options(h, cmd_watch_opts);
	if (cmd_takes_nodes(cmd))
		options(h, cmd_node_opts);
	if (cmd_n_cols(cmd) > 0) {
		head(h, has_wide(cmd) ? "Columns (* in a table only with --wide)"
				      : "Columns");
		columns(h, cmd);
	}
	head(h, "Example");
	str_addf(s, "  %s\n", cmd->example);
}

static void
tool_options(const struct help *h)
{
	head(h, "Options of every command");
	options(h, cmd_tool_opts);
}

void
help_all(const struct help *h)
{
	color_add(h->to, h->color, COLOR_HEAD, "Usage:");
	str_add(h->to, h->shell
			   ? " <command> [<argument>...] [--<option>...]\n"
			   : " emqx_ctl [--<option>...] <command> [<argument>...]\n");
	head(h, "Commands");
	for (unsigned i = 0; i < CMD_N; i++)
		if (is_shown(h, cmd_get((cmd_id)i)))
			command_line(h, cmd_get((cmd_id)i));
	tool_options(h);
	head(h, "More");
	pair(h, "help <command>", "how one command is used, and an example");
	for (const struct help_topic *t = help_topics; t->name != NULL; t++) {
		struct str left = { 0 };

		str_addf(&left, "help %s", t->name);
		pair(h, str_get(&left), t->summary);
		str_fini(&left);
	}
}

void
help_cheat(const struct help *h)
{
	for (unsigned i = 0; i < CMD_N; i++) {
		const struct cmd *cmd = cmd_get((cmd_id)i);

		if (!is_shown(h, cmd))
			continue;
		color_add(h->to, h->color, COLOR_DIM, "# ");
		color_add(h->to, h->color, COLOR_DIM, cmd->summary);
		str_addf(h->to, "\n%s\n", cmd->example);
	}
}

/* Do the words of @path begin with @words? */
static bool
is_in_group(const char *path, const struct slice *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strcspn(path, " ");

		if (!slice_eq(words[i], slice_of(path, len)))
			return false;
		path += len;
		path += *path == ' ' ? 1 : 0;
	}
	return true;
}

bool
help_is_in_group(const struct cmd *cmd, const struct slice *words, size_t n)
{
	bool in = is_in_group(cmd->path, words, n);

	for (size_t i = 0; !in && cmd->aliases != NULL && cmd->aliases[i] != NULL; i++)
		in = is_in_group(cmd->aliases[i], words, n);
	return in;
}

/* The commands below @words but for @but; returns how many. */
static size_t
group(const struct help *h, const struct slice *words, size_t n, const struct cmd *but)
{
	size_t found = 0;

	for (unsigned i = 0; i < CMD_N; i++) {
		const struct cmd *cmd = cmd_get((cmd_id)i);
		if (cmd == but || !is_shown(h, cmd) || !help_is_in_group(cmd, words, n))
			continue;
		if (found++ == 0)
			head(h, but != NULL ? "Also" : "Commands");
		command_line(h, cmd);
	}
	return found;
}

static em_err
nothing_known(const struct slice *words, size_t n, struct fault *f)
{
	struct slice next[CMD_N];
	size_t n_next = cmd_next_words(NULL, 0, true, next, CMD_N);
	struct nearest near = nearest_of(words[0]);

	CHECK(n > 0);
	for (size_t i = 0; i < n_next; i++)
		nearest_offer(&near, next[i]);
	for (const struct help_topic *t = help_topics; t->name != NULL; t++)
		nearest_offer(&near, slice_str(t->name));
	fault_set(
	    f, EM_USAGE, "there is no command and no topic '%.*s'", SLICE_FMT(words[0]));
	fault_hint(f, "all of them: emqx_ctl help");
	nearest_hint(&near, f);
	if (cmdline_is_of_emqx(words[0]))
		fault_hint(f, CMDLINE_OF_EMQX);
	return EM_USAGE;
}

em_err
help_words(const struct help *h, const struct slice *words, size_t n, struct fault *f)
{
	size_t used;
	const struct cmd *cmd;

	if (n == 0) {
		help_all(h);
		return EM_OK;
	}
	cmd = cmd_match(words, n, h->shell, &used);
	if (cmd != NULL && used == n) {
		help_command(h, cmd);
		(void)group(h, words, n, cmd);
		return EM_OK;
	}
	if (group(h, words, n, NULL) > 0)
		return EM_OK;
	for (const struct help_topic *t = help_topics; t->name != NULL; t++) {
		if (n != 1 || !slice_eq_str(words[0], t->name))
			continue;
		str_add(h->to, t->text);
		return EM_OK;
	}
	return nothing_known(words, n, f);
}
