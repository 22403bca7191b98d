/* SPDX-License-Identifier: Apache-2.0 */
/* link_buffer: see link_buffer.h. */
#include "emqxd/link/link_buffer.h"
#include "emqxd/link/link.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"

#define CHUNK (64u << 10)
#define KEEP_MAX (64u << 10) /* an empty inbox keeps no more than that */

struct link_chunk {
	struct link_chunk *next;
	size_t off, n, cap; /* data[off..n) waits */
	uint8_t data[];
};

static struct link_chunk *
chunk_new(size_t n)
{
	size_t cap = CHUNK - sizeof(struct link_chunk);
	struct link_chunk *c;

	if (n > cap)
		cap = n;
	c = mem_try(sizeof *c + cap);
	if (c != NULL)
		*c = (struct link_chunk){ .cap = cap };
	return c;
}

uint8_t *
link_buffer_room(struct link_buffer *b, size_t n)
{
	struct link_chunk *c = b->tail;

	if (c == NULL || c->cap - c->n < n) {
		c = chunk_new(n);
		if (c == NULL)
			return NULL;
		if (b->tail != NULL)
			b->tail->next = c;
		else
			b->head = c;
		b->tail = c;
	}
	c->n += n;
	b->bytes += n;
	return c->data + c->n - n;
}

int
link_buffer_look(const struct link_buffer *b, struct iovec *v, int max)
{
	int n = 0;

	for (struct link_chunk *c = b->head; c != NULL && n < max; c = c->next) {
		v[n].iov_base = c->data + c->off;
		v[n].iov_len = c->n - c->off;
		n++;
	}
	return n;
}

void
link_buffer_skip(struct link_buffer *b, size_t n)
{
	CHECK(n <= b->bytes);
	b->bytes -= n;
	while (b->head != NULL) {
		struct link_chunk *c = b->head;
		size_t here = c->n - c->off;

		if (n < here) {
			c->off += n;
			return;
		}
		n -= here;
		b->head = c->next;
		if (b->head == NULL)
			b->tail = NULL;
		mem_free(c);
	}
}

void
link_buffer_fini(struct link_buffer *b)
{
	link_buffer_skip(b, b->bytes);
}

em_err
link_inbox_next(struct slice *in, struct link_frame *out, size_t *need)
{
	struct rbuf r = rbuf_of(*in);
	uint32_t n;

	*need = LINK_HEAD;
	if (in->n < LINK_HEAD)
		return EM_AGAIN;
	n = rbuf_u32(&r);
	if (n == 0)
		return EM_MALFORMED;
	if (n > LINK_FRAME_MAX)
		return EM_TOOBIG;
	*need = 4 + (size_t)n;
	if (in->n < *need)
		return EM_AGAIN;
	out->kind = rbuf_u8(&r);
	out->body = rbuf_bytes(&r, n - 1);
	*in = slice_from(*in, *need);
	return EM_OK;
}

uint8_t *
link_inbox_room(struct link_inbox *b, size_t n)
{
	if (b->cap - b->n < n) {
		size_t cap = 2 * b->cap > b->n + n ? 2 * b->cap : b->n + n;
		uint8_t *p = mem_try_grow(b->p, cap);

		if (p == NULL)
			return NULL;
		b->p = p;
		b->cap = cap;
	}
	return b->p + b->n;
}

em_err
link_inbox_keep(struct link_inbox *b, struct slice rest)
{
	bool is_own = b->p != NULL && rest.p >= b->p && rest.p < b->p + b->cap;

	if (rest.n == 0) {
		b->n = 0;
		if (b->cap > KEEP_MAX)
			link_inbox_fini(b);
		return EM_OK;
	}
	if (!is_own) {
		b->n = 0;
		if (link_inbox_room(b, rest.n) == NULL)
			return EM_NOMEM;
	}
	memmove(b->p, rest.p, rest.n);
	b->n = rest.n;
	return EM_OK;
}

void
link_inbox_fini(struct link_inbox *b)
{
	MEM_FREE(b->p);
	b->n = b->cap = 0;
}
