/* SPDX-License-Identifier: Apache-2.0 */
/* outq: see outq.h. */
#include "emqxd/net/outq.h"
#include "emqxd/core/slab.h"
#include "emqxd/model/metrics.h"
#include "emqxd/net/listener.h"
#include "emqxd/net/listener_conf.h"
#include "emqxd/net/hall.h"
#include "ipc/base/list.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define CHUNK 4080u      /* a slab class */
#define COPY_UNDER 2048u /* a shorter run of turn bytes is copied */
#define SHARE_FROM 256u  /* bytes of the turn that stay have a copy for all */
#define SEGS_AT_ONCE 64

enum seg_kind { SEG_DATA, SEG_TURN, SEG_PAYLOAD, SEG_OWN };

struct seg {
	struct seg *next;
	const uint8_t *p; /* first byte not yet sent */
	uint32_t n;       /* bytes from there on */
	uint32_t cap;     /* of data */
	enum seg_kind kind;
	struct message *kept; /* of PAYLOAD: our reference */
	uint8_t data[];
};

struct outq {
	struct seg *head, *tail;
	const uint8_t
	    *run; /* the newest stretch of adjacent turn bytes, not yet a segment */
	size_t run_n;
	size_t bytes;       /* all that waits */
	struct timer stall; /* send_timeout, armed after a short write */
	struct conn *conn;
};

static struct outq *
outq_of_conn(struct conn *c)
{
	if (c->out == NULL) {
		c->out = slab_new_zero(sizeof *c->out);
		c->out->conn = c;
	}
	return c->out;
}

static void
seg_add(struct outq *o, struct seg *s)
{
	s->next = NULL;
	if (o->tail != NULL)
		o->tail->next = s;
	else
		o->head = s;
	o->tail = s;
}

static struct seg *
seg_new(enum seg_kind kind, size_t cap)
{
	struct seg *s = slab_new(sizeof *s + cap);

	s->kind = kind;
	s->cap = (uint32_t)cap;
	s->n = 0;
	s->p = s->data;
	s->kept = NULL;
	return s;
}

static void
seg_free(struct seg *s)
{
	message_unref(&s->kept);
	slab_free(s, sizeof *s + s->cap);
}

/* @n bytes at the end of a DATA segment. */
static uint8_t *
data_room(struct outq *o, size_t n)
{
	struct seg *s = o->tail;

	if (s == NULL || s->kind != SEG_DATA ||
	    (size_t)(s->data + s->cap - (s->p + s->n)) < n) {
		size_t cap = CHUNK - sizeof *s;

		s = seg_new(SEG_DATA, n > cap ? n : cap);
		seg_add(o, s);
	}
	s->n += (uint32_t)n;
	return s->data + (s->p - s->data) + s->n - n;
}

/* The run becomes a segment: a short one is copied, a long one referred to. */
static void
settle_run(struct outq *o)
{
	if (o->run == NULL)
		return;
	if (o->run_n < COPY_UNDER) {
		memcpy(data_room(o, o->run_n), o->run, o->run_n);
	} else {
		struct seg *s = seg_new(SEG_TURN, 0);

		s->p = o->run;
		s->n = (uint32_t)o->run_n;
		seg_add(o, s);
	}
	o->run = NULL;
	o->run_n = 0;
}

uint8_t *
conn_room(struct conn *c, size_t n)
{
	struct outq *o = outq_of_conn(c);

	settle_run(o);
	conn_mark_dirty(c);
	o->bytes += n;
	return data_room(o, n);
}

void
conn_put_turn(struct conn *c, const uint8_t *p, size_t n)
{
	struct outq *o = outq_of_conn(c);

	conn_mark_dirty(c);
	hall_self()->is_pinned = true;
	o->bytes += n;
	if (o->run != NULL && o->run + o->run_n == p) {
		o->run_n += n;
		return;
	}
	settle_run(o);
	o->run = p;
	o->run_n = n;
}

void
conn_put_payload(struct conn *c, struct message *kept)
{
	struct outq *o = outq_of_conn(c);
	struct seg *s;

	settle_run(o);
	conn_mark_dirty(c);
	s = seg_new(SEG_PAYLOAD, 0);
	s->kept = message_ref(kept);
	s->p = kept->payload.p;
	s->n = (uint32_t)kept->payload.n;
	seg_add(o, s);
	o->bytes += s->n;
}

size_t
conn_pending(const struct conn *c)
{
	return c->out != NULL ? c->out->bytes : 0;
}

static size_t
mark_of(const struct conn *c)
{
	return listener_settings(c->listener)->high_watermark;
}

/* Only this turn's bytes, perhaps: they may well go, while there is time.  An error waits
 * for the flush at the end of the turn: who asks is in the middle of a delivery, where
 * nothing may end. */
static bool
waits_more_than(struct conn *c, size_t bytes)
{
	if (c->out->bytes <= bytes)
		return false;
	if ((c->watch.flags & CONN_OUT_ARMED) == 0 && !conn_is_ended(c) &&
	    !loop_is_late())
		outq_flush_quietly(c, bytes / 2);
	return c->out->bytes > bytes;
}

bool
conn_is_congested(struct conn *c)
{
	if (EM_LIKELY(c->out == NULL) || !waits_more_than(c, mark_of(c)))
		return false;
	c->watch.flags |= CONN_WANTS_WRITABLE;
	return true;
}

bool
outq_is_flooded(struct conn *c)
{
	return c->out != NULL && waits_more_than(c, 2 * mark_of(c));
}

void
outq_drop(struct conn *c)
{
	struct outq *o = c->out;

	if (o == NULL)
		return;
	while (o->head != NULL) {
		struct seg *s = o->head;

		o->head = s->next;
		seg_free(s);
	}
	timer_cancel(&o->stall);
	slab_free(o, sizeof *o);
	c->out = NULL;
}

/* Takes @n bytes off the front. */
static void
sent(struct outq *o, size_t n)
{
	metric_add(METRIC_BYTES_SENT, n);
	o->bytes -= n;
	while (o->head != NULL && n >= o->head->n) {
		struct seg *s = o->head;

		n -= s->n;
		o->head = s->next;
		seg_free(s);
	}
	if (o->head == NULL) {
		o->tail = NULL;
	} else {
		o->head->p += n;
		o->head->n -= (uint32_t)n;
	}
}

/* Bytes of the turn as a segment of our own. */
static struct seg *
seg_of_copy(const uint8_t *p, size_t n)
{
	const uint8_t *at = p;
	struct message *copy = n >= SHARE_FROM ? hall_copy(p, n, &at) : NULL;
	struct seg *s =
	    seg_new(copy != NULL ? SEG_PAYLOAD : SEG_OWN, copy != NULL ? 0 : n);

	s->kept = copy;
	s->n = (uint32_t)n;
	if (copy != NULL)
		s->p = at;
	else
		memcpy(s->data, p, n);
	return s;
}

/* The run, which is all there is or long, becomes a segment of just its size; a short one
 * goes into the chunk that is there. */
static void
own_run(struct outq *o)
{
	if (o->run == NULL)
		return;
	if (o->run_n < SHARE_FROM && o->head != NULL) {
		settle_run(o);
		return;
	}
	seg_add(o, seg_of_copy(o->run, o->run_n));
	o->run = NULL;
	o->run_n = 0;
}

static void
own_turn_bytes(struct outq *o)
{
	struct seg **at = &o->head;

	own_run(o);
	for (struct seg *s = o->head; s != NULL; at = &s->next, s = s->next) {
		struct seg *copy;

		if (s->kind != SEG_TURN)
			continue;
		copy = seg_of_copy(s->p, s->n);
		copy->next = s->next;
		*at = copy;
		if (o->tail == s)
			o->tail = copy;
		seg_free(s);
		s = copy;
	}
}

void
outq_own(struct conn *c)
{
	if (c->out != NULL)
		own_turn_bytes(c->out);
}

/* struct iovec wants a pointer that is not const, though sending only looks. */
static void *
iov_base(const uint8_t *p)
{
	void *base;

	memcpy(&base, &p, sizeof base);
	return base;
}

/* The first segments, at most @max bytes of them; how many bytes that are. */
static size_t
fill(struct msghdr *m, const struct outq *o, size_t max)
{
	size_t sum = 0;

	for (const struct seg *s = o->head;
	     s != NULL && m->msg_iovlen < SEGS_AT_ONCE && sum < max; s = s->next) {
		struct iovec *v = &m->msg_iov[m->msg_iovlen++];

		v->iov_base = iov_base(s->p);
		v->iov_len = s->n < max - sum ? s->n : max - sum;
		sum += v->iov_len;
	}
	return sum;
}

/* One system call; 0 when it would block, -1 with errno. */
static ssize_t
write_some(struct conn *c, size_t max, size_t *asked)
{
	struct outq *o = c->out;
	struct iovec v[SEGS_AT_ONCE];
	struct msghdr m = { .msg_iov = v };
	ssize_t r;

	if (o->head == NULL) { /* a stream of QoS 0: straight from the read buffer */
		*asked = o->run_n < max ? o->run_n : max;
		r = send(c->watch.fd, o->run, *asked, MSG_NOSIGNAL | MSG_DONTWAIT);
	} else {
		settle_run(o);
		*asked = fill(&m, o, max);
		r = sendmsg(c->watch.fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	if (r < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS))
		return 0;
	return r;
}

static void
advance(struct outq *o, size_t n)
{
	if (o->head != NULL) {
		sent(o, n);
		return;
	}
	metric_add(METRIC_BYTES_SENT, n);
	o->bytes -= n;
	o->run += n;
	o->run_n -= n;
	if (o->run_n == 0)
		o->run = NULL;
}

static void
on_stall(struct timer *t)
{
	struct outq *o = LIST_OWNER(t, struct outq, stall);
	struct conn *c = o->conn;

	if (listener_settings(c->listener)->tcp.send_timeout_close)
		conn_end(c, END_SEND_TIMEOUT, END_BY_SERVER, NULL);
}

static void
arm_stall(struct conn *c)
{
	timer_arm(
	    &c->out->stall, listener_settings(c->listener)->tcp.send_timeout, on_stall);
}

static void
wait_writable(struct conn *c, bool made_progress)
{
	struct outq *o = c->out;

	own_turn_bytes(o);
	if (made_progress || !timer_is_armed(&o->stall))
		arm_stall(c);
	if ((c->watch.flags & CONN_OUT_ARMED) == 0) {
		c->watch.flags |= CONN_OUT_ARMED;
		conn_set_events(c);
	}
}

static void
all_sent(struct conn *c)
{
	outq_drop(c);
	if ((c->watch.flags & CONN_OUT_ARMED) != 0) {
		c->watch.flags &= ~(unsigned)CONN_OUT_ARMED;
		conn_set_events(c);
	}
}

/* Who waited for room has it again, when there is enough of it. */
static void
drained(struct conn *c)
{
	const unsigned waits = CONN_WANTS_WRITABLE | CONN_FLOODED;
	unsigned was = c->watch.flags & waits;

	if (was == 0 || conn_pending(c) > mark_of(c) / 2)
		return;
	c->watch.flags &= ~waits;
	if ((was & CONN_FLOODED) != 0)
		conn_set_events(c);
	if ((was & CONN_WANTS_WRITABLE) != 0)
		c->ops->on_writable(c);
}

bool
outq_is_unfinished(const struct conn *c)
{
	return c->out != NULL && (c->watch.flags & CONN_OUT_ARMED) == 0 &&
	       !conn_is_ended(c);
}

size_t
outq_flush(struct conn *c, size_t max)
{
	size_t asked, n = 0;

	if (c->out == NULL)
		return 0;
	while (c->out->bytes > 0 && n < max) {
		ssize_t r = write_some(c, max - n, &asked);

		if (r < 0) {
			conn_fail(c, errno);
			return n;
		}
		n += (size_t)r;
		advance(c->out, (size_t)r);
		if ((size_t)r < asked) {
			wait_writable(c, n > 0);
			break;
		}
	}
	if (c->out->bytes == 0)
		all_sent(c);
	else if (n >= max && timer_is_armed(&c->out->stall))
		arm_stall(c);
	drained(c);
	return n;
}

void
outq_flush_quietly(struct conn *c, size_t left)
{
	size_t asked;

	while (c->out != NULL && c->out->bytes > left) {
		ssize_t r = write_some(c, SIZE_MAX, &asked);

		if (r <= 0)
			break;
		advance(c->out, (size_t)r);
	}
}
