/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op: what the daemon does for a command.  Each row of ipc/cmd that does not run in
 * the tool alone has one `const struct op op_ID` (room ops); a row without one does
 * not link.
 *
 * An operation is either a call, or a stream: open, steps, close.  It runs where
 * `where` says, in bounded portions (op_is_full), and neither posts nor locks nor
 * waits; gather.h brings it there and its rows home.
 *
 *	OP_ADMIN		on the admin thread
 *	OP_AT_HOME		once for each value of the argument `key`, on the home
 *				worker of that client id
 *	OP_EVERY_WORKER		on every worker that serves clients
 */
#ifndef ADMIN_OP_H
#define ADMIN_OP_H

#include "ipc/cmd.h"
#include "ipc/params.h"
#include "ipc/row.h"
#include "ipc/base/str.h"
#include "emqxd/admin/answer.h"

#include <sys/types.h>

struct op_ctx;
typedef em_err op_fn(struct op_ctx *op);

enum op_where { OP_ADMIN, OP_AT_HOME, OP_EVERY_WORKER };

struct op {
	enum op_where where;
	bool keeps_order; /* OP_ADMIN: its rows come in the order they are shown in */
	bool seeks;       /* keeps_order: open starts behind op->after by itself */
	bool can_dry_run; /* looks at op_is_dry_run() */
	unsigned most; /* of a command that is no list: its rows in order, and no more */
	const char *key; /* OP_AT_HOME */
	/* EM_OK: done, its rows are all there are.  EM_AGAIN: op_done() will follow, on
	 * this thread (only where the call is for one value). */
	op_fn *call;
	/* EM_OK; an error: close is not called. */
	op_fn *open;
	/* EM_AGAIN: there is more; EM_OK: that was all. */
	op_fn *step;
	void (*close)(struct op_ctx *op);
	/* OP_AT_HOME, after op_no_client(): finds what may have been meant; its rows are
	 * __names rows. */
	const struct op *near;
};

/* One thread's part in a request. */
struct op_ctx {
	const struct cmd *cmd; /* whose rows are given */
	const struct op *op;
	struct params *params; /* shared by all parts: only OP_ADMIN takes its files */
	unsigned flags;        /* WIRE_REQ_ */
	uid_t uid;             /* of who asks */
	struct slice value;    /* OP_AT_HOME: the value of this call */
	bool is_one_of_many;
	bool is_for_all;    /* other nodes answer beside this one, or ask it */
	bool is_missing;    /* there is no client `value` */
	struct slice after; /* seeks: first column of the row to start behind, or empty */
	void *state;        /* the operation's, from open to close */
	const struct op *become;
	struct answer answer;
	struct fault fault;
	struct str note; /* for stderr, though it went well */
	mono_t until;    /* no longer than that in this turn */
	void (*on_done)(struct op_ctx *op, em_err err);
};

/* The handlers, and the one of a command (NULL: local). */
#define CMD(id_, ...) extern const struct op op_##id_;
#define CMD_LOCAL(id_, ...)
#include "ipc/cmd/all.def"
#undef CMD
#undef CMD_LOCAL
const struct op *op_get(cmd_id id);

/* ---- for handlers */

/* A row: fill the cells, then op_row_end(). */
struct row_writer *op_row(struct op_ctx *op);
void op_row_end(struct op_ctx *op);
/* Has this turn had its rows or its time?  Then step returns EM_AGAIN. */
bool op_is_full(struct op_ctx *op);

/* A stream in the order of its first column: step asks for what is behind op_seek_at(),
 * and says op_seek_to() of each that it has seen. */
#define OP_SEEKS                                                                     \
	.where = OP_ADMIN, .keeps_order = true, .seeks = true, .open = op_seek_open, \
	.close = op_seek_close
em_err op_seek_open(struct op_ctx *op);
void op_seek_close(struct op_ctx *op);
struct slice op_seek_at(const struct op_ctx *op);
void op_seek_to(struct op_ctx *op, struct slice key);

/* Says why it cannot be done; returns @err. */
em_err op_fault(struct op_ctx *op, em_err err, const char *fmt, ...) EM_PRINTF(3, 4);
/* A sentence beside the rows: what to know of what was done. */
void op_note(struct op_ctx *op, const char *fmt, ...) EM_PRINTF(2, 3);
/* "no WHAT 'escaped value'", EM_NOTFOUND. */
em_err op_no(struct op_ctx *op, const char *what, struct slice value);
/* The same of the client op->value. */
em_err op_no_client(struct op_ctx *op);
/* Ends a call that returned EM_AGAIN. */
void op_done(struct op_ctx *op, em_err err);
/* This request is answered by another operation instead: return op_become(...). */
em_err op_become(struct op_ctx *op, const struct op *other);
bool op_is_dry_run(const struct op_ctx *op);

#endif
