/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sorted: see sorted.h.
 *
 * While rows come, the heap of a list with a limit has the last row of those kept on
 * top, so that a better one pushes it out; of all others the first one.  When all
 * came, the former is turned over once.
 */
#include "emqxd/admin/sorted.h"
#include "ipc/pack.h"
#include "ipc/base/mem.h"

#define NODE_CELL (SORTED_CELLS - 1)
#define ROW_COST (sizeof(struct sorted_row) + 16)

void
sorted_init(struct sorted *s, const struct cmd *cmd, bool is_fifo, struct slice sort,
    uint64_t limit, size_t *bytes)
{
	*s = (struct sorted){
		.cmd = cmd, .col = -1, .is_fifo = is_fifo, .limit = limit, .bytes = bytes
	};
	if (sort.n > 0) {
		s->is_descending = sort.p[0] == '-';
		s->col = cmd_find_col(cmd, slice_from(sort, s->is_descending ? 1 : 0));
		CHECK(s->col >= 0); /* params_check saw to it */
	}
	s->node = cmd_find_col(cmd, SLICE_LIT("node"));
	s->is_bounded = limit > 0 && !is_fifo;
}

static void
row_free(struct sorted *s, struct sorted_row *r)
{
	if (r->own == NULL)
		return;
	*s->bytes -= r->n + ROW_COST;
	s->own_bytes -= r->n + ROW_COST;
	MEM_FREE(r->own);
}

void
sorted_clear(struct sorted *s)
{
	for (size_t i = 0; i < s->heap.n; i++)
		row_free(s, &s->heap.p[i]);
	row_free(s, &s->last);
	VEC_FINI(&s->heap);
}

void
sorted_fini(struct sorted *s)
{
	sorted_clear(s);
	MEM_FREE(s->after.own);
}

/* ---- order */

static int
cell_cmp(const struct sorted_cell *a, const struct sorted_cell *b)
{
	if (!a->set || !b->set)
		return a->set - b->set; /* what is missing comes first */
	if (a->is_text)
		return slice_cmp(a->text, b->text);
	if (a->i != b->i)
		return a->i < b->i ? -1 : 1;
	return a->d < b->d ? -1 : a->d > b->d;
}

/* By what is shown: cell 0 (the column to sort by), then the first two columns, then the
 * node. */
static int
key_cmp(const struct sorted *s, const struct sorted_row *a, const struct sorted_row *b)
{
	int c = cell_cmp(&a->cell[0], &b->cell[0]);

	if (c != 0)
		return s->is_descending ? -c : c;
	for (unsigned i = 1; i < SORTED_CELLS && c == 0; i++)
		c = cell_cmp(&a->cell[i], &b->cell[i]);
	return c;
}

static int
row_cmp(const struct sorted *s, const struct sorted_row *a, const struct sorted_row *b)
{
	int c = s->is_fifo ? 0 : key_cmp(s, a, b);

	return c != 0 ? c : a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* Shall @a be nearer to the top than @b? */
static bool
is_above(const struct sorted *s, const struct sorted_row *a, const struct sorted_row *b)
{
	int c = row_cmp(s, a, b);

	return s->is_bounded && !s->is_over ? c > 0 : c < 0;
}

/* ---- the heap */

static void
swap(struct sorted *s, size_t a, size_t b)
{
	struct sorted_row r = s->heap.p[a];

	s->heap.p[a] = s->heap.p[b];
	s->heap.p[b] = r;
}

static void
sift_up(struct sorted *s, size_t i)
{
	while (i > 0 && is_above(s, &s->heap.p[i], &s->heap.p[(i - 1) / 2])) {
		swap(s, i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
}

static void
sift_down(struct sorted *s, size_t i)
{
	for (;;) {
		size_t best = i;

		for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < s->heap.n; k++)
			if (is_above(s, &s->heap.p[k], &s->heap.p[best]))
				best = k;
		if (best == i)
			return;
		swap(s, i, best);
		i = best;
	}
}

static struct sorted_row
take_top(struct sorted *s)
{
	struct sorted_row r = s->heap.p[0];

	s->heap.p[0] = s->heap.p[--s->heap.n];
	sift_down(s, 0);
	return r;
}

/* ---- rows */

static int64_t
whole(double d)
{
	return d <= -9.2e18 ? INT64_MIN : d >= 9.2e18 ? INT64_MAX : (int64_t)d;
}

static struct sorted_cell
cell_of(const struct row_value *v)
{
	struct sorted_cell c = { .set = v->set };
	struct row_count count;
	size_t at = 0;

	switch (cmd_type_form(v->type)) {
	case CF_INT:
	case CF_LIMIT:
	case CF_BYTES:
	case CF_SPAN:
	case CF_TIME:
	case CF_BOOL:
		c.i = v->i;
		c.d = (double)v->i;
		break;
	case CF_NUMBER:
		c.is_double = true;
		c.i = whole(v->d);
		c.d = v->d;
		break;
	case CF_COUNTS:
		while (v->set && row_next_count(v, &at, &count))
			c.i += (int64_t)count.total;
		c.d = (double)c.i;
		break;
	case CF_TEXT:
		c.is_text = true;
		c.text = v->text;
		break;
	}
	return c;
}

static void
row_make(struct sorted *s, struct sorted_row *r, struct slice bytes, uint32_t order)
{
	struct row row;

	*r = (struct sorted_row){ .n = (uint32_t)bytes.n,
		.seq = (uint64_t)order << 32 | s->seq++ };
	r->own = (uint8_t *)mem_dup(bytes.p, bytes.n);
	CHECK(row_get(s->cmd, slice_of(r->own, bytes.n), &row) == EM_OK);
	if (s->col >= 0)
		r->cell[0] = cell_of(&row.v[s->col]);
	for (unsigned i = 1; i < NODE_CELL && i <= row.n; i++)
		r->cell[i] = cell_of(&row.v[i - 1]);
	if (s->node >= 0)
		r->cell[NODE_CELL] = cell_of(&row.v[s->node]);
	*s->bytes += r->n + ROW_COST;
	s->own_bytes += r->n + ROW_COST;
}

/* Is it up to the cursor's row?  In a list that keeps its order all rows are, until
 * that row itself came by. */
static bool
is_before_cursor(struct sorted *s, const struct sorted_row *r)
{
	int c;

	if (!s->has_after)
		return false;
	c = key_cmp(s, r, &s->after);
	if (!s->is_fifo)
		return c <= 0;
	if (c == 0)
		s->has_after = false;
	return true;
}

em_err
sorted_add(struct sorted *s, struct slice row, uint32_t order, struct fault *f)
{
	struct sorted_row r;

	CHECK(!s->is_over);
	if (*s->bytes + row.n + ROW_COST > SORTED_BYTES_MAX) {
		fault_set(f, EM_FULL, "too many rows to put in order (%zu)", s->heap.n);
		fault_hint(f, "take fewer: --limit 1000 and --after, or --filter");
		return EM_FULL;
	}
	row_make(s, &r, row, order);
	if (is_before_cursor(s, &r)) {
		row_free(s, &r);
		return EM_OK;
	}
	if (s->is_bounded && s->heap.n == s->limit) {
		s->is_full = true;
		if (row_cmp(s, &r, &s->heap.p[0]) >= 0) {
			row_free(s, &r);
			return EM_OK;
		}
		row_free(s, &s->heap.p[0]);
		s->heap.p[0] = r;
		sift_down(s, 0);
		return EM_OK;
	}
	VEC_ADD(&s->heap, r);
	sift_up(s, s->heap.n - 1);
	return EM_OK;
}

void
sorted_end(struct sorted *s)
{
	if (s->is_over)
		return;
	s->is_over = true;
	if (s->is_bounded)
		for (size_t i = s->heap.n / 2; i-- > 0;)
			sift_down(s, i);
}

bool
sorted_take(struct sorted *s, struct slice *row)
{
	while ((s->is_over || (s->is_fifo && !s->is_held)) && s->heap.n > 0) {
		struct sorted_row r = take_top(s);
		bool is_copy =
		    !s->is_fifo && s->last.own != NULL && key_cmp(s, &r, &s->last) == 0;

		row_free(s, &s->last);
		s->last = r;
		if (is_copy)
			continue;
		*row = slice_of(r.own, r.n);
		return true;
	}
	return false;
}

size_t
sorted_count(const struct sorted *s)
{
	return s->heap.n;
}

/* ---- cursors: the cells, packed, as hexadecimal digits */

void
sorted_cursor(const struct sorted *s, struct str *out)
{
	struct wbuf w = wbuf_growing(ROW_MAX);

	CHECK(s->last.own != NULL);
	pack_array(&w, SORTED_CELLS);
	for (unsigned i = 0; i < SORTED_CELLS; i++) {
		const struct sorted_cell *c = &s->last.cell[i];

		if (!c->set)
			pack_nil(&w);
		else if (c->is_text)
			pack_text(&w, c->text);
		else if (c->is_double)
			pack_double(&w, c->d);
		else
			pack_int(&w, c->i);
	}
	for (size_t i = 0; i < w.n; i++)
		str_addf(out, "%02x", w.p[i]);
	wbuf_fini(&w);
}

static int
digit_of(uint8_t c)
{
	const char *all = "0123456789abcdef";
	const char *at = c != 0 ? strchr(all, c) : NULL;

	return at != NULL ? (int)(at - all) : -1;
}

static bool
unhex(struct slice text, uint8_t *out)
{
	for (size_t i = 0; i + 1 < text.n; i += 2) {
		int hi = digit_of(text.p[i]), lo = digit_of(text.p[i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		out[i / 2] = (uint8_t)(hi << 4 | lo);
	}
	return text.n % 2 == 0;
}

/* Reads the cells; each must be of the kind that its column has. */
static bool
read_cells(struct sorted_row *r, struct slice bytes)
{
	struct pack_reader p = pack_reader_of(bytes);

	if (!pack_is_one(bytes) || pack_peek(&p) != PACK_ARRAY ||
	    pack_read_array(&p) != SORTED_CELLS)
		return false;
	for (unsigned i = 0; i < SORTED_CELLS; i++) {
		struct sorted_cell *c = &r->cell[i];

		c->set = !pack_read_nil(&p);
		c->is_text = pack_peek(&p) == PACK_TEXT;
		if (c->set && c->is_text) {
			c->text = pack_read_text(&p);
		} else if (c->set && pack_peek(&p) == PACK_DOUBLE) {
			c->d = pack_read_double(&p);
			c->i = whole(c->d);
		} else if (c->set) {
			c->i = pack_read_int(&p);
			c->d = (double)c->i;
		}
	}
	return p.r.err == EM_OK;
}

em_err
sorted_after(struct sorted *s, struct slice cursor, struct fault *f)
{
	struct sorted_row *r = &s->after;

	r->n = (uint32_t)(cursor.n / 2);
	r->own = mem_new(cursor.n / 2 + 1);
	s->has_after = unhex(cursor, r->own) && read_cells(r, slice_of(r->own, r->n));
	if (s->has_after)
		return EM_OK;
	fault_set(f, EM_USAGE, "after: not a cursor of this list");
	fault_hint(f, "a limited list ends with the cursor to go on from");
	return EM_USAGE;
}

struct slice
sorted_after_key(const struct sorted *s)
{
	return s->after.own != NULL ? s->after.cell[1].text : SLICE_NONE;
}
