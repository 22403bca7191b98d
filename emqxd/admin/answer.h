/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer: the rows of one portion, written by the command's columns (ipc/row.h: a
 * column that the command does not declare is a CHECK) and kept only if the
 * caller's filter is true of them.  The memory is used again for the next portion.
 *
 * One thread at a time.
 */
#ifndef ADMIN_ANSWER_H
#define ADMIN_ANSWER_H

#include "ipc/row.h"
#include "ipc/base/wbuf.h"

struct filter;

struct answer {
	int node;       /* the column that says which node answers, or -1 */
	const char *me; /* what stands there when the operation says nothing else */
	struct row_writer row;
	struct wbuf batch; /* u32 length, u32 order, bytes; again */
	const struct filter *filter;
	size_t at;        /* where answer_next reads */
	uint32_t order;   /* that the next rows have */
	unsigned n;       /* rows in the batch */
	unsigned too_big; /* rows that are over ROW_MAX, left out */
};

/* @filter: NULL keeps all; outlives the answer. */
void answer_init(struct answer *a, const struct cmd *cmd, const struct filter *filter);
void answer_fini(struct answer *a);
/* Forgets the portion. */
void answer_reset(struct answer *a);

struct row_writer *answer_begin(struct answer *a);
void answer_end(struct answer *a);

/* The rows' bytes one by one, valid until the next reset; false at the end. */
bool answer_next(struct answer *a, struct slice *row, uint32_t *order);

#endif
