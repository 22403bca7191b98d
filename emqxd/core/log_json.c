/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_json: a line for machines: one object, {"time":...,"level":"info","event":
 * "listener_started","room":"net","listener":"tcp:default"}, without its first
 * field, which each sink prints in its own zone.  Numbers are numbers.
 */
#include "emqxd/core/log_sink.h"

#include <math.h>

static void
add_field(struct str *out, const char *key, struct slice v, bool is_text)
{
	str_add(out, ",\"");
	str_add_json(out, slice_str(key));
	str_add(out, is_text ? "\":\"" : "\":");
	if (is_text)
		str_add_json(out, v);
	else
		str_add_slice(out, v);
	if (is_text)
		str_add_char(out, '"');
}

static bool
is_text(const struct log_value *v)
{
	return v->kind == LOG_TEXT || v->kind == LOG_SLICE;
}

/* JSON has no word for these. */
static bool
is_null(const struct log_value *v)
{
	return v->kind == LOG_NONE || (v->kind == LOG_DOUBLE && !isfinite(v->d)) ||
	       (v->kind == LOG_TEXT && v->text == NULL);
}

void
log_json_print(struct str *out, const struct log_line *line)
{
	char buf[LOG_NUMBER_MAX];

	add_field(out, "level", slice_str(log_level_name((int)line->level)), true);
	add_field(out, "event", slice_str(line->event), true);
	add_field(out, "room", slice_str(line->room), true);
	for (size_t i = 0; i < line->n; i++) {
		const struct log_value *v = &line->pairs[i].value;

		if (is_null(v))
			add_field(out, line->pairs[i].key, SLICE_LIT("null"), false);
		else
			add_field(
			    out, line->pairs[i].key, log_value_print(v, buf), is_text(v));
	}
	str_add(out, "}\n");
}
