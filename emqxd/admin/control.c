/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control: see control.h.
 *
 * Happy path: on_door() accepts; on_peer() reads frames; a REQ becomes a gather whose
 * sink appends frames to the peer's output; all output of a turn goes out at its end.
 *
 * A peer that does not read: rows stop at OUT_HIGH (has_room), and so does the reading
 * of its requests.  When all places are taken a newcomer gets that of an idle peer
 * (who_makes_way).  A peer that ends leaves its requests (gather_leave) and is freed
 * at the end of the turn, as its event may still be in the loop's hands.
 */
#include "emqxd/admin/control.h"
#include "ipc/peer.h"
#include "ipc/wire.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"
#include "ipc/base/vec.h"
#include "emqxd/conf/snapshot.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/timer.h"
#include "emqxd/model/metrics.h"
#include "emqxd/admin/admin.h"
#include "emqxd/admin/audit.h"
#include "emqxd/admin/ctl_conf.h"
#include "emqxd/admin/gather.h"
#include "emqxd/admin/op.h"
#include "emqxd/admin/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS_MAX 128u
#define CALLS_MAX 16u         /* of one peer at a time */
#define OUT_HIGH (256u << 10) /* no more rows while so much waits */
#define OUT_MAX (8u << 20)    /* more than rows and their ends can come to */
#define HELLO_WITHIN span_s(10)
#define IDLE_AFTER span_s(5) /* may lose its place */
#define STOP_WITHIN span_s(1)
#define FRAMES_A_TURN 64u
#define ACCEPTS_A_TURN 16u

struct peer;

struct call {
	struct list_node node;
	struct peer *peer;
	struct gather *gather;
	uint32_t id;
};

struct peer {
	struct watch watch;
	struct timer timer;    /* until its hello */
	struct list_node node; /* of all; who did something last stands last */
	mono_t active;         /* when that was */
	struct control *control;
	struct ipc_frame_reader in;
	struct wbuf out;
	size_t out_at; /* sent of it */
	struct list_node calls;
	unsigned n_calls;
	struct peer_cred cred;
	enum wire_access access;
	bool said_hello, is_dirty, is_dead, was_full;
	uint32_t events; /* watched for */
};

struct control {
	struct peer_server server;
	struct watch door;
	struct timer pause; /* no descriptor is left: accept later */
	struct list_node peers;
	unsigned n_peers;
	VEC(struct peer *) dirty;
	VEC(struct peer *) dead;
	size_t list_bytes;
	unsigned unfinished; /* requests */
	int spare_fd;        /* given up for a peer when no descriptor is left */
	bool is_serving;
};

/* ---- output */

static void
mark_dirty(struct peer *p)
{
	if (p->is_dirty || p->is_dead)
		return;
	p->is_dirty = true;
	VEC_ADD(&p->control->dirty, p);
}

static size_t
waiting(const struct peer *p)
{
	return p->out.n - p->out_at;
}

static void
set_events(struct peer *p)
{
	uint32_t events = (waiting(p) > OUT_HIGH ? 0 : EPOLLIN) |
			  (waiting(p) > 0 ? EPOLLOUT : 0) | EPOLLRDHUP;

	if (events != p->events && !p->is_dead)
		loop_rewatch(worker_self()->loop, &p->watch, events);
	p->events = events;
}

static void
say_hello(struct peer *p)
{
	struct wire_hello h = { .protocol = WIRE_PROTOCOL,
		.table = cmd_table_hash(),
		.version = slice_str(EMQXD_VERSION),
		.node = slice_str(admin_house()->node),
		.access = p->access };

	wire_hello_put(&p->out, &h);
	mark_dirty(p);
}

static void
say_fault(struct peer *p, uint32_t id, const struct fault *f)
{
	wire_fault_put(&p->out, id, f);
	mark_dirty(p);
}

static void
mark_active(struct peer *p)
{
	p->active = clock_mono();
	list_del(&p->node);
	list_push(&p->control->peers, &p->node);
}

/* ---- the end of a peer */

static void
drop_call(struct call *c)
{
	mark_active(c->peer);
	list_del(&c->node);
	c->peer->n_calls--;
	mem_free(c);
}

static void
end_peer(struct peer *p)
{
	struct control *c = p->control;

	if (p->is_dead)
		return;
	p->is_dead = true;
	LIST_EACH_SAFE (node, &p->calls) {
		struct call *call = LIST_OWNER(node, struct call, node);
		struct gather *g = call->gather;

		drop_call(call);
		gather_leave(g);
	}
	timer_cancel(&p->timer);
	loop_unwatch(worker_self()->loop, &p->watch);
	close(p->watch.fd);
	list_del(&p->node);
	c->n_peers--;
	VEC_ADD(&c->dead, p);
	if (c->spare_fd < 0)
		c->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
end_bad_peer(struct peer *p, const char *why)
{
	if (p->is_dead)
		return;
	metric_inc(METRIC_CONTROL_BAD_PEERS);
	LOG(WARN, "control_bad_peer", "uid", (unsigned)p->cred.uid, "pid",
	    (int)p->cred.pid, "why", why);
	end_peer(p);
}

static void
on_no_hello(struct timer *t)
{
	end_peer(LIST_OWNER(t, struct peer, timer));
}

/* ---- the sink of requests */

static void
on_row(void *arg, struct slice row)
{
	struct call *call = arg;
	struct peer *p = call->peer;
	size_t at = ipc_frame_begin(&p->out, FRAME_ROW, call->id);

	wbuf_bytes(&p->out, row);
	ipc_frame_end(&p->out, at);
	mark_dirty(p);
}

static bool
has_room(void *arg)
{
	const struct call *call = arg;

	return waiting(call->peer) < OUT_HIGH;
}

static void
on_end(void *arg, const struct wire_end *end, const struct fault *f)
{
	struct call *call = arg;
	struct peer *p = call->peer;

	if (f != NULL)
		wire_fault_put(&p->out, call->id, f);
	else
		wire_end_put(&p->out, call->id, end);
	mark_dirty(p);
	drop_call(call);
}

static const struct gather_sink sink = {
	.on_row = on_row, .has_room = has_room, .on_end = on_end
};

/* ---- input */

static struct call *
find_call(struct peer *p, uint32_t id)
{
	LIST_EACH (node, &p->calls) {
		struct call *call = LIST_OWNER(node, struct call, node);

		if (call->id == id)
			return call;
	}
	return NULL;
}

static void
start_call(struct peer *p, uint32_t id, struct wire_req *req)
{
	struct gather_asker who = { .uid = p->cred.uid,
		.pid = p->cred.pid,
		.list_bytes = &p->control->list_bytes,
		.unfinished = &p->control->unfinished };
	const struct op *op = op_get(req->cmd->id);
	struct call *call = MEM_NEW(struct call);
	struct gather *g;

	call->peer = p;
	call->id = id;
	list_push(&p->calls, &call->node);
	p->n_calls++;
	CHECK(op != NULL); /* the tool's own were refused by wire_req_get */
	g = gather_start(req, op, &who, &sink, call);
	if (g != NULL)
		call->gather = g;
}

static void
on_request(struct peer *p, const struct ipc_frame *frame)
{
	struct wire_req req = { 0 };
	struct fault f = { 0 };
	em_err err;

	if (find_call(p, frame->id) != NULL) {
		end_bad_peer(p, "a request's id is in use");
		return;
	}
	err = wire_req_get(frame->body, &p->in, &req, &f);
	if (err == EM_MALFORMED) {
		end_bad_peer(p, "a malformed request");
	} else if (err == EM_OK && p->n_calls == CALLS_MAX) {
		fault_set(&f, EM_FULL, "more than %u requests at a time", CALLS_MAX);
	} else if (err == EM_OK &&
		   rights_check(p->access, p->cred.uid, &req, &f) == EM_OK) {
		start_call(p, frame->id, &req);
	} else if (err == EM_OK && params_is_write(&req.params)) {
		audit_write(p->cred.uid, p->cred.pid, &req.params, f.err, span_ns(0));
	}
	if (f.err != EM_OK)
		say_fault(p, frame->id, &f);
	wire_req_fini(&req);
	fault_clear(&f);
}

static void
on_hello(struct peer *p, const struct ipc_frame *frame)
{
	struct wire_hello h;

	if (p->said_hello || wire_hello_get(frame->body, &h) != EM_OK) {
		end_bad_peer(p, "a malformed hello");
		return;
	}
	p->said_hello = true;
	timer_cancel(&p->timer);
}

static void
on_credit(struct peer *p, const struct ipc_frame *frame)
{
	struct call *call = find_call(p, frame->id);
	uint32_t rows;

	if (wire_credit_get(frame->body, &rows) != EM_OK)
		end_bad_peer(p, "a malformed credit");
	else if (call != NULL)
		gather_credit(call->gather, rows);
}

static void
on_frame(struct peer *p, const struct ipc_frame *frame)
{
	struct call *call;

	mark_active(p);
	if (!p->said_hello && frame->kind != FRAME_HELLO) {
		end_bad_peer(p, "no hello");
		return;
	}
	switch (frame->kind) {
	case FRAME_HELLO: on_hello(p, frame); return;
	case FRAME_REQ: on_request(p, frame); return;
	case FRAME_CREDIT: on_credit(p, frame); return;
	case FRAME_CANCEL:
		call = find_call(p, frame->id);
		if (call != NULL)
			gather_cancel(call->gather);
		return;
	case FRAME_ROW:
	case FRAME_END:
	case FRAME_FAULT:
	case FRAME_EVENT: break;
	}
	end_bad_peer(p, "a frame that only the daemon sends");
}

/* Takes what came, a bounded number of frames; true: there may be more. */
static bool
take_frames(struct peer *p)
{
	struct ipc_frame frame;
	em_err err;

	for (unsigned i = 0; i < FRAMES_A_TURN; i++) {
		if (p->is_dead || waiting(p) > OUT_HIGH)
			return false;
		err = ipc_frame_next(&p->in, &frame);
		if (err == EM_AGAIN)
			return false;
		if (err != EM_OK) {
			end_bad_peer(p, "a malformed frame");
			return false;
		}
		on_frame(p, &frame);
	}
	return true;
}

static void
read_peer(struct peer *p)
{
	em_err err = ipc_frame_fill(&p->in, p->watch.fd);

	if (err == EM_TOOBIG)
		end_bad_peer(p, "too many descriptors");
	else if (err != EM_OK && err != EM_AGAIN)
		end_peer(p);
	else if (take_frames(p))
		mark_dirty(p); /* the rest in the next turn */
}

static void
on_peer(struct watch *w, uint32_t events)
{
	struct peer *p = LIST_OWNER(w, struct peer, watch);

	if ((events & (EPOLLERR | EPOLLHUP)) != 0)
		end_peer(p);
	else if ((events & (EPOLLIN | EPOLLRDHUP)) != 0)
		read_peer(p);
	if (!p->is_dead && (events & EPOLLOUT) != 0)
		mark_dirty(p);
}

/* ---- the end of a turn */

static void
write_out(struct peer *p)
{
	while (waiting(p) > 0) {
		ssize_t n = send(p->watch.fd, p->out.p + p->out_at, waiting(p),
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			end_peer(p);
			return;
		}
		p->out_at += (size_t)n;
	}
	if (p->out.cap > OUT_HIGH)
		wbuf_fini(&p->out);
	p->out.n = p->out_at = 0;
}

/* Rows that waited for room, requests that waited for rows to go. */
static void
go_on(struct peer *p)
{
	LIST_EACH_SAFE (node, &p->calls)
		gather_go_on(LIST_OWNER(node, struct call, node)->gather);
	if (take_frames(p))
		mark_dirty(p);
}

static void
flush_one(struct peer *p)
{
	bool was_high = waiting(p) >= OUT_HIGH;

	p->is_dirty = false;
	if (p->is_dead)
		return;
	if (p->out.err != EM_OK) {
		end_bad_peer(p, "it does not read its answers");
		return;
	}
	write_out(p);
	if (p->is_dead)
		return;
	p->was_full = was_high || p->was_full;
	if (p->was_full && waiting(p) < OUT_HIGH) {
		p->was_full = false;
		go_on(p);
	}
	set_events(p);
}

static void
on_flush(void *arg)
{
	struct control *c = arg;
	size_t n = c->dirty.n;

	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++)
		flush_one(c->dirty.p[i]);
	/* Those that were marked again meanwhile have their next turn at once. */
	memmove(c->dirty.p, c->dirty.p + n, (c->dirty.n - n) * sizeof *c->dirty.p);
	c->dirty.n -= n;
	if (c->dirty.n > 0)
		loop_hurry(worker_self()->loop);
}

static void
on_bury(void *arg)
{
	struct control *c = arg;

	for (size_t i = 0; i < c->dead.n; i++) {
		struct peer *p = c->dead.p[i];

		CHECK(!p->is_dirty || c->dirty.n > 0);
		if (p->is_dirty)
			continue;
		ipc_frame_reader_fini(&p->in);
		wbuf_fini(&p->out);
		mem_free(p);
		c->dead.p[i--] = c->dead.p[--c->dead.n];
	}
}

/* ---- the door */

static void
start_peer(struct control *c, int fd)
{
	struct peer *p = MEM_NEW(struct peer);

	p->watch = (struct watch){ .on_ready = on_peer, .fd = fd };
	p->control = c;
	p->out = wbuf_growing(OUT_MAX);
	p->events = EPOLLIN | EPOLLRDHUP;
	list_init(&p->calls);
	ipc_frame_reader_init(&p->in, IPC_FRAME_REQ_MAX);
	if (peer_cred_get(fd, &p->cred) != EM_OK ||
	    loop_watch(worker_self()->loop, &p->watch, p->events) != EM_OK) {
		close(fd);
		mem_free(p);
		return;
	}
	p->access = rights_of(&p->cred, fd);
	p->active = clock_mono();
	list_push(&c->peers, &p->node);
	c->n_peers++;
	timer_arm(&p->timer, HELLO_WITHIN, on_no_hello);
	say_hello(p);
}

static bool
is_idle(const struct peer *p)
{
	return p->n_calls == 0 && waiting(p) == 0 &&
	       clock_mono().ns - p->active.ns >= IDLE_AFTER.ns;
}

/* All places are taken: whose the newcomer at @fd gets, or NULL.  The longest idle first,
 * and strangers before root and the daemon's own user, who give way to no stranger; to
 * them strangers give way with a request under way too. */
static struct peer *
who_makes_way(const struct control *c, int fd)
{
	struct peer *own = NULL, *busy = NULL;
	struct peer_cred cred;

	LIST_EACH (node, &c->peers) {
		struct peer *p = LIST_OWNER(node, struct peer, node);
		bool idle = is_idle(p);

		if (idle && !rights_is_own(&p->cred))
			return p;
		if (idle && own == NULL)
			own = p;
		if (!rights_is_own(&p->cred) && busy == NULL)
			busy = p;
	}
	if (peer_cred_get(fd, &cred) != EM_OK || !rights_is_own(&cred))
		return NULL;
	return own != NULL ? own : busy;
}

static bool
make_room(struct control *c, int fd)
{
	struct peer *p = who_makes_way(c, fd);

	if (p == NULL)
		return false;
	metric_inc(METRIC_CONTROL_PEERS_DISPLACED);
	LOG(INFO, "control_peer_displaced", "uid", (unsigned)p->cred.uid, "pid",
	    (int)p->cred.pid);
	end_peer(p);
	return true;
}

/* Too many: it is told so, if it listens, and closed. */
static void
refuse_peer(int fd)
{
	struct wbuf w = wbuf_growing(4096);
	struct fault f = { 0 };
	ssize_t n;

	fault_set(
	    &f, EM_BUSY, "more than %u connections to the control socket", PEERS_MAX);
	wire_fault_put(&w, 0, &f);
	n = send(fd, w.p, w.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)n;
	close(fd);
	wbuf_fini(&w);
	fault_clear(&f);
}

static void
on_pause_over(struct timer *t)
{
	struct control *c = LIST_OWNER(t, struct control, pause);

	loop_rewatch(worker_self()->loop, &c->door, EPOLLIN);
}

/* A connection, or -1.  Without descriptors the spare one makes room for one peer; after
 * that the door is left alone for a while. */
static int
accept_one(struct control *c)
{
	int fd = peer_server_accept(&c->server);

	if (fd >= 0 || (errno != EMFILE && errno != ENFILE))
		return fd;
	if (c->spare_fd >= 0) {
		close(c->spare_fd);
		c->spare_fd = -1;
		fd = peer_server_accept(&c->server);
	}
	if (fd < 0) {
		loop_rewatch(worker_self()->loop, &c->door, 0);
		timer_arm(&c->pause, span_ms(200), on_pause_over);
	}
	return fd;
}

static void
on_door(struct watch *w, uint32_t events)
{
	struct control *c = LIST_OWNER(w, struct control, door);

	(void)events;
	for (unsigned i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept_one(c);

		if (fd < 0)
			return;
		if (c->n_peers == PEERS_MAX && !make_room(c, fd))
			refuse_peer(fd);
		else
			start_peer(c, fd);
	}
}

/* ---- life */

/* The group that the socket is given to: the one that may read, if it is there and this
 * process may give to it. */
static const char *
socket_group(const struct ctl_conf *conf)
{
	const char *group =
	    conf->read_group[0] != '\0' ? conf->read_group : conf->admin_group;
	gid_t gid, mine[NGROUPS_MAX];
	int n = getgroups(NGROUPS_MAX, mine);
	bool may;

	if (group[0] == '\0')
		return NULL;
	if (peer_group_find(group, &gid) != EM_OK) {
		LOG(DEBUG, "control_group_missing", "group", group);
		return NULL;
	}
	may = geteuid() == 0 || getegid() == gid;
	for (int i = 0; i < n && !may; i++)
		may = mine[i] == gid;
	if (!may)
		LOG(DEBUG, "control_group_foreign", "group", group);
	return may ? group : NULL;
}

em_err
control_open(struct control **out, struct fault *f)
{
	const struct ctl_conf *conf = conf_get(CONF_CTL);
	struct control *c = MEM_NEW(struct control);
	em_err err;

	*out = NULL;
	err = peer_server_open(
	    &c->server, conf->socket, (mode_t)conf->mode, socket_group(conf), f);
	if (err != EM_OK) {
		mem_free(c);
		return err;
	}
	list_init(&c->peers);
	c->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	*out = c;
	return EM_OK;
}

void
control_close(struct control **cp)
{
	struct control *c = *cp;

	if (c == NULL)
		return;
	CHECK(c->n_peers == 0);
	peer_server_close(&c->server);
	if (c->spare_fd >= 0)
		close(c->spare_fd);
	VEC_FINI(&c->dirty);
	VEC_FINI(&c->dead);
	MEM_FREE(*cp);
}

void
control_serve(struct control *c)
{
	struct loop *loop = worker_self()->loop;

	c->door = (struct watch){ .on_ready = on_door, .fd = c->server.sock };
	CHECK(loop_watch(loop, &c->door, EPOLLIN) == EM_OK);
	loop_at_turn(loop, LOOP_FLUSH, on_flush, c);
	loop_at_turn(loop, LOOP_BURY, on_bury, c);
	c->is_serving = true;
}

static void
on_too_late(struct timer *t)
{
	(void)t;
}

/* Requests whose parts are away on other threads come home and end. */
static void
await_requests(struct control *c)
{
	struct worker *w = worker_self();
	mono_t until = mono_add(clock_mono(), STOP_WITHIN);
	struct timer timer = { .fn = NULL };

	timer_arm(&timer, STOP_WITHIN, on_too_late);
	while (c->unfinished > 0 && clock_mono().ns < until.ns)
		loop_turn(w->loop);
	timer_cancel(&timer);
}

void
control_stop(struct control *c)
{
	if (!c->is_serving)
		return;
	c->is_serving = false;
	timer_cancel(&c->pause);
	loop_unwatch(worker_self()->loop, &c->door);
	while (!list_is_empty(&c->peers))
		end_peer(LIST_OWNER(c->peers.next, struct peer, node));
	await_requests(c);
	on_flush(c);
	on_bury(c);
}
