/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row: a row by the columns of its command, in memory and as the body of a ROW
 * frame: an array with one value a column, nil where there is none.
 *
 * Writing: row_begin, one call a cell in any order (cheapest in the order of
 * the columns), row_end.  A column that the command does not declare, one
 * written twice and a value of the wrong type are CHECKs.  Bytes go to a wbuf
 * that the caller owns; nothing else is allocated.
 *
 * Reading: row_get gives all cells as values that point into the bytes.
 */
#ifndef IPC_ROW_H
#define IPC_ROW_H

#include "ipc/base/span.h"
#include "ipc/base/wbuf.h"
#include "ipc/cmd.h"

#define ROW_INFINITE INT64_MAX /* of a CT_LIMIT */
#define ROW_MAX (512u << 10)   /* bytes of a row; fits a frame */

struct row_writer {
	const struct cmd *cmd;
	struct wbuf cells; /* values as they came */
	unsigned next;     /* column that is probably written next */
	struct row_span {
		uint32_t at, n; /* of a column's value in cells; n == 0: none */
	} span[CMD_COLS_MAX];
};

void row_writer_init(struct row_writer *w, const struct cmd *cmd);
void row_writer_fini(struct row_writer *w);
void row_begin(struct row_writer *w); /* an empty row; the memory is kept */
/* Appends the row's bytes (not a frame) to @out.  EM_TOOBIG: over ROW_MAX, @out is as it
 * was; or out->err. */
EM_MUST_USE em_err row_end(struct row_writer *w, struct wbuf *out);

void row_text(struct row_writer *w, const char *col, struct slice v); /* all text types */
void row_str(struct row_writer *w, const char *col, const char *v);   /* NULL: no value */
void row_strf(struct row_writer *w, const char *col, const char *fmt, ...)
    EM_PRINTF(3, 4);
void row_int(
    struct row_writer *w, const char *col, int64_t v); /* INT LIMIT BYTES NUMBER */
void row_number(struct row_writer *w, const char *col, double v);
void row_bool(struct row_writer *w, const char *col, bool v);
void row_span(struct row_writer *w, const char *col, span_t v);
void row_time(struct row_writer *w, const char *col, wall_t v);

/* Ends of connections for one reason. */
struct row_count {
	struct slice name;
	uint64_t total, client, server, network;
};
/* The whole list of a CT_COUNTS column. */
void row_counts(
    struct row_writer *w, const char *col, const struct row_count *v, size_t n);

/* One cell. */
struct row_value {
	bool set;          /* false: there is none */
	cmd_type type;     /* of the column */
	struct slice text; /* text types; CT_COUNTS: bytes for row_next_count */
	int64_t i;         /* INT LIMIT BYTES; SPAN and TIME in ns; BOOL 0 or 1 */
	double d;          /* NUMBER; is_int: i has it too */
	bool is_int;
};

struct row {
	const struct cmd *cmd;
	unsigned n;
	struct row_value v[CMD_COLS_MAX];
};

/* Reads a row of @cmd.  EM_MALFORMED: other number of cells, wrong types. */
EM_MUST_USE em_err row_get(const struct cmd *cmd, struct slice bytes, struct row *out);
/* The cell of a column that @cmd declares. */
const struct row_value *row_find(const struct row *row, const char *col);
/* Walks over a CT_COUNTS cell: start with *at = 0; false at the end. */
bool row_next_count(const struct row_value *v, size_t *at, struct row_count *out);

#endif
