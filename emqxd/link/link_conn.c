/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link_conn: one connection, from its socket to its frames.
 *
 *	CONNECTING -> SECURING (TLS) -> HELLO -> UP (frames) or PUMP (Raft's bytes)
 *
 * Reading: into the house's scratch, frames are handled in place, and what is left of one
 * is kept; so are those that the turn has no time for, and nothing more is read meanwhile.
 * Writing: into the buffer, which goes out at the end of the turn.
 */
#include "emqxd/link/link_inside.h"
#include "emqxd/link/link_tls.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/model/metrics.h"
#include "ipc/base/mem.h"
#include "ipc/base/rand.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define READS_A_TURN 4 /* of 64 KiB */
#define PIECES 16
#define OPTION_RTO_MAX 44 /* TCP_RTO_MAX_MS of Linux 6.15 */
#define RTO_MAX_MS 1000   /* the least that it takes */
#define ROOM (64u << 10)
#define GUEST_FRAME_MAX (64u << 10) /* of who comes as one: it asks */

static void on_ready(struct watch *w, uint32_t events);

/* ---- beginning and end */

static void
on_limit(struct timer *t)
{
	struct link_conn *c = LIST_OWNER(t, struct link_conn, limit);

	link_conn_fail(c, EM_TIMEOUT, "%s did not say who it is within %lld s", c->where,
	    (long long)span_to_s(LINK_SHAKE));
}

/* One that a kernel does not know is not there. */
static void
set_options(int fd)
{
	const struct {
		int level, name, value;
	} all[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		/* A peer that is gone makes these fail; reading tells. */
		{ IPPROTO_TCP, TCP_USER_TIMEOUT,
		    (int)(span_to_ms(LINK_SILENCE) + span_to_ms(LINK_LAST_WORD)) },
		/* Also where nothing is to be said, as at the end of a stream of Raft that
		 * the other node has closed while nobody heard it. */
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, (int)span_to_s(LINK_SILENCE) },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 1 },
		/* What was lost is sent again soon after the network is back. */
		{ IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1 },
		{ IPPROTO_TCP, OPTION_RTO_MAX, RTO_MAX_MS },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		setsockopt(
		    fd, all[i].level, all[i].name, &all[i].value, sizeof all[i].value);
}

struct link_conn *
link_conn_new(struct link_house *h, int fd, bool is_dialled, const char *where)
{
	struct link_conn *c = MEM_NEW(struct link_conn);

	*c = (struct link_conn){ .watch = { .on_ready = on_ready, .fd = fd },
		.house = h,
		.id = ++h->last_conn,
		.is_dialled = is_dialled,
		.step = is_dialled ? LINK_CONN_CONNECTING : LINK_CONN_SECURING,
		.channel = LINK_CHANNEL_N,
		.heard = clock_mono(),
		.events = is_dialled ? EPOLLOUT : EPOLLIN };
	snprintf(c->where, sizeof c->where, "%s", where);
	list_init(&c->asks);
	list_init(&c->dirty);
	list_init(&c->late);
	list_init(&c->fresh);
	set_options(fd);
	if (loop_watch(h->loop, &c->watch, c->events) != EM_OK) {
		close(fd);
		mem_free(c);
		return NULL;
	}
	list_push(&h->all, &c->all);
	if (!is_dialled) {
		list_push(&h->fresh, &c->fresh);
		h->fresh_n++;
		timer_arm(&c->limit, LINK_SHAKE, on_limit);
	}
	return c;
}

static void
leave_fresh(struct link_conn *c)
{
	if (list_is_empty(&c->fresh))
		return;
	list_del(&c->fresh);
	c->house->fresh_n--;
	timer_cancel(&c->limit);
}

/* One last attempt for what was said: why it is refused, perhaps. */
static void
write_last(struct link_conn *c)
{
	struct iovec v[PIECES];

	if (c->step == LINK_CONN_CONNECTING || c->step == LINK_CONN_SECURING)
		return;
	if (c->out.bytes > 0)
		(void)link_conn_write(c, v, link_buffer_look(&c->out, v, PIECES));
	if (c->tls != NULL)
		link_tls_end(c->tls);
}

/* By its name if it has said one, else by where it comes from, without the port. */
static struct slice
who_is(const struct link_conn *c)
{
	const char *colon = strrchr(c->where, ':');

	if (c->hello != NULL && c->hello->theirs.name[0] != '\0')
		return slice_str(c->hello->theirs.name);
	return slice_of(
	    c->where, colon != NULL ? (size_t)(colon - c->where) : strlen(c->where));
}

static void
tell_refused(struct link_conn *c, em_err err, const struct fault *f)
{
	const char *text;
	uint64_t more;

	metric_inc(METRIC_CLUSTER_LINK_REFUSED);
	if (!link_refused_is_news(
		&c->house->refused, who_is(c), err, clock_mono(), &more))
		return;
	text = f != NULL && f->text != NULL ? f->text : err_text(err);
	/* Who has just joined may come before its row; one that does not belong here warns on
	 * its own side. */
	if (err == EM_NOTMEMBER)
		LOG(INFO, "cluster_link_refused", "from", c->where, "error",
		    err_name(err), "text", text, "more", more);
	else
		LOG(WARN, "cluster_link_refused", "from", c->where, "error",
		    err_name(err), "text", text, "more", more);
}

/* Whoever waits for it or has it. */
static void
tell(struct link_conn *c, bool was_fresh, em_err err, const struct fault *f)
{
	struct link_dial *d = c->dial;

	if (was_fresh)
		tell_refused(c, err, f);
	c->dial = NULL;
	if (d != NULL)
		link_dial_done(d, NULL, f);
	if (c->raft != NULL)
		link_raft_lost(c);
	link_ask_fail_all(c);
	if (c->peer != NULL)
		link_peer_lost(c, err, f);
}

void
link_conn_end(struct link_conn *c, em_err err, const struct fault *f)
{
	bool was_fresh = !list_is_empty(&c->fresh);

	if (c->step == LINK_CONN_ENDED)
		return;
	write_last(c);
	c->step = LINK_CONN_ENDED;
	loop_unwatch(c->house->loop, &c->watch);
	link_tls_close(&c->tls);
	close(c->watch.fd);
	leave_fresh(c);
	timer_cancel(&c->limit);
	list_del(&c->dirty);
	list_del(&c->late);
	list_del(&c->all);
	list_push(&c->house->dead_conns, &c->all);
	tell(c, was_fresh, err, f);
}

void
link_conn_fail(struct link_conn *c, em_err err, const char *fmt, ...)
{
	struct fault f = { .err = EM_OK };
	char text[LINK_WHY_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	fault_set(&f, err, "%s", text);
	link_conn_end(c, err, &f);
	fault_clear(&f);
}

static void
fail_in_hello(struct link_conn *c)
{
	link_conn_fail(c, EM_UNREACHABLE,
	    "%s: the connection was closed before it was known who is there", c->where);
}

static void
fail_errno(struct link_conn *c, int e)
{
	if (c->step == LINK_CONN_HELLO && (e == ECONNRESET || e == EPIPE)) {
		fail_in_hello(c); /* a close with our bytes unread is a reset */
		return;
	}
	link_conn_fail(c, e == ETIMEDOUT ? EM_TIMEOUT : EM_UNREACHABLE, "%s: %s",
	    c->where, strerror(e));
}

void
link_conn_bury(struct link_house *h)
{
	LIST_EACH_SAFE (n, &h->dead_conns) {
		struct link_conn *c = LIST_OWNER(n, struct link_conn, all);

		list_del(n);
		link_buffer_fini(&c->out);
		link_inbox_fini(&c->in);
		mem_free(c->hello);
		mem_free(c);
	}
}

/* ---- bytes */

ssize_t
link_conn_read(struct link_conn *c, uint8_t *p, size_t n)
{
	ssize_t r;

	if (c->tls != NULL)
		r = link_tls_read(c->tls, p, n);
	else {
		r = recv(c->watch.fd, p, n, MSG_DONTWAIT);
		if (r < 0)
			r = errno == EAGAIN || errno == EINTR ? LINK_IO_AGAIN
							      : LINK_IO_FAILED;
	}
	if (r > 0) {
		metric_add(METRIC_CLUSTER_LINK_RECEIVED, (uint64_t)r);
		c->heard = clock_mono();
	}
	return r;
}

ssize_t
link_conn_write(struct link_conn *c, struct iovec *v, int n)
{
	struct msghdr m = { .msg_iov = v, .msg_iovlen = (size_t)n };
	ssize_t r;

	if (c->tls != NULL)
		r = link_tls_write(c->tls, v[0].iov_base, v[0].iov_len);
	else {
		r = sendmsg(c->watch.fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (r < 0)
			r = errno == EAGAIN || errno == EINTR || errno == ENOBUFS
				? LINK_IO_AGAIN
				: LINK_IO_FAILED;
	}
	if (r > 0)
		metric_add(METRIC_CLUSTER_LINK_SENT, (uint64_t)r);
	return r;
}

void
link_conn_watch(struct link_conn *c, bool wants_read, bool wants_write)
{
	uint32_t events =
	    (wants_read ? (uint32_t)EPOLLIN : 0) | (wants_write ? (uint32_t)EPOLLOUT : 0);

	if (c->step == LINK_CONN_ENDED || events == c->events)
		return;
	c->events = events;
	loop_rewatch(c->house->loop, &c->watch, events);
}

static void
watch_as_is(struct link_conn *c)
{
	if (c->step == LINK_CONN_PUMP)
		link_raft_watch(c);
	else
		link_conn_watch(c, !c->is_held, c->wants_write);
}

void
link_conn_mark_dirty(struct link_conn *c)
{
	if (list_is_empty(&c->dirty) && !c->wants_write)
		list_push(&c->house->dirty, &c->dirty);
}

em_err
link_conn_room(struct link_conn *c, unsigned kind, size_t n, uint8_t **out)
{
	size_t all = LINK_HEAD + n;
	struct wbuf w;
	uint8_t *p;

	if (n >= LINK_FRAME_MAX)
		return EM_TOOBIG;
	/* A ping a second has room always: else who is slow would seem dead. */
	if (c->out.bytes > 0 && c->out.bytes + all > c->house->buffer &&
	    kind != LINK_PING) {
		metric_inc(METRIC_CLUSTER_LINK_FULL);
		return EM_FULL;
	}
	p = link_buffer_room(&c->out, all);
	if (p == NULL)
		return EM_NOMEM;
	w = wbuf_fixed(p, LINK_HEAD);
	wbuf_u32(&w, (uint32_t)(n + 1));
	wbuf_u8(&w, (uint8_t)kind);
	*out = p + LINK_HEAD;
	link_conn_mark_dirty(c);
	return EM_OK;
}

void
link_conn_flush(struct link_conn *c)
{
	struct iovec v[PIECES];

	while (c->out.bytes > 0) {
		int n = link_buffer_look(&c->out, v, PIECES);
		ssize_t r;

		errno = 0;
		r = link_conn_write(c, v, n);

		if (r == LINK_IO_FAILED) {
			fail_errno(c, errno != 0 ? errno : ECONNRESET);
			return;
		}
		if (r == LINK_IO_AGAIN)
			break;
		link_buffer_skip(&c->out, (size_t)r);
		/* More waits than the kernels take: the other side reads. */
		if (c->out.bytes > 0)
			c->heard = clock_mono();
		if (loop_is_late())
			break;
	}
	c->wants_write = c->out.bytes > 0;
	watch_as_is(c);
}

void
link_conn_flush_all(struct link_house *h)
{
	while (!list_is_empty(&h->dirty)) {
		struct link_conn *c = LIST_OWNER(h->dirty.next, struct link_conn, dirty);

		list_del(&c->dirty);
		link_conn_flush(c);
	}
}

/* ---- frames */

static void
wait_for_turn(struct link_conn *c)
{
	c->late_since = loop_turns(c->house->loop);
	if (list_is_empty(&c->late))
		list_push(&c->house->late, &c->late);
	loop_hurry(c->house->loop);
}

/* Those that are whole, as long as the turn has time; the rest is kept.  The connection
 * may end meanwhile. */
static void
take_frames(struct link_conn *c, struct slice s)
{
	struct link_frame f;
	size_t need;
	em_err err = EM_OK;
	bool is_late = false;

	c->is_taking = true;
	while (c->step == LINK_CONN_UP && !c->is_held && !is_late) {
		err = link_inbox_next(&s, &f, &need);
		if (err != EM_OK)
			break;
		link_dispatch(c, &f);
		is_late = loop_is_late();
	}
	c->is_taking = false;
	if (c->step != LINK_CONN_UP)
		return;
	if (err == EM_AGAIN && need > GUEST_FRAME_MAX && c->peer->is_guest &&
	    !c->is_dialled)
		err = EM_TOOBIG;
	if (is_late && s.n > 0)
		wait_for_turn(c);
	if (err == EM_OK || err == EM_AGAIN)
		err = link_inbox_keep(&c->in, s);
	if (err != EM_OK)
		link_conn_fail(
		    c, err, "%s sent what is no frame: %s", c->where, err_text(err));
}

static bool
read_once(struct link_conn *c)
{
	bool is_kept = c->in.n > 0;
	uint8_t *p = is_kept ? link_inbox_room(&c->in, ROOM) : c->house->scratch;
	ssize_t r = p != NULL ? link_conn_read(c, p, ROOM) : LINK_IO_FAILED;

	if (r == LINK_IO_AGAIN)
		return false;
	if (r <= 0) {
		link_conn_fail(c, EM_UNREACHABLE, "%s: %s", c->where,
		    p == NULL ? err_text(EM_NOMEM)
		    : r == 0  ? "the connection was closed there"
			      : "the connection broke");
		return false;
	}
	if (!is_kept) {
		take_frames(c, slice_of(p, (size_t)r));
	} else {
		c->in.n += (size_t)r;
		take_frames(c, slice_of(c->in.p, c->in.n));
	}
	return c->tls != NULL || (size_t)r == ROOM;
}

static void
read_frames(struct link_conn *c)
{
	for (unsigned i = 0; i < READS_A_TURN; i++)
		if (c->is_held || !list_is_empty(&c->late) || !read_once(c) ||
		    c->step != LINK_CONN_UP || loop_is_late())
			return;
}

void
link_conn_resume(struct link_conn *c)
{
	if (c->step != LINK_CONN_UP || c->is_taking)
		return;
	if (c->in.n > 0)
		take_frames(c, slice_of(c->in.p, c->in.n));
	watch_as_is(c);
}

void
link_conn_take_late(struct link_house *h)
{
	uint64_t turn = loop_turns(h->loop);

	/* Those of this turn stand behind those of former ones. */
	while (!list_is_empty(&h->late)) {
		struct link_conn *c = LIST_OWNER(h->late.next, struct link_conn, late);

		if (c->late_since == turn)
			return;
		list_del(&c->late);
		if (!c->is_held)
			take_frames(c, slice_of(c->in.p, c->in.n));
	}
}

/* ---- the hello */

static void
say(struct link_conn *c, const struct wbuf *w)
{
	uint8_t *p;

	if (w->n == 0)
		return;
	p = link_buffer_room(&c->out, w->n);
	if (p == NULL) {
		link_conn_fail(c, EM_NOMEM, "%s", err_text(EM_NOMEM));
		return;
	}
	memcpy(p, w->p, w->n);
	link_conn_mark_dirty(c);
}

static void
begin_hello(struct link_conn *c)
{
	uint8_t bytes[LINK_HELLO_MAX], nonce[LINK_NONCE], bound[32];
	struct wbuf w = wbuf_fixed(bytes, sizeof bytes);
	struct link_facts facts = c->house->mine;

	facts.channel = LINK_CTL;
	if (c->dial != NULL) {
		c->channel = link_dial_channel(c->dial);
		facts.channel = (uint8_t)c->channel;
		snprintf(facts.group, sizeof facts.group, "%s", link_dial_group(c->dial));
	}
	rand_bytes(nonce, sizeof nonce);
	if (c->tls != NULL)
		link_tls_bound(c->tls, bound);
	c->hello = MEM_NEW(struct link_hello);
	c->step = LINK_CONN_HELLO;
	link_hello_start(c->hello, c->is_dialled, c->house->cookie, &facts, nonce,
	    c->tls != NULL ? bound : NULL, &w);
	say(c, &w);
	watch_as_is(c);
}

/* It is known who is there: @rest came behind the hello. */
static void
come_up(struct link_conn *c, struct slice rest)
{
	struct link_dial *d = c->dial;
	struct link_hello *hello = c->hello;

	leave_fresh(c);
	if (link_inbox_keep(&c->in, rest) != EM_OK) {
		link_conn_fail(c, EM_NOMEM, "%s", err_text(EM_NOMEM));
		return;
	}
	c->step = LINK_CONN_UP;
	c->dial = NULL;
	if (d != NULL)
		link_dial_done(d, c, NULL);
	else
		link_peer_enter(c);
	if (c->step != LINK_CONN_ENDED) {
		c->hello = NULL;
		mem_free(hello);
	}
	link_conn_resume(c);
}

static void
refuse(struct link_conn *c)
{
	struct fault f = { .err = EM_OK };
	em_err err = link_hello_explain(c->hello, c->where, &f);

	link_conn_end(c, err, &f);
	fault_clear(&f);
}

static void
read_hello(struct link_conn *c)
{
	uint8_t bytes[LINK_HELLO_MAX], answer[2 * LINK_HELLO_MAX];
	struct wbuf w = wbuf_fixed(answer, sizeof answer);
	ssize_t r = link_conn_read(c, bytes, sizeof bytes);
	struct slice in;

	if (r == LINK_IO_AGAIN)
		return;
	if (r <= 0) {
		fail_in_hello(c);
		return;
	}
	in = slice_of(bytes, (size_t)r);
	link_hello_feed(c->hello, &in, &w);
	if (c->hello->step == LINK_HELLO_JUDGE)
		link_hello_answer(c->hello, link_peer_admit(c), &w);
	CHECK(w.err == EM_OK);
	say(c, &w);
	if (c->step == LINK_CONN_ENDED)
		return;
	if (c->hello->step == LINK_HELLO_DONE)
		come_up(c, in);
	else if (c->hello->step == LINK_HELLO_FAILED)
		refuse(c);
}

/* ---- before it */

static void
shake(struct link_conn *c)
{
	struct fault f = { .err = EM_OK };
	em_err err = EM_OK;

	if (c->house->tls != NULL && c->tls == NULL) {
		c->tls = link_tls_open(c->house->tls, c->watch.fd, c->is_dialled);
		err = c->tls != NULL ? EM_OK : EM_NOMEM;
	}
	if (err == EM_OK && c->tls != NULL)
		err = link_tls_shake(c->tls, &f);
	if (err == EM_OK)
		begin_hello(c);
	else if (err == EM_AGAIN)
		link_conn_watch(c, true, link_tls_wants_write(c->tls));
	else {
		fault_wrap(&f, "%s", c->where);
		link_conn_end(c, err, &f);
	}
	fault_clear(&f);
}

static void
connected(struct link_conn *c)
{
	int e = 0;
	socklen_t n = sizeof e;

	getsockopt(c->watch.fd, SOL_SOCKET, SO_ERROR, &e, &n);
	if (e != 0) {
		fail_errno(c, e);
		return;
	}
	c->step = LINK_CONN_SECURING;
	if (c->dial != NULL)
		link_dial_connected(c->dial);
	shake(c);
}

static void
on_ready(struct watch *w, uint32_t events)
{
	struct link_conn *c = LIST_OWNER(w, struct link_conn, watch);

	switch (c->step) {
	case LINK_CONN_CONNECTING: connected(c); return;
	case LINK_CONN_SECURING: shake(c); return;
	case LINK_CONN_PUMP: link_raft_ready(c, events); return;
	case LINK_CONN_HELLO:
	case LINK_CONN_UP:
	case LINK_CONN_ENDED: break;
	}
	if ((events & EPOLLOUT) != 0)
		link_conn_flush(c);
	if ((events & ~(uint32_t)EPOLLOUT) == 0)
		return;
	if (c->step == LINK_CONN_HELLO)
		read_hello(c);
	else if (c->step == LINK_CONN_UP && !c->is_held)
		read_frames(c);
	else if (c->step == LINK_CONN_UP && (events & (EPOLLHUP | EPOLLERR)) != 0)
		link_conn_fail(c, EM_UNREACHABLE, "%s: the connection broke", c->where);
}
