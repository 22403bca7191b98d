/* SPDX-License-Identifier: Apache-2.0 */
/*
 * str: text that grows by doubling, and the two ways to print bytes that
 * somebody else chose: escaped for people, and inside a JSON string.
 *
 * What a terminal could obey or be fooled by (control characters of both sets,
 * marks that reverse the direction of reading) never passes as it is.
 */
#include "ipc/base/str.h"
#include "ipc/base/mem.h"
#include "ipc/base/utf8.h"

#include <stdio.h>
#include <wchar.h>

enum { STR_FIRST = 32 };

/* Room for @n more bytes and the NUL. */
static char *
room(struct str *s, size_t n)
{
	size_t need, cap = s->cap > 0 ? s->cap : STR_FIRST;

	CHECK(n < SIZE_MAX / 4 && s->n < SIZE_MAX / 4);
	need = s->n + n + 1;
	if (s->cap >= need)
		return s->p + s->n;
	while (cap < need)
		cap *= 2;
	s->p = mem_grow(s->p, cap);
	s->cap = cap;
	return s->p + s->n;
}

void
str_add_bytes(struct str *s, const void *p, size_t n)
{
	char *to = room(s, n);

	if (n > 0)
		memcpy(to, p, n);
	to[n] = '\0';
	s->n += n;
}

void
str_add(struct str *s, const char *text)
{
	str_add_bytes(s, text, strlen(text));
}

void
str_add_slice(struct str *s, struct slice v)
{
	str_add_bytes(s, v.p, v.n);
}

void
str_add_char(struct str *s, char c)
{
	str_add_bytes(s, &c, 1);
}

void
str_vaddf(struct str *s, const char *fmt, va_list ap)
{
	va_list again;
	char *to;
	size_t left;
	int n;

	to = room(s, 0);
	left = s->cap - s->n;
	va_copy(again, ap);
	n = vsnprintf(to, left, fmt, ap);
	CHECK(n >= 0);
	if ((size_t)n >= left) {
		to = room(s, (size_t)n);
		n = vsnprintf(to, (size_t)n + 1, fmt, again);
	}
	va_end(again);
	s->n += (size_t)n;
}

void
str_addf(struct str *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(s, fmt, ap);
	va_end(ap);
}

/* Must not reach a terminal as it is: C0, DEL, C1, bidirectional marks. */
static bool
is_dangerous(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) || cp == 0x61c || cp == 0x200e ||
	       cp == 0x200f || (cp >= 0x202a && cp <= 0x202e) ||
	       (cp >= 0x2066 && cp <= 0x2069);
}

/* The next code point of @s; an ill-formed byte counts as one of length 1 that
 * is not ok. */
static size_t
step(struct slice s, uint32_t *cp, bool *ok)
{
	size_t n = utf8_next(s, cp);

	*ok = n > 0;
	return n > 0 ? n : 1;
}

/* Length of what can be printed as it is, at the start of @s. */
static size_t
plain_run(struct slice s)
{
	size_t n = 0;

	while (
	    n < s.n && s.p[n] >= 0x20 && s.p[n] < 0x7f && s.p[n] != '\\' && s.p[n] != '"')
		n++;
	return n;
}

void
str_add_escaped(struct str *s, struct slice v)
{
	str_add_bytes(s, NULL, 0); /* "" is text too */
	while (v.n > 0) {
		size_t n = plain_run(v);
		uint32_t cp;
		bool ok;

		str_add_slice(s, slice_head(v, n));
		v = slice_from(v, n);
		if (v.n == 0)
			return;
		n = step(v, &cp, &ok);
		if (ok && cp == '\\')
			str_add(s, "\\\\");
		else if (ok && !is_dangerous(cp))
			str_add_slice(s, slice_head(v, n));
		else
			for (size_t i = 0; i < n; i++)
				str_addf(s, "\\x%02x", v.p[i]);
		v = slice_from(v, n);
	}
}

static void
add_json_char(struct str *s, uint32_t cp)
{
	static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (const char *p = shorts; *p != '\0'; p += 2) {
		if (cp == (uint32_t)*p) {
			str_add_char(s, '\\');
			str_add_char(s, p[1]);
			return;
		}
	}
	str_addf(s, "\\u%04x", cp);
}

void
str_add_json(struct str *s, struct slice v)
{
	str_add_bytes(s, NULL, 0);
	while (v.n > 0) {
		size_t n = plain_run(v);
		uint32_t cp;
		bool ok;

		str_add_slice(s, slice_head(v, n));
		v = slice_from(v, n);
		if (v.n == 0)
			return;
		n = step(v, &cp, &ok);
		if (!ok)
			str_add(s, "\xef\xbf\xbd"); /* U+FFFD */
		else if (is_dangerous(cp) || cp == '"' || cp == '\\')
			add_json_char(s, cp);
		else
			str_add_slice(s, slice_head(v, n));
		v = slice_from(v, n);
	}
}

void
str_cut(struct str *s, size_t n)
{
	if (n >= s->n)
		return;
	s->n = n;
	s->p[n] = '\0';
}

void
str_reset(struct str *s)
{
	str_cut(s, 0);
}

void
str_fini(struct str *s)
{
	mem_free(s->p);
	*s = (struct str){ NULL, 0, 0 };
}

char *
str_take(struct str *s)
{
	char *text = s->p != NULL ? s->p : mem_dup(NULL, 0);

	*s = (struct str){ NULL, 0, 0 };
	return text;
}

const char *
str_get(const struct str *s)
{
	return s->p != NULL ? s->p : "";
}

size_t
str_width(struct slice v)
{
	size_t width = 0;

	while (v.n > 0) {
		uint32_t cp;
		bool ok;
		size_t n = step(v, &cp, &ok);

		if (!ok || is_dangerous(cp)) {
			width += 4 * n; /* \xNN */
		} else if (cp == '\\') {
			width += 2;
		} else {
			int w = wcwidth((wchar_t)cp);

			width += w >= 0 ? (size_t)w : 1; /* the locale does not know it */
		}
		v = slice_from(v, n);
	}
	return width;
}

/* Only the last star need be tried again, so the time is at most the product of
 * the lengths. */
bool
str_glob(struct slice pattern, struct slice text)
{
	struct slice after_star = SLICE_NONE, retry = SLICE_NONE;
	bool starred = false;
	uint32_t cp;
	bool ok;

	while (text.n > 0) {
		if (pattern.n > 0 && pattern.p[0] == '*') {
			pattern = after_star = slice_from(pattern, 1);
			retry = text;
			starred = true;
		} else if (pattern.n > 0 && pattern.p[0] == '?') {
			pattern = slice_from(pattern, 1);
			text = slice_from(text, step(text, &cp, &ok));
		} else if (pattern.n > 0 && pattern.p[0] == text.p[0]) {
			pattern = slice_from(pattern, 1);
			text = slice_from(text, 1);
		} else if (starred) {
			retry = slice_from(retry, step(retry, &cp, &ok));
			text = retry;
			pattern = after_star;
		} else {
			return false;
		}
	}
	while (pattern.n > 0 && pattern.p[0] == '*')
		pattern = slice_from(pattern, 1);
	return pattern.n == 0;
}
