/* SPDX-License-Identifier: Apache-2.0 */
/* answer: see answer.h. */
#include "emqxd/admin/answer.h"
#include "ipc/base/rbuf.h"
#include "emqxd/admin/filter.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/nodes.h"

#define HEAD 8u               /* before a row's bytes */
#define BATCH_MAX (16u << 20) /* far above what op_is_full lets gather */

void
answer_init(struct answer *a, const struct cmd *cmd, const struct filter *filter)
{
	*a = (struct answer){ .batch = wbuf_growing(BATCH_MAX), .filter = filter };
	row_writer_init(&a->row, cmd);
	a->node = cmd_find_col(cmd, SLICE_LIT("node"));
	a->me = node_slot(ROOM_NODES) != NULL ? nodes_me() : NULL;
}

void
answer_fini(struct answer *a)
{
	row_writer_fini(&a->row);
	wbuf_fini(&a->batch);
}

void
answer_reset(struct answer *a)
{
	a->batch.n = 0;
	a->batch.err = EM_OK;
	a->at = 0;
	a->n = 0;
}

struct row_writer *
answer_begin(struct answer *a)
{
	row_begin(&a->row);
	return &a->row;
}

static bool
is_wanted(const struct answer *a, struct slice bytes)
{
	struct row row;

	if (a->filter == NULL)
		return true;
	CHECK(row_get(a->row.cmd, bytes, &row) == EM_OK);
	return filter_is_true(a->filter, &row);
}

void
answer_end(struct answer *a)
{
	size_t at = a->batch.n, n;
	struct wbuf head;

	if (a->node >= 0 && a->row.span[a->node].n == 0)
		row_str(&a->row, "node", a->me);
	wbuf_u32(&a->batch, 0);
	wbuf_u32(&a->batch, a->order);
	if (a->batch.err != EM_OK || row_end(&a->row, &a->batch) != EM_OK) {
		a->batch.n = at;
		a->batch.err = EM_OK;
		a->too_big++;
		return;
	}
	n = a->batch.n - at - HEAD;
	if (!is_wanted(a, slice_of(a->batch.p + at + HEAD, n))) {
		a->batch.n = at;
		return;
	}
	head = wbuf_fixed(a->batch.p + at, 4);
	wbuf_u32(&head, (uint32_t)n);
	a->n++;
}

bool
answer_next(struct answer *a, struct slice *row, uint32_t *order)
{
	struct rbuf r = rbuf_of(slice_from(wbuf_slice(&a->batch), a->at));
	size_t n;

	if (rbuf_left(&r) == 0)
		return false;
	n = rbuf_u32(&r);
	*order = rbuf_u32(&r);
	*row = rbuf_bytes(&r, n);
	CHECK(r.err == EM_OK);
	a->at += HEAD + n;
	return true;
}
