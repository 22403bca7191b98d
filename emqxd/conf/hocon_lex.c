/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hocon_lex: see hocon_lex.h.
 */
#include "emqxd/conf/hocon_lex.h"

#include <stdio.h>

void
hocon_lex_init(struct hocon_lex *x, const char *file, struct slice text)
{
	static const struct slice bom = { (const uint8_t *)"\xef\xbb\xbf", 3 };

	if (slice_starts(text, bom))
		text = slice_from(text, bom.n);
	*x = (struct hocon_lex){ .file = file, .line = 1 };
	x->p = x->line_start = text.p;
	x->end = text.n > 0 ? text.p + text.n : text.p;
}

struct tree_pos
hocon_lex_pos(const struct hocon_lex *x)
{
	return (
	    struct tree_pos){ x->file, x->line, (uint32_t)(x->p - x->line_start) + 1 };
}

static bool
wrong(struct hocon_lex *x, const char *what)
{
	snprintf(x->wrong, sizeof(x->wrong), "%s", what);
	return false;
}

int
hocon_lex_peek(const struct hocon_lex *x)
{
	return x->p < x->end ? *x->p : -1;
}

static struct slice
rest(const struct hocon_lex *x)
{
	return slice_of(x->p, (size_t)(x->end - x->p));
}

bool
hocon_lex_is(const struct hocon_lex *x, const char *text)
{
	return slice_starts(rest(x), slice_str(text));
}

void
hocon_lex_skip(struct hocon_lex *x, size_t n)
{
	CHECK(n <= (size_t)(x->end - x->p));
	x->p += n;
}

static bool
is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

void
hocon_lex_blank(struct hocon_lex *x)
{
	while (is_blank(hocon_lex_peek(x)))
		x->p++;
}

static void
skip_comment(struct hocon_lex *x)
{
	while (x->p < x->end && *x->p != '\n')
		x->p++;
}

static void
end_line(struct hocon_lex *x)
{
	x->p++;
	x->line++;
	x->line_start = x->p;
}

bool
hocon_lex_gap(struct hocon_lex *x)
{
	bool newline = false;

	for (;;) {
		hocon_lex_blank(x);
		if (hocon_lex_peek(x) == '#' || hocon_lex_is(x, "//")) {
			skip_comment(x);
		} else if (hocon_lex_peek(x) == '\n') {
			end_line(x);
			newline = true;
		} else {
			return newline;
		}
	}
}

static bool
add_code_point(struct hocon_lex *x, uint32_t cp, struct str *out)
{
	if (cp == 0 || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return wrong(x, "this \\u escape is no character");
	if (cp < 0x80) {
		str_add_char(out, (char)cp);
	} else if (cp < 0x800) {
		str_add_char(out, (char)(0xc0 | cp >> 6));
		str_add_char(out, (char)(0x80 | (cp & 63)));
	} else if (cp < 0x10000) {
		str_add_char(out, (char)(0xe0 | cp >> 12));
		str_add_char(out, (char)(0x80 | (cp >> 6 & 63)));
		str_add_char(out, (char)(0x80 | (cp & 63)));
	} else {
		str_add_char(out, (char)(0xf0 | cp >> 18));
		str_add_char(out, (char)(0x80 | (cp >> 12 & 63)));
		str_add_char(out, (char)(0x80 | (cp >> 6 & 63)));
		str_add_char(out, (char)(0x80 | (cp & 63)));
	}
	return true;
}

static bool
four_digits(struct hocon_lex *x, uint32_t *cp)
{
	static const char digits[] = "0123456789abcdef";

	*cp = 0;
	for (int i = 0; i < 4; i++) {
		int c = hocon_lex_peek(x);
		const char *at;

		c = c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c;
		at = c > 0 ? strchr(digits, c) : NULL;
		if (at == NULL)
			return wrong(x, "\\u takes four hexadecimal digits");
		*cp = *cp << 4 | (uint32_t)(at - digits);
		x->p++;
	}
	return true;
}

static bool
unicode_escape(struct hocon_lex *x, struct str *out)
{
	uint32_t cp, low;

	if (!four_digits(x, &cp))
		return false;
	if (cp >= 0xd800 && cp < 0xdc00 && hocon_lex_is(x, "\\u")) {
		x->p += 2;
		if (!four_digits(x, &low))
			return false;
		if (low < 0xdc00 || low > 0xdfff)
			return wrong(x, "this \\u escape is half a character");
		cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
	}
	return add_code_point(x, cp, out);
}

static bool
escape(struct hocon_lex *x, struct str *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	int c = hocon_lex_peek(x);
	const char *at = c > 0 ? strchr(from, c) : NULL;

	if (c == 'u') {
		x->p++;
		return unicode_escape(x, out);
	}
	if (at == NULL)
		return wrong(
		    x, "unknown escape in a quoted text (a backslash is written \\\\)");
	x->p++;
	str_add_char(out, to[at - from]);
	return true;
}

/* Up to the last three quotes of the run that ends it: """"a"""" holds quotes. */
static bool
raw_text(struct hocon_lex *x, struct str *out)
{
	x->p += 3;
	while (x->p < x->end) {
		if (hocon_lex_is(x, "\"\"\"")) {
			while (hocon_lex_is(x, "\"\"\"\"")) {
				str_add_char(out, '"');
				x->p++;
			}
			x->p += 3;
			return true;
		}
		str_add_char(out, (char)*x->p);
		if (*x->p == '\n')
			end_line(x);
		else
			x->p++;
	}
	return wrong(x, "the text that starts with \"\"\" does not end");
}

bool
hocon_lex_quoted(struct hocon_lex *x, struct str *out)
{
	if (hocon_lex_is(x, "\"\"\""))
		return raw_text(x, out);
	x->p++;
	for (;;) {
		int c = hocon_lex_peek(x);

		if (c < 0 || c == '\n')
			return wrong(x, "the quoted text does not end on its line");
		x->p++;
		if (c == '"')
			return true;
		if (c != '\\')
			str_add_char(out, (char)c);
		else if (!escape(x, out))
			return false;
	}
}

bool
hocon_lex_key(struct hocon_lex *x, struct slice *out)
{
	const uint8_t *from = x->p;

	while (
	    x->p<x->end && * x->p> ' ' && strchr(".\"{}[]:=,+#`^?!*&\\'", *x->p) == NULL)
		x->p++;
	*out = slice_of(from, (size_t)(x->p - from));
	return out->n > 0;
}

static bool
ends_bare(const struct hocon_lex *x, bool commas, bool after_blank)
{
	int c = hocon_lex_peek(x);

	if (c < 0 || c == '\n' || c == '#' || c == '"' || c == ']' || c == '}' ||
	    c == '[' || c == '{' || (c == ',' && !commas))
		return true;
	return hocon_lex_is(x, "${") || (after_blank && hocon_lex_is(x, "//"));
}

bool
hocon_lex_bare(struct hocon_lex *x, bool commas, struct slice *out)
{
	const uint8_t *from = x->p;
	bool after_blank = true;

	while (!ends_bare(x, commas, after_blank)) {
		after_blank = is_blank(*x->p);
		x->p++;
	}
	*out = slice_of(from, (size_t)(x->p - from));
	return out->n > 0;
}

bool
hocon_lex_ref(struct hocon_lex *x, struct slice *path, bool *is_optional)
{
	const uint8_t *from;

	x->p += 2;
	*is_optional = hocon_lex_peek(x) == '?';
	if (*is_optional)
		x->p++;
	from = x->p;
	while (x->p < x->end && *x->p != '}' && *x->p != '\n')
		x->p++;
	*path = slice_of(from, (size_t)(x->p - from));
	if (hocon_lex_peek(x) != '}')
		return wrong(x, "the reference does not end: ${path}");
	x->p++;
	return path->n > 0 || wrong(x, "an empty reference ${}");
}

struct slice
hocon_lex_rest_of_line(struct hocon_lex *x)
{
	const uint8_t *from, *to;

	hocon_lex_blank(x);
	from = x->p;
	skip_comment(x); /* that is: to the end of the line */
	for (to = x->p; to > from && is_blank(to[-1]); to--)
		;
	return slice_of(from, (size_t)(to - from));
}
