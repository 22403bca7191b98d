/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sorted: the rows of one list until they are sent: in their order, all of them or
 * only the first so many.
 *
 * The order is that of a column the caller names, then of the command's first two
 * columns and of its node (they tell rows apart); or that of coming (fifo).  A heap, so that the work is
 * spread over the coming and the going of rows: no turn sorts a million.  Copies of
 * the same row that come next to each other (a registry that grows while it is
 * walked gives some twice) go out once.
 *
 * A cursor is where a list that was cut goes on: the cells that the order looks at,
 * as a word.
 *
 * Bytes of all lists together are bounded.  The admin thread's.
 */
#ifndef ADMIN_SORTED_H
#define ADMIN_SORTED_H

#include "ipc/row.h"
#include "ipc/base/str.h"
#include "ipc/base/vec.h"

#define SORTED_BYTES_MAX (256u << 20) /* of all lists of the node */
#define SORTED_CELLS 4u

struct sorted_cell {
	bool set, is_text, is_double;
	int64_t i;
	double d; /* NUMBER, else (double)i */
	struct slice text;
};

struct sorted_row {
	uint8_t *own; /* the row's bytes; texts of cells point into them */
	uint32_t n;
	uint64_t seq;
	struct sorted_cell cell[SORTED_CELLS];
};

struct sorted {
	const struct cmd *cmd;
	VEC(struct sorted_row) heap;
	int col;  /* to sort by; -1: none */
	int node; /* the column that says whose the row is; -1: none */
	bool is_fifo, is_descending;
	bool is_held;             /* none goes before all came */
	bool is_bounded, is_full; /* only the first `limit` are wanted; more were there */
	bool is_over;             /* all came: the heap has the first row on top */
	uint64_t limit;
	uint32_t seq;            /* rows that came: far fewer fit into the memory */
	struct sorted_row after; /* rows up to this are left out; own: its texts */
	bool has_after;
	struct sorted_row last; /* that was taken, for the cursor and for copies */
	size_t *bytes;          /* of all lists */
	size_t own_bytes;
};

/* @bytes: the sum of all lists, kept right.  @sort: "col", "-col" or empty.  @limit 0:
 * none. */
void sorted_init(struct sorted *s, const struct cmd *cmd, bool is_fifo, struct slice sort,
    uint64_t limit, size_t *bytes);
void sorted_fini(struct sorted *s);
/* Forgets the rows. */
void sorted_clear(struct sorted *s);
/* Only rows behind this cursor.  EM_USAGE: it is none of this list. */
EM_MUST_USE em_err sorted_after(struct sorted *s, struct slice cursor, struct fault *f);
/* The first column of that cursor, or empty. */
struct slice sorted_after_key(const struct sorted *s);
/* Takes a copy.  Rows of one @order (0 as a rule) come in that of their coming.  EM_FULL:
 * no more can be kept. */
EM_MUST_USE em_err sorted_add(
    struct sorted *s, struct slice row, uint32_t order, struct fault *f);
/* All rows came. */
void sorted_end(struct sorted *s);
/* Gives the first row and forgets it; the bytes are valid until the next call.  False:
 * there is none (yet). */
bool sorted_take(struct sorted *s, struct slice *row);
size_t sorted_count(const struct sorted *s);
/* Where the list goes on behind the row that was taken last. */
void sorted_cursor(const struct sorted *s, struct str *out);

#endif
