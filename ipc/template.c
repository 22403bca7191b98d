/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template: the reader of line shapes.  No state but the text that is left.
 */
#include "ipc/template.h"

static const struct {
	const char *name;
	template_form form;
} forms[] = {
	{ "ms", FORM_MS },
	{ "s", FORM_SECONDS },
	{ "long", FORM_LONG },
	{ "d", FORM_DIGIT },
	{ "q", FORM_QUOTED },
	{ "a", FORM_ATOM },
	{ "bytes", FORM_BYTES },
	{ "local", FORM_LOCAL },
	{ "many", FORM_MANY },
	{ "one", FORM_ONE },
};

/* Length of @s up to the first of the bytes in @stop, or all of it. */
static size_t
length_until(struct slice s, const char *stop)
{
	size_t n = 0;

	while (n < s.n && strchr(stop, s.p[n]) == NULL)
		n++;
	return n;
}

static bool
read_form(struct slice name, template_form *out)
{
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		if (slice_eq_str(name, forms[i].name)) {
			*out = forms[i].form;
			return true;
		}
	}
	return false;
}

/* "name", "name:30", "name!form": what stands between the braces. */
static struct template_part
read_cell(const struct cmd *cmd, struct slice hole)
{
	struct template_part part = { .kind = TEMPLATE_CELL };
	size_t n = length_until(hole, ":!");
	int col = cmd_find_col(cmd, slice_head(hole, n));
	struct slice rest = slice_from(hole, n);

	if (col < 0)
		return (struct template_part){ .kind = TEMPLATE_BAD };
	part.col = (unsigned)col;
	if (rest.n > 0 && rest.p[0] == '!') {
		if (!read_form(slice_from(rest, 1), &part.form))
			part.kind = TEMPLATE_BAD;
		return part;
	}
	for (size_t i = 1; i < rest.n; i++) {
		if (rest.p[i] < '0' || rest.p[i] > '9' || i > 3)
			return (struct template_part){ .kind = TEMPLATE_BAD };
		part.width = part.width * 10 + (unsigned)(rest.p[i] - '0');
	}
	return part;
}

struct template_part
template_next(const struct cmd *cmd, struct slice *rest)
{
	struct slice s = *rest;
	size_t n = 0;

	if (s.n == 0)
		return (struct template_part){ .kind = TEMPLATE_END };
	if (slice_starts(s, SLICE_LIT("[?")) || slice_starts(s, SLICE_LIT("?]"))) {
		*rest = slice_from(s, 2);
		return (struct template_part){ .kind = s.p[0] == '[' ? TEMPLATE_OPEN
								     : TEMPLATE_CLOSE };
	}
	if (s.p[0] == '{') {
		n = length_until(s, "}");
		*rest = slice_from(s, n + 1);
		if (n == s.n)
			return (struct template_part){ .kind = TEMPLATE_BAD };
		return read_cell(cmd, slice_from(slice_head(s, n), 1));
	}
	for (n = 1; n < s.n; n++) {
		struct slice here = slice_from(s, n);

		if (here.p[0] == '{' || slice_starts(here, SLICE_LIT("[?")) ||
		    slice_starts(here, SLICE_LIT("?]")))
			break;
	}
	*rest = slice_from(s, n);
	return (struct template_part){ .kind = TEMPLATE_TEXT, .text = slice_head(s, n) };
}

bool
template_is_good(const struct cmd *cmd, const char *text)
{
	struct slice rest = slice_str(text);
	bool open = false;

	for (;;) {
		switch (template_next(cmd, &rest).kind) {
		case TEMPLATE_END: return !open;
		case TEMPLATE_BAD: return false;
		case TEMPLATE_TEXT:
		case TEMPLATE_CELL: break;
		case TEMPLATE_OPEN:
			if (open)
				return false;
			open = true;
			break;
		case TEMPLATE_CLOSE:
			if (!open)
				return false;
			open = false;
			break;
		}
	}
}
