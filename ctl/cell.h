/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cell: one value of a row as text.  What a peer chose is escaped here, for
 * every format but JSON.
 */
#ifndef CTL_CELL_H
#define CTL_CELL_H

#include "ipc/row.h"
#include "ipc/template.h"

typedef enum cell_style {
	CELL_HUMAN,   /* "1h3m", "2026-11-22T10:56:13+00:00", "-" for none */
	CELL_CLASSIC, /* EMQX's: "undefined" for none, [{keepalive_timeout,1}] */
	CELL_CSV,     /* spans in seconds, sizes in bytes, nothing for none */
} cell_style;

/* Adds @v.  @utc: times in UTC, else in the local zone. */
void cell_add(struct str *s, const struct row_value *v, cell_style style, bool utc);
/* Adds @v in the form that a template asks for. */
void cell_add_form(struct str *s, const struct row_value *v, template_form form,
    cell_style style, bool utc);
/* Adds @text filled with the row's cells; the last line's end is not added. */
void cell_add_template(
    struct str *s, const struct row *row, const char *text, cell_style style, bool utc);

/* Columns that text which is printed as it is takes on a terminal. */
size_t cell_width(struct slice text);
/* Adds @text shortened to @width columns, the last of them an ellipsis; all of it when it
 * fits. */
void cell_add_cut(struct str *s, struct slice text, size_t width);
/* Is it a number, which stands on the right of its column? */
bool cell_is_number(cmd_type type);

#endif
