/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait: asks for the status, of the node or of its cluster, again and again.  A daemon that is not there yet,
 * or that goes away meanwhile, is what one waits for; only what waiting cannot
 * mend (no permission, another protocol) ends it early.
 */
#include "ctl/wait.h"
#include "ctl/interrupt.h"
#include "ctl/json.h"
#include "ctl/local.h"

#include <inttypes.h>
#include <poll.h>

#define WAIT_DEFAULT span_s(30)
#define WAIT_PAUSE 50 /* ms between two questions */

struct wait {
	const struct local *local;
	mono_t start, end;
	cmd_id what;    /* CMD_WAIT_ */
	int64_t wanted; /* clients, nodes */
	/* The last answer. */
	bool ready, quorum;
	int64_t connections, nodes;
	struct str state;
};

static void
on_status(struct wait *w, const struct row *row)
{
	const struct row_value *state = row_find(row, "state");
	const struct row_value *connections = row_find(row, "connections");

	w->ready = slice_eq_str(state->text, "ready");
	w->connections = connections->set ? connections->i : 0;
	if (w->what == CMD_WAIT_CLIENTS)
		str_addf(&w->state, "%" PRId64 " client%s", w->connections,
		    w->connections == 1 ? "" : "s");
	else
		str_add_escaped(&w->state, state->text);
}

/* A node of the cluster.  One that is on its way into it, or whose place in it is not
 * known yet, is not counted. */
static void
on_node(struct wait *w, const struct row *row)
{
	struct slice role = row_find(row, "role")->text;

	w->quorum = row_find(row, "quorum")->i != 0;
	if (slice_eq_str(row_find(row, "state")->text, "running") &&
	    !slice_eq_str(role, "joining") && !slice_eq_str(role, "-"))
		w->nodes++;
	str_reset(&w->state);
	str_addf(&w->state, "%" PRId64 " node%s%s", w->nodes, w->nodes == 1 ? "" : "s",
	    w->quorum ? "" : ", no quorum");
}

static void
on_row(void *ctx, const struct row *row)
{
	struct wait *w = ctx;

	if (w->what == CMD_WAIT_CLUSTER)
		on_node(w, row);
	else
		on_status(w, row);
}

static bool
is_reached(const struct wait *w)
{
	if (w->what == CMD_WAIT_READY)
		return w->ready;
	if (w->what == CMD_WAIT_CLIENTS)
		return w->connections >= w->wanted;
	return w->quorum && w->nodes >= w->wanted;
}

static bool
can_change(em_err err)
{
	return err != EM_DENIED && err != EM_PROTOCOL && err != EM_UNSUPPORTED &&
	       err != EM_CANCELLED && err != EM_USAGE;
}

/* The question in the time that is left. */
static em_err
ask(struct wait *w, struct fault *f)
{
	struct prefs prefs = { .timeout = mono_since(w->end, span_mono_now()) };

	if (prefs.timeout.ns <= 0)
		prefs.timeout = span_ms(1);
	fault_clear(f);
	w->ready = w->quorum = false;
	w->connections = -1;
	w->nodes = 0;
	str_reset(&w->state);
	return run_call(w->local->tool, &prefs,
	    w->what == CMD_WAIT_CLUSTER ? CMD_CLUSTER_STATUS : CMD_STATUS, on_row, w, f);
}

static void
pause_until(mono_t end)
{
	int64_t ms = span_to_ms(mono_since(end, span_mono_now()));

	if (ms > 0)
		(void)poll(NULL, 0, (int)ms);
}

static em_err
wait_until(struct wait *w, struct fault *f)
{
	char text[SPAN_TEXT_MAX];
	em_err err;

	for (;;) {
		err = ask(w, f);
		if (err == EM_OK && is_reached(w))
			return EM_OK;
		if (interrupt_came())
			return fault_set(f, EM_CANCELLED, "interrupted");
		if (err != EM_OK && !can_change(err))
			return err;
		/* A question needs time for its answer, else it would hide the last one. */
		if (span_to_ms(mono_since(w->end, span_mono_now())) < 2 * WAIT_PAUSE)
			break;
		(void)poll(NULL, 0, WAIT_PAUSE);
	}
	pause_until(w->end);
	if (interrupt_came())
		return fault_set(f, EM_CANCELLED, "interrupted");
	if (err == EM_OK)
		fault_set(f, EM_TIMEOUT, "%s", str_get(&w->state));
	fault_wrap(f, "not yet after %s", span_print(mono_since(w->end, w->start), text));
	f->err = EM_TIMEOUT;
	return EM_TIMEOUT;
}

static void
put_json(struct json *j, const struct wait *w)
{
	json_open(j, '{');
	if (w->what == CMD_WAIT_CLUSTER) {
		json_key(j, "nodes");
		json_int(j, w->nodes);
		json_key(j, "quorum");
		json_bool(j, w->quorum);
	} else {
		json_key(j, "ready");
		json_bool(j, w->ready);
		json_key(j, "connections");
		json_int(j, w->connections);
	}
	json_key(j, "waited");
	json_number(j, (double)mono_since(span_mono_now(), w->start).ns / 1e9);
	json_close(j, '}');
	str_add_char(j->to, '\n');
}

int
wait_run(const struct local *l)
{
	span_t timeout = l->prefs->timeout.ns > 0 ? l->prefs->timeout : WAIT_DEFAULT;
	struct wait w = {
		.local = l, .what = l->params->cmd->id, .start = span_mono_now()
	};
	struct str text = { 0 };
	struct fault f = { 0 };
	struct json j;
	em_err err;
	int code;

	if (w.what != CMD_WAIT_READY)
		w.wanted = params_int(l->params, "n", 0);
	w.end = mono_add(w.start, timeout);
	err = wait_until(&w, &f);
	if (err == EM_OK && local_wants_json(l, &j, &text)) {
		put_json(&j, &w);
		code = local_print(l, &text, false);
	} else {
		code = err == EM_OK ? 0 : local_fail(l, &f);
	}
	fault_clear(&f);
	str_fini(&text);
	str_fini(&w.state);
	return code;
}
