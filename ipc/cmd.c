/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd: the table and the ways to find a row in it.  The table is small (some
 * fifty rows, three words a path), so every search is a walk over all paths
 * and there is no index to keep in step.  What is printed of a row (types, usage,
 * hashes) is in cmd_text.c.
 */
#include "ipc/cmd.h"

static const struct cmd table[CMD_N] = {
#define CMD(id_, path_, ...) \
	[CMD_##id_] = { .id = CMD_##id_, .path = path_, __VA_ARGS__ },
#define CMD_LOCAL(id_, path_, ...) \
	[CMD_##id_] = { .id = CMD_##id_, .local = true, .path = path_, __VA_ARGS__ },
#include "ipc/cmd/all.def"
#undef CMD
#undef CMD_LOCAL
};

const struct cmd_arg cmd_list_opts[] = {
	{ .name = "filter",
	    .type = CT_EXPR,
	    .help = "keep rows for which the expression is true: mqueue_len > 100 and "
		    "username like 'x*'" },
	{ .name = "sort",
	    .type = CT_COLUMN,
	    .help = "order rows by a column; -name reverses" },
	{ .name = "limit",
	    .type = CT_INT,
	    .min = 1,
	    .max = INT32_MAX,
	    .help = "stop after this many rows" },
	{ .name = "after",
	    .type = CT_TEXT,
	    .help = "go on behind the cursor that a limited list ended with" },
	{ .name = "columns",
	    .type = CT_COLUMNS,
	    .help = "only these columns, in this order, with commas between" },
	{ .name = NULL },
};

const struct cmd_arg cmd_watch_opts[] = {
	{ .name = "watch",
	    .type = CT_SPAN,
	    .flags = ARGF_MAYVALUE,
	    .dflt = "2s",
	    .help = "repeat until interrupted, so often: --watch=5s" },
	{ .name = NULL },
};

const struct cmd_arg cmd_node_opts[] = {
	{ .name = "node",
	    .type = CT_NODE,
	    .help = "ask this node of the cluster instead" },
	{ .name = "all-nodes",
	    .type = CT_FLAG,
	    .help = "ask all nodes of the cluster; exit 7 when one does not answer" },
	{ .name = NULL },
};

const struct cmd_arg cmd_tool_opts[] = {
	{ .name = "socket",
	    .type = CT_TEXT,
	    .help = "control socket of the daemon; else EMQX_SOCKET, else "
		    "/run/emqxd/ctl.sock" },
	{ .name = "output",
	    .letter = 'o',
	    .type = CT_ENUM,
	    .values = WORDS(
		"table", "wide", "detail", "json", "jsonl", "csv", "name", "classic"),
	    .help = "how the answer looks" },
	{ .name = "json", .type = CT_FLAG, .help = "same as -o json" },
	{ .name = "wide",
	    .letter = 'w',
	    .type = CT_FLAG,
	    .help = "same as -o wide: all columns" },
	{ .name = "no-trunc", .type = CT_FLAG, .help = "do not shorten long cells" },
	{ .name = "no-header", .type = CT_FLAG, .help = "no head line over columns" },
	{ .name = "quiet",
	    .letter = 'q',
	    .type = CT_FLAG,
	    .help = "no talk on stderr but errors" },
	{ .name = "color",
	    .type = CT_ENUM,
	    .values = WORDS("auto", "always", "never"),
	    .dflt = "auto",
	    .help = "colours; auto: on a terminal" },
	{ .name = "utc",
	    .type = CT_FLAG,
	    .help = "times in UTC instead of the local zone" },
	{ .name = "timeout",
	    .type = CT_SPAN,
	    .dflt = "30s",
	    .help = "how long to wait for the daemon" },
	{ .name = "yes",
	    .letter = 'y',
	    .type = CT_FLAG,
	    .help = "do not ask before a dangerous command" },
	{ .name = "dry-run", .type = CT_FLAG, .help = "only say what would happen" },
	{ .name = "compat",
	    .type = CT_ENUM,
	    .values = WORDS("4.4", "5.8"),
	    .dflt = "5.8",
	    .help = "whose line shapes and names to print" },
	{ .name = "legacy-names",
	    .type = CT_FLAG,
	    .help = "why connections ended, in the names of EMQX 4.x and 3.x" },
	{ .name = "file",
	    .letter = 'f',
	    .type = CT_TEXT,
	    .help = "run the lines of this file; - is standard input" },
	{ .name = "keep-going",
	    .letter = 'k',
	    .type = CT_FLAG,
	    .help = "with -f: go on after an error" },
	{ .name = "help",
	    .letter = 'h',
	    .type = CT_FLAG,
	    .help = "explain the command instead of running it" },
	{ .name = "version",
	    .letter = 'V',
	    .type = CT_FLAG,
	    .help = "same as the command version" },
	{ .name = NULL },
};

const struct cmd *
cmd_get(cmd_id id)
{
	CHECK((unsigned)id < CMD_N);
	return &table[id];
}

/* A walk over all paths: each row's own and its aliases. */
struct walk {
	const struct cmd *cmd;
	const char *path;
	unsigned id;
	size_t alias; /* next one of cmd; 0: the path itself is next */
};

static bool
walk_next(struct walk *w)
{
	while (w->id < CMD_N) {
		w->cmd = &table[w->id];
		if (w->alias == 0)
			w->path = w->cmd->path;
		else if (w->cmd->aliases != NULL)
			w->path = w->cmd->aliases[w->alias - 1];
		else
			w->path = NULL;
		if (w->path != NULL) {
			w->alias++;
			return true;
		}
		w->alias = 0;
		w->id++;
	}
	return false;
}

/* Takes the next word off a path; empty at its end. */
static struct slice
take_word(const char **path)
{
	const char *end = strchrnul(*path, ' ');
	struct slice word = slice_of(*path, (size_t)(end - *path));

	*path = *end == ' ' ? end + 1 : end;
	return word;
}

/* How many of the path's first words are @words; *whole: all of the path's are. */
static size_t
match_words(const char *path, const struct slice *words, size_t n, bool *whole)
{
	size_t i = 0;

	*whole = false;
	for (; i < n; i++) {
		const char *rest = path;

		if (!slice_eq(take_word(&rest), words[i]))
			break;
		path = rest;
		if (*path == '\0') {
			*whole = true;
			return i + 1;
		}
	}
	return i;
}

const struct cmd *
cmd_find(struct slice path)
{
	struct walk w = { 0 };

	while (walk_next(&w))
		if (slice_eq_str(path, w.path))
			return w.cmd;
	return NULL;
}

static const struct cmd *
match_exact(const struct slice *words, size_t n, size_t *used)
{
	const struct cmd *best = NULL;
	struct walk w = { 0 };
	size_t lead = 0, len = 0;

	while (walk_next(&w)) {
		bool whole;
		size_t k = match_words(w.path, words, n, &whole);

		if (k > lead)
			lead = k;
		if (whole && k > len) {
			best = w.cmd;
			len = k;
		}
	}
	*used = best != NULL ? len : lead;
	return best;
}

/* The one word that @typed stands for behind @words: itself, or the only one that starts
 * so; empty when there is none. */
static struct slice
unabbreviate(const struct slice *words, size_t n, struct slice typed)
{
	struct slice next[CMD_N], found = SLICE_NONE;
	size_t n_next = cmd_next_words(words, n, true, next, CMD_N), n_found = 0;

	for (size_t i = 0; i < n_next; i++) {
		if (slice_eq(next[i], typed))
			return next[i];
		if (typed.n > 0 && slice_starts(next[i], typed)) {
			found = next[i];
			n_found++;
		}
	}
	return n_found == 1 ? found : SLICE_NONE;
}

size_t
cmd_expand(const struct slice *words, size_t n, struct slice *full)
{
	size_t i = 0;

	for (; i < n && i < CMD_PATH_WORDS; i++) {
		full[i] = unabbreviate(full, i, words[i]);
		if (full[i].n == 0)
			break;
	}
	return i;
}

const struct cmd *
cmd_match(const struct slice *words, size_t n, bool abbrev, size_t *used)
{
	const struct cmd *cmd = match_exact(words, n, used);
	struct slice full[CMD_PATH_WORDS];

	if (!abbrev || (cmd != NULL && (cmd->flags & CMDF_HIDDEN) != 0))
		return cmd;
	n = cmd_expand(words, n, full);
	return match_exact(full, n, used);
}

size_t
cmd_next_words(
    const struct slice *words, size_t n, bool shell, struct slice *out, size_t max)
{
	struct walk w = { 0 };
	size_t n_out = 0;

	while (walk_next(&w)) {
		const char *rest = w.path;
		struct slice word;
		bool whole;
		size_t i;

		if ((w.cmd->flags & CMDF_HIDDEN) != 0 ||
		    ((w.cmd->flags & CMDF_SHELL) != 0 && !shell))
			continue;
		if (match_words(w.path, words, n, &whole) < n || (n > 0 && whole))
			continue;
		for (i = 0; i < n; i++)
			(void)take_word(&rest);
		word = take_word(&rest);
		for (i = 0; i < n_out && !slice_eq(out[i], word); i++)
			;
		if (i == n_out && n_out < max)
			out[n_out++] = word;
	}
	return n_out;
}

static const struct cmd_arg *
find_in(const struct cmd_arg *list, struct slice name)
{
	for (; list != NULL && list->name != NULL; list++)
		if (slice_eq_str(name, list->name))
			return list;
	return NULL;
}

const struct cmd_arg *
cmd_find_arg(const struct cmd *cmd, struct slice name)
{
	return find_in(cmd->args, name);
}

bool
cmd_takes_nodes(const struct cmd *cmd)
{
	return !cmd->local && (cmd->flags & (CMDF_LIST | CMDF_NODES)) != 0;
}

const struct cmd_arg *
cmd_find_opt(const struct cmd *cmd, struct slice name)
{
	const struct cmd_arg *opt = find_in(cmd->opts, name);

	if (opt == NULL && (cmd->flags & CMDF_LIST) != 0)
		opt = find_in(cmd_list_opts, name);
	if (opt == NULL && (cmd->flags & CMDF_WATCH) != 0)
		opt = find_in(cmd_watch_opts, name);
	if (opt == NULL && cmd_takes_nodes(cmd))
		opt = find_in(cmd_node_opts, name);
	return opt;
}

const struct cmd_arg *
cmd_find_tool_opt(struct slice name, char letter)
{
	if (letter == '\0')
		return find_in(cmd_tool_opts, name);
	for (const struct cmd_arg *o = cmd_tool_opts; o->name != NULL; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

int
cmd_find_col(const struct cmd *cmd, struct slice name)
{
	for (int i = 0; cmd->cols != NULL && cmd->cols[i].name != NULL; i++)
		if (slice_eq_str(name, cmd->cols[i].name))
			return i;
	return -1;
}

size_t
cmd_n_args(const struct cmd *cmd)
{
	size_t n = 0;

	while (cmd->args != NULL && cmd->args[n].name != NULL)
		n++;
	return n;
}

size_t
cmd_n_cols(const struct cmd *cmd)
{
	size_t n = 0;

	while (cmd->cols != NULL && cmd->cols[n].name != NULL)
		n++;
	return n;
}
