/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names: a call of __names with a clock beside it.  A person waits for a key,
 * so there is no error: no answer in time is no candidate.
 *
 * The link of the shell waits as long as commands wait; for names a link of its
 * own is opened, which a slow answer can be left behind with.
 */
#include "ctl/names.h"

/* What cannot be shown as it is cannot be typed: no candidate.  A backslash can. */
static bool
can_be_typed(struct slice name)
{
	struct str shown = { 0 }, same = { 0 };
	bool can;

	for (size_t i = 0; i < name.n; i++) {
		str_add(&same, name.p[i] == '\\' ? "\\" : "");
		str_add_char(&same, (char)name.p[i]);
	}
	str_add_escaped(&shown, name);
	can = name.n > 0 && slice_eq(str_slice(&shown), str_slice(&same));
	str_fini(&shown);
	str_fini(&same);
	return can;
}

static em_err
add_word(struct params *p, const char *name, struct slice word)
{
	const struct cmd_arg *arg = cmd_find_arg(cmd_get(CMD_NAMES), slice_str(name));

	CHECK(arg != NULL);
	return params_add_word(p, arg, word, NULL);
}

static em_err
fill(struct params *p, cmd_type type, struct slice prefix, const struct slice *before,
    size_t n_before)
{
	em_err err = add_word(p, "type", slice_str(cmd_type_name(type)));

	if (err == EM_OK)
		err = add_word(p, "prefix", prefix);
	for (size_t i = 0; err == EM_OK && i < n_before; i++)
		err = add_word(p, "before", before[i]);
	if (err == EM_OK)
		err = params_check(p, cmd_get(CMD_NAMES), NULL);
	return err;
}

static void
take(struct names *out, const struct row *row)
{
	const struct row_value *v = row_find(row, "name");

	if (v->set && out->v.n < NAMES_MAX && can_be_typed(v->text))
		VEC_ADD(&out->v, mem_dup(v->text.p, v->text.n));
}

void
names_ask(struct reach *r, cmd_type type, struct slice prefix, const struct slice *before,
    size_t n_before, struct names *out)
{
	struct prefs hurry = { .timeout = NAMES_WAIT };
	struct reach own = { .socket = r->socket };
	struct call_answer answer = { .kind = CALL_ROW };
	mono_t end = mono_add(span_mono_now(), NAMES_WAIT);
	struct params p = { 0 };
	size_t rows = 0;
	em_err err;

	*out = (struct names){ .more = true };
	err = fill(&p, type, prefix, before, n_before);
	if (err == EM_OK)
		err = reach_open(&own, &hurry, NULL);
	if (err == EM_OK)
		err = reach_start(&own, cmd_get(CMD_NAMES), &p, 0, NULL);
	while (err == EM_OK && mono_since(end, span_mono_now()).ns > 0) {
		err = reach_next(&own, &answer, NULL);
		if (err != EM_OK || answer.kind == CALL_END)
			break;
		if (answer.kind == CALL_ROW) {
			take(out, &answer.row);
			rows++;
		}
	}
	/* The daemon ends a list of any length at so many. */
	if (err == EM_OK && answer.kind == CALL_END)
		out->more = rows >= NAMES_MAX;
	params_fini(&p);
	reach_fini(&own);
}

void
names_fini(struct names *n)
{
	for (size_t i = 0; i < n->v.n; i++)
		mem_free(n->v.p[i]);
	VEC_FINI(&n->v);
}
