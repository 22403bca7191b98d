/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_text: a line for people: " [info] listener_started listener=tcp:default\n",
 * behind the time, which each sink prints in its own zone.
 *
 * Values are escaped, so that what a peer chose neither forges a line nor steers a
 * terminal; those with a space, a quote or an equals sign stand in quotes.
 */
#include "emqxd/core/log_sink.h"

#include <inttypes.h>
#include <stdio.h>

enum { VALUE_MAX = 2048 };

/* A cut that leaves whole code points: steps back over continuation bytes. */
static struct slice
cut_to(struct slice v, size_t max)
{
	if (v.n <= max)
		return v;
	while (max > 0 && (v.p[max] & 0xc0) == 0x80)
		max--;
	return slice_head(v, max);
}

struct slice
log_value_print(const struct log_value *v, char buf[LOG_NUMBER_MAX])
{
	switch (v->kind) {
	case LOG_TEXT: return cut_to(slice_str(v->text), VALUE_MAX);
	case LOG_SLICE: return cut_to(v->slice, VALUE_MAX);
	case LOG_INT: snprintf(buf, LOG_NUMBER_MAX, "%" PRId64, v->i); break;
	case LOG_UINT: snprintf(buf, LOG_NUMBER_MAX, "%" PRIu64, v->u); break;
	case LOG_BOOL: return slice_str(v->b ? "true" : "false");
	case LOG_DOUBLE: snprintf(buf, LOG_NUMBER_MAX, "%.9g", v->d); break;
	case LOG_NONE: return SLICE_NONE;
	}
	return slice_str(buf);
}

static bool
needs_quotes(struct slice v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == ' ' || v.p[i] == '"' || v.p[i] == '=')
			return true;
	}
	return v.n == 0;
}

static void
add_value(struct str *out, struct slice v)
{
	if (!needs_quotes(v)) {
		str_add_escaped(out, v);
		return;
	}
	str_add_char(out, '"');
	while (v.n > 0) {
		const uint8_t *quote = memchr(v.p, '"', v.n);
		size_t n = quote != NULL ? (size_t)(quote - v.p) : v.n;

		str_add_escaped(out, slice_head(v, n));
		if (quote != NULL)
			str_add(out, "\\\"");
		v = slice_from(v, n + 1);
	}
	str_add_char(out, '"');
}

void
log_text_print(struct str *out, const struct log_line *line)
{
	char buf[LOG_NUMBER_MAX];

	str_add(out, " [");
	str_add(out, log_level_name((int)line->level));
	str_add(out, "] ");
	str_add(out, line->event);
	for (size_t i = 0; i < line->n; i++) {
		str_add_char(out, ' ');
		str_add(out, line->pairs[i].key);
		str_add_char(out, '=');
		add_value(out, log_value_print(&line->pairs[i].value, buf));
	}
	str_add_char(out, '\n');
}
