/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render_csv: RFC 4180 with a head line.  A text that a spreadsheet would take
 * for a formula (it begins with = + - @, as no control character does after
 * escaping) gets an apostrophe before it.  render_name: the first column alone,
 * a line a row.
 */
#include "ctl/render.h"
#include "ctl/cell.h"

static bool
is_bare(struct slice v)
{
	for (size_t i = 0; i < v.n; i++)
		if (strchr(",\"\r\n ", v.p[i]) != NULL)
			return false;
	return true;
}

static void
put(struct str *s, struct slice v)
{
	if (is_bare(v)) {
		str_add_slice(s, v);
		return;
	}
	str_add_char(s, '"');
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '"')
			str_add_char(s, '"');
		str_add_char(s, (char)v.p[i]);
	}
	str_add_char(s, '"');
}

static void
csv_open(struct render *r)
{
	for (unsigned i = 0; i < r->n_col && !r->opts.no_header; i++) {
		str_add(&r->out->text, i > 0 ? "," : "");
		put(&r->out->text, slice_str(r->cmd->cols[r->col[i]].name));
	}
	if (!r->opts.no_header)
		str_add_char(&r->out->text, '\n');
}

/* Numbers may begin with a minus. */
static bool
is_formula(const struct row_value *v, struct slice text)
{
	return text.n > 0 && strchr("=+-@", text.p[0]) != NULL &&
	       !cell_is_number(v->type);
}

static void
csv_row(struct render *r, const struct row *row)
{
	struct str text = { 0 };

	for (unsigned i = 0; i < r->n_col; i++) {
		const struct row_value *v = &row->v[r->col[i]];
		struct slice bare;

		str_reset(&text);
		str_add_char(&text, '\'');
		cell_add(&text, v, CELL_CSV, r->opts.utc);
		bare = slice_from(str_slice(&text), 1);
		str_add(&r->out->text, i > 0 ? "," : "");
		put(&r->out->text, is_formula(v, bare) ? str_slice(&text) : bare);
	}
	str_add_char(&r->out->text, '\n');
	str_fini(&text);
	out_turn(r->out);
}

static void
name_row(struct render *r, const struct row *row)
{
	cell_add(&r->out->text, &row->v[r->col[0]], CELL_CSV, r->opts.utc);
	str_add_char(&r->out->text, '\n');
	out_turn(r->out);
}

const struct render_kind render_csv = { csv_open, csv_row, NULL };
const struct render_kind render_name = { NULL, name_row, NULL };
