/* SPDX-License-Identifier: Apache-2.0 */
/* topics: which filters somebody subscribes to. */
#include "ipc/base/str.h"
#include "emqxd/model/nodes.h"
#include "emqxd/router/remote.h"
#include "emqxd/admin/admin.h"
#include "emqxd/admin/op.h"

/* Their names, as "a,b". */
static void
nodes_text(struct str *out, uint64_t places)
{
	for (; places != 0; places &= places - 1) {
		const char *name = nodes_name((unsigned)__builtin_ctzll(places));

		if (name != NULL)
			str_addf(out, "%s%s", out->n > 0 ? "," : "", name);
	}
}

static void
topic_row(struct op_ctx *op, struct slice filter)
{
	struct row_writer *row = op_row(op);

	struct str nodes = { 0 };

	nodes_text(&nodes, router_remote_nodes(filter));
	row_text(row, "topic", filter);
	row_text(row, "node", str_slice(&nodes));
	row_int(row, "subscribers", router_subscribers(filter));
	op_row_end(op);
	str_fini(&nodes);
}

static em_err
list_step(struct op_ctx *op)
{
	struct str next = { 0 };
	em_err err = EM_AGAIN;

	while (err == EM_AGAIN && !op_is_full(op)) {
		str_reset(&next);
		if (!router_next(op_seek_at(op), &next)) {
			err = EM_OK;
			continue;
		}
		topic_row(op, str_slice(&next));
		op_seek_to(op, str_slice(&next));
	}
	str_fini(&next);
	return err;
}

const struct op op_TOPICS_LIST = { OP_SEEKS, .step = list_step };

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
