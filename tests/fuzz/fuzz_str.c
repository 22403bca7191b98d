/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_str: any bytes as text.  What is printed is harmless and can be undone,
 * the fast UTF-8 check agrees with the decoder, a glob agrees with the plain
 * table, and a time or number that was read is printed and read again.
 */
#include "ipc/base/edit.h"
#include "ipc/base/mem.h"
#include "ipc/base/num.h"
#include "ipc/base/span.h"
#include "ipc/base/str.h"
#include "ipc/base/utf8.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t
hex(uint8_t c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* The bytes that were escaped to @s. */
static void
unescape(struct slice s, struct str *out)
{
	while (s.n > 0) {
		if (s.p[0] != '\\') {
			str_add_slice(out, slice_head(s, 1));
			s = slice_from(s, 1);
		} else if (s.p[1] == '\\') {
			str_add_char(out, '\\');
			s = slice_from(s, 2);
		} else {
			CHECK(s.n >= 4 && s.p[1] == 'x');
			str_add_char(out, (char)(hex(s.p[2]) << 4 | hex(s.p[3])));
			s = slice_from(s, 4);
		}
	}
}

static void
try_escape(struct slice in)
{
	struct str text = { 0 }, back = { 0 };

	str_add_escaped(&text, in);
	CHECK(utf8_is_mqtt(str_slice(&text)) && !memchr(str_get(&text), '\x1b', text.n));
	for (size_t i = 0; i < text.n; i++)
		CHECK((uint8_t)text.p[i] >= 0x20 && text.p[i] != 0x7f);
	CHECK(str_width(in) <= text.n);
	unescape(str_slice(&text), &back);
	CHECK(slice_eq(str_slice(&back), in));
	str_reset(&text);
	str_add_json(&text, in);
	CHECK(utf8_is_mqtt(str_slice(&text)));
	for (size_t i = 0; i < text.n; i++) {
		CHECK((uint8_t)text.p[i] >= 0x20 && text.p[i] != '"');
		i += text.p[i] == '\\'; /* the next is escaped */
	}
	str_fini(&text);
	str_fini(&back);
}

static void
try_utf8(struct slice in)
{
	bool valid = true, nul = false;

	for (struct slice s = in; s.n > 0 && valid;) {
		uint32_t cp;
		size_t n = utf8_next(s, &cp);

		valid = n > 0;
		nul |= valid && cp == 0;
		s = slice_from(s, n);
	}
	CHECK(utf8_is_valid(in) == valid);
	CHECK(utf8_is_mqtt(in) == (valid && !nul));
}

/* The definition, on ASCII: row i says which heads of the text fit @i bytes of pattern. */
static bool
glob_plain(struct slice pattern, struct slice text)
{
	bool fits[64] = { true }, above;

	for (size_t i = 0; i < pattern.n; i++) {
		bool star = pattern.p[i] == '*';

		above = fits[0];
		fits[0] = above && star;
		for (size_t j = 1; j <= text.n; j++) {
			bool one = pattern.p[i] == '?' || pattern.p[i] == text.p[j - 1];
			bool now = star ? fits[j] || fits[j - 1] : above && one;

			above = fits[j];
			fits[j] = now;
		}
	}
	return fits[text.n];
}

static void
try_pair(struct slice in)
{
	size_t half = in.n / 2;
	struct slice a = slice_head(in, half), b = slice_from(in, half);
	unsigned d = edit_distance(a, b, 5);
	bool ascii = true;

	CHECK(d <= 6 && d == edit_distance(b, a, 5));
	CHECK((d == 0) == slice_eq(a, b));
	for (size_t i = 0; i < in.n; i++)
		ascii &= in.p[i] < 0x80;
	if (ascii && b.n < 64)
		CHECK(str_glob(a, b) == glob_plain(a, b));
	else
		(void)str_glob(a, b);
}

static void
try_numbers(struct slice in)
{
	char buf[SPAN_TEXT_MAX], text[32];
	span_t d, again;
	uint64_t u;
	int64_t i;
	double f;

	if (span_parse(in, span_ms(1), &d) == EM_OK) {
		CHECK(d.ns >= 0);
		span_print(d, buf);
		CHECK(span_parse(slice_str(buf), span_ms(1), &again) == EM_OK &&
		      again.ns == d.ns);
	}
	if (num_parse_i64(in, &i) == EM_OK) {
		int64_t same;

		snprintf(text, sizeof text, "%lld", (long long)i);
		CHECK(num_parse_i64(slice_str(text), &same) == EM_OK && same == i);
	}
	if (num_parse_u64(in, &u) == EM_OK)
		CHECK(num_parse_double(in, &f) == EM_OK);
	if (num_parse_bytes(in, &u) != EM_OK)
		CHECK(u == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of(data, size);

	try_escape(in);
	try_utf8(in);
	try_pair(in);
	try_numbers(in);
	return 0;
}
