/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run: a remote command is one request and a stream of rows that go straight to
 * the renderer, so memory does not grow with the answer.  An interrupt, or a
 * reader of ours that went away, cancels at the daemon.
 *
 * `status` answers with exit codes of its own: whoever asks it wants to know in
 * which of the states the node is, and not being there is one of them.
 */
#include "ctl/run.h"
#include "ctl/confirm.h"
#include "ctl/files.h"
#include "ctl/interrupt.h"
#include "ctl/local.h"
#include "ctl/secrets.h"
#include "ctl/suggest.h"
#include "ctl/watch.h"
#include "ipc/cmdline.h"

#include <unistd.h>

enum {
	STATUS_NOT_READY = 1,
	STATUS_NOT_RUNNING = 3,
	STATUS_NO_ANSWER = 4,
};

/* One command under way. */
struct run {
	struct tool *tool;
	struct prefs prefs; /* of this line */
	struct talk talk;
	struct cmdline *line;
	const struct line *tail;
	struct watch watch;
	unsigned flags;        /* WIRE_REQ_ */
	struct str note, next; /* what the end of the answer said */
	bool not_ready;        /* status: the node is there and does not serve */
	bool connected;        /* somebody took our connection */
	bool asked;            /* the daemon was asked: errors are its own */
	char *made;            /* a file that was made for it, or NULL */
};

static unsigned
request_flags(const struct prefs *p, bool agreed)
{
	return (p->legacy_names ? WIRE_REQ_LEGACY : 0u) |
	       (p->render.compat44 ? WIRE_REQ_COMPAT44 : 0u) |
	       (p->dry_run ? WIRE_REQ_DRY_RUN : 0u) | (agreed ? WIRE_REQ_YES : 0u);
}

static void
keep_end(struct run *r, const struct wire_end *end)
{
	str_reset(&r->note);
	str_reset(&r->next);
	str_add_slice(&r->note, end->note);
	str_add_slice(&r->next, end->next);
}

/* Says what there is to say besides the rows, behind them. */
static void
say_end(const struct run *r)
{
	const char *scope = cmd_scope_text(r->line->cmd->scope);

	talk_say_text(&r->talk, str_slice(&r->note));
	if (r->next.n > 0) {
		struct str cursor = { 0 };

		line_quote(&cursor, str_slice(&r->next), true);
		talk_say(&r->talk, "there is more: --after %s", str_get(&cursor));
		str_fini(&cursor);
	}
	if (!params_is_write(&r->line->params))
		return;
	if (r->prefs.dry_run)
		talk_say(&r->talk, "nothing was changed (--dry-run)");
	else if (scope != NULL)
		talk_say(&r->talk, "holds for %s", scope);
}

static void
look_at_status(struct run *r, const struct row *row)
{
	const struct row_value *state = row_find(row, "state");

	r->not_ready = state->set && !slice_eq_str(state->text, "ready");
}

/* Takes rows until the end. */
static em_err
take_rows(struct run *r, struct render *render, struct fault *f)
{
	struct reach *reach = &r->tool->reach;
	struct call_answer a = { .kind = CALL_ROW };
	em_err err;

	for (;;) {
		err = reach_next(reach, &a, f);
		if (err != EM_OK)
			return err;
		switch (a.kind) {
		case CALL_ROW:
			if (a.row.cmd->id == CMD_STATUS)
				look_at_status(r, &a.row);
			render_row(render, &a.row);
			if (out_is_done(render->out)) {
				call_cancel(reach->call);
				return EM_OK;
			}
			break;
		case CALL_EVENT: talk_say_text(&r->talk, a.text); break;
		case CALL_END: keep_end(r, &a.end); return EM_OK;
		}
	}
}

/* A copy: a request takes its params with it, and watch needs them again. */
static em_err
copy_params(const struct params *from, struct params *to, struct fault *f)
{
	em_err err = EM_OK;

	*to = (struct params){ 0 };
	for (size_t i = 0; i < from->v.n && err == EM_OK; i++) {
		const struct param *p = &from->v.p[i];

		err = params_add_word(to, p->arg, p->text, f);
		if (err == EM_OK && p->fd >= 0)
			params_give_fd(to, p->arg->name, dup(p->fd), p->text);
	}
	return err == EM_OK ? params_check(to, from->cmd, f) : err;
}

static bool
wants_pager(const struct run *r)
{
	const struct cmd *cmd = r->line->cmd;

	return r->watch.every.ns == 0 && r->prefs.render.format != RENDER_JSONL &&
	       (cmd->flags & (CMDF_LIST | CMDF_STREAM)) != 0;
}

static struct slice
columns_of(const struct params *p)
{
	if ((p->cmd->flags & CMDF_LIST) == 0)
		return SLICE_NONE;
	return params_text(p, "columns");
}

static em_err
reach(struct run *r, struct fault *f)
{
	em_err err = reach_open(&r->tool->reach, &r->prefs, f);

	r->connected = err == EM_OK;
	return err;
}

static bool
names_several(const struct params *p)
{
	size_t n = cmd_n_args(p->cmd);

	return n > 0 && params_count(p, p->cmd->args[n - 1].name) > 1;
}

/* Asks once and renders the answer to @out. */
static em_err
ask(struct run *r, struct out *out, struct fault *f)
{
	const struct cmdline *line = r->line;
	struct render_opts opts = r->prefs.render;
	struct params params = { 0 };
	struct render render;
	em_err err;

	opts.dry_run = r->prefs.dry_run;
	opts.several = names_several(&line->params);
	opts.all_nodes =
	    cmd_takes_nodes(line->cmd) && params_bool(&line->params, "all-nodes");
	err = reach(r, f);
	if (err != EM_OK)
		return err;
	err = copy_params(&line->params, &params, f);
	if (err == EM_OK)
		err = reach_start(&r->tool->reach, line->cmd, &params, r->flags, f);
	params_fini(&params);
	if (err != EM_OK)
		return err;
	err = render_open(&render, line->cmd, &opts, columns_of(&line->params), out, f);
	if (err != EM_OK) {
		call_cancel(r->tool->reach.call);
		return err;
	}
	err = take_rows(r, &render, f);
	render_close(&render);
	if (err != EM_OK && render.rows == 0)
		str_reset(&out->text); /* an error is not an empty answer */
	return err;
}

/* One answer to where it shall go. */
static em_err
answer(struct run *r, struct fault *f)
{
	bool color = color_is_on(r->prefs.color, STDOUT_FILENO);
	bool watching = r->watch.every.ns > 0;
	struct out out;
	em_err err, written;

	err = out_open(&out, STDOUT_FILENO, color && !watching, r->tail, f);
	if (err != EM_OK)
		return err;
	out.held = watching;
	if (wants_pager(r))
		out_page(&out);
	err = ask(r, &out, f);
	if (watching && err == EM_OK)
		watch_show(&r->watch, &out, r->line->cmd->path, color);
	written = out_close(&out, err == EM_OK ? f : NULL);
	if (err == EM_OK && written == EM_OK)
		say_end(r);
	return err == EM_OK ? written : err;
}

static em_err
answer_watched(struct run *r, struct fault *f)
{
	em_err err;

	do {
		err = answer(r, f);
	} while (err == EM_OK && watch_wait(&r->watch));
	watch_fini(&r->watch);
	if (err != EM_OK || r->watch.gone)
		return err;
	return fault_set(f, EM_CANCELLED, "interrupted");
}

static int
status_exit(const struct run *r, em_err err)
{
	if (err == EM_OK)
		return r->not_ready ? STATUS_NOT_READY : 0;
	if (err == EM_CANCELLED || err == EM_USAGE)
		return err_exit(err);
	if (err == EM_UNREACHABLE && !r->connected)
		return STATUS_NOT_RUNNING;
	return STATUS_NO_ANSWER;
}

static em_err
check_dry_run(const struct run *r, struct fault *f)
{
	const struct cmd *cmd = r->line->cmd;
	struct str those = { 0 };

	if (!r->prefs.dry_run || cmd->would != NULL || !params_is_write(&r->line->params))
		return EM_OK;
	for (unsigned i = 0; i < CMD_N; i++)
		if (cmd_get((cmd_id)i)->would != NULL)
			str_addf(&those, "%s%s", those.n > 0 ? ", " : "",
			    cmd_get((cmd_id)i)->path);
	fault_set(f, EM_USAGE, "%s has no --dry-run", cmd->path);
	fault_hint(f, "these have one: %s", str_get(&those));
	str_fini(&those);
	return EM_USAGE;
}

/* The question of a single thing that is done or not. */
static bool
tells_before(const struct run *r)
{
	const struct cmd *cmd = r->line->cmd;

	return cmd->dangerous == DANGER_ASK && cmd->would != NULL && !r->prefs.yes &&
	       !r->prefs.dry_run;
}

/* What would happen, for the question behind it; what cannot be done is not asked for. */
static em_err
tell_before(struct run *r, struct fault *f)
{
	const struct prefs kept = r->prefs;
	struct out out;
	em_err written, err = out_open(&out, STDERR_FILENO,
			    color_is_on(kept.color, STDERR_FILENO), NULL, f);

	if (err != EM_OK)
		return err;
	r->asked = true;
	r->prefs.dry_run = true;
	r->prefs.render.format = RENDER_AUTO;
	r->flags = request_flags(&r->prefs, false);
	err = ask(r, &out, f);
	r->prefs = kept;
	written = out_close(&out, err == EM_OK ? f : NULL);
	return err == EM_OK ? written : err;
}

static em_err
remote(struct run *r, struct fault *f)
{
	const struct cmd *cmd = r->line->cmd;
	struct params *params = &r->line->params;
	bool can_ask =
	    !r->tool->script && isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
	bool agreed;
	em_err err;

	err = check_dry_run(r, f);
	if (err == EM_OK && can_ask && tells_before(r))
		err = tell_before(r, f);
	if (err == EM_OK)
		err = confirm_command(&r->prefs, params, can_ask, &agreed, f);
	/* A file is not made for a daemon that is not there. */
	if (err == EM_OK)
		err = reach(r, f);
	if (err == EM_OK)
		err = files_open(params, &r->made, f);
	if (err == EM_OK)
		err = secrets_read(params, f);
	if (err != EM_OK)
		return err;
	r->asked = true;
	r->flags = request_flags(&r->prefs, agreed);
	if ((cmd->flags & CMDF_WATCH) != 0 && params_has(params, "watch")) {
		r->watch.every = params_span(params, "watch", span_s(2));
		return answer_watched(r, f);
	}
	return answer(r, f);
}

static int
finish(struct run *r, em_err err, struct fault *f)
{
	const struct cmd *cmd = r->line->cmd;
	bool silent = err == EM_CANCELLED && r->watch.rounds > 0;

	/* The terminal has just echoed ^C. */
	if (err == EM_CANCELLED && isatty(STDERR_FILENO) == 1)
		(void)!write(STDERR_FILENO, "\n", 1);
	if (err == EM_NOTFOUND && r->asked)
		suggest_name(&r->tool->reach, &r->line->params, f);
	/* Without an answer it may have been done. */
	if (err != EM_OK && err != EM_CANCELLED && err != EM_TIMEOUT && r->connected)
		files_unmake(r->made);
	if (err != EM_OK && !silent)
		talk_fault(&r->talk, r->connected ? cmd->path : NULL, f);
	if (cmd->id == CMD_STATUS)
		return status_exit(r, err);
	return err_exit(err);
}

static int
run_remote(struct run *r)
{
	struct fault f = { 0 };
	em_err err = remote(r, &f);
	int code = finish(r, err, &f);

	mem_free(r->made);
	fault_clear(&f);
	return code;
}

static unsigned
parse_flags(const struct tool *t)
{
	return (t->shell ? CMDLINE_ABBREV : 0u) |
	       (t->shell || t->script ? CMDLINE_SHELL : 0u);
}

int
run_words(struct tool *t, const struct slice *words, size_t n, const struct line *tail)
{
	struct fault f = { 0 };
	struct cmdline line;
	struct run r = { .tool = t, .line = &line, .tail = tail };
	em_err err = cmdline_parse(&line, words, n, parse_flags(t), &f);
	struct local l = { t, &r.prefs, &line.params, tail };
	int code;

	prefs_init(&r.prefs, t->prefs, &line.tool);
	r.talk = prefs_talk(&r.prefs);
	if (err != EM_OK) {
		talk_fault(&r.talk, NULL, &f);
		code = err_exit(err);
	} else if (line.help) {
		code = local_help(&l, line.path, line.n_path);
	} else if (params_bool(&line.tool, "version")) {
		code = local_version(&l);
	} else if (line.cmd == NULL) {
		code = 0;
	} else if (line.cmd->local) {
		code = local_run(&l);
	} else {
		code = run_remote(&r);
	}
	fault_clear(&f);
	str_fini(&r.note);
	str_fini(&r.next);
	prefs_fini(&r.prefs);
	cmdline_fini(&line);
	return code;
}

int
run_line(struct tool *t, struct slice text)
{
	struct fault f = { 0 };
	struct slice *words;
	struct line line;
	int code = 0;
	em_err err = line_parse(text, &line, &f);

	if (err == EM_OK && line.open)
		err = fault_set(&f, EM_USAGE, "a quote is not closed");
	if (err != EM_OK) {
		struct talk talk = prefs_talk(t->prefs);

		talk_fault(&talk, NULL, &f);
		code = err_exit(err);
	} else if (line.words.n > 0) {
		words = line_slices(&line);
		code = run_words(t, words, line.words.n, &line);
		mem_free(words);
	}
	fault_clear(&f);
	line_clear(&line);
	return code;
}

em_err
run_call(struct tool *t, const struct prefs *prefs, cmd_id id, run_row_fn *fn, void *ctx,
    struct fault *f)
{
	struct params none = { 0 };
	struct call_answer a;
	em_err err = reach_open(&t->reach, prefs, f);

	if (err == EM_OK)
		err = params_check(&none, cmd_get(id), f);
	if (err == EM_OK)
		err = reach_start(&t->reach, cmd_get(id), &none, 0, f);
	while (err == EM_OK) {
		err = reach_next(&t->reach, &a, f);
		if (err == EM_OK && a.kind == CALL_END)
			return EM_OK;
		if (err == EM_OK && a.kind == CALL_ROW)
			fn(ctx, &a.row);
	}
	return err;
}
