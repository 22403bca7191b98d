/* SPDX-License-Identifier: Apache-2.0 */
/* log: how much the daemon writes about itself, and where. */
#include "ipc/nearest.h"
#include "ipc/base/str.h"
#include "emqxd/core/log.h"
#include "emqxd/core/log_sink.h"
#include "emqxd/admin/op.h"

/* The word was checked against the command's values. */
static int
level_of(const struct op_ctx *op)
{
	int level = LOG_DEBUG;

	CHECK(log_level_parse(params_text(op->params, "level"), &level) == EM_OK);
	return level;
}

static void
level_row(struct op_ctx *op, int level)
{
	row_str(op_row(op), "level", log_level_name(level));
	op_row_end(op);
}

static em_err
set_level_call(struct op_ctx *op)
{
	log_set_level(level_of(op));
	level_row(op, log_primary());
	return EM_OK;
}

const struct op op_LOG_SET_LEVEL = { .where = OP_ADMIN, .call = set_level_call };

static em_err
primary_call(struct op_ctx *op)
{
	if (params_has(op->params, "level"))
		log_set_primary(level_of(op));
	level_row(op, log_primary());
	return EM_OK;
}

const struct op op_LOG_PRIMARY_LEVEL = { .where = OP_ADMIN, .call = primary_call };

/* ---- rooms */

static void
room_row(struct op_ctx *op, unsigned i)
{
	struct row_writer *row = op_row(op);
	int level = log_room_level(i);

	row_str(row, "room", log_room_name(i));
	row_str(row, "level", log_level_name(level == LOG_UNSET ? log_primary() : level));
	op_row_end(op);
}

static em_err
no_room(struct op_ctx *op, struct slice room)
{
	struct nearest near = nearest_of(room);

	op_no(op, "room", room);
	fault_hint(&op->fault, "list them: emqx_ctl log room-level");
	for (unsigned i = 0; log_room_name(i) != NULL; i++)
		nearest_offer(&near, slice_str(log_room_name(i)));
	nearest_hint(&near, &op->fault);
	return EM_NOTFOUND;
}

static em_err
room_level_call(struct op_ctx *op)
{
	struct slice room = params_text(op->params, "room");
	bool found = false;

	if (params_has(op->params, "level") && log_set_room(room, level_of(op)) != EM_OK)
		return no_room(op, room);
	for (unsigned i = 0; log_room_name(i) != NULL; i++) {
		if (room.n > 0 && !slice_eq_str(room, log_room_name(i)))
			continue;
		room_row(op, i);
		found = true;
	}
	return found ? EM_OK : no_room(op, room);
}

const struct op op_LOG_ROOM_LEVEL = { .where = OP_ADMIN, .call = room_level_call };

/* ---- handlers */

static em_err
handlers_list_call(struct op_ctx *op)
{
	struct log_sink_info info;

	for (unsigned i = 0; log_sink_get(log_sinks(), i, &info); i++) {
		struct row_writer *row = op_row(op);

		row_str(row, "id", info.id);
		row_str(row, "level", log_level_name(info.level));
		row_text(row, "destination", str_slice(&info.destination));
		row_str(row, "status", info.is_started ? "started" : "stopped");
		op_row_end(op);
		str_fini(&info.destination);
	}
	return EM_OK;
}

const struct op op_LOG_HANDLERS_LIST = { .where = OP_ADMIN, .call = handlers_list_call };

/* After a change of the handler @id: the fault, or its row. */
static em_err
handler_told(struct op_ctx *op, em_err err, const char *level)
{
	struct slice id = params_text(op->params, "id");
	struct row_writer *row;

	if (err == EM_NOTFOUND) {
		op_no(op, "log handler", id);
		fault_hint(&op->fault, "list them: emqx_ctl log handlers list");
	}
	if (err != EM_OK)
		return err;
	row = op_row(op);
	row_text(row, "id", id);
	if (level != NULL)
		row_str(row, "level", level);
	op_row_end(op);
	return EM_OK;
}

static em_err
handlers_start_call(struct op_ctx *op)
{
	struct slice id = params_text(op->params, "id");

	return handler_told(op, log_sink_start(log_sinks(), id, &op->fault), NULL);
}

const struct op op_LOG_HANDLERS_START = { .where = OP_ADMIN,
	.call = handlers_start_call };

static bool
handler_is_started(struct slice id)
{
	struct log_sink_info info;

	for (unsigned i = 0; log_sink_get(log_sinks(), i, &info); i++) {
		str_fini(&info.destination);
		if (slice_eq_str(id, info.id))
			return info.is_started;
	}
	return false;
}

static em_err
handlers_stop_call(struct op_ctx *op)
{
	struct slice id = params_text(op->params, "id");

	/* The audit's line comes after it, and this handler does not get that one. */
	if (handler_is_started(id))
		LOG(INFO, "log_handler_stopping", "handler", id);
	return handler_told(op, log_sink_stop(log_sinks(), id, &op->fault), NULL);
}

const struct op op_LOG_HANDLERS_STOP = { .where = OP_ADMIN, .call = handlers_stop_call };

static em_err
handlers_level_call(struct op_ctx *op)
{
	struct slice id = params_text(op->params, "id");
	int level = level_of(op);

	return handler_told(op, log_sink_set_level(log_sinks(), id, level, &op->fault),
	    log_level_name(level));
}

const struct op op_LOG_HANDLERS_SET_LEVEL = { .where = OP_ADMIN,
	.call = handlers_level_call };
