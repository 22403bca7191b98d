/* SPDX-License-Identifier: Apache-2.0 */
/* conn: see conn.h. */
#include "emqxd/net/conn.h"
#include "emqxd/core/slab.h"
#include "emqxd/limit/limit.h"
#include "emqxd/model/metrics.h"
#include "emqxd/net/listener.h"
#include "emqxd/net/outq.h"
#include "emqxd/net/hall.h"
#include "ipc/base/list.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define PART_MIN 64u
#define PART_STEP 16384u     /* a large packet's memory grows with the bytes that came */
#define READV_FROM 256u      /* so much missing goes straight to its place */
#define PART_COUNTED 1024u   /* smaller ones are not worth it */
#define PART_LOBBY 4096u     /* as PART_STEP, before there is an owner */
#define PART_HEAD 16u        /* of a packet that is refused: tells what it would be */
#define WRITE_MAX (1u << 20) /* in a turn, of what waited for room */
#define RESUME_LEAST 4u      /* in a turn, however late it is */
#define LINGER_TIME span_s(1)

_Static_assert(sizeof(struct conn) <= 112, "an idle connection");

static void on_ready(struct watch *w, uint32_t events);

static struct conn *
conn_of(struct watch *w)
{
	struct conn *c = LIST_OWNER(w, struct conn, watch);

	CHECK_OBJ(c, CONN_MAGIC);
	return c;
}

static struct conn *
conn_new(int fd, struct listener *l, const struct conn_ops *ops)
{
	struct hall *r = hall_self();
	struct conn *c = slab_new_zero(sizeof *c);

	c->magic = CONN_MAGIC;
	c->watch = (struct watch){ .on_ready = on_ready, .fd = fd };
	c->ops = ops;
	c->listener = l;
	c->home = worker_self()->id;
	c->index = (uint32_t)r->all.n;
	VEC_ADD(&r->all, c);
	listener_count_current(l, 1);
	return c;
}

/* Takes it out of the worker's list. */
static void
unlist(struct conn *c)
{
	struct hall *r = hall_self();
	struct conn *last = r->all.p[--r->all.n];

	r->all.p[c->index] = last;
	last->index = c->index;
}

static size_t
part_size(const struct conn_part *p)
{
	return sizeof *p + p->cap;
}

static void
part_uncount(const struct conn_part *p)
{
	if (p->cap >= PART_COUNTED)
		limit_release(p->cap);
}

static void
part_recount(const struct conn_part *p)
{
	if (p->cap >= PART_COUNTED)
		limit_hold_anyway(p->cap);
}

static void
part_free(struct conn *c)
{
	if (c->part == NULL)
		return;
	part_uncount(c->part);
	slab_free(c->part, part_size(c->part));
	c->part = NULL;
}

/* The last step: nobody can refer to it any more. */
void
conn_bury(struct conn *c)
{
	outq_drop(c);
	part_free(c);
	c->magic = 0;
	slab_free(c, sizeof *c);
}

static void
bury_unless_listed(struct conn *c)
{
	if ((c->watch.flags & CONN_LISTED) == 0)
		VEC_ADD(&hall_self()->dead, c);
}

void
conn_unlist(struct conn *c, enum conn_flag list)
{
	c->watch.flags &= ~(unsigned)list;
	if (c->watch.fd < 0)
		bury_unless_listed(c);
}

/* Its descriptor is closed here and now, in the time of what ended it; its memory is freed
 * at the end of a turn in which no list has it. */
void
conn_close(struct conn *c)
{
	timer_cancel(&c->timer);
	loop_unwatch(worker_self()->loop, &c->watch);
	if ((c->watch.flags & CONN_GIVEN) == 0)
		close(c->watch.fd);
	c->watch.fd = -1;
	unlist(c);
	bury_unless_listed(c);
}

void
conn_mark_dirty(struct conn *c)
{
	if ((c->watch.flags & CONN_DIRTY) != 0)
		return;
	c->watch.flags |= CONN_DIRTY;
	VEC_ADD(&hall_self()->dirty, c);
}

static uint32_t
events_of(const struct conn *c)
{
	return (conn_is_paused(c) ? 0 : (uint32_t)EPOLLIN) |
	       ((c->watch.flags & CONN_OUT_ARMED) != 0 ? (uint32_t)EPOLLOUT : 0);
}

void
conn_set_events(struct conn *c)
{
	if ((c->watch.flags & CONN_WATCHED) != 0 && !conn_is_ended(c))
		loop_rewatch(worker_self()->loop, &c->watch, events_of(c));
}

/* ---- the end */

static void
on_linger_over(struct timer *t)
{
	conn_close(LIST_OWNER(t, struct conn, timer));
}

/* We sent our last word: closing at once, with bytes of the peer unread, would reset the
 * connection and might take that word away.  So read on a while, into nothing. */
static void
linger(struct conn *c)
{
	c->watch.flags |= CONN_LINGER;
	c->watch.flags &= ~(unsigned)(CONN_PAUSED | CONN_FLOODED | CONN_OUT_ARMED);
	shutdown(c->watch.fd, SHUT_WR);
	if ((c->watch.flags & CONN_WATCHED) != 0)
		loop_rewatch(worker_self()->loop, &c->watch, EPOLLIN);
	else if (loop_watch(worker_self()->loop, &c->watch, EPOLLIN) != EM_OK) {
		conn_close(c);
		return;
	}
	timer_arm(&c->timer, LINGER_TIME, on_linger_over);
}

bool
conn_has_left(const struct conn *c)
{
	uint8_t byte;

	return c->part == NULL &&
	       recv(c->watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void
linger_read(struct conn *c)
{
	struct hall *r = hall_self();
	ssize_t n = recv(c->watch.fd, hall_read_buffer(r), READ_MAX, MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		conn_close(c);
}

void
conn_end(struct conn *c, end_reason why, end_side side, const char *detail)
{
	bool has_last_word;

	CHECK_HOME(c);
	if (conn_is_ended(c))
		return;
	c->watch.flags |= CONN_ENDED;
	if (side == END_BY_SERVER && why != END_SEND_TIMEOUT)
		c->ops->on_last_word(c, why, detail);
	has_last_word =
	    c->out != NULL && side == END_BY_SERVER && why != END_SEND_TIMEOUT;
	timer_cancel(&c->timer);
	listener_count_end(c->listener, why, side);
	listener_count_current(c->listener, -1);
	if (side != END_BY_NETWORK)
		outq_flush_quietly(c, 0);
	outq_drop(c);
	part_free(c);
	c->ops->on_ended(c, why, side, detail);
	if (has_last_word)
		linger(c);
	else
		conn_close(c);
}

void
conn_fail(struct conn *c, int e)
{
	switch (e) {
	case ECONNRESET: conn_end(c, END_ECONNRESET, END_BY_NETWORK, NULL); return;
	case ETIMEDOUT: conn_end(c, END_ETIMEDOUT, END_BY_NETWORK, NULL); return;
	case EPIPE: conn_end(c, END_EPIPE, END_BY_NETWORK, NULL); return;
	case EHOSTUNREACH:
	case ENETUNREACH: conn_end(c, END_EHOSTUNREACH, END_BY_NETWORK, NULL); return;
	}
	conn_end(c, END_SOCKET_ERROR, END_BY_NETWORK, strerrorname_np(e));
}

/* ---- reading */

/* What may always be kept of a packet that has only begun. */
static size_t
step_of(const struct conn *c)
{
	return c->owner == NULL ? PART_LOBBY : PART_STEP;
}

/* Nobody holds much of the node by beginning a packet: a large one that must wait for its
 * rest asks first.  What was only left over is all here and is kept. */
static bool
part_count(const struct conn *c, size_t cap, bool is_all_here)
{
	if (cap < PART_COUNTED)
		return true;
	if (!is_all_here && cap > step_of(c))
		return limit_hold(cap, c->owner == NULL ? LIMIT_STRANGER : LIMIT_CLIENT);
	limit_hold_anyway(cap);
	return true;
}

/* NULL: there is no memory. */
static struct conn_part *
part_new(size_t cap, size_t need)
{
	struct conn_part *part = slab_try(sizeof *part + cap);

	if (part != NULL)
		*part =
		    (struct conn_part){ .cap = (uint32_t)cap, .need = (uint32_t)need };
	else if (cap >= PART_COUNTED)
		limit_release(cap);
	return part;
}

static void
end_without_memory(struct conn *c)
{
	conn_end(c, END_INTERNAL_ERROR, END_BY_SERVER, "no memory for a packet");
}

static void
end_at_limit(struct conn *c)
{
	conn_end(c, END_SERVER_BUSY, END_BY_SERVER,
	    "unfinished packets may take no more of node.memory_limit");
}

/* The owner's last word may depend on how the packet begins. */
static void
refuse_to_keep(struct conn *c, const uint8_t *p, size_t n)
{
	c->part = part_new(PART_HEAD, 0);
	if (c->part != NULL) {
		c->part->n = n < PART_HEAD ? (uint32_t)n : PART_HEAD;
		memcpy(c->part->b, p, c->part->n);
	}
	end_at_limit(c);
}

/* Keeps @n bytes aside, the head of a packet of @need bytes (0: unknown). */
static void
keep(struct conn *c, const uint8_t *p, size_t n, size_t need)
{
	size_t cap = need > n ? need : n, step = step_of(c);

	if (cap > step && cap > 2 * n)
		cap = 2 * n > step ? 2 * n : step;
	if (cap < PART_MIN)
		cap = PART_MIN;
	if (!part_count(c, cap, need <= n)) {
		refuse_to_keep(c, p, n);
		return;
	}
	c->part = part_new(cap, need);
	if (c->part == NULL) {
		end_without_memory(c);
		return;
	}
	memcpy(c->part->b, p, n);
	c->part->n = (uint32_t)n;
}

/* Makes room for @n bytes more; false: it ended. */
static bool
part_grow(struct conn *c, size_t n)
{
	struct conn_part *old = c->part;
	size_t want = 2 * (old->n + n);

	if (old->need > old->n + n && want > old->need)
		want = old->need;
	part_uncount(old); /* the new one counts in its place */
	if (!part_count(c, want, false)) {
		part_recount(old);
		end_at_limit(c);
		return false;
	}
	c->part = part_new(want, old->need);
	if (c->part != NULL) {
		memcpy(c->part->b, old->b, old->n);
		c->part->n = old->n;
	}
	slab_free(old, part_size(old));
	if (c->part == NULL)
		end_without_memory(c);
	return c->part != NULL;
}

/* Appends to what is kept. */
static bool
keep_more(struct conn *c, const uint8_t *p, size_t n)
{
	if (c->part->n + n > c->part->cap && !part_grow(c, n))
		return false;
	memcpy(c->part->b + c->part->n, p, n);
	c->part->n += (uint32_t)n;
	return true;
}

/* Gives bytes to the owner and keeps what it leaves. */
static void
consume(struct conn *c, uint8_t *p, size_t n)
{
	size_t need = 0;
	size_t used = c->ops->on_bytes(c, p, n, &need);

	if (!conn_is_ended(c) && used < n)
		keep(c, p + used, n - used, need);
}

/* After its packets were answered. */
static void
stop_flood(struct conn *c)
{
	if (conn_is_ended(c) || !outq_is_flooded(c))
		return;
	c->watch.flags |= CONN_FLOODED;
	conn_set_events(c);
}

/* The kept bytes are complete (or shall be looked at again). */
static void
consume_part(struct conn *c)
{
	struct conn_part *part = c->part;

	c->part = NULL;
	part_uncount(part);
	hall_free_later(part, part_size(part));
	consume(c, part->b, part->n);
}

/* Without an owner it may be given away with what on_bytes is shown: that must be all. */
static bool
may_walk(const struct conn *c)
{
	return c->owner == NULL;
}

static void
feed(struct conn *c, uint8_t *p, size_t n)
{
	while (c->part != NULL && n > 0) {
		size_t k =
		    1; /* the size is not known yet: byte by byte, at most five times */

		if (conn_is_paused(c) || may_walk(c))
			k = n;
		else if (c->part->need > c->part->n)
			k = c->part->need - c->part->n < n ? c->part->need - c->part->n
							   : n;
		if (!keep_more(c, p, k))
			return;
		p += k;
		n -= k;
		if (conn_is_paused(c) || c->part->n < c->part->need)
			return;
		consume_part(c);
		if (conn_is_ended(c))
			return;
	}
	if (n == 0)
		return;
	if (conn_is_paused(c))
		keep(c, p, n, 0);
	else
		consume(c, p, n);
}

/* A large packet: the rest goes straight to its place, what follows to the ring. */
static ssize_t
read_large(struct conn *c, uint8_t *ring, size_t *in_ring)
{
	struct conn_part *part = c->part;
	size_t room = (part->need < part->cap ? part->need : part->cap) - part->n;
	struct iovec v[2] = { { part->b + part->n, room }, { ring, READ_MAX } };
	ssize_t n = readv(c->watch.fd, v, 2);

	*in_ring = 0;
	if (n > 0) {
		size_t direct = (size_t)n < room ? (size_t)n : room;

		part->n += (uint32_t)direct;
		*in_ring = (size_t)n - direct;
	}
	return n;
}

static bool
is_large(const struct conn *c)
{
	return c->part != NULL && c->part->need > c->part->n + READV_FROM &&
	       c->part->cap > c->part->n + READV_FROM && !may_walk(c);
}

static void
conn_read(struct conn *c)
{
	struct hall *r = hall_self();
	uint8_t *ring = hall_read_buffer(r);
	size_t in_ring;
	ssize_t n;

	if (conn_is_ended(c)) /* making room has flushed, which found it broken */
		return;
	if (is_large(c)) {
		n = read_large(c, ring, &in_ring);
	} else {
		n = recv(c->watch.fd, ring, READ_MAX, MSG_DONTWAIT);
		in_ring = n > 0 ? (size_t)n : 0;
	}
	if (EM_UNLIKELY(n <= 0)) {
		if (n == 0)
			conn_end(c, END_TCP_CLOSED, END_BY_CLIENT, NULL);
		else if (errno != EAGAIN && errno != EINTR)
			conn_fail(c, errno);
		return;
	}
	metric_add(METRIC_BYTES_RECEIVED, (size_t)n);
	if (c->part != NULL && c->part->need > 0 && c->part->n == c->part->need)
		consume_part(c);
	if (in_ring > 0 && !conn_is_ended(c))
		feed(c, ring, in_ring);
	hall_read_done(r, in_ring);
	stop_flood(c);
}

static void
socket_error(struct conn *c)
{
	int e = 0;
	socklen_t n = sizeof e;

	getsockopt(c->watch.fd, SOL_SOCKET, SO_ERROR, &e, &n);
	if (e != 0)
		conn_fail(c, e);
	else
		conn_end(c, END_TCP_CLOSED, END_BY_CLIENT, NULL);
}

static void
on_ready(struct watch *w, uint32_t events)
{
	struct conn *c = conn_of(w);

	if (EM_UNLIKELY((w->flags & CONN_LINGER) != 0)) {
		linger_read(c);
		return;
	}
	if (conn_is_ended(c))
		return;
	if ((events & EPOLLOUT) != 0)
		outq_flush(c, WRITE_MAX); /* there is room for more: it is ready again */
	if (conn_is_ended(c))
		return;
	if (EM_UNLIKELY(conn_is_paused(c))) {
		if ((events & (EPOLLERR | EPOLLHUP)) != 0)
			socket_error(c);
		return;
	}
	if ((events & ~(uint32_t)EPOLLOUT) != 0)
		conn_read(c);
}

static void
begin_watching(struct conn *c)
{
	if (conn_is_ended(c))
		return;
	if (loop_watch(worker_self()->loop, &c->watch, events_of(c)) != EM_OK) {
		conn_end(
		    c, END_INTERNAL_ERROR, END_BY_SERVER, "epoll refused the descriptor");
		return;
	}
	c->watch.flags |= CONN_WATCHED;
}

void
conn_start(int fd, struct listener *l, const struct conn_ops *ops)
{
	struct conn *c = conn_new(fd, l, ops);

	ops->on_started(c);
	conn_read(c); /* the CONNECT is often there */
	begin_watching(c);
}

/* ---- pausing */

void
conn_pause(struct conn *c)
{
	CHECK_HOME(c);
	if (conn_is_ended(c) || (c->watch.flags & CONN_PAUSED) != 0)
		return;
	c->watch.flags |= CONN_PAUSED;
	conn_set_events(c);
}

void
conn_resume(struct conn *c)
{
	CHECK_HOME(c);
	if (conn_is_ended(c) || (c->watch.flags & CONN_PAUSED) == 0)
		return;
	c->watch.flags &= ~(unsigned)CONN_PAUSED;
	if (c->part == NULL || c->part->need > c->part->n) {
		conn_set_events(c);
		return;
	}
	if ((c->watch.flags & CONN_RESUMED) != 0)
		return;
	c->watch.flags |= CONN_RESUMED; /* read again when that is done */
	VEC_ADD(&hall_self()->resumed, c);
	loop_hurry(worker_self()->loop);
}

void
conn_resume_all(struct hall *r)
{
	/* A connection may pause and resume again meanwhile: it comes next turn. */
	size_t end = r->resumed.n, i;

	if (end == 0)
		return;
	for (i = 0; i < end && (i < RESUME_LEAST || !loop_is_late()); i++) {
		struct conn *c = r->resumed.p[i];

		conn_unlist(c, CONN_RESUMED);
		if (conn_is_ended(c) || (c->watch.flags & CONN_PAUSED) != 0)
			continue;
		if (c->part != NULL && c->part->need <= c->part->n)
			consume_part(c);
		if (!conn_is_paused(c))
			conn_set_events(c);
	}
	r->resumed.n -= i;
	memmove(r->resumed.p, r->resumed.p + i, r->resumed.n * sizeof *r->resumed.p);
	if (r->resumed.n > 0)
		loop_hurry(worker_self()->loop);
}

/* ---- walking */

struct parcel {
	struct letter letter;
	int fd;
	struct listener *listener;
	const struct conn_ops *ops;
	size_t n;
	uint8_t b[];
};

static void
on_parcel(struct letter *l)
{
	struct parcel *p = LIST_OWNER(l, struct parcel, letter);
	struct conn *c;

	if (worker_slot(ROOM_NET) == NULL) { /* the thread has ended */
		close(p->fd);
		slab_free(p, sizeof *p + p->n);
		return;
	}
	c = conn_new(p->fd, p->listener, p->ops);
	if (listener_is_closing(p->listener)) {
		conn_end(c, END_LISTENER_STOPPED, END_BY_SERVER, NULL);
	} else {
		p->ops->on_started(c);
		feed(c, p->b, p->n);
		begin_watching(c);
	}
	hall_free_later(p, sizeof *p + p->n); /* it may be referred to until the flush */
}

void
conn_give(struct conn *c, struct worker *to, const uint8_t *p, size_t n)
{
	struct parcel *parcel = slab_try(sizeof *parcel + n);

	CHECK_HOME(c);
	if (parcel == NULL) {
		conn_end(c, END_INTERNAL_ERROR, END_BY_SERVER, "no memory for a packet");
		return;
	}
	*parcel = (struct parcel){ .letter = { .open = on_parcel },
		.fd = c->watch.fd,
		.listener = c->listener,
		.ops = c->ops,
		.n = n };
	memcpy(parcel->b, p, n);
	listener_count_current(c->listener, -1);
	c->watch.flags |= CONN_GIVEN;
	conn_close(c);
	worker_post(to, &parcel->letter);
}

struct net_addr
conn_peer(const struct conn *c)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t n = sizeof ss;

	if (getpeername(c->watch.fd, (struct sockaddr *)&ss, &n) != 0)
		return (struct net_addr){ 0 };
	return addr_of(&ss);
}

size_t
conn_each_some(size_t left, size_t max, conn_each_fn *fn, void *arg)
{
	struct hall *r = hall_self();

	/* From behind: one that ends takes the last one's place, which was visited. */
	if (left > r->all.n)
		left = r->all.n;
	for (; left > 0 && max > 0; max--) {
		struct conn *c = r->all.p[--left];

		if (!conn_is_ended(c))
			fn(c, arg);
		if (left > r->all.n)
			left = r->all.n;
	}
	return left;
}

void
conn_each(conn_each_fn *fn, void *arg)
{
	conn_each_some(SIZE_MAX, SIZE_MAX, fn, arg);
}
