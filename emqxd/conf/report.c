/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report: faults and warnings of one load, bounded: a file of garbage must not
 * print for ever.
 */
#include "emqxd/conf/report.h"

static void
add(struct conf_report *r, struct tree_pos pos, const char *hint, struct str *text,
    bool is_fault)
{
	struct str where = { 0 };
	struct conf_note note;

	if ((is_fault ? r->fault.n : r->warning.n) >= CONF_NOTES_MAX) {
		r->more = true;
		str_fini(text);
		return;
	}
	if (pos.file != NULL)
		tree_pos_print(pos, &where);
	note.where = str_take(&where);
	note.text = str_take(text);
	note.hint = mem_strdup(hint);
	note.line = pos.line;
	note.col = pos.col;
	if (is_fault)
		VEC_ADD(&r->fault, note);
	else
		VEC_ADD(&r->warning, note);
}

void
report_fault(
    struct conf_report *r, struct tree_pos pos, const char *hint, const char *fmt, ...)
{
	struct str text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	add(r, pos, hint, &text, true);
}

void
report_warn(
    struct conf_report *r, struct tree_pos pos, const char *hint, const char *fmt, ...)
{
	struct str text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	add(r, pos, hint, &text, false);
}

/* Files in the order in which the first fault of each was found. */
static bool
is_before(const struct conf_note *a, const struct conf_note *b)
{
	size_t file = strcspn(a->where, ":");

	if (file != strcspn(b->where, ":") || strncmp(a->where, b->where, file) != 0)
		return false;
	return a->line != b->line ? a->line < b->line : a->col < b->col;
}

void
report_sort(struct conf_report *r)
{
	for (size_t i = 1; i < r->fault.n; i++) { /* at most CONF_NOTES_MAX */
		struct conf_note note = r->fault.p[i];
		size_t j = i;

		for (; j > 0 && is_before(&note, &r->fault.p[j - 1]); j--)
			r->fault.p[j] = r->fault.p[j - 1];
		r->fault.p[j] = note;
	}
}

static void
note_fini(struct conf_note *n)
{
	mem_free(n->where);
	mem_free(n->text);
	mem_free(n->hint);
}

void
conf_report_fini(struct conf_report *r)
{
	for (size_t i = 0; i < r->fault.n; i++)
		note_fini(&r->fault.p[i]);
	for (size_t i = 0; i < r->warning.n; i++)
		note_fini(&r->warning.p[i]);
	VEC_FINI(&r->fault);
	VEC_FINI(&r->warning);
	r->more = false;
}

static void
print(const struct conf_note *n, const char *kind, struct str *out)
{
	str_addf(
	    out, "%s%s%s%s\n", kind, n->where, *n->where != '\0' ? ": " : "", n->text);
	if (n->hint != NULL)
		str_addf(out, "    %s\n", n->hint);
}

void
conf_report_print(const struct conf_report *r, struct str *out)
{
	for (size_t i = 0; i < r->fault.n; i++)
		print(&r->fault.p[i], "", out);
	for (size_t i = 0; i < r->warning.n; i++)
		print(&r->warning.p[i], "warning: ", out);
	if (r->more)
		str_add(out, "(more are not listed)\n");
}
