/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmdline: two passes.  The first takes the tool's options out and finds the
 * command in the words that are left; the second gives these words to the
 * command's arguments and options.  The first word that fits nothing ends it.
 */
#include "ipc/cmdline.h"
#include "ipc/nearest.h"
#include "ipc/base/str.h"

/* A word as an option: "--name", "--name=value", "-n". */
struct option_word {
	struct slice name, value;
	char letter; /* of "-n" */
	bool has_value;
};

/* "-" alone and "-17" are arguments. */
static bool
read_option(struct slice word, struct option_word *out)
{
	const uint8_t *eq;

	*out = (struct option_word){ 0 };
	if (word.n < 2 || word.p[0] != '-' || (word.p[1] >= '0' && word.p[1] <= '9'))
		return false;
	if (word.p[1] != '-') {
		out->letter = (char)word.p[1];
		out->name = slice_from(word, 1); /* for "did you mean" */
		out->value = slice_from(word, 2);
		out->has_value = word.n > 2;
		return true;
	}
	out->name = slice_from(word, 2);
	eq = memchr(word.p, '=', word.n);
	if (eq != NULL) {
		out->name = slice_of(out->name.p, (size_t)(eq - out->name.p));
		out->value = slice_of(eq + 1, word.n - (size_t)(eq + 1 - word.p));
		out->has_value = true;
	}
	return true;
}

static bool
takes_next(const struct cmd_arg *opt)
{
	return opt->type != CT_FLAG && (opt->flags & ARGF_MAYVALUE) == 0;
}

/* The state of a parse. */
struct parse {
	struct cmdline *out;
	const struct slice *words;
	size_t n, at;
	unsigned flags;
	struct fault *f;
};

/* Adds the value of @opt; p->at is behind what it took. */
static em_err
take_option(struct parse *p, struct params *to, const struct cmd_arg *opt,
    const struct option_word *o)
{
	struct slice value = o->value;

	p->out->bad = p->at++;
	if (opt->type == CT_FLAG && o->has_value)
		return fault_set(p->f, EM_USAGE, "--%s takes no value", opt->name);
	if (takes_next(opt) && !o->has_value) {
		if (p->at == p->n)
			return fault_set(
			    p->f, EM_USAGE, "--%s: its value is missing", opt->name);
		p->out->bad = p->at;
		value = p->words[p->at++];
	}
	if (to == &p->out->tool)
		params_drop(to, opt->name); /* the last one counts */
	return params_add_word(to, opt, value, p->f);
}

/* The option that @o means: the command's before the tool's (none has the same name, a
 * test sees to it). */
static const struct cmd_arg *
find_option(const struct cmd *cmd, const struct option_word *o, bool *is_tool)
{
	const struct cmd_arg *opt = NULL;

	*is_tool = false;
	if (o->letter == '\0' && cmd != NULL)
		opt = cmd_find_opt(cmd, o->name);
	if (opt == NULL) {
		opt = cmd_find_tool_opt(o->name, o->letter);
		*is_tool = opt != NULL;
	}
	return opt;
}

static void
offer_options(struct nearest *near, const struct cmd_arg *list)
{
	for (; list != NULL && list->name != NULL; list++)
		nearest_offer(near, slice_str(list->name));
}

static em_err
unknown_option(const struct cmd *cmd, struct slice word, const struct option_word *o,
    struct fault *f)
{
	struct nearest near = nearest_of(o->name);
	struct str text = { 0 };

	if (cmd != NULL) {
		offer_options(&near, cmd->opts);
		if ((cmd->flags & CMDF_LIST) != 0)
			offer_options(&near, cmd_list_opts);
		if ((cmd->flags & CMDF_WATCH) != 0)
			offer_options(&near, cmd_watch_opts);
		if (cmd_takes_nodes(cmd))
			offer_options(&near, cmd_node_opts);
	}
	offer_options(&near, cmd_tool_opts);
	str_add_escaped(&text, word);
	fault_set(f, EM_USAGE, "no option '%s'", str_get(&text));
	if (near.best.n > 0)
		fault_hint(f, "did you mean '--%.*s'?", SLICE_FMT(near.best));
	else if (cmd != NULL)
		fault_hint(f, "see: emqx_ctl help %s", cmd->path);
	else
		fault_hint(f, "see: emqx_ctl help");
	str_fini(&text);
	return EM_USAGE;
}

/* An option of any command: before the command is known only the name tells whether a
 * value follows (it is the same for all that share a name, a test sees to it). */
static const struct cmd_arg *
find_any_option(const struct option_word *o)
{
	bool is_tool;
	const struct cmd_arg *opt = find_option(NULL, o, &is_tool);

	for (unsigned i = 0; opt == NULL && o->letter == '\0' && i < CMD_N; i++)
		opt = cmd_find_opt(cmd_get((cmd_id)i), o->name);
	return opt;
}

/* The first words that are neither options nor their values, and where they stand. */
struct plain {
	struct slice word[CMD_PATH_WORDS];
	size_t at[CMD_PATH_WORDS];
	size_t n;
};

static void
collect_plain(const struct slice *words, size_t n, struct plain *out)
{
	bool raw = false;

	*out = (struct plain){ 0 };
	for (size_t i = 0; i < n && out->n < CMD_PATH_WORDS; i++) {
		struct option_word o;

		if (!raw && slice_eq(words[i], SLICE_LIT("--"))) {
			raw = true;
		} else if (!raw && read_option(words[i], &o)) {
			const struct cmd_arg *opt = find_any_option(&o);

			i += opt != NULL && takes_next(opt) && !o.has_value;
		} else {
			out->word[out->n] = words[i];
			out->at[out->n++] = i;
		}
	}
}

/* "a, b, c": those of @words that start with @prefix. */
static size_t
join_words(const struct slice *words, size_t n, struct slice prefix, struct str *out)
{
	size_t n_found = 0;

	str_reset(out);
	for (size_t i = 0; i < n; i++)
		if (slice_starts(words[i], prefix))
			str_addf(out, "%s%.*s", n_found++ > 0 ? ", " : "",
			    SLICE_FMT(words[i]));
	return n_found;
}

bool
cmdline_is_of_emqx(struct slice word)
{
	static const char *const names[] = { "acl", "admins", "clientid", "exhook",
		"luahook", "resource-types", "rule-actions", "sasl", "user", "authz",
		"ban", "banned", "bridges", "cluster", "cluster_call", "data", "ds",
		"eviction", "exclusive", "gateway", "gateway-clients", "gateway-metrics",
		"gateway-registry", "mgmt", "mnesia", "modules", "node_dump", "observer",
		"olp", "pem_cache", "plugins", "rebalance", "recon", "resources",
		"retainer", "rules", "telemetry", "traces" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (slice_eq_str(word, names[i]))
			return true;
	return false;
}

/* The same of a word behind a command's group that is one here. */
static bool
is_of_emqx_behind(struct slice group, struct slice word)
{
	static const char *const names[][2] = { { "conf", "cluster_sync" },
		{ "conf", "load" }, { "conf", "show_keys" }, { "listeners", "enable" },
		{ "retainer", "reindex" } };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (slice_eq_str(group, names[i][0]) && slice_eq_str(word, names[i][1]))
			return true;
	return false;
}

/* Says that no command is called @word behind @group, or what may be meant. */
static void
unknown_word(const struct str *group, struct slice word, const struct slice *next,
    size_t n_next, struct fault *f)
{
	struct nearest near = nearest_of(word);
	struct str text = { 0 }, some = { 0 };

	str_add_escaped(&text, word);
	fault_set(f, EM_USAGE, "%s%sno command '%s'", str_get(group),
	    group->n > 0 ? ": " : "", str_get(&text));
	for (size_t i = 0; i < n_next; i++)
		nearest_offer(&near, next[i]);
	nearest_hint(&near, f);
	if ((group->n == 0 && cmdline_is_of_emqx(word)) ||
	    is_of_emqx_behind(str_slice(group), word))
		fault_hint(f, CMDLINE_OF_EMQX);
	else if (word.n > 0 && join_words(next, n_next, word, &some) > 1)
		fault_hint(f, "one of %s", str_get(&some));
	else if (near.best.n == 0 && group->n > 0 &&
		 join_words(next, n_next, SLICE_NONE, &some) > 0)
		fault_hint(f, "one of %s", str_get(&some));
	else if (near.best.n == 0)
		fault_hint(f, "see: emqx_ctl help");
	str_fini(&text);
	str_fini(&some);
}

/* The words are no command; @used of them lead somewhere. */
static em_err
no_command(struct parse *p, const struct plain *plain, size_t used)
{
	bool shell = (p->flags & CMDLINE_SHELL) != 0;
	struct slice next[CMD_N];
	size_t n_next = cmd_next_words(p->out->path, used, shell, next, CMD_N);
	struct str group = { 0 };

	for (size_t i = 0; i < used; i++)
		str_addf(&group, "%s%.*s", i > 0 ? " " : "", SLICE_FMT(p->out->path[i]));
	if (used == plain->n) {
		struct str all = { 0 };

		p->out->bad = p->n;
		join_words(next, n_next, SLICE_NONE, &all);
		fault_set(p->f, EM_USAGE, "%s: what of it?", str_get(&group));
		fault_hint(p->f, "one of %s", str_get(&all));
		str_fini(&all);
	} else {
		p->out->bad = plain->at[used];
		unknown_word(&group, plain->word[used], next, n_next, p->f);
	}
	str_fini(&group);
	return EM_USAGE;
}

/* Finds the command and its path words; *used: how many of the plain words these are. */
static const struct cmd *
match_plain(const struct plain *plain, unsigned flags, struct slice *path, size_t *used)
{
	bool abbrev = (flags & CMDLINE_ABBREV) != 0;
	const struct cmd *cmd = cmd_match(plain->word, plain->n, abbrev, used);

	memcpy(path, plain->word, sizeof plain->word);
	if (abbrev)
		(void)cmd_expand(plain->word, *used, path);
	if (cmd != NULL && (cmd->flags & CMDF_SHELL) != 0 &&
	    (flags & CMDLINE_SHELL) == 0) {
		cmd = NULL;
		*used = 0;
	}
	return cmd;
}

static em_err
find_command(struct parse *p, struct plain *plain)
{
	collect_plain(p->words, p->n, plain);
	p->out->cmd = match_plain(plain, p->flags, p->out->path, &p->out->n_path);
	if (p->out->cmd != NULL || plain->n == 0)
		return EM_OK;
	return no_command(p, plain, p->out->n_path);
}

static bool
is_path_word(const struct plain *plain, size_t used, size_t at)
{
	for (size_t i = 0; i < used; i++)
		if (plain->at[i] == at)
			return true;
	return false;
}

/* The argument that the @n-th word is for, or NULL: too many. */
static const struct cmd_arg *
arg_for(const struct cmd *cmd, size_t n)
{
	size_t n_args = cmd_n_args(cmd);

	if (n < n_args)
		return &cmd->args[n];
	if (n_args > 0 && (cmd->args[n_args - 1].flags & ARGF_REPEAT) != 0)
		return &cmd->args[n_args - 1];
	return NULL;
}

/* A word of a longer command may be meant: "broker stat", "listeners strat". */
static void
hint_longer_path(const struct parse *p, struct slice word)
{
	const struct cmdline *c = p->out;
	struct nearest near = nearest_of(word);
	struct slice next[CMD_N];
	size_t n_next = cmd_next_words(c->path, c->n_path, false, next, CMD_N);

	for (size_t i = 0; i < n_next; i++)
		nearest_offer(&near, next[i]);
	nearest_hint(&near, p->f);
	if (c->n_path == 1 && is_of_emqx_behind(c->path[0], word))
		fault_hint(p->f, CMDLINE_OF_EMQX);
}

static em_err
too_many(struct parse *p, struct slice word)
{
	struct str text = { 0 }, usage = { 0 };

	str_add_escaped(&text, word);
	cmd_usage(p->out->cmd, &usage);
	fault_set(p->f, EM_USAGE, "'%s' is too much", str_get(&text));
	fault_hint(p->f, "usage: emqx_ctl %s", str_get(&usage));
	str_fini(&text);
	str_fini(&usage);
	return EM_USAGE;
}

/* Takes one word that is no option. */
static em_err
take_argument(struct parse *p, size_t *n_args)
{
	struct slice word = p->words[p->at];
	const struct cmd_arg *arg = arg_for(p->out->cmd, *n_args);
	em_err err;

	p->out->bad = p->at++;
	err = arg == NULL ? too_many(p, word)
			  : params_add_word(&p->out->params, arg, word, p->f);
	if (err != EM_OK && *n_args == 0)
		hint_longer_path(p, word);
	++*n_args;
	return err;
}

static em_err
take_named(struct parse *p, const struct option_word *o)
{
	const struct cmd *cmd = p->out->cmd;
	bool is_tool;
	const struct cmd_arg *opt = find_option(cmd, o, &is_tool);

	p->out->bad = p->at;
	if (opt == NULL)
		return unknown_option(cmd, p->words[p->at], o, p->f);
	return take_option(p, is_tool ? &p->out->tool : &p->out->params, opt, o);
}

/* The second pass. */
static em_err
take_words(struct parse *p, const struct plain *plain)
{
	const struct cmd *cmd = p->out->cmd;
	size_t n_args = 0, n_path = p->out->n_path;
	size_t path_end = n_path > 0 ? plain->at[n_path - 1] + 1 : 0;
	bool raw = false;

	while (p->at < p->n) {
		struct option_word o;
		em_err err = EM_OK;

		if (cmd != NULL && (cmd->flags & CMDF_RAW) != 0 && p->at >= path_end)
			raw = true;
		if (is_path_word(plain, n_path, p->at)) {
			p->at++;
		} else if (!raw && slice_eq(p->words[p->at], SLICE_LIT("--"))) {
			raw = true;
			p->at++;
		} else if (!raw && read_option(p->words[p->at], &o)) {
			err = take_named(p, &o);
		} else {
			CHECK(cmd != NULL); /* else the first pass had found a word */
			err = take_argument(p, &n_args);
		}
		if (err != EM_OK)
			return err;
	}
	p->out->bad = p->n;
	return EM_OK;
}

/* Is --help among the options, whatever else is wrong? */
static bool
wants_help(const struct slice *words, size_t n)
{
	for (size_t i = 0; i < n && !slice_eq(words[i], SLICE_LIT("--")); i++)
		if (slice_eq(words[i], SLICE_LIT("--help")) ||
		    slice_eq(words[i], SLICE_LIT("-h")))
			return true;
	return false;
}

em_err
cmdline_parse(struct cmdline *out, const struct slice *words, size_t n, unsigned flags,
    struct fault *f)
{
	struct parse p = { .out = out, .words = words, .n = n, .flags = flags, .f = f };
	struct plain plain;
	em_err err;

	*out = (struct cmdline){ .bad = n };
	err = find_command(&p, &plain);
	if (wants_help(words, n) &&
	    (out->cmd == NULL || (out->cmd->flags & CMDF_RAW) == 0)) {
		out->help = true;
		fault_clear(f);
		return EM_OK;
	}
	if (err != EM_OK)
		return err;
	err = take_words(&p, &plain);
	if (err == EM_OK && out->cmd != NULL)
		err = params_check(&out->params, out->cmd, f);
	if (err != EM_OK && out->cmd != NULL)
		fault_wrap(f, "%s", out->cmd->path);
	return err;
}

void
cmdline_fini(struct cmdline *c)
{
	params_fini(&c->params);
	params_fini(&c->tool);
	c->cmd = NULL;
}

/* The option whose value is the next word after @words[0..n), if one is. */
static const struct cmd_arg *
value_wanted(const struct cmd *cmd, struct slice word)
{
	struct option_word o;
	bool is_tool;
	const struct cmd_arg *opt;

	if (!read_option(word, &o) || o.has_value)
		return NULL;
	opt = find_option(cmd, &o, &is_tool);
	return opt != NULL && takes_next(opt) ? opt : NULL;
}

/* Fills in what an option at the last place means: its name, or "--name=" and a value. */
static bool
place_option(struct cmdline_place *out, struct slice last)
{
	struct option_word o;
	bool is_tool;

	if (!read_option(last, &o) && !slice_eq(last, SLICE_LIT("-")))
		return false;
	out->is_option = !o.has_value;
	if (o.has_value) {
		out->arg = find_option(out->cmd, &o, &is_tool);
		out->prefix = o.value;
	}
	return true;
}

void
cmdline_place(
    struct cmdline_place *out, const struct slice *words, size_t n, unsigned flags)
{
	struct plain plain;
	struct slice last = n > 0 ? words[n - 1] : SLICE_NONE;
	size_t done = n > 0 ? n - 1 : 0, n_args = 0;
	const struct cmd_arg *wanted = NULL;
	bool raw = false;

	*out = (struct cmdline_place){ .prefix = last };
	collect_plain(words, done, &plain);
	out->cmd = match_plain(&plain, flags, out->path, &out->n_path);
	for (size_t i = 0; i < done; i++) {
		if (wanted != NULL || is_path_word(&plain, out->n_path, i)) {
			wanted = NULL;
			continue;
		}
		if (!raw && slice_eq(words[i], SLICE_LIT("--"))) {
			raw = true;
			continue;
		}
		wanted = raw ? NULL : value_wanted(out->cmd, words[i]);
		if (wanted != NULL ||
		    (!raw && read_option(words[i], &(struct option_word){ 0 })))
			continue;
		if (out->n_before < sizeof out->before / sizeof out->before[0])
			out->before[out->n_before++] = words[i];
		n_args++;
	}
	if (wanted != NULL) {
		out->arg = wanted;
		return;
	}
	if (!raw && place_option(out, last))
		return;
	out->is_word = n_args == 0;
	out->arg = out->cmd != NULL ? arg_for(out->cmd, n_args) : NULL;
}
