/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cell: one switch over the types for all styles; a style differs from another
 * in how precise and how bare a value is, not in what is escaped.
 */
#include "ctl/cell.h"
#include "ctl/json.h"
#include "ipc/base/str.h"
#include "ipc/base/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <wchar.h>

bool
cell_is_number(cmd_type type)
{
	return type == CT_INT || type == CT_LIMIT || type == CT_NUMBER ||
	       type == CT_BYTES || type == CT_SPAN;
}

/* To what a person wants to know: seconds, below ten of them milliseconds, below ten of
 * those microseconds. */
static span_t
rounded(span_t d)
{
	uint64_t size = d.ns < 0 ? -(uint64_t)d.ns : (uint64_t)d.ns;
	span_t unit = span_us(1);

	if (size >= (uint64_t)span_s(10).ns)
		unit = span_s(1);
	else if (size >= (uint64_t)span_ms(10).ns)
		unit = span_ms(1);
	if (span_is_infinite(d) || size < (uint64_t)unit.ns)
		return d;
	return span_ns(d.ns / unit.ns * unit.ns);
}

static void
add_span(struct str *s, span_t d, cell_style style)
{
	char buf[SPAN_TEXT_MAX], number[JSON_NUMBER_MAX];

	if (style != CELL_CSV)
		str_add(s, span_print(style == CELL_HUMAN ? rounded(d) : d, buf));
	else if (span_is_infinite(d))
		str_add(s, "infinity");
	else
		str_add(s, json_print_number((double)d.ns / 1e9, number));
}

/* RFC 3339; for people without the fraction. */
static void
add_time(struct str *s, wall_t t, cell_style style, bool utc)
{
	char buf[SPAN_TEXT_MAX];
	const char *text = wall_print(t, utc, buf), *dot = strchr(text, '.');

	if (style != CELL_HUMAN || dot == NULL) {
		str_add(s, text);
		return;
	}
	str_add_bytes(s, text, (size_t)(dot - text));
	str_add(s, dot + 1 + strspn(dot + 1, "0123456789"));
}

static void
add_bytes(struct str *s, int64_t n, cell_style style)
{
	static const char *const unit[] = { "B", "KB", "MB", "GB", "TB", "PB", "EB" };
	double v = (double)n;
	size_t u = 0;

	if (style == CELL_CSV || n < 0) {
		str_addf(s, "%" PRId64, n);
		return;
	}
	while (v >= 1024 && u + 1 < sizeof unit / sizeof unit[0]) {
		v /= 1024;
		u++;
	}
	str_addf(s, "%.*f%s", u > 0 && v < 100 ? 1 : 0, v, unit[u]);
}

static void
add_counts(struct str *s, const struct row_value *v, cell_style style)
{
	struct row_count c;
	size_t at = 0;
	bool first = true;

	if (style == CELL_CLASSIC)
		str_add_char(s, '[');
	while (row_next_count(v, &at, &c)) {
		if (!first)
			str_add_char(s, style == CELL_CLASSIC ? ',' : ' ');
		first = false;
		str_add(s, style == CELL_CLASSIC ? "{" : "");
		str_add_escaped(s, c.name);
		str_add_char(s, style == CELL_CLASSIC ? ',' : '=');
		str_addf(s, "%" PRIu64, c.total);
		str_add(s, style == CELL_CLASSIC ? "}" : "");
	}
	if (style == CELL_CLASSIC)
		str_add_char(s, ']');
	else if (first && style == CELL_HUMAN)
		str_add_char(s, '-');
}

/* For people two places are enough, of what is small or huge three digits. */
static void
add_number(struct str *s, const struct row_value *v, cell_style style)
{
	char buf[JSON_NUMBER_MAX];
	double size = v->d < 0 ? -v->d : v->d;

	if (v->is_int) {
		str_addf(s, "%" PRId64, v->i);
	} else if (style == CELL_CSV) {
		str_add(s, json_print_number(v->d, buf));
	} else if (size >= 0.1 && size < 1e15) {
		str_addf(s, "%.2f", v->d);
		while (s->p[s->n - 1] == '0')
			str_cut(s, s->n - 1);
		if (s->p[s->n - 1] == '.')
			str_cut(s, s->n - 1);
	} else {
		str_addf(s, "%.3g", v->d);
	}
}

static void
add_none(struct str *s, cell_style style)
{
	static const char *const none[] = {
		[CELL_HUMAN] = "-",
		[CELL_CLASSIC] = "undefined",
		[CELL_CSV] = "",
	};

	str_add(s, none[style]);
}

void
cell_add(struct str *s, const struct row_value *v, cell_style style, bool utc)
{
	if (!v->set) {
		add_none(s, style);
		return;
	}
	switch (cmd_type_form(v->type)) {
	case CF_LIMIT:
		if (v->i == ROW_INFINITE) {
			str_add(s, "infinity");
			return;
		}
		str_addf(s, "%" PRId64, v->i);
		return;
	case CF_INT: str_addf(s, "%" PRId64, v->i); return;
	case CF_NUMBER: add_number(s, v, style); return;
	case CF_BOOL: str_add(s, v->i != 0 ? "true" : "false"); return;
	case CF_SPAN: add_span(s, span_ns(v->i), style); return;
	case CF_TIME: add_time(s, (wall_t){ v->i }, style, utc); return;
	case CF_BYTES: add_bytes(s, v->i, style); return;
	case CF_COUNTS: add_counts(s, v, style); return;
	case CF_TEXT: str_add_escaped(s, v->text); return;
	}
}

/* In quotes that the text cannot leave. */
static void
add_quoted(struct str *s, const struct row_value *v, char quote, bool utc)
{
	struct str inner = { 0 };

	cell_add(&inner, v, CELL_CLASSIC, utc);
	str_add_char(s, quote);
	for (size_t i = 0; i < inner.n; i++) {
		if (inner.p[i] == quote)
			str_add_char(s, '\\');
		str_add_char(s, inner.p[i]);
	}
	str_add_char(s, quote);
	str_fini(&inner);
}

static void
add_long(struct str *s, const struct row_value *v)
{
	char buf[128];

	str_add(s, span_print_long(span_ns(v->i), buf, sizeof buf));
}

/* "2020-02-21 09:39:58": what stands before the fraction, with a blank for the T. */
static void
add_local(struct str *s, const struct row_value *v, bool utc)
{
	char buf[SPAN_TEXT_MAX];
	const char *text = wall_print((wall_t){ v->i }, utc, buf);

	str_addf(s, "%.10s %.8s", text, text + 11);
}

void
cell_add_form(struct str *s, const struct row_value *v, template_form form,
    cell_style style, bool utc)
{
	if (!v->set) {
		add_none(s, style);
		return;
	}
	switch (form) {
	case FORM_PLAIN: cell_add(s, v, style, utc); return;
	case FORM_MS: str_addf(s, "%" PRId64, wall_to_ms((wall_t){ v->i })); return;
	case FORM_SECONDS:
		if (span_is_infinite(span_ns(v->i)))
			str_add(s, "infinity");
		else
			str_addf(s, "%" PRId64, span_to_s(span_ns(v->i)));
		return;
	case FORM_LONG: add_long(s, v); return;
	case FORM_DIGIT: str_add_char(s, v->i != 0 ? '1' : '0'); return;
	case FORM_QUOTED: add_quoted(s, v, '"', utc); return;
	case FORM_ATOM: add_quoted(s, v, '\'', utc); return;
	case FORM_BYTES: str_addf(s, "%" PRId64, v->i); return;
	case FORM_LOCAL: add_local(s, v, utc); return;
	case FORM_MANY: str_add(s, v->i != 1 ? "s" : ""); return;
	case FORM_ONE: str_add(s, v->i == 1 ? "s" : ""); return;
	}
}

/* Is every cell there up to the end of the group that @rest is in? */
static bool
group_is_whole(const struct row *row, struct slice rest)
{
	for (;;) {
		struct template_part part = template_next(row->cmd, &rest);

		if (part.kind == TEMPLATE_CLOSE || part.kind == TEMPLATE_END)
			return true;
		if (part.kind == TEMPLATE_CELL && !row->v[part.col].set)
			return false;
	}
}

static void
skip_group(const struct row *row, struct slice *rest)
{
	template_kind kind;

	do {
		kind = template_next(row->cmd, rest).kind;
	} while (kind != TEMPLATE_CLOSE && kind != TEMPLATE_END);
}

static void
pad(struct str *s, size_t from, size_t width)
{
	size_t have = cell_width(slice_from(str_slice(s), from));

	for (; have < width; have++)
		str_add_char(s, ' ');
}

void
cell_add_template(
    struct str *s, const struct row *row, const char *text, cell_style style, bool utc)
{
	struct slice rest = slice_str(text);

	for (;;) {
		struct template_part part = template_next(row->cmd, &rest);
		size_t from = s->n;

		switch (part.kind) {
		case TEMPLATE_END: return;
		case TEMPLATE_TEXT: str_add_slice(s, part.text); break;
		case TEMPLATE_CELL:
			cell_add_form(s, &row->v[part.col], part.form, style, utc);
			pad(s, from, part.width);
			break;
		case TEMPLATE_OPEN:
			if (!group_is_whole(row, rest))
				skip_group(row, &rest);
			break;
		case TEMPLATE_CLOSE: break;
		case TEMPLATE_BAD: UNREACHABLE();
		}
	}
}

/* The next character of printable text: its bytes, its columns. */
static size_t
step(struct slice text, size_t *columns)
{
	uint32_t cp;
	size_t n = utf8_next(text, &cp);
	int w = n > 0 ? wcwidth((wchar_t)cp) : -1;

	*columns = w >= 0 ? (size_t)w : 1; /* the locale does not know it */
	return n > 0 ? n : 1;
}

size_t
cell_width(struct slice text)
{
	size_t width = 0, columns;

	while (text.n > 0) {
		text = slice_from(text, step(text, &columns));
		width += columns;
	}
	return width;
}

void
cell_add_cut(struct str *s, struct slice text, size_t width)
{
	size_t used = 0, at = 0, columns;

	if (cell_width(text) <= width) {
		str_add_slice(s, text);
		return;
	}
	while (at < text.n) {
		size_t n = step(slice_from(text, at), &columns);

		if (used + columns + 1 > width)
			break;
		used += columns;
		at += n;
	}
	str_add_slice(s, slice_head(text, at));
	str_add(s, MB_CUR_MAX > 1 ? "\xe2\x80\xa6" : "~"); /* an ellipsis */
}
