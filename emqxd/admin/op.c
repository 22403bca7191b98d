/* SPDX-License-Identifier: Apache-2.0 */
/* op: see op.h. */
#include "emqxd/admin/op.h"
#include "ipc/wire.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"

#include <stdarg.h>

#define ROWS_A_TURN 256u
#define BYTES_A_TURN (256u << 10)

static const struct op *const table[CMD_N] = {
#define CMD(id_, ...) [CMD_##id_] = &op_##id_,
#define CMD_LOCAL(id_, ...)
#include "ipc/cmd/all.def"
#undef CMD
#undef CMD_LOCAL
};

const struct op *
op_get(cmd_id id)
{
	CHECK((unsigned)id < CMD_N);
	return table[id];
}

struct row_writer *
op_row(struct op_ctx *op)
{
	return answer_begin(&op->answer);
}

void
op_row_end(struct op_ctx *op)
{
	answer_end(&op->answer);
}

bool
op_is_full(struct op_ctx *op)
{
	return op->answer.n >= ROWS_A_TURN || op->answer.batch.n >= BYTES_A_TURN ||
	       span_mono_now().ns >= op->until.ns;
}

em_err
op_seek_open(struct op_ctx *op)
{
	struct str *at = MEM_NEW(struct str);

	str_add_slice(at, op->after);
	op->state = at;
	return EM_OK;
}

void
op_seek_close(struct op_ctx *op)
{
	str_fini(op->state);
	MEM_FREE(op->state);
}

struct slice
op_seek_at(const struct op_ctx *op)
{
	return str_slice(op->state);
}

void
op_seek_to(struct op_ctx *op, struct slice key)
{
	str_reset(op->state);
	str_add_slice(op->state, key);
}

em_err
op_fault(struct op_ctx *op, em_err err, const char *fmt, ...)
{
	struct str text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	fault_set(&op->fault, err, "%s", str_get(&text));
	str_fini(&text);
	return err;
}

void
op_note(struct op_ctx *op, const char *fmt, ...)
{
	va_list ap;

	if (op->note.n > 0)
		str_add(&op->note, "; ");
	va_start(ap, fmt);
	str_vaddf(&op->note, fmt, ap);
	va_end(ap);
}

em_err
op_no(struct op_ctx *op, const char *what, struct slice value)
{
	struct str text = { 0 };

	str_add_escaped(&text, value);
	op_fault(op, EM_NOTFOUND, "no %s '%s'", what, str_get(&text));
	str_fini(&text);
	return EM_NOTFOUND;
}

em_err
op_no_client(struct op_ctx *op)
{
	op->is_missing = true;
	return op_no(op, "client", op->value);
}

void
op_done(struct op_ctx *op, em_err err)
{
	op->on_done(op, err);
}

em_err
op_become(struct op_ctx *op, const struct op *other)
{
	op->become = other;
	return EM_OK;
}

bool
op_is_dry_run(const struct op_ctx *op)
{
	return (op->flags & WIRE_REQ_DRY_RUN) != 0;
}
