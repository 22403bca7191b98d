/* SPDX-License-Identifier: Apache-2.0 */
/* exclusive: the filters that one client has for itself. */
#include "ipc/base/str.h"
#include "emqxd/admin/op.h"
#include "emqxd/session/exclusive.h"

static em_err
list_step(struct op_ctx *op)
{
	struct str filter = { 0 }, clientid = { 0 };
	uint64_t stamp;
	em_err err = EM_AGAIN;

	while (err == EM_AGAIN && !op_is_full(op)) {
		struct row_writer *row;

		str_reset(&filter);
		str_reset(&clientid);
		if (!exclusive_next(op_seek_at(op), &filter, &clientid, &stamp)) {
			err = EM_OK;
			continue;
		}
		row = op_row(op);
		row_text(row, "topic", str_slice(&filter));
		row_text(row, "clientid", str_slice(&clientid));
		op_row_end(op);
		op_seek_to(op, str_slice(&filter));
	}
	str_fini(&filter);
	str_fini(&clientid);
	return err;
}

const struct op op_EXCLUSIVE_LIST = { OP_SEEKS, .step = list_step };

static em_err
delete_call(struct op_ctx *op)
{
	struct slice topic = params_text(op->params, "topic");
	struct row_writer *row;

	if (!exclusive_drop(topic)) {
		op->is_missing = true; /* here; other nodes are asked */
		op_no(op, "exclusive filter", topic);
		fault_hint(&op->fault, "list them: emqx_ctl exclusive list");
		return EM_NOTFOUND;
	}
	row = op_row(op);
	row_text(row, "topic", topic);
	row_str(row, "result", "ok");
	op_row_end(op);
	return EM_OK;
}

const struct op op_EXCLUSIVE_DELETE = { .where = OP_ADMIN, .call = delete_call };
