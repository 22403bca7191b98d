/* SPDX-License-Identifier: Apache-2.0 */
/* alarms: what an operator should look at. */
#include "ipc/base/mem.h"
#include "emqxd/admin/admin.h"
#include "emqxd/admin/op.h"
#include "emqxd/core/alarm.h"

static em_err
list_open(struct op_ctx *op)
{
	op->state = mem_new(sizeof(unsigned)); /* the next one's number */
	return EM_OK;
}

static em_err
list_step(struct op_ctx *op)
{
	unsigned *at = op->state;
	struct alarm a;

	while (!op_is_full(op)) {
		struct row_writer *row;

		if (!alarm_get((*at)++, &a))
			return EM_OK;
		row = op_row(op);
		row_str(row, "name", a.name);
		row_bool(row, "active", a.cleared.ns == 0);
		row_time(row, "activated_at", a.activated);
		if (a.cleared.ns != 0)
			row_time(row, "deactivated_at", a.cleared);
		row_str(row, "message", a.message);
		row_str(row, "node", admin_house()->node);
		op_row_end(op);
	}
	return EM_AGAIN;
}

static void
list_close(struct op_ctx *op)
{
	MEM_FREE(op->state);
}

const struct op op_ALARMS_LIST = {
	.where = OP_ADMIN, .open = list_open, .step = list_step, .close = list_close
};
