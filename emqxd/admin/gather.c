/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gather: see gather.h.
 *
 * Happy path: gather_start makes the parts and posts them; visit() runs there;
 * on_home() puts rows into `rows` (sorted.h) and posts the part again; when all
 * parts are over, pump() sends what waits and ends the request.
 *
 * What may go wrong: a part fails: the first fault is the request's, the others
 * are closed.  Calls for several values go on after one that failed; what failed
 * is counted.
 */
#include "emqxd/admin/gather_inside.h"
#include "ipc/nearest.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/nodes.h"
#include "emqxd/session/registry.h"
#include "emqxd/admin/audit.h"
#include "emqxd/admin/filter.h"
#include "emqxd/admin/op.h"
#include "emqxd/admin/remote.h"
#include "emqxd/admin/sorted.h"
#include "emqxd/admin/whom.h"

#define TURN span_us(500)

/* ---- there */

static em_err
call_next(struct part *p)
{
	struct op_ctx *op = &p->ctx;
	em_err err;

	if (p->value.n > 0) {
		op->value = p->value.p[p->next].text;
		op->answer.order = p->value.p[p->next].order;
	}
	op->is_missing = false;
	err = op->op->call(op);
	if (p->value.n > 0)
		p->value.p[p->next].is_missing = op->is_missing;
	p->next++;
	CHECK(err != EM_AGAIN || !op->is_one_of_many);
	return err;
}

/* Calls for the values here.  One that fails among several does not stop the others. */
static em_err
call_all(struct part *p)
{
	struct op_ctx *op = &p->ctx;
	em_err first = EM_OK;

	do {
		em_err err = call_next(p);

		if (err == EM_AGAIN)
			return EM_AGAIN;
		if (err != EM_OK && first == EM_OK)
			first = err;
		p->failed += err != EM_OK && !(op->is_one_of_many && op->is_missing);
	} while (p->next < p->value.n && !op_is_full(op));
	p->is_over = p->next >= p->value.n;
	return first;
}

static em_err
step_once(struct part *p)
{
	struct op_ctx *op = &p->ctx;
	em_err err = EM_OK;

	op->value = p->value.n > 0 ? p->value.p[0].text : SLICE_NONE;
	if (!p->is_open) {
		if (op->op->open != NULL)
			err = op->op->open(op);
		if (err != EM_OK) {
			p->is_over = true;
			return err;
		}
		p->is_open = true;
	}
	err = op->op->step(op);
	p->is_over = err != EM_AGAIN;
	return err == EM_AGAIN ? EM_OK : err;
}

static void
close_part(struct part *p)
{
	if (p->is_open && p->ctx.op->close != NULL)
		p->ctx.op->close(&p->ctx);
	p->is_open = false;
	p->is_over = true;
}

static void on_home(struct letter *l);

static void
go_home(struct part *p)
{
	p->letter = (struct letter){ .open = on_home };
	worker_post(worker_admin(), &p->letter);
}

static void
visit(struct letter *l)
{
	struct part *p = LIST_OWNER(l, struct part, letter);
	struct op_ctx *op = &p->ctx;
	em_err err = EM_OK;

	answer_reset(&op->answer);
	op->until = mono_add(span_mono_now(), TURN);
	if (!p->is_closing && op->op->call != NULL)
		err = call_all(p);
	else if (!p->is_closing)
		err = step_once(p);
	if (err == EM_AGAIN)
		return; /* on_done follows, or was there already */
	if (p->is_closing || p->is_over)
		close_part(p);
	p->err = err;
	go_home(p);
}

/* A call that said EM_AGAIN is done. */
static void
on_done(struct op_ctx *op, em_err err)
{
	struct part *p = LIST_OWNER(op, struct part, ctx);

	p->err = err;
	p->failed += err != EM_OK;
	p->is_over = true;
	go_home(p);
}

/* ---- here: parts */

static void
post(struct gather *g, struct part *p)
{
	CHECK(!p->is_away && !p->is_over);
	p->is_away = true;
	g->n_away++;
	p->is_closing = g->is_stopped;
	p->letter = (struct letter){ .open = visit };
	worker_post(p->at, &p->letter);
}

static struct part *
add_part(struct gather *g, struct worker *at, const struct op *op, const struct cmd *cmd)
{
	struct part *p = &g->part[g->n_parts++];

	p->gather = g;
	p->at = at;
	p->ctx = (struct op_ctx){ .cmd = cmd,
		.op = op,
		.params = &g->req.params,
		.flags = g->req.flags,
		.uid = g->who.uid,
		.is_for_all = g->who.is_far || g->whom == WHOM_ALL,
		.after = sorted_after_key(&g->rows),
		.on_done = on_done };
	answer_init(&p->ctx.answer, cmd, g->is_near ? NULL : g->filter);
	return p;
}

/* One part a worker that is the home of some of the values. */
static void
add_homes(struct gather *g, const struct op *op)
{
	unsigned of_worker[WORKER_MAX] = { 0 };

	g->calls = params_count(&g->req.params, op->key);
	g->rows.is_held = g->calls > 1; /* they are shown in the order of the values */
	for (size_t i = 0; i < g->calls; i++) {
		struct slice value = params_text_at(&g->req.params, op->key, i);
		struct worker *at = registry_home(value);
		unsigned *n = &of_worker[at->id];

		if (*n == 0) {
			add_part(g, at, op, g->req.cmd)->ctx.is_one_of_many =
			    g->calls > 1;
			*n = g->n_parts;
		}
		VEC_ADD(&g->part[*n - 1].value,
		    ((struct wanted){ .text = value, .order = (uint32_t)i }));
	}
}

static void
free_parts(struct gather *g)
{
	for (unsigned i = 0; i < g->n_parts; i++) {
		answer_fini(&g->part[i].ctx.answer);
		fault_clear(&g->part[i].ctx.fault);
		str_fini(&g->part[i].ctx.note);
		VEC_FINI(&g->part[i].value);
	}
	MEM_FREE(g->part);
	g->n_parts = 0;
}

/* Sends the operation to where it belongs. */
static void
start_parts(struct gather *g, const struct op *op, const struct cmd *cmd)
{
	free_parts(g);
	g->part = mem_new_array(worker_count() + 1, sizeof *g->part);
	switch (op->where) {
	case OP_ADMIN: add_part(g, worker_admin(), op, cmd); break;
	case OP_AT_HOME: add_homes(g, op); break;
	case OP_EVERY_WORKER:
		for (unsigned i = 0; i < worker_count(); i++)
			add_part(g, worker_get(i), op, cmd);
		break;
	}
	CHECK(g->n_parts > 0);
	for (unsigned i = 0; i < g->n_parts; i++)
		post(g, &g->part[i]);
}

/* ---- here: the end */

/* The list ends with what it has, and says of whom there may be more. */
static void
tell_lost(struct gather *g)
{
	struct str text = { 0 };

	if (g->lost.n > 0)
		str_addf(&text, "no answer from %s", str_get(&g->lost));
	if (g->broken.n > 0)
		str_addf(&text, "%s%s was lost: not all of its rows are here",
		    text.n > 0 ? "; " : "", str_get(&g->broken));
	if (text.n > 0) {
		fault_set(&g->fault, EM_PARTLY, "%s", str_get(&text));
		fault_hint(&g->fault, "how they are: emqx_ctl cluster status");
	}
	str_fini(&text);
}

/* What calls for several values come to. */
static void
sum_up(struct gather *g)
{
	if (g->failed > 0 && g->fault.err == EM_OK)
		fault_set(&g->fault, g->failed < g->calls ? EM_PARTLY : g->first,
		    "%zu of %zu failed", g->failed, g->calls);
	if (g->lost.n > 0 && g->whom == WHOM_OTHERS && !g->was_found &&
	    g->fault.err != EM_OK)
		fault_hint(
		    &g->fault, "no answer from %s: it may be there", str_get(&g->lost));
	else if (g->whom != WHOM_OTHERS && g->fault.err == EM_OK)
		tell_lost(g);
}

static void
free_far(struct gather *g)
{
	for (unsigned i = 0; i < g->n_far; i++)
		mem_free(g->far[i].name);
	MEM_FREE(g->far);
	g->n_far = 0;
}

static void
free_gather(struct gather *g)
{
	if (g->who.unfinished != NULL)
		--*g->who.unfinished;
	free_parts(g);
	free_far(g);
	for (size_t i = 0; i < g->missing.n; i++)
		mem_free(g->missing.p[i].row);
	VEC_FINI(&g->missing);
	str_fini(&g->lost);
	str_fini(&g->broken);
	str_fini(&g->far_next);
	str_fini(&g->far_note);
	str_fini(&g->note);
	sorted_fini(&g->rows);
	filter_free(&g->filter);
	fault_clear(&g->fault);
	str_fini(&g->nearest);
	wire_req_fini(&g->req);
	mem_free(g);
}

static void
end(struct gather *g)
{
	struct str next = { 0 }, note = g->note;
	struct wire_end e = { .rows = g->sent };

	g->note = (struct str){ 0 };
	sum_up(g);
	if (params_is_write(&g->req.params) && (g->req.flags & WIRE_REQ_DRY_RUN) == 0)
		audit_write(g->who.uid, g->who.pid, &g->req.params, g->fault.err,
		    mono_since(span_mono_now(), g->since));
	if (g->sink != NULL && g->limit > 0 && g->sent == g->limit &&
	    g->whom != WHOM_NODE &&
	    (g->rows.is_full || sorted_count(&g->rows) > 0 || g->rows.is_fifo))
		sorted_cursor(&g->rows, &next);
	if (g->whom == WHOM_NODE) {
		str_add_slice(&next, str_slice(&g->far_next));
		str_add_slice(&note, str_slice(&g->far_note));
	}
	if (g->too_big > 0)
		str_addf(&note, "%s%u rows are too large to be shown",
		    note.n > 0 ? "; " : "", g->too_big);
	e.next = str_slice(&next);
	e.note = str_slice(&note);
	if (g->sink != NULL)
		g->sink->on_end(g->arg, &e, g->fault.err != EM_OK ? &g->fault : NULL);
	str_fini(&next);
	str_fini(&note);
	free_gather(g);
}

void
gather_stop(struct gather *g)
{
	g->is_stopped = true;
	for (unsigned i = 0; i < g->n_far; i++) {
		if (g->far[i].call == NULL)
			continue;
		remote_cancel(&g->far[i].call);
		g->far_away--;
	}
}

/* Posts the parts that are at home and not over: to close when all is stopped.  True:
 * none is left. */
static bool
send_parts(struct gather *g)
{
	bool is_behind = gather_is_behind(g);
	bool is_over = true;

	for (unsigned i = 0; i < g->n_parts; i++) {
		struct part *p = &g->part[i];

		if (!p->is_away && !p->is_over) {
			if (g->is_stopped && !p->is_open)
				p->is_over = true;
			else if (g->is_stopped || !is_behind)
				post(g, p);
		}
		is_over = is_over && !p->is_away && p->is_over;
	}
	return is_over;
}

static void
send_rows(struct gather *g)
{
	struct slice row;

	while (gather_has_rows(g) && g->credit > 0 &&
	       (g->limit == 0 || g->sent < g->limit) && g->sink->has_room(g->arg) &&
	       sorted_take(&g->rows, &row)) {
		g->sink->on_row(g->arg, row);
		g->credit--;
		g->sent++;
	}
	if (g->limit > 0 && g->sent == g->limit && g->whom != WHOM_NODE)
		gather_stop(g);
}

/* Nothing was there: does the operation know what may have been meant? */
static bool
look_near(struct gather *g)
{
	if (g->is_near || !g->is_missing || g->was_found || g->op->near == NULL ||
	    g->sink == NULL)
		return false;
	g->is_near = true;
	g->is_stopped = false;
	start_parts(g, g->op->near, cmd_get(CMD_NAMES));
	return true;
}

static void
tell_near(struct gather *g)
{
	struct str list = { 0 }, name = { 0 };

	str_addf(&list, "list them: emqx_ctl clients list%s",
	    nodes_count() > 1 ? " --all-nodes" : "");
	if (g->nearest.n > 0) {
		str_add_escaped(&name, str_slice(&g->nearest));
		fault_hint(
		    &g->fault, "did you mean '%s'?   %s", str_get(&name), str_get(&list));
	} else {
		fault_hint(&g->fault, "%s", str_get(&list));
	}
	str_fini(&list);
	str_fini(&name);
}

/* Does all that can be done now; may end the request. */
void
gather_pump(struct gather *g)
{
	bool is_over;

	send_rows(g);
	if (g->sink == NULL)
		gather_stop(g);
	is_over = send_parts(g) && g->far_away == 0;
	if (!is_over) {
		gather_far_take(g);
		return;
	}
	if (gather_far_look_many(g))
		return;
	gather_far_give_up(g);
	sorted_end(&g->rows);
	send_rows(g);
	if (gather_has_rows(g) && !g->is_stopped && sorted_count(&g->rows) > 0)
		return; /* until there is credit, or room */
	if (g->is_near)
		tell_near(g);
	else if (gather_far_look(g) || look_near(g))
		return;
	end(g);
}

/* ---- here: rows */

/* Of the looking for what may have been meant: the nearest of all workers. */
static void
keep_nearest(struct gather *g, struct slice row)
{
	struct nearest near = nearest_of(params_text(&g->req.params, g->op->key));
	struct row r;

	CHECK(row_get(cmd_get(CMD_NAMES), row, &r) == EM_OK);
	nearest_offer(&near, str_slice(&g->nearest));
	nearest_offer(&near, r.v[0].text);
	if (near.best.n > 0 && near.best.p == r.v[0].text.p) {
		str_reset(&g->nearest);
		str_add_slice(&g->nearest, near.best);
	}
}

/* Of several: those that are missing here count as failed, unless others are asked. */
static void
take_missing(struct gather *g, struct part *p)
{
	for (; p->taken < p->next; p->taken++) {
		const struct wanted *w = &p->value.p[p->taken];

		if (!w->is_missing)
			continue;
		if (gather_far_may_have(g))
			VEC_ADD(&g->missing, ((struct missing){ .order = w->order }));
		else
			g->failed++;
	}
}

/* What is said of one that is missing, should it be nowhere; from @from on they are new.
 * True: it was kept. */
static bool
keep_missing(struct gather *g, size_t from, struct slice row, uint32_t order)
{
	for (size_t i = from; i < g->missing.n; i++) {
		struct missing *m = &g->missing.p[i];

		if (m->order != order || m->row != NULL)
			continue;
		m->row = (uint8_t *)mem_dup(row.p, row.n);
		m->n = row.n;
		return true;
	}
	return false;
}

static void
take_rows(struct gather *g, struct part *p)
{
	size_t known = g->missing.n;
	struct slice row;
	uint32_t order;

	if (p->ctx.is_one_of_many)
		take_missing(g, p);
	while (answer_next(&p->ctx.answer, &row, &order)) {
		if (g->is_near)
			keep_nearest(g, row);
		else if (keep_missing(g, known, row, order))
			continue;
		else if (gather_has_rows(g) &&
			 sorted_add(&g->rows, row, order, &g->fault) != EM_OK)
			gather_stop(g);
	}
	g->too_big += p->ctx.answer.too_big;
	p->ctx.answer.too_big = 0;
}

static void
take_fault(struct gather *g, struct part *p)
{
	if (p->err == EM_OK || g->is_near)
		return;
	if (p->ctx.is_one_of_many) {
		g->failed += p->failed;
		p->failed = 0;
		if (g->first == EM_OK)
			g->first = p->err;
		return;
	}
	if (g->fault.err == EM_OK) {
		g->is_missing = p->ctx.is_missing;
		g->fault = p->ctx.fault;
		p->ctx.fault = (struct fault){ 0 };
		if (g->fault.err == EM_OK)
			fault_set(&g->fault, p->err, "%s", err_text(p->err));
	}
	if (g->fault.err != EM_PARTLY)
		gather_stop(g);
}

static void
on_home(struct letter *l)
{
	struct part *p = LIST_OWNER(l, struct part, letter);
	struct gather *g = p->gather;
	const struct op *become = p->ctx.become;

	p->is_away = false;
	g->n_away--;
	take_rows(g, p);
	take_fault(g, p);
	str_add_slice(&g->note, str_slice(&p->ctx.note));
	str_reset(&p->ctx.note);
	if (become != NULL && !g->is_stopped) {
		g->op = become;
		start_parts(g, become, g->req.cmd);
		return;
	}
	gather_pump(g);
}

/* ---- the asker's side */

static bool
is_list(const struct gather *g)
{
	return (g->req.cmd->flags & CMDF_LIST) != 0;
}

/* --filter --sort --limit --after. */
static em_err
read_options(struct gather *g)
{
	const struct params *p = &g->req.params;
	struct slice sort = SLICE_NONE;
	bool is_fifo =
	    g->whom == WHOM_NODE || ((g->op->keeps_order && g->whom != WHOM_ALL) ||
					(!is_list(g) && g->op->most == 0));
	em_err err = EM_OK;

	g->limit = g->op->most;
	if (is_list(g)) {
		sort = params_text(p, "sort");
		g->limit = (uint64_t)params_int(p, "limit", 0);
	}
	if (g->whom == WHOM_NODE)
		sort = SLICE_NONE; /* all of it is done there */
	sorted_init(&g->rows, g->req.cmd, is_fifo && sort.n == 0, sort, g->limit,
	    g->who.list_bytes);
	if (!is_list(g) || g->whom == WHOM_NODE)
		return EM_OK;
	if (params_has(p, "filter"))
		err = filter_new(g->req.cmd, params_text(p, "filter"), clock_wall(),
		    &g->filter, &g->fault);
	if (err == EM_OK && params_has(p, "after"))
		err = sorted_after(&g->rows, params_text(p, "after"), &g->fault);
	if (g->rows.is_fifo && g->op->seeks)
		g->rows.has_after = false; /* the operation starts behind it */
	return err;
}

static void
start_asking(struct gather *g, unsigned place)
{
	if (g->whom == WHOM_NODE) {
		g->far = mem_new_array(1, sizeof *g->far);
		gather_far_ask(g, place);
		return;
	}
	if (g->whom == WHOM_ALL)
		gather_far_ask_others(g);
	start_parts(g, g->op, g->req.cmd);
}

struct gather *
gather_start(struct wire_req *req, const struct op *op, const struct gather_asker *who,
    const struct gather_sink *sink, void *arg)
{
	struct gather *g = MEM_NEW(struct gather);
	unsigned place = 0;

	g->req = *req;
	*req = (struct wire_req){ 0 };
	g->who = *who;
	if (who->unfinished != NULL)
		++*who->unfinished;
	g->sink = sink;
	g->arg = arg;
	g->op = op;
	g->credit = g->req.credit;
	g->since = span_mono_now();
	if (!who->is_far && whom_read(&g->req.params, who->is_far, &g->whom, &place,
				&g->fault) != EM_OK) {
		end(g);
		return NULL;
	}
	if (g->whom == WHOM_ALL && op->where == OP_AT_HOME)
		g->whom =
		    WHOM_HERE; /* a client has one home, which is looked for anyway */
	if ((g->req.flags & WIRE_REQ_DRY_RUN) != 0 && params_is_write(&g->req.params) &&
	    !g->op->can_dry_run)
		fault_set(&g->fault, EM_UNSUPPORTED, "--dry-run is not possible here");
	else if (read_options(g) == EM_OK) {
		start_asking(g, place);
		if (g->n_parts > 0 || g->far_away > 0)
			return g;
	}
	end(g);
	return NULL;
}

void
gather_credit(struct gather *g, uint32_t rows)
{
	g->credit += rows;
	if (g->credit > WIRE_CREDIT_MAX)
		g->credit = WIRE_CREDIT_MAX;
	gather_pump(g);
}

void
gather_go_on(struct gather *g)
{
	gather_pump(g);
}

void
gather_cancel(struct gather *g)
{
	if (g->fault.err == EM_OK)
		fault_set(&g->fault, EM_CANCELLED, "%s", err_text(EM_CANCELLED));
	gather_stop(g);
	gather_pump(g);
}

void
gather_leave(struct gather *g)
{
	g->sink = NULL;
	sorted_clear(&g->rows);
	gather_cancel(g);
}
