/* SPDX-License-Identifier: Apache-2.0 */
/* trace: what a client, a topic or an address does, written to a file. */
#include "ipc/base/str.h"
#include "emqxd/core/log.h"
#include "emqxd/observe/trace.h"
#include "emqxd/admin/op.h"
#include "emqxd/ops/elsewhere.h"

#define ELSEWHERE_LIMIT span_s(2)

/* In the order of the command's values: client, topic, ip_address. */
static enum observe_trace_kind
kind_of(const struct op_ctx *op)
{
	return (enum observe_trace_kind)params_int(op->params, "type", 0);
}

static void
row_common(struct row_writer *row, const struct observe_trace_info *info)
{
	row_str(row, "filter", info->name);
	row_text(row, "value", info->value);
	row_text(row, "destination", info->path);
}

static em_err
list_call(struct op_ctx *op)
{
	struct observe_trace_info info;

	for (unsigned i = 0; observe_trace_get(i, &info); i++) {
		struct row_writer *row = op_row(op);

		row_common(row, &info);
		row_str(row, "level", log_level_name(info.level));
		row_time(row, "started_at", info.since);
		row_int(row, "size", (int64_t)info.bytes);
		row_str(row, "state", info.state);
		op_row_end(op);
	}
	return EM_OK;
}

const struct op op_TRACE_LIST = { .where = OP_ADMIN, .call = list_call };

/* It is traced here: but that is not where the client is. */
static void
on_where(void *arg, const char *node)
{
	struct op_ctx *op = arg;
	struct str id = { 0 };

	str_add_escaped(&id, params_text(op->params, "value"));
	if (node != NULL)
		op_note(op,
		    "client '%s' is on node '%s' now, where this trace does not see it: "
		    "run emqx_ctl trace start there",
		    str_get(&id), node);
	str_fini(&id);
	op_done(op, EM_OK);
}

static em_err
start_call(struct op_ctx *op)
{
	struct slice value = params_text(op->params, "value");
	struct slice word = params_text(op->params, "level");
	struct slice path = params_text(op->params, "file");
	int fd = params_take_fd(op->params, "file");
	int level = LOG_DEBUG;
	struct row_writer *row;
	em_err err;

	if (word.n > 0)
		CHECK(log_level_parse(word, &level) == EM_OK);
	err = observe_trace_start(kind_of(op), value, level, fd, path, &op->fault);
	if (err != EM_OK)
		return err;
	row = op_row(op);
	row_str(row, "filter", observe_trace_name(kind_of(op)));
	row_text(row, "value", value);
	row_str(row, "level", log_level_name(level));
	row_text(row, "destination", path);
	op_row_end(op);
	if (kind_of(op) != TRACE_CLIENT)
		return EM_OK;
	elsewhere_find(value, op->uid, ELSEWHERE_LIMIT, on_where, op);
	return EM_AGAIN;
}

const struct op op_TRACE_START = { .where = OP_ADMIN, .call = start_call };

static void
on_stopped(void *arg, const struct observe_trace_info *info)
{
	struct op_ctx *op = arg;
	struct row_writer *row = op_row(op);

	row_common(row, info);
	row_int(row, "size", (int64_t)info->bytes);
	op_row_end(op);
	op_done(op, EM_OK);
}

static em_err
stop_call(struct op_ctx *op)
{
	struct slice value = params_text(op->params, "value");

	if (observe_trace_stop(kind_of(op), value, on_stopped, op) == EM_OK)
		return EM_AGAIN;
	op_no(op, "trace of", value);
	fault_hint(&op->fault, "list them: emqx_ctl trace list");
	return EM_NOTFOUND;
}

const struct op op_TRACE_STOP = { .where = OP_ADMIN, .call = stop_call };
