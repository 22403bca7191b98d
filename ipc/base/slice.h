/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slice: bytes somebody else owns: {p, n}.  Not NUL-terminated.  The empty
 * slice may have p == NULL.
 */
#ifndef IPC_BASE_SLICE_H
#define IPC_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const uint8_t *p;
	size_t n;
};

/* For "%.*s": only where the bytes are known to be printable (else str_add_escaped). */
#define SLICE_FMT(s) (int)(s).n, (s).n > 0 ? (const char *)(s).p : ""
#define SLICE_LIT(lit) ((struct slice){ (const uint8_t *)("" lit), sizeof(lit) - 1 })
#define SLICE_NONE ((struct slice){ NULL, 0 })

static inline struct slice
slice_of(const void *p, size_t n)
{
	return (struct slice){ p, n };
}

/* A C string; NULL gives the empty slice. */
static inline struct slice
slice_str(const char *s)
{
	return (struct slice){ (const uint8_t *)s, s != NULL ? strlen(s) : 0 };
}

static inline bool
slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool
slice_eq_str(struct slice a, const char *s)
{
	return slice_eq(a, slice_str(s));
}

static inline bool
slice_starts(struct slice a, struct slice prefix)
{
	return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}

/* All but the first @n bytes (all of them when @n is larger). */
static inline struct slice
slice_from(struct slice a, size_t n)
{
	if (n > a.n)
		n = a.n;
	return (struct slice){ a.n > 0 ? a.p + n : a.p, a.n - n };
}

/* The first @n bytes. */
static inline struct slice
slice_head(struct slice a, size_t n)
{
	return (struct slice){ a.p, n < a.n ? n : a.n };
}

/* Byte order, then length: -1, 0, 1. */
int slice_cmp(struct slice a, struct slice b);

#endif
