/* SPDX-License-Identifier: Apache-2.0 */
/* topics: which filters somebody subscribes to. */
#include "ipc/base/mem.h"
#include "ipc/base/str.h"
#include "emqxd/router/router.h"
#include "emqxd/admin/admin.h"
#include "emqxd/admin/op.h"

static void
topic_row(struct op_ctx *op, struct slice filter)
{
	struct row_writer *row = op_row(op);

	row_text(row, "topic", filter);
	row_str(row, "node", admin_house()->node);
	row_int(row, "subscribers", router_subscribers(filter));
	op_row_end(op);
}

static em_err
list_open(struct op_ctx *op)
{
	struct str *at = MEM_NEW(struct str); /* the filter that was last */

	str_add_slice(at, op->after);
	op->state = at;
	return EM_OK;
}

static em_err
list_step(struct op_ctx *op)
{
	struct str *at = op->state, next = { 0 };

	while (!op_is_full(op)) {
		str_reset(&next);
		if (!router_next(str_slice(at), &next)) {
			str_fini(&next);
			return EM_OK;
		}
		topic_row(op, str_slice(&next));
		str_reset(at);
		str_add_slice(at, str_slice(&next));
	}
	str_fini(&next);
	return EM_AGAIN;
}

static void
list_close(struct op_ctx *op)
{
	str_fini(op->state);
	MEM_FREE(op->state);
}

const struct op op_TOPICS_LIST = { .where = OP_ADMIN,
	.keeps_order = true,
	.seeks = true,
	.open = list_open,
	.step = list_step,
	.close = list_close };

static em_err
show_call(struct op_ctx *op)
{
	struct slice topic = params_text(op->params, "topic");

	if (router_lookup(topic)) {
		topic_row(op, topic);
		return EM_OK;
	}
	op_no(op, "topic filter", topic);
	fault_hint(&op->fault, "list them: emqx_ctl topics list");
	return EM_NOTFOUND;
}

const struct op op_TOPICS_SHOW = { .where = OP_ADMIN, .call = show_call };
