/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render_table: columns under a head.  The first rows are held back to see how
 * wide the columns must be; a long list then runs on in these widths.
 *
 * On a terminal long texts are shortened until the line fits, and columns that
 * still have no room are left out, which the foot says; what says of which node a row is,
 * or what to do, stays before others.  Elsewhere, and where
 * all was asked for, nothing is.
 */
#include "ctl/render.h"
#include "ctl/cell.h"
#include "ipc/base/mem.h"

enum {
	TABLE_AHEAD = 512, /* rows that decide the widths */
	TABLE_GAP = 2,
	TABLE_LEAST = 16,      /* no text is shortened to less */
	TABLE_LEAST_KEPT = 32, /* nor one that stays before others; half the line */
	TABLE_NARROW = 60,     /* below it a hint would leave no room for the state */
};

struct table {
	bool head;                  /* a head is wanted */
	bool cut;                   /* long texts are shortened */
	bool laid;                  /* widths are settled */
	unsigned n_col;             /* columns that have room */
	size_t width[CMD_COLS_MAX]; /* of the columns shown */
	VEC(char *) cells;          /* of the rows held back, n_col each */
};

static const struct cmd_col *
col_at(const struct render *r, unsigned i)
{
	return &r->cmd->cols[r->col[i]];
}

static void
open_table(struct render *r, bool head)
{
	struct table *t = MEM_NEW(struct table);

	t->head = head && !r->opts.no_header;
	t->cut = r->out->width > 0 && !r->opts.no_trunc && r->opts.format != RENDER_WIDE;
	t->n_col = r->n_col;
	if (t->head)
		for (unsigned i = 0; i < r->n_col; i++)
			t->width[i] = strlen(col_at(r, i)->name);
	r->state = t;
}

static void
table_open(struct render *r)
{
	open_table(r, true);
}

static void
pairs_open(struct render *r)
{
	open_table(r, r->opts.format == RENDER_WIDE);
}

static size_t
line_width(const struct table *t)
{
	size_t sum = 0;

	for (unsigned i = 0; i < t->n_col; i++)
		sum += t->width[i] + (i > 0 ? TABLE_GAP : 0);
	return sum;
}

/* Which node a row of all is of, and what is wrong where something is: wanted more than
 * figures. */
static bool
is_kept(const struct render *r, const struct table *t, unsigned i)
{
	const char *name = col_at(r, i)->name;

	if (strcmp(name, "node") == 0)
		return r->opts.all_nodes;
	return strcmp(name, "hint") == 0 && t->width[i] > strlen(name) &&
	       r->out->width >= TABLE_NARROW;
}

/* How much of it may go before it has no room at all. */
static size_t
spare(const struct render *r, const struct table *t, unsigned i)
{
	size_t least = is_kept(r, t, i) ? r->out->width / 2 : TABLE_LEAST;

	if (is_kept(r, t, i) && least < TABLE_LEAST_KEPT)
		least = TABLE_LEAST_KEPT;
	return t->width[i] > least ? t->width[i] - least : 0;
}

/* The text column that may be shortened most, or -1. */
static int
widest(const struct render *r, const struct table *t)
{
	int found = -1;
	size_t most = 0;

	for (unsigned i = 0; i < t->n_col; i++) {
		if (cell_is_number(col_at(r, i)->type) || spare(r, t, i) <= most)
			continue;
		most = spare(r, t, i);
		found = (int)i;
	}
	return found;
}

static void
swap_columns(struct render *r, struct table *t, unsigned a, unsigned b)
{
	unsigned col = r->col[a];
	size_t width = t->width[a];

	r->col[a] = r->col[b];
	r->col[b] = col;
	t->width[a] = t->width[b];
	t->width[b] = width;
	for (size_t i = 0; i < t->cells.n; i += r->n_col) {
		char *cell = t->cells.p[i + a];

		t->cells.p[i + a] = t->cells.p[i + b];
		t->cells.p[i + b] = cell;
	}
}

/* The last one that is not to stay before others. */
static void
leave_one_out(struct render *r, struct table *t)
{
	unsigned i = t->n_col - 1;

	while (i > 1 && is_kept(r, t, i))
		i--;
	for (; i + 1 < t->n_col; i++)
		swap_columns(r, t, i, i + 1);
	t->n_col--;
}

static void
fit(struct render *r, struct table *t)
{
	size_t have = r->out->width;

	while (line_width(t) > have) {
		int i = widest(r, t);

		if (i >= 0)
			t->width[i]--;
		else if (t->n_col > 1)
			leave_one_out(r, t);
		else
			return;
	}
}

/* The last column on a line is not padded. */
static void
put_cell(struct render *r, const struct table *t, unsigned i, struct slice text,
    color_role role)
{
	struct str *s = &r->out->text;
	size_t width = t->width[i], have = cell_width(text);
	size_t blanks = have < width ? width - have : 0;
	bool right = cell_is_number(col_at(r, i)->type), last = i + 1 == t->n_col;
	bool color = r->out->color && role != COLOR_ROLE_N;

	if (i > 0)
		str_addf(s, "%*s", TABLE_GAP, "");
	if (right)
		str_addf(s, "%*s", (int)blanks, "");
	if (color)
		str_add(s, color_begin(true, role));
	if (t->cut)
		cell_add_cut(s, text, width);
	else
		str_add_slice(s, text);
	if (color)
		str_add(s, color_end(true));
	if (!right && !last)
		str_addf(s, "%*s", (int)blanks, "");
}

static void
put_head(struct render *r, const struct table *t)
{
	for (unsigned i = 0; i < t->n_col; i++)
		put_cell(r, t, i, slice_str(col_at(r, i)->name), COLOR_HEAD);
	str_add_char(&r->out->text, '\n');
}

static void
put_row(struct render *r, const struct table *t, char *const *cells)
{
	for (unsigned i = 0; i < t->n_col; i++) {
		struct slice text = slice_str(cells[i]);

		put_cell(r, t, i, text, render_role(col_at(r, i), text));
	}
	str_add_char(&r->out->text, '\n');
	out_turn(r->out);
}

/* Settles the widths and prints what was held back. */
static void
lay(struct render *r, struct table *t)
{
	t->laid = true;
	if (t->cut)
		fit(r, t);
	if (t->head && (r->rows > 0 || t->cells.n > 0))
		put_head(r, t);
	for (size_t i = 0; i < t->cells.n; i += r->n_col)
		put_row(r, t, t->cells.p + i);
	for (size_t i = 0; i < t->cells.n; i++)
		mem_free(t->cells.p[i]);
	VEC_FINI(&t->cells);
}

static char *
cell_text(const struct render *r, const struct row *row, unsigned i)
{
	struct str s = { 0 };

	cell_add(&s, &row->v[r->col[i]], CELL_HUMAN, r->opts.utc);
	return str_take(&s);
}

static void
table_row(struct render *r, const struct row *row)
{
	struct table *t = r->state;
	char *cells[CMD_COLS_MAX];

	for (unsigned i = 0; i < r->n_col; i++) {
		cells[i] = cell_text(r, row, i);
		if (!t->laid) {
			size_t width = cell_width(slice_str(cells[i]));

			if (width > t->width[i])
				t->width[i] = width;
			VEC_ADD(&t->cells, cells[i]);
		}
	}
	if (t->laid) {
		put_row(r, t, cells);
		for (unsigned i = 0; i < r->n_col; i++)
			mem_free(cells[i]);
	} else if (r->rows + 1 >= TABLE_AHEAD) {
		lay(r, t);
	}
}

/* What a person is told behind the rows. */
static void
put_foot(struct render *r, const struct table *t)
{
	struct str *s = &r->out->text;
	const char *none = r->cmd->classic_none != NULL ? r->cmd->classic_none : "(none)";

	str_add(s, color_begin(r->out->color, COLOR_DIM));
	if (r->rows == 0)
		str_add(s, none);
	else
		str_addf(s, "(%u more columns have no room: -o detail, or --columns)",
		    r->n_col - t->n_col);
	str_add(s, color_end(r->out->color));
	str_add_char(s, '\n');
}

static void
table_close(struct render *r)
{
	struct table *t = r->state;

	if (!t->laid)
		lay(r, t);
	if (r->out->person && (r->rows == 0 || t->n_col < r->n_col))
		put_foot(r, t);
	MEM_FREE(r->state);
}

const struct render_kind render_table = { table_open, table_row, table_close };
const struct render_kind render_pairs = { pairs_open, table_row, table_close };
