/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack: a value starts with one byte that says its kind and, for the short
 * forms, its size.  head() takes that byte and the length or count behind it;
 * everything else is built on it.  Extension types are not ours: malformed.
 */
#include "ipc/pack.h"

#include <msgpack.h>

static int
to_wbuf(void *data, const char *p, size_t n)
{
	wbuf_bytes(data, slice_of(p, n));
	return 0; /* the wbuf keeps the error */
}

static msgpack_packer
packer(struct wbuf *w)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, w, to_wbuf);
	return pk;
}

void
pack_nil(struct wbuf *w)
{
	msgpack_packer pk = packer(w);

	msgpack_pack_nil(&pk);
}

void
pack_bool(struct wbuf *w, bool v)
{
	msgpack_packer pk = packer(w);

	if (v)
		msgpack_pack_true(&pk);
	else
		msgpack_pack_false(&pk);
}

void
pack_int(struct wbuf *w, int64_t v)
{
	msgpack_packer pk = packer(w);

	msgpack_pack_int64(&pk, v);
}

void
pack_uint(struct wbuf *w, uint64_t v)
{
	msgpack_packer pk = packer(w);

	msgpack_pack_uint64(&pk, v);
}

void
pack_double(struct wbuf *w, double v)
{
	msgpack_packer pk = packer(w);

	msgpack_pack_double(&pk, v);
}

void
pack_text(struct wbuf *w, struct slice v)
{
	msgpack_packer pk = packer(w);

	msgpack_pack_str(&pk, v.n);
	if (v.n > 0)
		msgpack_pack_str_body(&pk, v.p, v.n);
}

void
pack_array(struct wbuf *w, size_t n)
{
	msgpack_packer pk = packer(w);

	msgpack_pack_array(&pk, n);
}

void
pack_map(struct wbuf *w, size_t n)
{
	msgpack_packer pk = packer(w);

	msgpack_pack_map(&pk, n);
}

static pack_kind
kind_of(uint8_t b)
{
	if (b <= 0x7f || b >= 0xe0)
		return PACK_INT;
	if (b <= 0x8f)
		return PACK_MAP;
	if (b <= 0x9f)
		return PACK_ARRAY;
	if (b <= 0xbf)
		return PACK_TEXT;
	switch (b) {
	case 0xc0: return PACK_NIL;
	case 0xc2:
	case 0xc3: return PACK_BOOL;
	case 0xc4:
	case 0xc5:
	case 0xc6: return PACK_TEXT; /* bin */
	case 0xca:
	case 0xcb: return PACK_DOUBLE;
	case 0xcc:
	case 0xcd:
	case 0xce:
	case 0xcf:
	case 0xd0:
	case 0xd1:
	case 0xd2:
	case 0xd3: return PACK_INT;
	case 0xd9:
	case 0xda:
	case 0xdb: return PACK_TEXT;
	case 0xdc:
	case 0xdd: return PACK_ARRAY;
	case 0xde:
	case 0xdf: return PACK_MAP;
	default: return PACK_BAD; /* 0xc1 and extensions */
	}
}

/* A value's kind and what stands in its head: the number, its bits, the length of the
 * text, the count of elements or pairs. */
struct head {
	pack_kind kind;
	bool negative; /* PACK_INT: as int64_t it is below 0 */
	bool is_float; /* PACK_DOUBLE: 32 bits */
	uint64_t v;
};

static uint64_t
read_u64(struct rbuf *r)
{
	uint64_t hi = rbuf_u32(r);

	return hi << 32 | rbuf_u32(r);
}

static struct head
signed_head(int64_t v)
{
	return (struct head){ .kind = PACK_INT, .negative = v < 0, .v = (uint64_t)v };
}

static struct head
take_head(struct rbuf *r)
{
	uint8_t b = rbuf_u8(r);
	struct head h = { .kind = r->err == EM_OK ? kind_of(b) : PACK_BAD };

	if (h.kind == PACK_INT && (b <= 0x7f || b >= 0xe0))
		return signed_head((int8_t)b);
	switch (b) {
	case 0xc3: h.v = 1; break;
	case 0xc4:
	case 0xd9:
	case 0xcc: h.v = rbuf_u8(r); break;
	case 0xc5:
	case 0xda:
	case 0xdc:
	case 0xde:
	case 0xcd: h.v = rbuf_u16(r); break;
	case 0xca:
		h.is_float = true;
		h.v = rbuf_u32(r);
		break;
	case 0xc6:
	case 0xdb:
	case 0xdd:
	case 0xdf:
	case 0xce: h.v = rbuf_u32(r); break;
	case 0xcb:
	case 0xcf: h.v = read_u64(r); break;
	case 0xd0: return signed_head((int8_t)rbuf_u8(r));
	case 0xd1: return signed_head((int16_t)rbuf_u16(r));
	case 0xd2: return signed_head((int32_t)rbuf_u32(r));
	case 0xd3: return signed_head((int64_t)read_u64(r));
	default: /* the short forms */
		if (h.kind == PACK_TEXT)
			h.v = b & 0x1f;
		else if (h.kind == PACK_ARRAY || h.kind == PACK_MAP)
			h.v = b & 0x0f;
		break;
	}
	if (h.kind == PACK_BAD)
		rbuf_fail(r);
	return h;
}

/* The head of a value that must be of @kind; otherwise the error is set. */
static struct head
take_kind(struct pack_reader *r, pack_kind kind)
{
	struct head h = take_head(&r->r);

	if (h.kind != kind)
		rbuf_fail(&r->r);
	if (r->r.err != EM_OK)
		h = (struct head){ .kind = PACK_BAD };
	return h;
}

pack_kind
pack_peek(const struct pack_reader *r)
{
	return rbuf_left(&r->r) > 0 ? kind_of(*r->r.p) : PACK_BAD;
}

bool
pack_read_nil(struct pack_reader *r)
{
	if (pack_peek(r) != PACK_NIL)
		return false;
	(void)rbuf_u8(&r->r);
	return true;
}

bool
pack_read_bool(struct pack_reader *r)
{
	return take_kind(r, PACK_BOOL).v != 0;
}

int64_t
pack_read_int(struct pack_reader *r)
{
	struct head h = take_kind(r, PACK_INT);

	if (!h.negative && h.v > INT64_MAX) {
		rbuf_fail(&r->r);
		return 0;
	}
	return (int64_t)h.v;
}

uint64_t
pack_read_uint(struct pack_reader *r)
{
	struct head h = take_kind(r, PACK_INT);

	if (h.negative) {
		rbuf_fail(&r->r);
		return 0;
	}
	return h.v;
}

double
pack_read_double(struct pack_reader *r)
{
	struct head h;
	double d;

	if (pack_peek(r) == PACK_INT)
		return (double)pack_read_int(r);
	h = take_kind(r, PACK_DOUBLE);
	if (h.is_float) {
		uint32_t bits = (uint32_t)h.v;
		float f;

		memcpy(&f, &bits, sizeof f);
		return (double)f;
	}
	memcpy(&d, &h.v, sizeof d);
	return d;
}

struct slice
pack_read_text(struct pack_reader *r)
{
	return rbuf_bytes(&r->r, take_kind(r, PACK_TEXT).v);
}

/* A count whose elements take at least @each bytes. */
static size_t
take_count(struct pack_reader *r, pack_kind kind, size_t each)
{
	struct head h = take_kind(r, kind);

	if (h.v > rbuf_left(&r->r) / each) {
		rbuf_fail(&r->r);
		return 0;
	}
	return h.v;
}

size_t
pack_read_array(struct pack_reader *r)
{
	return take_count(r, PACK_ARRAY, 1);
}

size_t
pack_read_map(struct pack_reader *r)
{
	return take_count(r, PACK_MAP, 2);
}

struct slice
pack_skip(struct pack_reader *r)
{
	const uint8_t *start = r->r.p;
	uint64_t left[PACK_DEPTH + 1] = { 1 }; /* values still to come, by depth */
	size_t depth = 0;

	for (;;) {
		struct head h;

		while (left[depth] == 0) {
			if (depth == 0)
				return slice_of(start, (size_t)(r->r.p - start));
			depth--;
		}
		left[depth]--;
		h = take_head(&r->r);
		if (h.kind == PACK_TEXT) {
			(void)rbuf_bytes(&r->r, h.v);
		} else if (h.kind == PACK_ARRAY || h.kind == PACK_MAP) {
			if (depth == PACK_DEPTH || h.v > rbuf_left(&r->r))
				rbuf_fail(&r->r);
			else
				left[++depth] = h.kind == PACK_MAP ? 2 * h.v : h.v;
		}
		if (r->r.err != EM_OK)
			return SLICE_NONE;
	}
}

bool
pack_is_one(struct slice s)
{
	struct pack_reader r = pack_reader_of(s);

	(void)pack_skip(&r);
	return r.r.err == EM_OK && rbuf_left(&r.r) == 0;
}
