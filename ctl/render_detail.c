/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render_detail: a block of "key : value" lines for each row.  Where there may
 * be many rows the first cell is the head of its block.  Why connections ended
 * is a small table of its own: who ended how many.
 */
#include "ctl/render.h"
#include "ctl/cell.h"

#include <inttypes.h>

static bool
is_wanted(const struct render *r, const struct row *row, unsigned col)
{
	return row->v[col].set || !r->cmd->cols[col].wide || r->picked;
}

static size_t
key_width(const struct render *r, const struct row *row)
{
	size_t width = 0;

	for (unsigned i = 0; i < r->n_col; i++) {
		size_t n = strlen(r->cmd->cols[r->col[i]].name);

		if (n > width && is_wanted(r, row, r->col[i]))
			width = n;
	}
	return width;
}

static size_t
count_width(const struct row_value *v)
{
	struct row_count c;
	size_t at = 0, width = strlen("reason");

	while (row_next_count(v, &at, &c)) {
		size_t n = str_width(c.name);

		width = n > width ? n : width;
	}
	return width;
}

static void
put_counts(struct render *r, const struct row_value *v, const char *indent)
{
	struct str *s = &r->out->text;
	size_t at = 0, width = count_width(v);
	struct row_count c;

	str_addf(s, "%s  %s%-*s  %10s %10s %10s %10s%s\n", indent,
	    color_begin(r->out->color, COLOR_DIM), (int)width, "reason", "total",
	    "client", "server", "network", color_end(r->out->color));
	while (row_next_count(v, &at, &c)) {
		size_t have = str_width(c.name);

		str_addf(s, "%s  ", indent);
		str_add_escaped(s, c.name);
		str_addf(s,
		    "%*s  %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 "\n",
		    (int)(width - have), "", c.total, c.client, c.server, c.network);
	}
}

static bool
has_counts(const struct row_value *v)
{
	struct row_count c;
	size_t at = 0;

	return v->set && v->type == CT_COUNTS && row_next_count(v, &at, &c);
}

static void
put_value(struct render *r, const struct row_value *v, const struct cmd_col *col)
{
	struct str text = { 0 };
	color_role role;

	cell_add(&text, v, CELL_HUMAN, r->opts.utc);
	role = render_role(col, str_slice(&text));
	if (role == COLOR_ROLE_N || !v->set)
		str_add_slice(&r->out->text, str_slice(&text));
	else
		color_add(&r->out->text, r->out->color, role, str_get(&text));
	str_fini(&text);
}

static void
detail_row(struct render *r, const struct row *row)
{
	struct str *s = &r->out->text;
	bool many = render_is_many(r->cmd), color = r->out->color;
	const char *indent = many ? "  " : "";
	size_t width = key_width(r, row);
	unsigned i = 0;

	if (many) {
		if (r->rows > 0)
			str_add_char(s, '\n');
		str_add(s, color_begin(color, COLOR_HEAD));
		cell_add(s, &row->v[r->col[i++]], CELL_HUMAN, r->opts.utc);
		str_add(s, color_end(color));
		str_add_char(s, '\n');
	}
	for (; i < r->n_col; i++) {
		const struct row_value *v = &row->v[r->col[i]];
		const char *name = r->cmd->cols[r->col[i]].name;

		if (!is_wanted(r, row, r->col[i]))
			continue;
		str_addf(s, "%s%s%-*s :%s ", indent, color_begin(color, COLOR_DIM),
		    (int)width, name, color_end(color));
		if (has_counts(v)) {
			str_cut(s, s->n - 1);
			str_add_char(s, '\n');
			put_counts(r, v, indent);
			continue;
		}
		put_value(r, v, &r->cmd->cols[r->col[i]]);
		str_add_char(s, '\n');
	}
	out_turn(r->out);
}

const struct render_kind render_detail = { NULL, detail_row, NULL };
