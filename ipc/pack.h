/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack: msgpack, typed and bounded.  Writing is msgpack-c's packer over a wbuf.
 * Reading is our own: it walks over the bytes that are there and allocates
 * nothing, so that garbage costs no more than its length.  A count larger than
 * the bytes left is malformed, nesting over PACK_DEPTH is malformed.  The error
 * is sticky, like rbuf's: read all, check r.err once.
 */
#ifndef IPC_PACK_H
#define IPC_PACK_H

#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

#define PACK_DEPTH 8

void pack_nil(struct wbuf *w);
void pack_bool(struct wbuf *w, bool v);
void pack_int(struct wbuf *w, int64_t v);
void pack_uint(struct wbuf *w, uint64_t v);
void pack_double(struct wbuf *w, double v);
void pack_text(struct wbuf *w, struct slice v); /* a str; any bytes */
void pack_array(struct wbuf *w, size_t n);      /* n values follow */
void pack_map(struct wbuf *w, size_t n);        /* n pairs follow */

typedef enum pack_kind {
	PACK_BAD, /* nothing left, or a byte that starts nothing we read */
	PACK_NIL,
	PACK_BOOL,
	PACK_INT,
	PACK_DOUBLE,
	PACK_TEXT, /* str or bin */
	PACK_ARRAY,
	PACK_MAP,
} pack_kind;

struct pack_reader {
	struct rbuf r; /* r.err: EM_OK or EM_MALFORMED */
};

static inline struct pack_reader
pack_reader_of(struct slice s)
{
	return (struct pack_reader){ rbuf_of(s) };
}

/* What comes next; takes nothing. */
pack_kind pack_peek(const struct pack_reader *r);
/* Takes a nil if one is next. */
bool pack_read_nil(struct pack_reader *r);
/* Each gives 0, false or the empty slice when something else is next (err is set). */
bool pack_read_bool(struct pack_reader *r);
int64_t pack_read_int(struct pack_reader *r);   /* over INT64_MAX is malformed */
uint64_t pack_read_uint(struct pack_reader *r); /* below 0 is malformed */
double pack_read_double(struct pack_reader *r); /* takes an int too */
struct slice pack_read_text(struct pack_reader *r);
/* Counts; each element takes at least a byte, so they are no more than the bytes left. */
size_t pack_read_array(struct pack_reader *r);
size_t pack_read_map(struct pack_reader *r);
/* Takes one value, whatever it is, and gives its bytes. */
struct slice pack_skip(struct pack_reader *r);

/* Is it one whole value and nothing behind it, and no deeper than PACK_DEPTH?  Every body
 * is asked this before it is read. */
bool pack_is_one(struct slice s);

#endif
