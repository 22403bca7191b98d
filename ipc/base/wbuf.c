/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wbuf: the writer.  All writing goes through wbuf_room, which is the only
 * place that looks at bounds.  After an error the buffer keeps what was written
 * before it and takes nothing more.  Numbers are big endian (MQTT).
 *
 * A growing buffer gets its memory with mem_try: how much is written is often
 * decided by a peer.  No memory is EM_NOMEM.  No I/O, any thread.
 */
#include "ipc/base/wbuf.h"
#include "ipc/base/mem.h"

enum { WBUF_FIRST = 64 };

static em_err
grow(struct wbuf *w, size_t need)
{
	size_t cap = w->cap > 0 ? w->cap : WBUF_FIRST;
	uint8_t *p;

	if (need > w->max)
		return EM_TOOBIG; /* a fixed one has max 0 */
	while (cap < need)
		cap = cap > w->max / 2 ? w->max : 2 * cap;
	if (cap > w->max)
		cap = w->max;
	p = mem_try_grow(w->p, cap);
	if (p == NULL)
		return EM_NOMEM;
	w->p = p;
	w->cap = cap;
	return EM_OK;
}

uint8_t *
wbuf_room(struct wbuf *w, size_t n)
{
	uint8_t *room;

	if (EM_UNLIKELY(w->err != EM_OK))
		return NULL;
	if (EM_UNLIKELY(n > w->cap - w->n)) {
		w->err = n > SIZE_MAX - w->n ? EM_TOOBIG : grow(w, w->n + n);
		if (w->err != EM_OK)
			return NULL;
	}
	room = w->n > 0 ? w->p + w->n : w->p;
	w->n += n;
	return room;
}

void
wbuf_u8(struct wbuf *w, uint8_t v)
{
	uint8_t *p = wbuf_room(w, 1);

	if (p != NULL)
		p[0] = v;
}

void
wbuf_u16(struct wbuf *w, uint16_t v)
{
	uint8_t *p = wbuf_room(w, 2);

	if (p == NULL)
		return;
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void
wbuf_u32(struct wbuf *w, uint32_t v)
{
	uint8_t *p = wbuf_room(w, 4);

	if (p == NULL)
		return;
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

void
wbuf_u64(struct wbuf *w, uint64_t v)
{
	uint8_t *p = wbuf_room(w, 8);

	if (p == NULL)
		return;
	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

void
wbuf_bytes(struct wbuf *w, struct slice s)
{
	uint8_t *p = wbuf_room(w, s.n);

	if (p != NULL && s.n > 0)
		memcpy(p, s.p, s.n);
}

void
wbuf_bytes16(struct wbuf *w, struct slice s)
{
	if (s.n > UINT16_MAX) {
		if (w->err == EM_OK)
			w->err = EM_TOOBIG;
		return;
	}
	wbuf_u16(w, (uint16_t)s.n);
	wbuf_bytes(w, s);
}

void
wbuf_varint(struct wbuf *w, uint32_t v)
{
	uint8_t *p;

	if (v > VARINT_MAX) {
		if (w->err == EM_OK)
			w->err = EM_TOOBIG;
		return;
	}
	p = wbuf_room(w, varint_size(v));
	if (p != NULL)
		varint_put(p, v);
}

void
wbuf_fini(struct wbuf *w)
{
	if (w->max > 0) {
		mem_free(w->p);
		w->p = NULL;
		w->cap = 0;
	}
	w->n = 0;
	w->err = EM_OK;
}
