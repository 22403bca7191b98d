/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wbuf: writes bytes, into memory of a fixed size or growing on the heap.  The
 * error is sticky: EM_TOOBIG when a fixed one is full (nothing is written past
 * its end) or a growing one would pass @max, EM_NOMEM without memory.
 */
#ifndef IPC_BASE_WBUF_H
#define IPC_BASE_WBUF_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"

struct wbuf {
	uint8_t *p;
	size_t n, cap, max; /* max: bound of a growing one; 0 for a fixed one */
	em_err err;
};

/* Fixed: writes to @p[0..@cap). */
static inline struct wbuf
wbuf_fixed(void *p, size_t cap)
{
	return (struct wbuf){ p, 0, cap, 0, EM_OK };
}

/* Growing, never over @max bytes; wbuf_fini frees. */
static inline struct wbuf
wbuf_growing(size_t max)
{
	return (struct wbuf){ NULL, 0, 0, max, EM_OK };
}

/* Room for @n bytes that the caller fills, or NULL (err is set). */
uint8_t *wbuf_room(struct wbuf *w, size_t n);
void wbuf_u8(struct wbuf *w, uint8_t v);
void wbuf_u16(struct wbuf *w, uint16_t v);
void wbuf_u32(struct wbuf *w, uint32_t v);
void wbuf_u64(struct wbuf *w, uint64_t v);
void wbuf_bytes(struct wbuf *w, struct slice s);
void wbuf_bytes16(struct wbuf *w, struct slice s); /* EM_TOOBIG over 65535 */
void wbuf_varint(struct wbuf *w, uint32_t v);      /* EM_TOOBIG over VARINT_MAX */
/* Frees a growing one and empties either kind. */
void wbuf_fini(struct wbuf *w);

static inline struct slice
wbuf_slice(const struct wbuf *w)
{
	return (struct slice){ w->p, w->n };
}

/* The largest variable byte integer [MQTT5-1.5.5]. */
#define VARINT_MAX 268435455u

/* Bytes that a variable byte integer takes: 1 to 4. */
static inline size_t
varint_size(uint32_t v)
{
	return v < 128 ? 1 : v < 16384 ? 2 : v < 2097152 ? 3 : 4;
}

/* Writes one, at most VARINT_MAX, at @p (room for four); returns its size. */
static inline size_t
varint_put(uint8_t *p, uint32_t v)
{
	size_t i = 0;

	CHECK(v <= VARINT_MAX);
	while (v > 127) {
		p[i++] = (uint8_t)(v | 128);
		v >>= 7;
	}
	p[i++] = (uint8_t)v;
	return i;
}

#endif
