/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cluster: which nodes are one broker.  What is asked is the link thread's to say, by
 * letter there and back.
 */
#include "emqxd/admin/admin.h"
#include "emqxd/admin/op.h"
#include "emqxd/cluster/errand.h"
#include "emqxd/license/license.h"
#include "emqxd/retain/retain.h"
#include "emqxd/session/registry.h"
#include "ipc/base/mem.h"

/* ---- rows */

static void
figures_cells(struct row_writer *row, const struct figures *f)
{
	row_int(row, "connections", (int64_t)f->connections);
	row_int(row, "sessions", (int64_t)f->sessions);
	row_int(row, "subscriptions", (int64_t)f->subscriptions);
	row_int(row, "retained", (int64_t)f->retained);
	row_int(row, "routes", (int64_t)f->routes);
	row_int(row, "received_rate", (int64_t)f->received);
	row_int(row, "sent_rate", (int64_t)f->sent);
	row_number(row, "load1", (double)f->load / 100);
}

static void
status_row(struct op_ctx *op, const struct status_row *r)
{
	struct row_writer *row = op_row(op);

	row_str(row, "node", r->node);
	row_str(row, "state", r->is_running ? "running" : "stopped");
	row_str(row, "role", r->role);
	row_str(row, "version", r->version[0] != '\0' ? r->version : NULL);
	row_bool(row, "quorum", r->has_quorum);
	if (r->lag >= 0)
		row_int(row, "lag", r->lag);
	if (r->has_clock && !r->is_me) {
		row_span(row, "rtt", r->rtt);
		row_span(row, "clock_offset", r->offset);
	}
	if (r->has_figures)
		figures_cells(row, &r->figures);
	row_str(row, "address", r->address);
	if (r->joined.ns != 0)
		row_time(row, "joined_at", r->joined);
	row_str(row, "discovery", r->discovery[0] != '\0' ? r->discovery : NULL);
	row_str(row, "hint", r->hint[0] != '\0' ? r->hint : NULL);
	op_row_end(op);
}

static void
join_row(struct op_ctx *op, const struct errand *e)
{
	struct row_writer *row = op_row(op);
	struct str licence = { 0 };

	row_str(row, "node", admin_house()->node);
	row_str(row, "cluster", str_get(&e->cluster));
	row_int(row, "retained", (int64_t)e->retained);
	row_int(row, "sessions", (int64_t)e->sessions);
	row_str(row, "backup", e->backup.n > 0 ? str_get(&e->backup) : NULL);
	license_own_meets(op->state, str_slice(&e->licence), &licence);
	row_str(row, "licence", licence.n > 0 ? str_get(&licence) : NULL);
	str_fini(&licence);
	op_row_end(op);
}

/* Of a join: this node's licence as it was before. */
static void
free_own(struct op_ctx *op)
{
	if (op->state == NULL)
		return;
	license_own_fini(op->state);
	MEM_FREE(op->state);
}

static void
left_row(struct op_ctx *op, const struct errand *e)
{
	struct row_writer *row = op_row(op);

	row_str(row, "node",
	    e->what == ERRAND_LEAVE ? admin_house()->node : str_get(&e->node));
	if (e->was_removed)
		row_str(row, "note",
		    e->is_dry_run
			? "was removed from its cluster before: it would stay alone, and "
			  "the alarm would be over"
			: "was removed from its cluster before: it stays alone, and the "
			  "alarm is over");
	else
		row_int(row, "members", e->n);
	if (e->what == ERRAND_LEAVE && strcmp(e->finding.state, "paused") == 0)
		row_str(row, "discovery", e->finding.state);
	if (e->what == ERRAND_FORCE_LEAVE) {
		row_str(row, "others", e->others.n > 0 ? str_get(&e->others) : NULL);
		row_str(row, "note",
		    e->runs ? "it runs: it goes on alone, with its clients" : NULL);
	}
	op_row_end(op);
}

static void
on_answer(struct errand *e)
{
	struct op_ctx *op = e->arg;
	em_err err = e->err;

	if (err != EM_OK) {
		op_fault(op, err, "%s", str_get(&e->text));
		if (e->hint.n > 0)
			fault_hint(&op->fault, "%s", str_get(&e->hint));
	} else if (e->what == ERRAND_STATUS) {
		for (unsigned i = 0; i < e->n; i++)
			status_row(op, &e->rows[i]);
	} else if (e->what == ERRAND_JOIN) {
		join_row(op, e);
	} else {
		left_row(op, e);
	}
	errand_free(&e);
	free_own(op);
	op_done(op, err);
}

static em_err
send(struct op_ctx *op, enum errand_what what, bool has_node)
{
	struct errand *e = errand_new(what, on_answer, op);

	e->is_dry_run = op_is_dry_run(op);
	if (has_node)
		str_add_slice(&e->node, params_text(op->params, "node"));
	/* What gives way, before it does. */
	e->retained = retain_count_shared();
	e->sessions = registry_count_all();
	if (what == ERRAND_FORCE_LEAVE)
		e->recover = params_bool(op->params, "recover");
	errand_send(e);
	return EM_AGAIN;
}

static em_err
status_call(struct op_ctx *op)
{
	return send(op, ERRAND_STATUS, false);
}

const struct op op_CLUSTER_STATUS = { .where = OP_ADMIN, .call = status_call };

static em_err
join_call(struct op_ctx *op)
{
	struct license_own *own = MEM_NEW(struct license_own);

	license_own_take(own);
	op->state = own;
	return send(op, ERRAND_JOIN, true);
}

const struct op op_CLUSTER_JOIN = {
	.where = OP_ADMIN, .call = join_call, .can_dry_run = true
};

static em_err
leave_call(struct op_ctx *op)
{
	return send(op, ERRAND_LEAVE, false);
}

const struct op op_CLUSTER_LEAVE = {
	.where = OP_ADMIN, .call = leave_call, .can_dry_run = true
};

static em_err
force_leave_call(struct op_ctx *op)
{
	return send(op, ERRAND_FORCE_LEAVE, true);
}

const struct op op_CLUSTER_FORCE_LEAVE = {
	.where = OP_ADMIN, .call = force_leave_call, .can_dry_run = true
};
