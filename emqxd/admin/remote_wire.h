/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote_wire: the pieces that two offices send each other: a kind, the number of the
 * request, a body.  Bodies of requests and columns are maps and lists of names, so that
 * either side may know more than the other.
 */
#ifndef ADMIN_REMOTE_WIRE_H
#define ADMIN_REMOTE_WIRE_H

#include "ipc/pack.h"
#include "ipc/wire.h"

#include <sys/types.h>

enum piece_kind {
	PIECE_ASK = 1, /* from the asker */
	PIECE_CREDIT,
	PIECE_CANCEL,
	PIECE_COLUMNS, /* to the asker, at once */
	PIECE_ROW,
	PIECE_END,
	PIECE_FAULT,
};

struct piece {
	enum piece_kind kind;
	uint32_t id;
	struct slice body;
};
/* The head; the body is appended behind it. */
void remote_piece_begin(struct wbuf *w, enum piece_kind kind, uint32_t id);
EM_MUST_USE em_err remote_piece_get(struct slice bytes, struct piece *out);

struct remote_req {
	struct slice path;
	uint64_t hash;
	unsigned flags;
	uint32_t credit;
	struct slice version; /* of who asks */
	struct slice node;
	uid_t uid;
	pid_t pid;
	struct slice args; /* packed */
};
void remote_req_put(
    struct wbuf *w, const struct wire_req *req, const char *node, uid_t uid, pid_t pid);
EM_MUST_USE em_err remote_req_get(struct slice body, struct remote_req *out);

/* Of a row there to one here. */
struct remote_columns {
	unsigned n;             /* that a row has there */
	int from[CMD_COLS_MAX]; /* of each column here: which one there, or -1 */
	int node;               /* the column here that says whose the row is, or -1 */
	bool is_same;           /* rows are alike */
};
void remote_columns_put(struct wbuf *w, const struct cmd *cmd);
EM_MUST_USE em_err remote_columns_get(
    struct slice body, const struct cmd *cmd, struct remote_columns *out);
/* Appends the row as @cmd has it.  EM_MALFORMED. */
EM_MUST_USE em_err remote_row_get(struct slice body, const struct cmd *cmd,
    const struct remote_columns *columns, const char *node, struct wbuf *out);

#endif
