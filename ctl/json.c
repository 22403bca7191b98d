/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json: each value first writes what must stand before it (a comma, a new line,
 * nothing behind a key), then itself.
 */
#include "ctl/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void
new_line(struct json *j)
{
	if (!j->pretty)
		return;
	str_add_char(j->to, '\n');
	for (unsigned i = 0; i < j->depth; i++)
		str_add(j->to, "  ");
}

static void
before_value(struct json *j)
{
	if (j->keyed) {
		j->keyed = false;
		return;
	}
	if (j->depth == 0)
		return;
	if (j->some[j->depth - 1])
		str_add_char(j->to, ',');
	j->some[j->depth - 1] = true;
	new_line(j);
}

void
json_open(struct json *j, char bracket)
{
	CHECK(bracket == '{' || bracket == '[');
	CHECK(j->depth < JSON_DEPTH);
	before_value(j);
	str_add_char(j->to, bracket);
	j->some[j->depth++] = false;
}

void
json_close(struct json *j, char bracket)
{
	CHECK(bracket == '}' || bracket == ']');
	CHECK(j->depth > 0 && !j->keyed);
	j->depth--;
	if (j->some[j->depth])
		new_line(j);
	str_add_char(j->to, bracket);
}

void
json_key(struct json *j, const char *key)
{
	CHECK(!j->keyed);
	before_value(j);
	str_add_char(j->to, '"');
	str_add_json(j->to, slice_str(key));
	str_add(j->to, j->pretty ? "\": " : "\":");
	j->keyed = true;
}

void
json_text(struct json *j, struct slice v)
{
	before_value(j);
	str_add_char(j->to, '"');
	str_add_json(j->to, v);
	str_add_char(j->to, '"');
}

void
json_str(struct json *j, const char *v)
{
	if (v == NULL)
		json_null(j);
	else
		json_text(j, slice_str(v));
}

void
json_int(struct json *j, int64_t v)
{
	before_value(j);
	str_addf(j->to, "%" PRId64, v);
}

void
json_uint(struct json *j, uint64_t v)
{
	before_value(j);
	str_addf(j->to, "%" PRIu64, v);
}

const char *
json_print_number(double v, char buf[JSON_NUMBER_MAX])
{
	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(buf, JSON_NUMBER_MAX, "%.*g", digits, v);
		if (strtod(buf, NULL) == v)
			break;
	}
	return buf;
}

void
json_number(struct json *j, double v)
{
	char buf[JSON_NUMBER_MAX];

	if (!isfinite(v)) {
		json_null(j);
		return;
	}
	before_value(j);
	str_add(j->to, json_print_number(v, buf));
}

void
json_bool(struct json *j, bool v)
{
	before_value(j);
	str_add(j->to, v ? "true" : "false");
}

void
json_null(struct json *j)
{
	before_value(j);
	str_add(j->to, "null");
}
