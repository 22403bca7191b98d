/* SPDX-License-Identifier: Apache-2.0 */
/* delayed: the messages that wait for their time. */
#include "emqxd/admin/admin.h"
#include "emqxd/admin/op.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/nodes.h"
#include "emqxd/publish/delayed.h"

static void
item_row(struct op_ctx *op, const struct delayed_item *item)
{
	struct row_writer *row = op_row(op);
	int64_t left = item->due.ns - clock_wall().ns;

	row_str(row, "id", item->id);
	row_text(row, "topic", item->message->topic);
	row_time(row, "due_at", item->due);
	row_span(row, "due_in", span_ns(left > 0 ? left : 0));
	row_int(row, "qos", item->message->qos);
	row_int(row, "payload_size", (int64_t)item->message->payload.n);
	row_text(row, "from", item->message->from);
	op_row_end(op);
}

static em_err
list_step(struct op_ctx *op)
{
	struct delayed_item item;

	while (!op_is_full(op)) {
		if (!delayed_after(op_seek_at(op), &item))
			return EM_OK;
		item_row(op, &item);
		op_seek_to(op, slice_str(item.id));
		message_unref(&item.message);
	}
	return EM_AGAIN;
}

const struct op op_DELAYED_LIST = { OP_SEEKS, .step = list_step };

static em_err
delete_end(struct op_ctx *op, em_err err)
{
	struct slice id = params_text(op->params, "id");
	struct row_writer *row;

	if (err == EM_NOTFOUND) {
		op->is_missing = true; /* here; other nodes are asked */
		op_no(op, "delayed message", id);
		fault_hint(&op->fault, "list them: emqx_ctl delayed list%s",
		    nodes_count() > 1 ? " --all-nodes" : "");
		return err;
	}
	if (err != EM_OK)
		return op_fault(op, err,
		    "deleted until a restart only: the disk takes no "
		    "changes");
	row = op_row(op);
	row_text(row, "id", id);
	row_str(row, "result", "ok");
	op_row_end(op);
	return EM_OK;
}

static void
on_deleted(void *arg, em_err err)
{
	struct op_ctx *op = arg;

	if (node_slot(ROOM_ADMIN) != NULL) /* else who asked is gone, with all others */
		op_done(op, delete_end(op, err));
}

static em_err
delete_call(struct op_ctx *op)
{
	struct message_wait wait = { .done = on_deleted, .arg = op };
	em_err err = delayed_delete(params_text(op->params, "id"), &wait);

	return wait.is_asked ? EM_AGAIN : delete_end(op, err);
}

const struct op op_DELAYED_DELETE = { .where = OP_ADMIN, .call = delete_call };
