/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docs: Markdown and JSON for the web, and three short scripts that hand the
 * words of a shell to `emqx_ctl __complete`.  mdoc is in docs_mdoc.c.
 */
#include "ctl/docs.h"
#include "ctl/help.h"

static const char bash_script[] =
    "# shellcheck shell=bash\n"
    "# bash completion of emqx_ctl: asks the tool, which asks the daemon.\n"
    "_emqx_ctl() {\n"
    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} cword=$COMP_CWORD "
    "words=(\"${COMP_WORDS[@]}\") line\n"
    "\tdeclare -F _get_comp_words_by_ref >/dev/null && _get_comp_words_by_ref -n := cur "
    "words cword\n"
    "\tCOMPREPLY=()\n"
    "\twhile IFS=$'\\t' read -r line _; do\n"
    "\t\tprintf -v line %q \"$line\" && COMPREPLY+=(\"$line\")\n"
    "\tdone < <(\"${words[0]}\" __complete \"${words[@]:1:cword}\" 2>/dev/null)\n"
    "\t[[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]] && compopt -o nospace\n"
    "\tdeclare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions "
    "\"$cur\"\n"
    "}\n"
    "complete -F _emqx_ctl emqx_ctl\n";

static const char zsh_script[] =
    "#compdef emqx_ctl\n"
    "# zsh completion of emqx_ctl: asks the tool, which asks the daemon.\n"
    "_emqx_ctl() {\n"
    "\tlocal line word\n"
    "\tlocal -a found\n"
    "\tfor line in \"${(@f)$(\"$words[1]\" __complete \"${(@)words[2,CURRENT]}\" "
    "2>/dev/null)}\"; do\n"
    "\t\tword=${line%%$'\\t'*}\n"
    "\t\t[[ -n $word ]] && found+=(\"${word//:/\\\\:}:${line#*$'\\t'}\")\n"
    "\tdone\n"
    "\t_describe -o emqx_ctl found\n"
    "}\n"
    "_emqx_ctl \"$@\"\n";

static const char fish_script[] =
    "# fish completion of emqx_ctl: asks the tool, which asks the daemon.\n"
    "function __emqx_ctl_complete\n"
    "\tset -l words (commandline -opc)\n"
    "\tset -l last (commandline -ct)\n"
    "\t$words[1] __complete $words[2..-1] \"$last\" 2>/dev/null\n"
    "end\n"
    "complete -c emqx_ctl -f -a '(__emqx_ctl_complete)'\n";

void
docs_completion(struct str *s, struct slice shell)
{
	static const struct {
		const char *shell, *script;
	} scripts[] = {
		{ "bash", bash_script },
		{ "zsh", zsh_script },
		{ "fish", fish_script },
	};

	for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++)
		if (slice_eq_str(shell, scripts[i].shell))
			str_add(s, scripts[i].script);
}

/* A cell of a table: | would end it. */
static void
add_md_cell(struct str *s, const char *text)
{
	for (; *text != '\0'; text++) {
		if (strchr("|<*_", *text) != NULL)
			str_add_char(s, '\\');
		str_add_char(s, *text);
	}
}

static void
md_args(struct str *s, const char *head, const struct cmd_arg *a, const char *dashes)
{
	if (a == NULL || a->name == NULL)
		return;
	str_addf(s, "\n| %s | type | meaning |\n|---|---|---|\n", head);
	for (; a->name != NULL; a++) {
		str_addf(s, "| `%s%s` | %s | ", dashes, a->name, cmd_type_name(a->type));
		add_md_cell(s, a->help);
		if (a->dflt != NULL)
			str_addf(s, " (%s)", a->dflt);
		str_add(s, " |\n");
	}
}

static void
md_cols(struct str *s, const struct cmd *cmd)
{
	if (cmd_n_cols(cmd) == 0)
		return;
	str_add(s, "\n| column | type | meaning |\n|---|---|---|\n");
	for (const struct cmd_col *c = cmd->cols; c->name != NULL; c++) {
		str_addf(s, "| `%s` | %s | ", c->name, cmd_type_name(c->type));
		add_md_cell(s, c->help);
		str_add(s, " |\n");
	}
}

void
docs_markdown(struct str *s)
{
	str_add(s, "# emqx_ctl\n");
	for (unsigned i = 0; i < CMD_N; i++) {
		const struct cmd *cmd = cmd_get((cmd_id)i);

		if ((cmd->flags & CMDF_HIDDEN) != 0)
			continue;
		str_addf(s, "\n## %s\n\n```\n", cmd->path);
		cmd_usage(cmd, s);
		str_addf(s, "\n```\n\n%s.\n", cmd->summary);
		if (cmd->detail != NULL)
			str_addf(s, "\n%s\n", cmd->detail);
		md_args(s, "argument", cmd->args, "");
		md_args(s, "option", cmd->opts, "--");
		md_cols(s, cmd);
		str_addf(s, "\n```\n%s\n```\n", cmd->example);
	}
	md_args(s, "option of every list", cmd_list_opts, "--");
	md_args(s, "option of every list and what other nodes can be asked",
	    cmd_node_opts, "--");
	md_args(s, "option of every command", cmd_tool_opts, "--");
}

static void
json_values(struct json *j, const char *key, const char *const *values)
{
	if (values == NULL)
		return;
	json_key(j, key);
	json_open(j, '[');
	for (; *values != NULL; values++)
		json_str(j, *values);
	json_close(j, ']');
}

static void
json_args(struct json *j, const struct cmd_arg *a)
{
	for (; a != NULL && a->name != NULL; a++) {
		json_open(j, '{');
		json_key(j, "name");
		json_str(j, a->name);
		json_key(j, "type");
		json_str(j, cmd_type_name(a->type));
		json_key(j, "optional");
		json_bool(j, (a->flags & ARGF_OPTIONAL) != 0);
		json_key(j, "repeat");
		json_bool(j, (a->flags & ARGF_REPEAT) != 0);
		json_values(j, "values", a->values);
		json_key(j, "default");
		json_str(j, a->dflt);
		json_key(j, "help");
		json_str(j, a->help);
		json_close(j, '}');
	}
}

static void
json_columns(struct json *j, const struct cmd *cmd)
{
	json_key(j, "columns");
	json_open(j, '[');
	for (const struct cmd_col *c = cmd->cols; c != NULL && c->name != NULL; c++) {
		json_open(j, '{');
		json_key(j, "name");
		json_str(j, c->name);
		json_key(j, "type");
		json_str(j, cmd_type_name(c->type));
		json_key(j, "wide");
		json_bool(j, c->wide);
		json_key(j, "help");
		json_str(j, c->help);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void
json_command(struct json *j, const struct cmd *cmd)
{
	struct str usage = { 0 };

	cmd_usage(cmd, &usage);
	json_open(j, '{');
	json_key(j, "command");
	json_str(j, cmd->path);
	json_values(j, "aliases", cmd->aliases);
	json_key(j, "usage");
	json_text(j, str_slice(&usage));
	json_key(j, "summary");
	json_str(j, cmd->summary);
	json_key(j, "detail");
	json_str(j, cmd->detail);
	json_key(j, "example");
	json_str(j, cmd->example);
	json_key(j, "changes");
	json_bool(j, (cmd->flags & CMDF_WRITE) != 0);
	json_key(j, "scope");
	json_str(j, cmd_scope_text(cmd->scope));
	json_key(j, "local");
	json_bool(j, cmd->local);
	json_key(j, "list");
	json_bool(j, (cmd->flags & CMDF_LIST) != 0);
	json_key(j, "watch");
	json_bool(j, (cmd->flags & CMDF_WATCH) != 0);
	json_key(j, "nodes");
	json_bool(j, cmd_takes_nodes(cmd));
	json_key(j, "arguments");
	json_open(j, '[');
	json_args(j, cmd->args);
	json_close(j, ']');
	json_key(j, "options");
	json_open(j, '[');
	json_args(j, cmd->opts);
	json_close(j, ']');
	json_columns(j, cmd);
	json_close(j, '}');
	str_fini(&usage);
}

void
docs_json(struct json *j, const struct slice *words, size_t n)
{
	json_open(j, '[');
	for (unsigned i = 0; i < CMD_N; i++) {
		const struct cmd *cmd = cmd_get((cmd_id)i);

		if ((cmd->flags & CMDF_HIDDEN) == 0 && help_is_in_group(cmd, words, n))
			json_command(j, cmd);
	}
	json_close(j, ']');
}
