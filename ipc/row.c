/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row: cells are packed one behind the other as they come, with where each
 * begins; row_end puts them in the order of the columns.
 */
#include "ipc/row.h"
#include "ipc/base/str.h"
#include "ipc/pack.h"

void
row_writer_init(struct row_writer *w, const struct cmd *cmd)
{
	CHECK(cmd_n_cols(cmd) <= CMD_COLS_MAX);
	*w = (struct row_writer){ .cmd = cmd, .cells = wbuf_growing(ROW_MAX) };
}

void
row_writer_fini(struct row_writer *w)
{
	wbuf_fini(&w->cells);
}

void
row_begin(struct row_writer *w)
{
	memset(w->span, 0, sizeof w->span);
	w->cells.n = 0;
	w->cells.err = EM_OK;
	w->next = 0;
}

em_err
row_end(struct row_writer *w, struct wbuf *out)
{
	size_t n = cmd_n_cols(w->cmd);

	if (w->cells.err != EM_OK)
		return w->cells.err;
	pack_array(out, n);
	for (size_t i = 0; i < n; i++) {
		if (w->span[i].n == 0)
			pack_nil(out);
		else
			wbuf_bytes(
			    out, slice_of(w->cells.p + w->span[i].at, w->span[i].n));
	}
	return out->err;
}

/* Index of the column that is written now. */
static unsigned
find_col(struct row_writer *w, const char *col)
{
	const struct cmd_col *cols = w->cmd->cols;
	int i;

	if (cols[w->next].name != NULL && strcmp(cols[w->next].name, col) == 0) {
		i = (int)w->next;
	} else {
		i = cmd_find_col(w->cmd, slice_str(col));
		CHECK(i >= 0); /* a column that the row of the table does not declare */
	}
	CHECK(w->span[i].n == 0);
	w->next = (unsigned)i + 1;
	return (unsigned)i;
}

static void
cell_done(struct row_writer *w, unsigned i, size_t at)
{
	if (w->cells.err == EM_OK)
		w->span[i] =
		    (struct row_span){ (uint32_t)at, (uint32_t)(w->cells.n - at) };
}

static cmd_form
form_of(const struct row_writer *w, unsigned col)
{
	return cmd_type_form(w->cmd->cols[col].type);
}

void
row_text(struct row_writer *w, const char *col, struct slice v)
{
	unsigned i = find_col(w, col);
	size_t at = w->cells.n;

	CHECK(form_of(w, i) == CF_TEXT);
	pack_text(&w->cells, v);
	cell_done(w, i, at);
}

void
row_str(struct row_writer *w, const char *col, const char *v)
{
	if (v != NULL)
		row_text(w, col, slice_str(v));
}

void
row_strf(struct row_writer *w, const char *col, const char *fmt, ...)
{
	struct str text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	row_text(w, col, str_slice(&text));
	str_fini(&text);
}

static void
put_int(struct row_writer *w, unsigned i, int64_t v)
{
	size_t at = w->cells.n;

	pack_int(&w->cells, v);
	cell_done(w, i, at);
}

void
row_int(struct row_writer *w, const char *col, int64_t v)
{
	unsigned i = find_col(w, col);
	cmd_form form = form_of(w, i);

	CHECK(
	    form == CF_INT || form == CF_LIMIT || form == CF_BYTES || form == CF_NUMBER);
	put_int(w, i, v);
}

void
row_number(struct row_writer *w, const char *col, double v)
{
	unsigned i = find_col(w, col);
	size_t at = w->cells.n;

	CHECK(form_of(w, i) == CF_NUMBER);
	pack_double(&w->cells, v);
	cell_done(w, i, at);
}

void
row_bool(struct row_writer *w, const char *col, bool v)
{
	unsigned i = find_col(w, col);
	size_t at = w->cells.n;

	CHECK(form_of(w, i) == CF_BOOL);
	pack_bool(&w->cells, v);
	cell_done(w, i, at);
}

void
row_span(struct row_writer *w, const char *col, span_t v)
{
	unsigned i = find_col(w, col);

	CHECK(form_of(w, i) == CF_SPAN);
	put_int(w, i, v.ns);
}

void
row_time(struct row_writer *w, const char *col, wall_t v)
{
	unsigned i = find_col(w, col);

	CHECK(form_of(w, i) == CF_TIME);
	put_int(w, i, v.ns);
}

void
row_counts(struct row_writer *w, const char *col, const struct row_count *v, size_t n)
{
	unsigned i = find_col(w, col);
	size_t at = w->cells.n;

	CHECK(form_of(w, i) == CF_COUNTS);
	pack_array(&w->cells, n);
	for (size_t k = 0; k < n; k++) {
		pack_array(&w->cells, 5);
		pack_text(&w->cells, v[k].name);
		pack_uint(&w->cells, v[k].total);
		pack_uint(&w->cells, v[k].client);
		pack_uint(&w->cells, v[k].server);
		pack_uint(&w->cells, v[k].network);
	}
	cell_done(w, i, at);
}

/* Takes one [name, total, client, server, network]. */
static void
read_count(struct pack_reader *r, struct row_count *out)
{
	size_t n = pack_read_array(r);

	if (n < 5) { /* a newer daemon may add more */
		rbuf_fail(&r->r);
		return;
	}
	out->name = pack_read_text(r);
	out->total = pack_read_uint(r);
	out->client = pack_read_uint(r);
	out->server = pack_read_uint(r);
	out->network = pack_read_uint(r);
	for (; n > 5; n--)
		(void)pack_skip(r);
}

/* Takes a whole list and checks it; gives its elements' bytes. */
static struct slice
read_counts(struct pack_reader *r)
{
	size_t n = pack_read_array(r);
	const uint8_t *start = r->r.p;
	struct row_count c;

	for (; n > 0 && r->r.err == EM_OK; n--)
		read_count(r, &c);
	return r->r.err == EM_OK ? slice_of(start, (size_t)(r->r.p - start)) : SLICE_NONE;
}

static void
read_cell(struct pack_reader *r, struct row_value *v)
{
	if (pack_read_nil(r))
		return;
	v->set = true;
	switch (cmd_type_form(v->type)) {
	case CF_TEXT: v->text = pack_read_text(r); break;
	case CF_INT:
	case CF_LIMIT:
	case CF_BYTES:
	case CF_SPAN:
	case CF_TIME: v->i = pack_read_int(r); break;
	case CF_BOOL: v->i = pack_read_bool(r); break;
	case CF_COUNTS: v->text = read_counts(r); break;
	case CF_NUMBER:
		v->is_int = pack_peek(r) == PACK_INT;
		if (v->is_int)
			v->i = pack_read_int(r);
		v->d = v->is_int ? (double)v->i : pack_read_double(r);
		break;
	}
}

em_err
row_get(const struct cmd *cmd, struct slice bytes, struct row *out)
{
	struct pack_reader r = pack_reader_of(bytes);
	size_t n = cmd_n_cols(cmd);

	out->cmd = cmd;
	out->n = 0;
	if (!pack_is_one(bytes) || pack_read_array(&r) != n)
		return EM_MALFORMED;
	for (; out->n < n; out->n++) {
		out->v[out->n] = (struct row_value){ .type = cmd->cols[out->n].type };
		read_cell(&r, &out->v[out->n]);
	}
	return r.r.err;
}

const struct row_value *
row_find(const struct row *row, const char *col)
{
	int i = cmd_find_col(row->cmd, slice_str(col));

	CHECK(i >= 0 && (unsigned)i < row->n);
	return &row->v[i];
}

bool
row_next_count(const struct row_value *v, size_t *at, struct row_count *out)
{
	struct pack_reader r = pack_reader_of(slice_from(v->text, *at));

	if (rbuf_left(&r.r) == 0)
		return false;
	read_count(&r, out);
	*at = v->text.n - rbuf_left(&r.r);
	return r.r.err == EM_OK;
}
