/* SPDX-License-Identifier: Apache-2.0 */
/*
 * num: numbers as users and files write them.  Stricter than libc on purpose:
 * no white space, no plus sign, no hexadecimal, no "nan", never the locale's
 * decimal comma.  @out is 0 after an error.
 */
#include "ipc/base/num.h"
#include "ipc/base/mem.h"

#include <locale.h>
#include <stdlib.h>
#include <strings.h>

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

em_err
num_parse_u64(struct slice s, uint64_t *out)
{
	uint64_t v = 0;
	bool over = false;

	*out = 0;
	if (s.n == 0)
		return EM_MALFORMED;
	for (size_t i = 0; i < s.n; i++) {
		if (!is_digit(s.p[i]))
			return EM_MALFORMED; /* also behind an overflow */
		over |= __builtin_mul_overflow(v, 10u, &v);
		over |= __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v);
	}
	if (over)
		return EM_TOOBIG;
	*out = v;
	return EM_OK;
}

em_err
num_parse_i64(struct slice s, int64_t *out)
{
	bool negative = s.n > 0 && s.p[0] == '-';
	uint64_t v, most = (uint64_t)INT64_MAX + negative;
	em_err err = num_parse_u64(slice_from(s, negative), &v);

	*out = 0;
	if (err != EM_OK)
		return err;
	if (v > most)
		return EM_TOOBIG;
	*out = negative ? (int64_t)-v : (int64_t)v;
	return EM_OK;
}

/* Length of the digits at the start of @s. */
static size_t
digits(struct slice s)
{
	size_t n = 0;

	while (n < s.n && is_digit(s.p[n]))
		n++;
	return n;
}

/* -?digits[.digits][e[+-]digits] */
static bool
is_decimal(struct slice s)
{
	size_t n;

	if (s.n > 0 && s.p[0] == '-')
		s = slice_from(s, 1);
	n = digits(s);
	if (n == 0)
		return false;
	s = slice_from(s, n);
	if (s.n > 0 && s.p[0] == '.') {
		n = digits(slice_from(s, 1));
		if (n == 0)
			return false;
		s = slice_from(s, n + 1);
	}
	if (s.n > 0 && (s.p[0] | 0x20) == 'e') {
		s = slice_from(s, 1);
		if (s.n > 0 && (s.p[0] == '+' || s.p[0] == '-'))
			s = slice_from(s, 1);
		n = digits(s);
		if (n == 0)
			return false;
		s = slice_from(s, n);
	}
	return s.n == 0;
}

em_err
num_parse_double(struct slice s, double *out)
{
	locale_t c;
	char *text;
	double v;

	*out = 0;
	if (!is_decimal(s))
		return EM_MALFORMED;
	c = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* glibc's constant: no memory */
	CHECK(c != (locale_t)0);
	text = mem_dup(s.p, s.n);
	v = strtod_l(text, NULL, c);
	mem_free(text);
	freelocale(c);
	if (__builtin_isinf(v))
		return EM_TOOBIG;
	*out = v;
	return EM_OK;
}

static bool
eq_nocase(struct slice a, const char *b)
{
	return a.n == strlen(b) && strncasecmp((const char *)a.p, b, a.n) == 0;
}

em_err
num_parse_bytes(struct slice s, uint64_t *out)
{
	static const struct {
		const char *name;
		unsigned shift;
	} units[] = { { "", 0 }, { "KB", 10 }, { "MB", 20 }, { "GB", 30 } };
	size_t n = digits(s);
	uint64_t v;
	em_err err;

	*out = 0;
	if (eq_nocase(s, "infinity")) {
		*out = UINT64_MAX;
		return EM_OK;
	}
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (!eq_nocase(slice_from(s, n), units[i].name))
			continue;
		err = num_parse_u64(slice_head(s, n), &v);
		if (err != EM_OK)
			return err;
		if (v >= UINT64_MAX >> units[i].shift) /* UINT64_MAX is "infinity" */
			return EM_TOOBIG;
		*out = v << units[i].shift;
		return EM_OK;
	}
	return EM_MALFORMED;
}
