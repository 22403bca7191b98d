/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link_raft: a connection of the channel RAFT, once known, only carries bytes between the
 * other node and a socketpair whose other end the engine has.  At most BOUND bytes wait in
 * each direction; the end of one direction is passed on when what came before it has gone,
 * and when both have ended, or one breaks, all is closed.  So it is when the other node is
 * no peer any more.
 */
#include "emqxd/link/link_inside.h"
#include "emqxd/link/link_tls.h"
#include "ipc/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define BOUND (128u << 10)
#define PIECES 16

struct link_raft {
	struct watch watch; /* our end of the pair */
	uint32_t events;
	struct link_conn *conn;
	const struct link_peer *with;
	struct link_buffer in; /* for the engine; what is for the node is the conn's */
	bool net_ended, engine_ended; /* it sends no more */
	bool net_told, engine_told;   /* and the other side knows */
	bool net_unwatched, engine_unwatched;
	struct link_raft *next_dead;
};

struct asking {
	struct link_house *house;
	link_raft_fn *fn;
	void *arg;
	char name[NODES_NAME_MAX + 1];
};

/* ---- the pump */

static void
watch_engine(struct link_raft *r)
{
	uint32_t events = 0;

	if (r->engine_unwatched)
		return;
	if (!r->engine_ended && r->conn->out.bytes < BOUND)
		events |= EPOLLIN;
	if (r->in.bytes > 0)
		events |= EPOLLOUT;
	if (events == r->events)
		return;
	r->events = events;
	loop_rewatch(r->conn->house->loop, &r->watch, events);
}

/* A socket that both sides have ended says so in every turn: it is looked at no more. */
static void
watch_net(struct link_raft *r)
{
	struct link_conn *c = r->conn;

	if (r->net_ended && r->net_told) {
		if (!r->net_unwatched)
			loop_unwatch(c->house->loop, &c->watch);
		r->net_unwatched = true;
	} else
		link_conn_watch(c, !r->net_ended && r->in.bytes < BOUND, c->wants_write);
}

/* Ends that are due; false: the pump is over. */
static bool
pass_ends(struct link_raft *r)
{
	struct link_conn *c = r->conn;

	if (r->net_ended && !r->engine_told && r->in.bytes == 0) {
		r->engine_told = true;
		shutdown(r->watch.fd, SHUT_WR);
	}
	if (r->engine_ended && !r->net_told && c->out.bytes == 0) {
		r->net_told = true;
		if (c->tls != NULL)
			link_tls_end(c->tls);
		shutdown(c->watch.fd, SHUT_WR);
	}
	if (!r->net_told || !r->engine_told)
		return true;
	link_conn_end(c, EM_OK, NULL);
	return false;
}

void
link_raft_watch(struct link_conn *c)
{
	struct link_raft *r = c->raft;

	if (!pass_ends(r))
		return;
	watch_net(r);
	watch_engine(r);
}

static void
broke(struct link_raft *r)
{
	link_conn_fail(r->conn, EM_UNREACHABLE, "a stream of Raft broke");
}

/* What the engine has written goes out with the turn: bytes > 0, 0: its end. */
static ssize_t
from_engine(struct link_raft *r)
{
	struct link_conn *c = r->conn;
	ssize_t n = recv(r->watch.fd, c->house->scratch, LINK_SCRATCH, MSG_DONTWAIT);
	uint8_t *p;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? LINK_IO_AGAIN : LINK_IO_FAILED;
	if (n == 0)
		return 0;
	p = link_buffer_room(&c->out, (size_t)n);
	if (p == NULL)
		return LINK_IO_FAILED;
	memcpy(p, c->house->scratch, (size_t)n);
	link_conn_mark_dirty(c);
	return n;
}

/* Nobody holds the other end any more: what was written there before still goes to the
 * node (a socket's buffer at most), what comes from it is for nobody. */
static void
engine_is_gone(struct link_raft *r)
{
	while (from_engine(r) > 0)
		;
	r->engine_ended = r->engine_told = r->net_ended = true;
	link_buffer_fini(&r->in);
	if (!r->engine_unwatched)
		loop_unwatch(r->conn->house->loop, &r->watch);
	r->engine_unwatched = true;
}

static void
to_engine(struct link_raft *r)
{
	struct iovec v[PIECES];

	while (r->in.bytes > 0) {
		struct msghdr m = { .msg_iov = v };
		ssize_t n;

		m.msg_iovlen = (size_t)link_buffer_look(&r->in, v, PIECES);
		n = sendmsg(r->watch.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			engine_is_gone(r);
			return;
		}
		link_buffer_skip(&r->in, (size_t)n);
	}
}

static bool
keep(struct link_raft *r, struct slice s)
{
	uint8_t *p = link_buffer_room(&r->in, s.n);

	if (p == NULL) {
		broke(r);
		return false;
	}
	memcpy(p, s.p, s.n);
	to_engine(r);
	return true;
}

/* @is_over: the node sends nothing any more, so what is there has a bound. */
static bool
from_net(struct link_raft *r, bool is_over)
{
	struct link_conn *c = r->conn;
	uint8_t *scratch = c->house->scratch;

	while (!r->net_ended && (r->in.bytes < BOUND || is_over)) {
		ssize_t n = link_conn_read(c, scratch, LINK_SCRATCH);

		if (n == LINK_IO_AGAIN)
			return true;
		if (n == LINK_IO_FAILED) {
			broke(r);
			return false;
		}
		if (n == 0)
			r->net_ended = true;
		else if (!keep(r, slice_of(scratch, (size_t)n)))
			return false;
		if (!is_over && loop_is_late())
			return true;
	}
	return true;
}

static void
on_engine(struct watch *w, uint32_t events)
{
	struct link_raft *r = LIST_OWNER(w, struct link_raft, watch);
	struct link_conn *c = r->conn;

	if ((events & EPOLLOUT) != 0)
		to_engine(r);
	if ((events & (EPOLLHUP | EPOLLERR)) != 0)
		engine_is_gone(r);
	else if ((events & EPOLLIN) != 0 && !r->engine_ended) {
		ssize_t n = from_engine(r);

		if (n == LINK_IO_FAILED) {
			broke(r);
			return;
		}
		r->engine_ended = n == 0;
	}
	link_raft_watch(c);
}

void
link_raft_ready(struct link_conn *c, uint32_t events)
{
	if ((events & ~(uint32_t)EPOLLOUT) != 0 &&
	    !from_net(c->raft, (events & EPOLLHUP) != 0))
		return;
	if ((events & EPOLLERR) != 0) {
		broke(c->raft);
		return;
	}
	link_conn_flush(c);
}

void
link_raft_lost(struct link_conn *c)
{
	struct link_raft *r = c->raft;
	struct link_house *h = c->house;

	c->raft = NULL;
	h->rafts_n--;
	if (!r->engine_unwatched)
		loop_unwatch(h->loop, &r->watch);
	close(r->watch.fd);
	link_buffer_fini(&r->in);
	r->next_dead = h->dead_rafts;
	h->dead_rafts = r;
}

void
link_raft_end_all(const struct link_peer *p)
{
	LIST_EACH_SAFE (node, &p->house->all) {
		struct link_conn *c = LIST_OWNER(node, struct link_conn, all);

		if (c->raft != NULL && c->raft->with == p)
			link_conn_fail(
			    c, EM_UNREACHABLE, "%s is no member any more", p->name);
	}
}

void
link_raft_bury(struct link_house *h)
{
	while (h->dead_rafts != NULL) {
		struct link_raft *r = h->dead_rafts;

		h->dead_rafts = r->next_dead;
		mem_free(r);
	}
}

/* The engine's end, or -1 (the connection has ended). */
static int
begin(struct link_conn *c, const struct link_peer *with)
{
	struct link_raft *r = MEM_NEW(struct link_raft);
	int fd[2] = { -1, -1 };

	*r = (struct link_raft){ .conn = c,
		.with = with,
		.watch = { .on_ready = on_engine },
		.events = EPOLLIN };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) == 0)
		r->watch.fd = fd[0];
	if (fd[0] < 0 || loop_watch(c->house->loop, &r->watch, r->events) != EM_OK) {
		if (fd[0] >= 0) {
			close(fd[0]);
			close(fd[1]);
		}
		mem_free(r);
		link_conn_fail(c, EM_IO, "no socketpair for a stream of Raft");
		return -1;
	}
	c->house->rafts_n++;
	c->raft = r;
	c->step = LINK_CONN_PUMP;
	if (c->in.n > 0 && !keep(r, slice_of(c->in.p, c->in.n))) {
		close(fd[1]);
		return -1;
	}
	link_inbox_fini(&c->in);
	link_raft_watch(c);
	return fd[1];
}

/* ---- beginning */

void
link_raft_enter(struct link_conn *c)
{
	struct link_house *h = c->house;
	struct link_peer *p = c->peer;
	char group[LINK_GROUP_MAX + 1];
	int fd;

	snprintf(group, sizeof group, "%s", c->hello->theirs.group);
	c->peer = NULL; /* a stream has no part in whether the peer is up */
	fd = begin(c, p);
	if (fd >= 0)
		h->on_raft(p, slice_str(group), fd, h->on_raft_arg);
}

static void
on_dialled(struct link_conn *c, const struct fault *f, void *arg)
{
	struct asking *a = arg;
	struct link_peer *p = link_peer_find(a->house, slice_str(a->name));
	em_err err = c == NULL ? f->err : p == NULL ? EM_NOTFOUND : link_peer_meet(p, c);
	int fd = -1;

	if (err == EM_OK && a->house->rafts_n >= LINK_RAFTS_MAX)
		err = EM_BUSY;
	if (err == EM_OK) {
		CHECK(c != NULL);
		fd = begin(c, p);
		err = fd >= 0 ? EM_OK : EM_IO;
	} else if (c != NULL)
		link_conn_end(c, err, NULL);
	a->fn(err, fd, a->arg);
	mem_free(a);
}

void
link_raft_connect(struct link_house *h, struct slice name, struct slice group,
    link_raft_fn *fn, void *arg)
{
	struct asking *a = MEM_NEW(struct asking);
	struct link_peer *p = link_peer_find(h, name);
	char text[LINK_GROUP_MAX + 1];

	CHECK(group.n <= LINK_GROUP_MAX);
	*a = (struct asking){ .house = h, .fn = fn, .arg = arg };
	if (p == NULL) {
		(void)link_dial_refuse(h, EM_NOTFOUND, "it is no member", on_dialled, a);
		return;
	}
	snprintf(a->name, sizeof a->name, "%s", p->name);
	snprintf(text, sizeof text, "%.*s", (int)group.n, (const char *)group.p);
	(void)link_dial_start(h, p->address, LINK_RAFT, text, on_dialled, a);
}
