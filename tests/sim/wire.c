/* SPDX-License-Identifier: Apache-2.0 */
/* wire: see wire.h. */
#include "tests/sim/wire.h"
#include "tests/sim/chance.h"
#include "tests/sim/node.h"
#include "tests/sim/trail.h"
#include "ipc/base/check.h"
#include "ipc/base/mem.h"
#include "ipc/base/vec.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define FD_FIRST 100000

static VEC(struct wire *) wires;

/* What the linker puts in place of the system's. */
ssize_t __wrap_recv(int fd, void *p, size_t n, int flags);
ssize_t __wrap_readv(int fd, const struct iovec *v, int n);
ssize_t __wrap_send(int fd, const void *p, size_t n, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);
int __wrap_shutdown(int fd, int how);
int __wrap_close(int fd);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *n);
int __wrap_getpeername(int fd, struct sockaddr *a, socklen_t *n);
int __real_close(int fd);

bool
wire_is_fd(int fd)
{
	return fd >= FD_FIRST && (size_t)(fd - FD_FIRST) < wires.n;
}

static struct wire *
wire_of(int fd)
{
	CHECK(wire_is_fd(fd));
	return wires.p[fd - FD_FIRST];
}

struct wire *
wire_new(void)
{
	struct wire *w = MEM_NEW(struct wire);

	w->room = WIRE_ROOM;
	VEC_ADD(&wires, w);
	return w;
}

int
wire_fd(const struct wire *w)
{
	for (size_t i = wires.n; i-- > 0;)
		if (wires.p[i] == w)
			return FD_FIRST + (int)i;
	UNREACHABLE();
}

void
wire_free_all(void)
{
	for (size_t i = 0; i < wires.n; i++) {
		if (wires.p[i]->is_accepted && !wires.p[i]->is_closed)
			trail_finding("descriptor %zu was never closed", i);
		mem_free(wires.p[i]->up.p);
		mem_free(wires.p[i]->down.p);
		mem_free(wires.p[i]);
	}
	VEC_FINI(&wires);
}

static void
put(struct wire_queue *q, const void *p, size_t n)
{
	if (n == 0)
		return;
	if (q->n + n > q->cap) {
		q->cap = 2 * (q->n + n);
		q->p = mem_grow(q->p, q->cap);
	}
	memcpy(q->p + q->n, p, n);
	q->n += n;
}

static void
take(struct wire_queue *q, void *p, size_t n)
{
	if (n == 0)
		return;
	memcpy(p, q->p, n);
	memmove(q->p, q->p + n, q->n - n);
	q->n -= n;
}

static void
note_end(struct wire *w)
{
	if (w->ended == 0)
		w->ended = node_now();
}

/* ---- the peer's side */

void
wire_send(struct wire *w, struct slice bytes)
{
	if (!w->is_gone && !w->is_closed)
		put(&w->up, bytes.p, bytes.n);
}

size_t
wire_take(struct wire *w, uint8_t *p, size_t max)
{
	size_t n = w->down.n < max ? w->down.n : max;

	if (w->is_gone)
		return 0;
	take(&w->down, p, n);
	return n;
}

bool
wire_is_over(const struct wire *w)
{
	return (w->is_shut || w->is_closed) && w->down.n == 0;
}

void
wire_close(struct wire *w)
{
	note_end(w);
	w->has_fin = true;
	w->is_gone = true;
}

void
wire_cut(struct wire *w, size_t keep, bool is_reset)
{
	note_end(w);
	if (keep < w->up.n)
		w->up.n = keep;
	w->has_fin = !is_reset;
	w->is_reset = is_reset;
	w->is_gone = true;
	w->down.n = 0;
}

void
wire_lose(struct wire *w)
{
	w->is_gone = true;
	w->up.n = 0;
	w->down.n = 0;
	w->room = 2000; /* then the broker's send buffer is full */
}

/* ---- the broker's side */

uint32_t
wire_ready(int fd)
{
	const struct wire *w = wire_of(fd);
	uint32_t events = 0;

	if (w->up.n > 0 || w->has_fin || w->is_reset)
		events |= EPOLLIN;
	if (w->down.n < w->room || w->is_reset)
		events |= EPOLLOUT;
	if (w->is_reset)
		events |= EPOLLERR | EPOLLHUP;
	return events;
}

const struct wire *
wire_not_quiet(void)
{
	for (size_t i = 0; i < wires.n; i++) {
		const struct wire *w = wires.p[i];

		if (w->up.n > 0 || (w->down.n > 0 && !w->is_gone))
			return w;
	}
	return NULL;
}

static size_t
piece(const struct wire *w, size_t n)
{
	if (n < 2 || w->is_whole)
		return n;
	switch (chance_below(4)) {
	case 0: return 1 + chance_below((unsigned)n);
	case 1: return 1 + chance_below((unsigned)(n < 8 ? n : 8));
	}
	return n;
}

/* How many bytes the broker gets now; -1 with errno, or 0 at the end. */
static ssize_t
readable(struct wire *w, size_t n)
{
	node_may_yield();
	if (w->up.n > 0)
		return (ssize_t)piece(w, w->up.n < n ? w->up.n : n);
	if (w->is_reset) {
		errno = ECONNRESET;
		return -1;
	}
	if (w->has_fin)
		return 0;
	errno = EAGAIN;
	return -1;
}

ssize_t
__wrap_recv(int fd, void *p, size_t n, int flags)
{
	struct wire *w = wire_of(fd);
	ssize_t r = readable(w, n);

	(void)flags;
	if (r > 0)
		take(&w->up, p, (size_t)r);
	return r;
}

ssize_t
__wrap_readv(int fd, const struct iovec *v, int n)
{
	struct wire *w = wire_of(fd);
	size_t all = 0, left;
	ssize_t r;

	for (int i = 0; i < n; i++)
		all += v[i].iov_len;
	r = readable(w, all);
	if (r <= 0)
		return r;
	left = (size_t)r;
	for (int i = 0; i < n && left > 0; i++) {
		size_t k = v[i].iov_len < left ? v[i].iov_len : left;

		take(&w->up, v[i].iov_base, k);
		left -= k;
	}
	return r;
}

ssize_t
__wrap_send(int fd, const void *p, size_t n, int flags)
{
	struct wire *w = wire_of(fd);
	size_t fits;

	(void)flags;
	node_may_yield();
	CHECK(!w->is_closed);
	if (w->is_reset || w->is_shut) {
		errno = EPIPE;
		return -1;
	}
	if (w->has_fin) /* nobody takes it, which we hear of later */
		return (ssize_t)n;
	fits = w->down.n < w->room ? w->room - w->down.n : 0;
	if (fits == 0) {
		errno = EAGAIN;
		return -1;
	}
	if (n > fits)
		n = fits;
	n = piece(w, n);
	put(&w->down, p, n);
	return (ssize_t)n;
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
	ssize_t sum = 0;

	for (size_t i = 0; i < m->msg_iovlen; i++) {
		ssize_t n =
		    __wrap_send(fd, m->msg_iov[i].iov_base, m->msg_iov[i].iov_len, flags);

		if (n < 0)
			return sum > 0 ? sum : n;
		sum += n;
		if ((size_t)n < m->msg_iov[i].iov_len)
			break;
	}
	return sum;
}

int
__wrap_shutdown(int fd, int how)
{
	(void)how;
	note_end(wire_of(fd));
	wire_of(fd)->is_shut = true;
	return 0;
}

int
__wrap_close(int fd)
{
	struct wire *w;

	if (node_is_fd(fd))
		return 0;
	if (!wire_is_fd(fd))
		return __real_close(fd);
	w = wire_of(fd);
	if (w->is_closed)
		trail_finding("a connection is closed twice");
	note_end(w);
	w->is_closed = true;
	w->up.n = 0;
	return 0;
}

int
__wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *n)
{
	int e = wire_of(fd)->is_reset ? ECONNRESET : 0;

	(void)level;
	(void)name;
	CHECK(*n == sizeof e);
	memcpy(value, &e, sizeof e);
	return 0;
}

int
__wrap_getpeername(int fd, struct sockaddr *a, socklen_t *n)
{
	(void)fd;
	(void)a;
	(void)n;
	errno = ENOTCONN;
	return -1;
}
