/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docs_mdoc: parts of emqx_ctl(1) and emqx_ctl-output(7).  The pages' frames
 * are in man/, with lines like @COMMANDS@ where these parts go.
 */
#include "ctl/docs.h"
#include "ctl/help.h"
#include "ipc/base/mem.h"

/* Text of a line: a backslash is an escape there, and a dot or apostrophe at its start a
 * macro. */
static void
add_text(struct str *s, const char *text)
{
	if (*text == '.' || *text == '\'')
		str_add(s, "\\&");
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			str_add(s, "\\e");
		else
			str_add_char(s, *text);
	}
}

/* An argument of a macro: in quotes, which a quote inside doubles. */
static void
add_arg(struct str *s, const char *text)
{
	str_add_char(s, '"');
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			str_add(s, "\\e");
		else if (*text == '"')
			str_add(s, "\"\"");
		else
			str_add_char(s, *text);
	}
	str_add_char(s, '"');
}

static void
add_line(struct str *s, const char *text)
{
	add_text(s, text);
	str_add_char(s, '\n');
}

/* "Each sentence begins a line", so that it is set as one. */
static void
add_sentences(struct str *s, const char *text)
{
	while (*text != '\0') {
		const char *end = strstr(text, ". ");
		size_t n = end != NULL ? (size_t)(end - text) + 1 : strlen(text);
		char *sentence = mem_dup(text, n);

		add_line(s, sentence);
		mem_free(sentence);
		text += n;
		text += *text == ' ' ? 1 : 0;
	}
}

static void
add_option(struct str *s, const struct cmd_arg *opt)
{
	struct str text = { 0 };

	help_option(&text, opt);
	str_add(s, ".It ");
	add_arg(s, str_get(&text));
	str_add_char(s, '\n');
	add_text(s, opt->help);
	if (opt->dflt != NULL)
		str_addf(s, " (%s)", opt->dflt);
	str_add(s, ".\n");
	str_fini(&text);
}

static void
add_options(struct str *s, const struct cmd_arg *opts)
{
	if (opts == NULL || opts->name == NULL)
		return;
	str_add(s, ".Bl -tag -width Ds\n");
	for (; opts->name != NULL; opts++)
		add_option(s, opts);
	str_add(s, ".El\n");
}

static void
add_args(struct str *s, const struct cmd *cmd)
{
	if (cmd_n_args(cmd) == 0)
		return;
	str_add(s, ".Bl -tag -width Ds -compact\n");
	for (const struct cmd_arg *a = cmd->args; a->name != NULL; a++) {
		str_addf(s, ".It Ar %s\n", a->name);
		add_text(s, a->help);
		for (size_t i = 0; a->values != NULL && a->values[i] != NULL; i++)
			str_addf(s, "%s%s", i > 0 ? ", " : ": ", a->values[i]);
		if (a->dflt != NULL)
			str_addf(s, " (%s)", a->dflt);
		str_add(s, ".\n");
	}
	str_add(s, ".El\n");
}

static void
add_command(struct str *s, const struct cmd *cmd)
{
	struct str usage = { 0 };

	cmd_usage(cmd, &usage);
	str_add(s, ".It Ic ");
	add_arg(s, str_get(&usage));
	str_add_char(s, '\n');
	add_text(s, cmd->summary);
	str_add(s, ".\n");
	for (size_t i = 0; cmd->aliases != NULL && cmd->aliases[i] != NULL; i++)
		str_addf(s, "Also called\n.Ic \"%s\" .\n", cmd->aliases[i]);
	if (cmd->detail != NULL)
		add_sentences(s, cmd->detail);
	if (cmd_scope_text(cmd->scope) != NULL)
		str_addf(
		    s, "What it changes holds for %s.\n", cmd_scope_text(cmd->scope));
	if ((cmd->flags & CMDF_LIST) != 0)
		str_add(s, "Takes the options of lists.\n");
	if ((cmd->flags & CMDF_WATCH) != 0)
		str_add(s, "Takes\n.Fl -watch .\n");
	if (cmd_takes_nodes(cmd))
		str_add(s, "Takes\n.Fl -node\nand\n.Fl -all-nodes .\n");
	add_args(s, cmd);
	add_options(s, cmd->opts);
	str_add(s, ".Pp\n.Dl ");
	add_arg(s, cmd->example);
	str_add_char(s, '\n');
	str_fini(&usage);
}

/* Length of a path's first word. */
static size_t
noun(const char *path)
{
	return strcspn(path, " ");
}

static void
commands(struct str *s)
{
	const char *group = "";

	for (unsigned i = 0; i < CMD_N; i++) {
		const struct cmd *cmd = cmd_get((cmd_id)i);

		if ((cmd->flags & CMDF_HIDDEN) != 0)
			continue;
		if (noun(cmd->path) != noun(group) ||
		    strncmp(cmd->path, group, noun(group)) != 0) {
			str_add(s, *group != '\0' ? ".El\n" : "");
			group = cmd->path;
			str_addf(
			    s, ".Ss %.*s\n.Bl -tag -width Ds\n", (int)noun(group), group);
		}
		add_command(s, cmd);
	}
	str_add(s, ".El\n");
}

static void
options(struct str *s)
{
	str_add(s, ".Ss Options of every command\n");
	add_options(s, cmd_tool_opts);
	str_add(s, ".Ss Options of lists\n");
	add_options(s, cmd_list_opts);
	str_add(s, ".Ss Options of what can be watched\n");
	add_options(s, cmd_watch_opts);
	str_add(s, ".Ss Options of what other nodes can be asked\n");
	add_options(s, cmd_node_opts);
}

static void
columns(struct str *s)
{
	for (unsigned i = 0; i < CMD_N; i++) {
		const struct cmd *cmd = cmd_get((cmd_id)i);

		if ((cmd->flags & CMDF_HIDDEN) != 0 || cmd_n_cols(cmd) == 0)
			continue;
		str_addf(s,
		    ".Ss %s\n.Bl -column -compact \"session_expiry_interval\" "
		    "\"clientid\" \"meaning\"\n",
		    cmd->path);
		for (const struct cmd_col *c = cmd->cols; c->name != NULL; c++) {
			str_addf(s, ".It %s Ta %s Ta ", c->name, cmd_type_name(c->type));
			add_arg(s, c->help);
			str_add_char(s, '\n');
		}
		str_add(s, ".El\n");
	}
}

static void
exit_codes(struct str *s)
{
	for (const struct help_topic *t = help_topics; t->name != NULL; t++) {
		if (strcmp(t->name, "codes") != 0)
			continue;
		str_add(s, ".Bd -literal\n");
		str_add(s, t->text);
		str_add(s, ".Ed\n");
	}
}

void
docs_mdoc(struct str *s, struct slice part)
{
	static const struct {
		const char *name;
		void (*put)(struct str *s);
	} parts[] = {
		{ "commands", commands },
		{ "options", options },
		{ "exit", exit_codes },
		{ "columns", columns },
	};

	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (slice_eq_str(
			part.n > 0 ? part : SLICE_LIT("commands"), parts[i].name))
			parts[i].put(s);
}
