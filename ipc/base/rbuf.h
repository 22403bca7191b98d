/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rbuf: reads bytes from outside.  The error is sticky: read all fields, check
 * r.err once.  After an error every read gives 0 or the empty slice.  Numbers
 * are big endian (MQTT).  No I/O, any thread.
 */
#ifndef IPC_BASE_RBUF_H
#define IPC_BASE_RBUF_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"

struct rbuf {
	const uint8_t *p, *end;
	em_err err; /* EM_OK or EM_MALFORMED: more was asked for than there is */
};

static inline struct rbuf
rbuf_of(struct slice s)
{
	return (struct rbuf){ s.p, s.n > 0 ? s.p + s.n : s.p, EM_OK };
}

static inline size_t
rbuf_left(const struct rbuf *r)
{
	return (size_t)(r->end - r->p);
}

static inline void
rbuf_fail(struct rbuf *r)
{
	r->err = EM_MALFORMED;
	r->p = r->end;
}

static inline uint8_t
rbuf_u8(struct rbuf *r)
{
	if (EM_UNLIKELY(r->p == r->end)) {
		rbuf_fail(r);
		return 0;
	}
	return *r->p++;
}

static inline uint16_t
rbuf_u16(struct rbuf *r)
{
	if (EM_UNLIKELY(rbuf_left(r) < 2)) {
		rbuf_fail(r);
		return 0;
	}
	r->p += 2;
	return (uint16_t)(r->p[-2] << 8 | r->p[-1]);
}

static inline uint32_t
rbuf_u32(struct rbuf *r)
{
	uint32_t hi;

	if (EM_UNLIKELY(rbuf_left(r) < 4)) {
		rbuf_fail(r);
		return 0;
	}
	hi = rbuf_u16(r);
	return hi << 16 | rbuf_u16(r);
}

static inline uint64_t
rbuf_u64(struct rbuf *r)
{
	uint64_t hi;

	if (EM_UNLIKELY(rbuf_left(r) < 8)) {
		rbuf_fail(r);
		return 0;
	}
	hi = rbuf_u32(r);
	return hi << 32 | rbuf_u32(r);
}

static inline struct slice
rbuf_bytes(struct rbuf *r, size_t n)
{
	if (EM_UNLIKELY(n == 0 || rbuf_left(r) < n)) {
		if (n > 0)
			rbuf_fail(r);
		return SLICE_NONE; /* no arithmetic on a p that may be NULL */
	}
	r->p += n;
	return (struct slice){ r->p - n, n };
}

/* A field with a two byte length before it. */
static inline struct slice
rbuf_bytes16(struct rbuf *r)
{
	return rbuf_bytes(r, rbuf_u16(r));
}

static inline struct slice
rbuf_rest(struct rbuf *r)
{
	return rbuf_bytes(r, rbuf_left(r));
}

/* A variable byte integer of at most four bytes [MQTT5-1.5.5]; one that is
 * longer than needed is malformed [MQTT5-1.5.5-1]. */
static inline uint32_t
rbuf_varint(struct rbuf *r)
{
	uint32_t v = 0;

	for (unsigned shift = 0; shift <= 21; shift += 7) {
		uint8_t b = rbuf_u8(r);

		v |= (uint32_t)(b & 127) << shift;
		if ((b & 128) == 0) {
			if (b == 0 && shift > 0)
				rbuf_fail(r);
			return r->err == EM_OK ? v : 0;
		}
	}
	rbuf_fail(r);
	return 0;
}

#endif
