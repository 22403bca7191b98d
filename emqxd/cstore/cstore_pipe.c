/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cstore_pipe: see cstore_pipe.h.
 *
 * A descriptor is sent with the first byte of its frame and comes with it or before, so
 * first come is first taken.
 */
#include "emqxd/cstore/cstore_pipe.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 65536
#define READ 65536

struct cstore_chunk {
	struct cstore_chunk *next;
	size_t at, n, cap;
	int fd; /* goes with the first byte; -1: none, or gone */
	uint8_t bytes[];
};

void
cstore_pipe_open(struct cstore_pipe *p, int fd)
{
	*p = (struct cstore_pipe){ .fd = fd };
}

static void
drop_first(struct cstore_pipe *p)
{
	struct cstore_chunk *c = p->first;

	p->first = c->next;
	if (p->first == NULL)
		p->last = NULL;
	p->waiting -= c->n - c->at;
	if (c->fd >= 0)
		close(c->fd);
	mem_free(c);
}

void
cstore_pipe_close(struct cstore_pipe *p)
{
	while (p->first != NULL)
		drop_first(p);
	for (unsigned i = 0; i < p->fds_n; i++)
		close(p->fds[i]);
	p->fds_n = 0;
	MEM_FREE(p->in);
	p->in_at = p->in_n = p->in_cap = 0;
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

/* A chunk with room for @n more bytes that no descriptor cuts in two. */
static struct cstore_chunk *
chunk_for(struct cstore_pipe *p, size_t n, bool is_new)
{
	struct cstore_chunk *c = p->last;
	size_t cap = n > CHUNK ? n : CHUNK;

	if (!is_new && c != NULL && c->cap - c->n >= n)
		return c;
	c = mem_new(sizeof *c + cap);
	c->cap = cap;
	c->fd = -1;
	if (p->last != NULL)
		p->last->next = c;
	else
		p->first = c;
	p->last = c;
	return c;
}

void
cstore_pipe_put(struct cstore_pipe *p, const struct cstore_frame *f, int fd)
{
	size_t n = CSTORE_HEAD_MAX + f->text.n + f->data.n;
	struct cstore_chunk *c;
	struct wbuf w;

	CHECK((fd >= 0) == cstore_wire_has_fd(f));
	c = chunk_for(p, n, fd >= 0);
	w = wbuf_fixed(c->bytes + c->n, c->cap - c->n);
	cstore_wire_put(&w, f);
	CHECK(w.err == EM_OK);
	c->n += w.n;
	c->fd = fd >= 0 ? fd : c->fd;
	p->waiting += w.n;
}

static ssize_t
send_chunk(int fd, struct cstore_chunk *c)
{
	struct iovec v = { c->bytes + c->at, c->n - c->at };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	union {
		struct cmsghdr head;
		uint8_t room[CMSG_SPACE(sizeof(int))];
	} control = { .room = { 0 } };

	if (c->fd >= 0) {
		struct cmsghdr *h;

		m.msg_control = control.room;
		m.msg_controllen = sizeof control.room;
		h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(h), &c->fd, sizeof(int));
	}
	return sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

em_err
cstore_pipe_flush(struct cstore_pipe *p)
{
	while (p->first != NULL) {
		struct cstore_chunk *c = p->first;
		ssize_t n = p->fd >= 0 ? send_chunk(p->fd, c) : -1;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return p->fd >= 0 && errno == EAGAIN ? EM_AGAIN : EM_IO;
		if (c->fd >= 0)
			close(c->fd);
		c->fd = -1;
		c->at += (size_t)n;
		p->waiting -= (size_t)n;
		if (c->at == c->n)
			drop_first(p);
	}
	return EM_OK;
}

/* Keeps the descriptors that came; too many, or cut ones, are nonsense. */
static em_err
keep_fds(struct cstore_pipe *p, struct msghdr *m)
{
	em_err err = (m->msg_flags & MSG_CTRUNC) != 0 ? EM_MALFORMED : EM_OK;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof fd);
			if (p->fds_n < CSTORE_PIPE_FDS) {
				p->fds[p->fds_n++] = fd;
			} else {
				close(fd);
				err = EM_MALFORMED;
			}
		}
	}
	return err;
}

/* Room for READ bytes more, or for the rest of the frame that has begun. */
static em_err
make_room(struct cstore_pipe *p)
{
	size_t have = p->in_n - p->in_at, want = have + READ;

	if (p->in_at > 0 && have > 0)
		memmove(p->in, p->in + p->in_at, have);
	p->in_at = 0;
	p->in_n = have;
	if (have >= 4) {
		struct rbuf r = rbuf_of(slice_of(p->in, 4));
		size_t n = rbuf_u32(&r);

		if (n > CSTORE_FRAME_MAX)
			return EM_MALFORMED;
		want = 4 + n > want ? 4 + n : want;
	}
	if (p->in_cap < want) {
		p->in = mem_grow(p->in, want);
		p->in_cap = want;
	} else if (have == 0 && p->in_cap > 4 * READ) {
		p->in = mem_grow(p->in, READ);
		p->in_cap = READ;
	}
	return EM_OK;
}

em_err
cstore_pipe_read(struct cstore_pipe *p)
{
	union {
		struct cmsghdr head;
		uint8_t room[CMSG_SPACE(8 * sizeof(int))];
	} control;
	struct iovec v;
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	em_err err = make_room(p);
	ssize_t n;

	if (err != EM_OK)
		return err;
	if (p->fd < 0)
		return EM_IO;
	v = (struct iovec){ p->in + p->in_n, p->in_cap - p->in_n };
	m.msg_control = control.room;
	m.msg_controllen = sizeof control.room;
	do
		n = recvmsg(p->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? EM_AGAIN : EM_IO;
	err = keep_fds(p, &m);
	if (err != EM_OK)
		return err;
	if (n == 0)
		return EM_IO;
	p->in_n += (size_t)n;
	return EM_OK;
}

em_err
cstore_pipe_next(struct cstore_pipe *p, struct cstore_frame *out, int *fd)
{
	struct slice body;
	struct rbuf r;
	size_t n;
	em_err err;

	*fd = -1;
	if (p->in_n - p->in_at < 4)
		return EM_AGAIN;
	r = rbuf_of(slice_of(p->in + p->in_at, p->in_n - p->in_at));
	n = rbuf_u32(&r);
	if (n > CSTORE_FRAME_MAX)
		return EM_MALFORMED;
	if (rbuf_left(&r) < n)
		return EM_AGAIN;
	body = rbuf_bytes(&r, n);
	err = cstore_wire_get(body, out);
	if (err != EM_OK)
		return err;
	p->in_at += 4 + n;
	if (cstore_wire_has_fd(out)) {
		if (p->fds_n == 0)
			return EM_MALFORMED;
		*fd = p->fds[0];
		p->fds_n--;
		memmove(p->fds, p->fds + 1, p->fds_n * sizeof p->fds[0]);
	}
	return EM_OK;
}
