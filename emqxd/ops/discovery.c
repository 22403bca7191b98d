/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discovery: `emqx_ctl cluster discovery` and `cluster discovery enable`; the link
 * thread answers, as it does for the other commands of the group (cluster.c).
 */
#include "emqxd/admin/admin.h"
#include "emqxd/admin/op.h"
#include "emqxd/cluster/errand.h"

static void
write_row(struct op_ctx *op, const struct finding_state *f)
{
	struct row_writer *row = op_row(op);

	row_str(row, "node", admin_house()->node);
	row_str(row, "strategy", f->strategy);
	row_str(row, "state", f->state);
	row_int(row, "found", f->found);
	row_int(row, "rounds", (int64_t)f->rounds);
	row_int(row, "failed", (int64_t)f->failed);
	row_int(row, "refused", (int64_t)f->refused);
	row_str(row, "hint", f->hint[0] != '\0' ? f->hint : NULL);
	op_row_end(op);
}

static void
on_answer(struct errand *e)
{
	struct op_ctx *op = e->arg;
	em_err err = e->err;

	if (err == EM_OK) {
		write_row(op, &e->finding);
	} else {
		op_fault(op, err, "%s", str_get(&e->text));
		fault_hint(&op->fault, "%s", str_get(&e->hint));
	}
	errand_free(&e);
	op_done(op, err);
}

static em_err
send(struct op_ctx *op, enum errand_what what)
{
	struct errand *e = errand_new(what, on_answer, op);

	e->is_dry_run = op_is_dry_run(op);
	errand_send(e);
	return EM_AGAIN;
}

static em_err
look_call(struct op_ctx *op)
{
	return send(op, ERRAND_DISCOVERY);
}

const struct op op_CLUSTER_DISCOVERY = { .where = OP_ADMIN, .call = look_call };

static em_err
enable_call(struct op_ctx *op)
{
	return send(op, ERRAND_DISCOVERY_ENABLE);
}

const struct op op_CLUSTER_DISCOVERY_ENABLE = {
	.where = OP_ADMIN, .call = enable_call, .can_dry_run = true
};
