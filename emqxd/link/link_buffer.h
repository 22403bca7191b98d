/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link_buffer: bytes in chunks that wait for a socket, and bytes that came and are no
 * whole frame yet.  Pure memory; bounds are the callers'.
 */
#ifndef LINK_LINK_BUFFER_H
#define LINK_LINK_BUFFER_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"

#include <sys/uio.h>

struct link_chunk;

struct link_buffer {
	struct link_chunk *head, *tail;
	size_t bytes;
};

/* Room for @n bytes at the end; NULL: no memory.  Good until the next call. */
uint8_t *link_buffer_room(struct link_buffer *b, size_t n);
/* The first bytes, in at most @max pieces; how many pieces. */
int link_buffer_look(const struct link_buffer *b, struct iovec *v, int max);
/* They went. */
void link_buffer_skip(struct link_buffer *b, size_t n);
void link_buffer_fini(struct link_buffer *b);

/* Frames out of a stream. */
struct link_inbox {
	uint8_t *p;
	size_t n, cap;
};

#define LINK_HEAD 5 /* bytes before a frame's body: length and kind */

struct link_frame {
	uint8_t kind;
	struct slice body;
};
/* The next whole frame at the front of *@in, which it is taken off.  EM_AGAIN: it is not
 * whole yet, and *@need is how many bytes it takes in all; EM_TOOBIG, EM_MALFORMED: no
 * frame can follow. */
EM_MUST_USE em_err link_inbox_next(
    struct slice *in, struct link_frame *out, size_t *need);
/* Makes room for @n more bytes behind those kept; NULL: no memory. */
uint8_t *link_inbox_room(struct link_inbox *b, size_t n);
/* Keeps @rest, which may be the end of what is kept; no memory: EM_NOMEM. */
EM_MUST_USE em_err link_inbox_keep(struct link_inbox *b, struct slice rest);
void link_inbox_fini(struct link_inbox *b);

#endif
