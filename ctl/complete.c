/* SPDX-License-Identifier: Apache-2.0 */
/*
 * complete: cmdline_place says what stands at the place, the row says what it
 * may be.
 */
#include "ctl/complete.h"
#include "ipc/base/str.h"

void
complete_add(struct complete *c, struct slice text, const char *help)
{
	struct complete_item *item = VEC_PUSH(&c->v);

	*item =
	    (struct complete_item){ mem_dup(text.p, text.n), mem_strdup(help), false };
}

void
complete_fini(struct complete *c)
{
	for (size_t i = 0; i < c->v.n; i++) {
		mem_free(c->v.p[i].text);
		mem_free(c->v.p[i].help);
	}
	VEC_FINI(&c->v);
}

struct slice
complete_common(const struct complete *c)
{
	struct slice common = c->v.n > 0 ? slice_str(c->v.p[0].text) : SLICE_NONE;

	for (size_t i = 1; i < c->v.n; i++) {
		struct slice text = slice_str(c->v.p[i].text);
		size_t n = 0;

		while (n < common.n && n < text.n && common.p[n] == text.p[n])
			n++;
		common.n = n;
	}
	/* Not in the middle of a character. */
	while (common.n > 0 && c->v.n > 1 && (common.p[common.n] & 0xc0) == 0x80)
		common.n--;
	return common;
}

/* Adds it when it begins with @prefix. */
static void
offer(struct complete *c, struct slice prefix, struct slice text, const char *help)
{
	if (slice_starts(text, prefix))
		complete_add(c, text, help);
}

/* What a path word leads to: the summary of its command, or for a group what is in it. */
static const char *
word_help(const struct slice *path, size_t n, struct slice word, struct str *group)
{
	struct slice full[CMD_PATH_WORDS + 1], next[CMD_N];
	size_t n_next;
	const struct cmd *cmd;
	size_t used;

	if (n >= CMD_PATH_WORDS)
		return NULL;
	for (size_t i = 0; i < n; i++)
		full[i] = path[i];
	full[n] = word;
	cmd = cmd_match(full, n + 1, false, &used);
	if (cmd != NULL && used == n + 1)
		return cmd->summary;
	str_reset(group);
	n_next = cmd_next_words(full, n + 1, false, next, CMD_N);
	for (size_t i = 0; i < n_next; i++)
		str_addf(group, "%s%.*s", i > 0 ? ", " : "", SLICE_FMT(next[i]));
	return n_next > 0 ? str_get(group) : NULL;
}

static void
offer_path(struct complete *c, const struct slice *path, size_t n, struct slice prefix,
    bool shell)
{
	struct slice next[CMD_N];
	size_t n_next = cmd_next_words(path, n, shell, next, CMD_N);
	struct str group = { 0 };

	for (size_t i = 0; i < n_next; i++)
		offer(c, prefix, next[i], word_help(path, n, next[i], &group));
	str_fini(&group);
}

static bool
is_given(const struct slice *words, size_t n, struct slice option)
{
	for (size_t i = 0; i + 1 < n; i++) {
		struct slice rest = slice_from(words[i], option.n);

		if (slice_starts(words[i], option) && (rest.n == 0 || rest.p[0] == '='))
			return true;
	}
	return false;
}

/* The words so far, for options that are given already. */
struct typed {
	const struct slice *words;
	size_t n;
	struct slice prefix;
};

static void
offer_options(struct complete *c, const struct typed *t, const struct cmd_arg *opts)
{
	struct str name = { 0 };

	for (; opts != NULL && opts->name != NULL; opts++) {
		str_reset(&name);
		str_addf(&name, "--%s", opts->name);
		if ((opts->flags & ARGF_REPEAT) != 0 ||
		    !is_given(t->words, t->n, str_slice(&name)))
			offer(c, t->prefix, str_slice(&name), opts->help);
	}
	str_fini(&name);
}

static void
offer_own_options(struct complete *c, const struct typed *t, const struct cmd *cmd)
{
	offer_options(c, t, cmd->opts);
	if ((cmd->flags & CMDF_LIST) != 0)
		offer_options(c, t, cmd_list_opts);
	if ((cmd->flags & CMDF_WATCH) != 0)
		offer_options(c, t, cmd_watch_opts);
	if (cmd_takes_nodes(cmd))
		offer_options(c, t, cmd_node_opts);
}

/* A column's name behind what stands before it: "-", "a,b,". */
static void
offer_columns(
    struct complete *c, const struct cmd *cmd, struct slice prefix, size_t before)
{
	struct str text = { 0 };

	for (const struct cmd_col *col = cmd->cols; col != NULL && col->name != NULL;
	     col++) {
		str_reset(&text);
		str_add_slice(&text, slice_head(prefix, before));
		str_add(&text, col->name);
		offer(c, prefix, str_slice(&text), col->help);
	}
	str_fini(&text);
}

/* Bytes up to and with the last comma. */
static size_t
after_comma(struct slice s)
{
	size_t n = s.n;

	while (n > 0 && s.p[n - 1] != ',')
		n--;
	return n;
}

static void
offer_values(struct complete *c, const struct cmd_arg *arg, struct slice prefix)
{
	static const char *const bools[] = { "true", "false", NULL };
	const char *const *values = arg->type == CT_BOOL ? bools : arg->values;

	for (; values != NULL && *values != NULL; values++)
		offer(c, prefix, slice_str(*values), NULL);
}

/* Where an option was typed as --name=value, the word begins with more than the value. */
static void
put_before(struct complete *c, struct slice before)
{
	for (size_t i = 0; before.n > 0 && i < c->v.n; i++) {
		struct str text = { 0 };

		str_add_slice(&text, before);
		str_add(&text, c->v.p[i].text);
		mem_free(c->v.p[i].text);
		c->v.p[i].text = str_take(&text);
	}
}

static void
offer_arg(struct complete *c, const struct cmdline_place *p, bool shell,
    complete_ask_fn *ask, void *ctx)
{
	cmd_type type = p->arg->type;
	size_t minus = p->prefix.n > 0 && p->prefix.p[0] == '-' ? 1 : 0;

	if (type == CT_COMMAND)
		offer_path(c, p->before, p->n_before, p->prefix, shell);
	else if (type == CT_COLUMN && p->cmd != NULL)
		offer_columns(c, p->cmd, p->prefix, minus);
	else if (type == CT_COLUMNS && p->cmd != NULL)
		offer_columns(c, p->cmd, p->prefix, after_comma(p->prefix));
	else if (type == CT_EXPR && p->cmd != NULL)
		offer_columns(c, p->cmd, p->prefix, 0);
	else if (cmd_type_is_live(type) || type == CT_INFILE || type == CT_OUTFILE)
		ask(ctx, type, p->prefix, p->before, p->n_before, c);
	else
		offer_values(c, p->arg, p->prefix);
}

void
complete_words(struct complete *out, const struct slice *words, size_t n, unsigned flags,
    complete_ask_fn *ask, void *ctx)
{
	bool shell = (flags & CMDLINE_SHELL) != 0;
	struct typed typed = { words, n, SLICE_NONE };
	struct cmdline_place p;

	CHECK(n > 0);
	cmdline_place(&p, words, n, flags);
	typed.prefix = p.prefix;
	if (p.is_option) {
		if (p.cmd != NULL)
			offer_own_options(out, &typed, p.cmd);
		offer_options(out, &typed, cmd_tool_opts);
		return;
	}
	if (p.is_word)
		offer_path(out, p.path, p.n_path, p.prefix, shell);
	if (p.arg != NULL)
		offer_arg(out, &p, shell, ask, ctx);
	put_before(out, slice_head(words[n - 1], words[n - 1].n - p.prefix.n));
	if (out->v.n == 0 && p.prefix.n == 0 && p.cmd != NULL && p.arg == NULL)
		offer_own_options(out, &typed, p.cmd);
}
