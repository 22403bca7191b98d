/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame: cutting a stream into frames.  The buffer grows only to what the
 * frame that is being received says, and only after that length was found
 * small enough; it shrinks back when a large frame is done.
 */
#include "ipc/frame.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE 16384u /* room for one read beside a partial frame */

void
ipc_frame_reader_init(struct ipc_frame_reader *r, size_t max)
{
	CHECK(max > 0 && max <= IPC_FRAME_MAX);
	*r = (struct ipc_frame_reader){ .max = max };
}

void
ipc_frame_reader_fini(struct ipc_frame_reader *r)
{
	for (unsigned i = 0; i < r->n_fd; i++)
		close(r->fd[i]);
	r->n_fd = 0;
	MEM_FREE(r->p);
	r->at = r->n = r->cap = 0;
}

static struct slice
unread(const struct ipc_frame_reader *r)
{
	return r->n > r->at ? slice_of(r->p + r->at, r->n - r->at) : SLICE_NONE;
}

/* Moves what is unread to the front and sees that @n more bytes fit. */
static void
make_room(struct ipc_frame_reader *r, size_t n)
{
	if (r->at > 0) {
		memmove(r->p, r->p + r->at, r->n - r->at);
		r->n -= r->at;
		r->at = 0;
	}
	if (r->n == 0 && r->cap > 4 * READ_SIZE) {
		MEM_FREE(r->p);
		r->cap = 0;
	}
	if (r->n + n > r->cap) {
		r->cap = r->n + n;
		r->p = mem_grow(r->p, r->cap);
	}
}

/* Length of the body of the frame that starts the unread bytes; 0 before its head is whole
 * or when it is not acceptable. */
static size_t
announced(const struct ipc_frame_reader *r)
{
	struct rbuf b = rbuf_of(unread(r));
	uint32_t n;

	if (rbuf_left(&b) < IPC_FRAME_HEAD)
		return 0;
	n = rbuf_u32(&b);
	return n <= r->max ? n : 0;
}

void
ipc_frame_feed(struct ipc_frame_reader *r, struct slice bytes)
{
	if (bytes.n == 0)
		return;
	make_room(r, bytes.n);
	memcpy(r->p + r->n, bytes.p, bytes.n);
	r->n += bytes.n;
}

/* Keeps the descriptors that came; with too many all of them are closed. */
static em_err
take_fds(struct ipc_frame_reader *r, struct msghdr *msg)
{
	em_err err = (msg->msg_flags & MSG_CTRUNC) != 0 ? EM_TOOBIG : EM_OK;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (r->n_fd < IPC_FRAME_FDS) {
				r->fd[r->n_fd++] = fd;
			} else {
				close(fd);
				err = EM_TOOBIG;
			}
		}
	}
	return err;
}

em_err
ipc_frame_fill(struct ipc_frame_reader *r, int sock)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(IPC_FRAME_FDS * sizeof(int))];
	} control;
	size_t want = announced(r) + IPC_FRAME_HEAD, have = r->n - r->at;
	struct iovec iov;
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control };
	ssize_t n;

	if (r->err != EM_OK)
		return r->err;
	want = want > have + READ_SIZE ? want - have : READ_SIZE;
	make_room(r, want);
	iov = (struct iovec){ r->p + r->n, r->cap - r->n };
	do
		n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN       ? EM_AGAIN
		       : errno == ECONNRESET ? EM_NOTFOUND
					     : (r->err = EM_IO);
	r->err = take_fds(r, &msg);
	if (r->err != EM_OK)
		return r->err;
	r->n += (size_t)n;
	return n > 0 ? EM_OK : EM_NOTFOUND;
}

em_err
ipc_frame_next(struct ipc_frame_reader *r, struct ipc_frame *out)
{
	struct rbuf b;
	uint32_t n;
	uint8_t kind;

	*out = (struct ipc_frame){ 0 };
	if (r->err != EM_OK)
		return r->err;
	if (r->n - r->at < IPC_FRAME_HEAD)
		return EM_AGAIN;
	b = rbuf_of(unread(r));
	n = rbuf_u32(&b);
	kind = rbuf_u8(&b);
	if (n > r->max)
		return r->err = EM_TOOBIG;
	if (kind < FRAME_HELLO || kind > FRAME_CANCEL)
		return r->err = EM_MALFORMED;
	out->id = rbuf_u32(&b);
	if (rbuf_left(&b) < n)
		return EM_AGAIN;
	out->kind = (ipc_frame_kind)kind;
	out->body = rbuf_bytes(&b, n);
	r->at += IPC_FRAME_HEAD + n;
	return EM_OK;
}

int
ipc_frame_take_fd(struct ipc_frame_reader *r)
{
	int fd;

	if (r->n_fd == 0)
		return -1;
	fd = r->fd[0];
	r->n_fd--;
	memmove(r->fd, r->fd + 1, r->n_fd * sizeof r->fd[0]);
	return fd;
}

size_t
ipc_frame_begin(struct wbuf *w, ipc_frame_kind kind, uint32_t id)
{
	size_t at = w->n;

	wbuf_u32(w, 0);
	wbuf_u8(w, (uint8_t)kind);
	wbuf_u32(w, id);
	return at;
}

void
ipc_frame_end(struct wbuf *w, size_t at)
{
	struct wbuf head;

	if (w->err != EM_OK)
		return;
	CHECK(w->n >= at + IPC_FRAME_HEAD);
	if (w->n - at - IPC_FRAME_HEAD > IPC_FRAME_MAX) {
		w->err = EM_TOOBIG;
		return;
	}
	head = wbuf_fixed(w->p + at, 4);
	wbuf_u32(&head, (uint32_t)(w->n - at - IPC_FRAME_HEAD));
}
