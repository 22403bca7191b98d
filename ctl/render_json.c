/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render_json: the columns' names are the keys, all of them always there (null
 * where there is no value); numbers are numbers, spans are in seconds, sizes in
 * bytes, times RFC 3339; what has no end is "infinity".
 *
 * json is an array, or one object for a command whose answer is one row (of one node); in
 * a pipe each row is a line.  jsonl is one object a line, as it arrives.
 */
#include "ctl/render.h"
#include "ctl/cell.h"
#include "ctl/json.h"
#include "ipc/base/mem.h"

static void
put_counts(struct json *j, const struct row_value *v)
{
	struct str name = { 0 };
	struct row_count c;
	size_t at = 0;

	json_open(j, '{');
	while (row_next_count(v, &at, &c)) {
		str_reset(&name);
		str_add_slice(&name, c.name);
		json_key(j, str_get(&name));
		json_open(j, '{');
		json_key(j, "total");
		json_uint(j, c.total);
		json_key(j, "client");
		json_uint(j, c.client);
		json_key(j, "server");
		json_uint(j, c.server);
		json_key(j, "network");
		json_uint(j, c.network);
		json_close(j, '}');
	}
	json_close(j, '}');
	str_fini(&name);
}

static void
put_time(struct json *j, wall_t t, bool utc)
{
	char buf[SPAN_TEXT_MAX];

	json_str(j, wall_print(t, utc, buf));
}

static void
put_value(struct json *j, const struct row_value *v, bool utc)
{
	if (!v->set) {
		json_null(j);
		return;
	}
	switch (cmd_type_form(v->type)) {
	case CF_LIMIT:
		if (v->i == ROW_INFINITE)
			json_str(j, "infinity");
		else
			json_int(j, v->i);
		return;
	case CF_INT:
	case CF_BYTES: json_int(j, v->i); return;
	case CF_NUMBER:
		if (v->is_int)
			json_int(j, v->i);
		else
			json_number(j, v->d);
		return;
	case CF_BOOL: json_bool(j, v->i != 0); return;
	case CF_SPAN:
		if (span_is_infinite(span_ns(v->i)))
			json_str(j, "infinity");
		else
			json_number(j, (double)v->i / 1e9);
		return;
	case CF_TIME: put_time(j, (wall_t){ v->i }, utc); return;
	case CF_COUNTS: put_counts(j, v); return;
	case CF_TEXT: json_text(j, v->text); return;
	}
}

static void
put_object(struct json *j, const struct render *r, const struct row *row)
{
	json_open(j, '{');
	for (unsigned i = 0; i < r->n_col; i++) {
		json_key(j, r->cmd->cols[r->col[i]].name);
		put_value(j, &row->v[r->col[i]], r->opts.utc);
	}
	json_close(j, '}');
}

static bool
is_array(const struct render *r)
{
	return r->opts.all_nodes || render_is_many(r->cmd);
}

static void
json_begin(struct render *r)
{
	struct json *j = MEM_NEW(struct json);

	*j = json_of(&r->out->text, r->out->terminal);
	r->state = j;
	if (is_array(r))
		json_open(j, '[');
}

static void
json_row(struct render *r, const struct row *row)
{
	struct json *j = r->state;

	if (!j->pretty && is_array(r))
		str_add(j->to, r->rows > 0 ? ",\n" : "\n");
	j->some[0] &= j->pretty; /* the comma stands at the end of the line before */
	put_object(j, r, row);
	out_turn(r->out);
}

static void
json_end(struct render *r)
{
	struct json *j = r->state;

	if (is_array(r)) {
		if (!j->pretty && r->rows > 0)
			str_add_char(j->to, '\n');
		json_close(j, ']');
	}
	if (is_array(r) || r->rows > 0)
		str_add_char(j->to, '\n');
	MEM_FREE(r->state);
}

static void
jsonl_row(struct render *r, const struct row *row)
{
	struct json j = json_of(&r->out->text, false);

	put_object(&j, r, row);
	str_add_char(j.to, '\n');
	(void)out_flush(r->out);
}

const struct render_kind render_json = { json_begin, json_row, json_end };
const struct render_kind render_jsonl = { NULL, jsonl_row, NULL };
