/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8: one strict decoder and what is asked of it.  Topics and client ids are
 * nearly always ASCII, so the validators look at eight bytes at a time and come
 * to the decoder only where a byte is not in 01..7F.  Pure, any thread.
 */
#include "ipc/base/utf8.h"

#define ONES 0x0101010101010101u
#define HIGHS 0x8080808080808080u

static bool
is_continuation(uint8_t b)
{
	return (b & 0xc0) == 0x80;
}

size_t
utf8_next(struct slice s, uint32_t *cp)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n;
	uint32_t c;

	*cp = 0;
	if (s.n == 0)
		return 0;
	c = s.p[0];
	if (c < 0x80) {
		*cp = c;
		return 1;
	}
	if (c < 0xc2 || c > 0xf4)
		return 0;
	n = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (s.n < n)
		return 0;
	c &= 0x7fu >> n;
	for (size_t i = 1; i < n; i++) {
		if (!is_continuation(s.p[i]))
			return 0;
		c = c << 6 | (s.p[i] & 0x3f);
	}
	if (c < least[n] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return 0;
	*cp = c;
	return n;
}

/* Are the eight bytes at @p all in 01..7F?  (A borrow can only make a false no.) */
static bool
is_plain8(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return (((v - ONES) | v) & HIGHS) == 0;
}

static bool
is_wellformed(struct slice s, bool nul_too)
{
	size_t i = 0, n;
	uint32_t cp;

	while (i < s.n) {
		if (s.n - i >= 8 && is_plain8(s.p + i)) {
			i += 8;
			continue;
		}
		/* Fewer than eight left: the last eight, with some seen before. */
		if (s.n - i < 8 && s.n >= 8 && is_plain8(s.p + s.n - 8))
			return true;
		if (s.p[i] >= 0x01 && s.p[i] <= 0x7f) {
			i++;
			continue;
		}
		n = utf8_next(slice_from(s, i), &cp);
		if (n == 0 || (cp == 0 && !nul_too))
			return false;
		i += n;
	}
	return true;
}

bool
utf8_is_mqtt(struct slice s)
{
	return is_wellformed(s, false);
}

bool
utf8_is_valid(struct slice s)
{
	return is_wellformed(s, true);
}

static bool
is_noncharacter(uint32_t cp)
{
	return (cp >= 0xfdd0 && cp <= 0xfdef) || (cp & 0xfffe) == 0xfffe;
}

bool
utf8_has_control(struct slice s)
{
	uint32_t cp;

	while (s.n > 0) {
		size_t n = utf8_next(s, &cp);

		if (n > 0 &&
		    (cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) || is_noncharacter(cp)))
			return true;
		s = slice_from(s, n > 0 ? n : 1);
	}
	return false;
}
