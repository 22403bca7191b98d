/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cstore: see cstore.h.
 *
 * The child's end is seen by its pidfd, also when it was killed for what it said.  Then
 * everything under way is answered, and after 50 ms (after 2 s when it died early five
 * times in a row) it is started again and told what to open.
 *
 * Nothing is answered inside a call: what fails at once is told by a timer.
 */
#include "emqxd/cstore/cstore.h"
#include "emqxd/cstore/cstore_inside.h"
#include "emqxd/core/alarm.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "ipc/base/mem.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define RESTART_SOON span_ms(50)
#define RESTART_LATE span_s(2)
#define QUICK span_s(10) /* a child that lived shorter died early */
#define QUICK_MAX 5
#define CRASHES 5 /* then a log is given up */
#define PING span_s(1)
#define SILENT_MAX span_s(30) /* a disk may stand still for some time */
#define STOP_MAX_MS 2000
#define READS 16 /* in a turn */
#define ALARM "cstore_down"

static void start_child(struct cstore *c);

static const struct cstore_tune defaults = { .election_ms = 1000,
	.heartbeat_ms = 100,
	.connect_retry_ms = 150,
	.snapshot_entries = 8192,
	.snapshot_bytes = 32u << 20,
	.trailing = 1024,
	.window_bytes = 1u << 20,
	.hold_bytes = 64u << 20,
	.change_gap_ms = 2000,
	.segment_bytes = 8u << 20 };

#define OR(member_) t.member_ = t.member_ != 0 ? t.member_ : defaults.member_

static struct cstore_tune
tune_of(const struct cstore_tune *from)
{
	struct cstore_tune t = *from;

	OR(election_ms);
	OR(heartbeat_ms);
	OR(connect_retry_ms);
	OR(snapshot_entries);
	OR(snapshot_bytes);
	OR(trailing);
	OR(window_bytes);
	OR(hold_bytes);
	OR(change_gap_ms);
	OR(segment_bytes);
	return t;
}

void
cstore_inside_event(struct cstore *c, const struct cstore_event *e)
{
	struct cstore_event full = *e;

	full.name = full.name != NULL ? full.name : "";
	full.text = full.text != NULL ? full.text : "";
	CHECK(!c->is_inside);
	c->is_inside = true;
	c->on_event(c->arg, &full);
	c->is_inside = false;
}

/* ---- calls and their answers */

void
cstore_inside_answer(struct cstore *c, size_t i, em_err err, const char *text)
{
	struct cstore_call call = c->calls.p[i];
	struct cstore_part *p = &c->part[call.group];

	c->calls.n--;
	memmove(
	    &c->calls.p[i], &c->calls.p[i + 1], (c->calls.n - i) * sizeof c->calls.p[0]);
	if (!call.is_over && call.kind == CSTORE_RECOVER) {
		p->is_usable = err == EM_OK;
		p->is_open = err == EM_OK || !c->is_ready;
	}
	if (call.fn == NULL)
		return;
	CHECK(!c->is_inside);
	c->is_inside = true;
	call.fn(call.arg, err, text);
	c->is_inside = false;
}

static void
on_late(struct timer *t)
{
	struct cstore *c = LIST_OWNER(t, struct cstore, late);
	size_t i = 0;

	while (i < c->calls.n) {
		if (c->calls.p[i].is_over)
			cstore_inside_answer(c, i, c->calls.p[i].err, c->calls.p[i].text);
		else
			i++;
	}
}

static struct cstore_call *
call_new(struct cstore *c, enum cstore_kind kind, enum cstore_group g, cstore_done_fn *fn,
    void *arg)
{
	struct cstore_call *call = VEC_PUSH(&c->calls);

	*call = (struct cstore_call){
		.req = ++c->reqs, .kind = kind, .group = g, .fn = fn, .arg = arg
	};
	return call;
}

static void
refuse(struct cstore *c, cstore_done_fn *fn, void *arg, em_err err, const char *text)
{
	struct cstore_call *call = call_new(c, CSTORE_KIND_NONE, CSTORE_META, fn, arg);

	call->is_over = true;
	call->err = err;
	call->text = text;
	timer_arm(&c->late, span_ns(0), on_late);
}

/* @f goes to the child, whose answer goes to @fn. */
static void
ask(struct cstore *c, struct cstore_frame *f, cstore_done_fn *fn, void *arg)
{
	if (!c->is_ready)
		refuse(c, fn, arg, EM_UNREACHABLE, "the cluster's store is not up");
	else if (c->calls.n >= CSTORE_CALLS_MAX)
		refuse(c, fn, arg, EM_FULL, "too many calls are under way");
	else {
		f->req = call_new(c, f->kind, f->group, fn, arg)->req;
		cstore_inside_send(c, f, -1);
	}
}

/* ---- the socket */

static void
write_now(struct cstore *c)
{
	em_err err = cstore_pipe_flush(&c->pipe);
	bool wants = err == EM_AGAIN;

	/* EM_IO: the pidfd tells of it. */
	if (wants != c->wants_write)
		loop_rewatch(worker_self()->loop, &c->watch,
		    EPOLLIN | (wants ? (uint32_t)EPOLLOUT : 0));
	c->wants_write = wants;
}

void
cstore_inside_send(struct cstore *c, const struct cstore_frame *f, int fd)
{
	cstore_pipe_put(&c->pipe, f, fd);
	if (!c->wants_write)
		write_now(c);
}

void
cstore_inside_kill(struct cstore *c, const char *why)
{
	snprintf(c->why, sizeof c->why, "%s", why);
	LOG(ERROR, "cstore_killed", "reason", why);
	kill(c->process.pid, SIGKILL);
	loop_unwatch(worker_self()->loop, &c->watch);
	cstore_pipe_close(&c->pipe);
}

/* All frames that are there; false: it was killed for them. */
static bool
hear_all(struct cstore *c)
{
	struct cstore_frame f;
	em_err err;
	int fd;

	while ((err = cstore_pipe_next(&c->pipe, &f, &fd)) == EM_OK) {
		if (fd >= 0)
			close(fd);
		if (f.kind < CSTORE_KIND_UP || cstore_hear(c, &f) != EM_OK) {
			err = EM_MALFORMED;
			break;
		}
	}
	if (err == EM_AGAIN)
		return true;
	cstore_inside_kill(c, "it said what cannot be");
	return false;
}

static void
on_socket(struct watch *w, uint32_t events)
{
	struct cstore *c = LIST_OWNER(w, struct cstore, watch);
	em_err err = EM_OK;

	CHECK_OBJ(c, CSTORE_MAGIC);
	if ((events & EPOLLOUT) != 0)
		write_now(c);
	for (int i = 0; i < READS && err == EM_OK; i++) {
		err = cstore_pipe_read(&c->pipe);
		if (err == EM_OK && !hear_all(c))
			return;
	}
	if (err == EM_MALFORMED)
		cstore_inside_kill(c, "it said what cannot be");
	else if (err == EM_IO)
		loop_unwatch(worker_self()->loop, w); /* its end comes by the pidfd */
}

/* ---- its life */

static void
open_part(struct cstore *c, enum cstore_group g)
{
	struct cstore_part *p = &c->part[g];

	p->heard = 0;
	p->is_usable = false;
	p->open_req = ++c->reqs;
	cstore_inside_send(c,
	    &(struct cstore_frame){ .kind = CSTORE_OPEN,
		.group = g,
		.req = p->open_req,
		.op = (uint8_t)p->mode,
		.id = p->raft_id,
		.index = p->applied,
		.text = slice_str(p->name) },
	    -1);
}

static void
on_ping(struct timer *t)
{
	struct cstore *c = LIST_OWNER(t, struct cstore, restart);
	mono_t now = clock_mono();

	if (mono_since(now, c->heard).ns > SILENT_MAX.ns) {
		cstore_inside_kill(c, "it was silent for 30 s");
		return;
	}
	if (mono_since(now, c->started).ns > QUICK.ns && c->is_ready) {
		c->quick_deaths = 0;
		alarm_clear(ALARM);
	}
	cstore_inside_send(c, &(struct cstore_frame){ .kind = CSTORE_PING }, -1);
	timer_arm(t, PING, on_ping);
}

void
cstore_inside_up(struct cstore *c)
{
	c->is_ready = true;
	c->why[0] = '\0';
	for (unsigned i = 0; i < CSTORE_GROUP_N; i++) {
		if (c->part[i].is_open)
			open_part(c, (enum cstore_group)i);
	}
	cstore_inside_event(c, &(struct cstore_event){ .kind = CSTORE_UP });
}

static void
on_restart(struct timer *t)
{
	start_child(LIST_OWNER(t, struct cstore, restart));
}

/* It is not there, for the reason in c->why; it will be started again. */
static void
wait_for_restart(struct cstore *c)
{
	bool is_quick = mono_since(clock_mono(), c->started).ns < QUICK.ns;

	c->quick_deaths = is_quick ? c->quick_deaths + 1 : 1;
	LOG(ERROR, "cstore_ended", "reason", c->why, "early", c->quick_deaths);
	if (c->quick_deaths >= QUICK_MAX)
		alarm_raise(
		    ALARM, NULL, "The store of the cluster does not stay up: %s", c->why);
	timer_arm(&c->restart, c->quick_deaths < QUICK_MAX ? RESTART_SOON : RESTART_LATE,
	    on_restart);
}

/* Whoever waits for the child is told. */
static void
fail_all(struct cstore *c, em_err err, const char *text)
{
	for (unsigned i = 0; i < CSTORE_GROUP_N; i++) {
		struct cstore_part *p = &c->part[i];

		p->is_usable = false;
		p->open_req = 0;
		p->status.state = CSTORE_CLOSED;
		p->status.leader_id = 0;
		p->status.leader[0] = '\0';
		for (size_t n = p->tokens.n; n > 0 && p->tokens.n > 0; n--) {
			uint64_t token = p->tokens.p[0];

			p->tokens.n--;
			memmove(&p->tokens.p[0], &p->tokens.p[1],
			    p->tokens.n * sizeof p->tokens.p[0]);
			cstore_inside_event(
			    c, &(struct cstore_event){ .kind = CSTORE_PROPOSED,
				   .group = (enum cstore_group)i,
				   .token = token,
				   .err = err == EM_CANCELLED ? err : EM_AGAIN,
				   .text = text });
		}
	}
	for (size_t n = c->calls.n; n > 0 && c->calls.n > 0; n--)
		cstore_inside_answer(c, 0, err, text);
}

/* Child after child has died without a word where it opened that log: libraft 0.15 does,
 * of some logs that a failing disk or the end of the power has left. */
static void
give_up(struct cstore *c, enum cstore_group g)
{
	struct cstore_part *p = &c->part[g];

	p->is_open = false;
	p->crashes = 0;
	cstore_inside_event(
	    c, &(struct cstore_event){ .kind = CSTORE_OPENED,
		   .group = g,
		   .err = EM_MALFORMED,
		   .text = "the log cannot be read: whoever opens it dies of it" });
}

/* The group that was being opened: in their order, and what is open has been said.
 * CSTORE_GROUP_N: none. */
static enum cstore_group
opening(const struct cstore *c)
{
	unsigned g = 0;

	while (g < CSTORE_GROUP_N && c->part[g].open_req == 0)
		g++;
	return (enum cstore_group)g;
}

/* What it said before its end counts. */
static void
on_end(struct watch *w, uint32_t events)
{
	struct cstore *c = LIST_OWNER(w, struct cstore, end);
	enum cstore_group g;
	char text[128];
	em_err err = EM_OK;

	(void)events;
	CHECK_OBJ(c, CSTORE_MAGIC);
	for (bool goes = c->pipe.fd >= 0; goes && err == EM_OK;) {
		err = cstore_pipe_read(&c->pipe);
		goes = err == EM_OK && hear_all(c);
	}
	loop_unwatch(worker_self()->loop, w);
	cstore_spawn_reap(&c->process, text, sizeof text);
	if (c->pipe.fd >= 0)
		loop_unwatch(worker_self()->loop, &c->watch);
	cstore_pipe_close(&c->pipe);
	c->is_ready = c->wants_write = false;
	g = c->why[0] == '\0' ? opening(c) : CSTORE_GROUP_N;
	if (c->why[0] == '\0')
		snprintf(c->why, sizeof c->why, "%s", text);
	fail_all(c, EM_AGAIN, "the cluster's store ended meanwhile");
	wait_for_restart(c);
	cstore_inside_event(
	    c, &(struct cstore_event){ .kind = CSTORE_DOWN, .text = c->why });
	if (g < CSTORE_GROUP_N && c->part[g].is_open && ++c->part[g].crashes == CRASHES)
		give_up(c, g);
}

static em_err
watch_child(struct cstore *c)
{
	struct loop *l = worker_self()->loop;
	em_err err;

	c->watch = (struct watch){ .on_ready = on_socket, .fd = c->pipe.fd };
	c->end = (struct watch){ .on_ready = on_end, .fd = c->process.pidfd };
	err = loop_watch(l, &c->watch, EPOLLIN);
	if (err != EM_OK)
		return err;
	err = loop_watch(l, &c->end, EPOLLIN);
	if (err != EM_OK)
		loop_unwatch(l, &c->watch);
	return err;
}

static void
start_child(struct cstore *c)
{
	struct fault f = { .err = EM_OK };
	char text[128];
	struct wbuf tune;

	c->started = c->heard = clock_mono();
	c->starts++;
	c->why[0] = '\0';
	if (cstore_spawn(c->program, &c->process, &f) != EM_OK) {
		snprintf(c->why, sizeof c->why, "%s", f.text);
		fault_clear(&f);
		wait_for_restart(c);
		return;
	}
	cstore_pipe_open(&c->pipe, c->process.socket);
	if (watch_child(c) != EM_OK) {
		kill(c->process.pid, SIGKILL);
		cstore_spawn_reap(&c->process, text, sizeof text);
		cstore_pipe_close(&c->pipe);
		snprintf(c->why, sizeof c->why, "its socket cannot be watched");
		wait_for_restart(c);
		return;
	}
	tune = wbuf_growing(1024);
	cstore_wire_put_tune(&tune, &c->tune);
	cstore_inside_send(c,
	    &(struct cstore_frame){ .kind = CSTORE_TUNE,
		.text = slice_str(c->folder),
		.data = wbuf_slice(&tune) },
	    -1);
	wbuf_fini(&tune);
	timer_arm(&c->restart, PING, on_ping);
	LOG(INFO, "cstore_started", "pid", c->process.pid);
}

struct cstore *
cstore_start(const struct cstore_conf *conf)
{
	struct cstore *c = MEM_NEW(struct cstore);

	CHECK(conf->folder != NULL && conf->on_event != NULL);
	CHECK(strlen(conf->folder) <= CSTORE_TEXT_MAX);
	c->magic = CSTORE_MAGIC;
	c->home = worker_self()->id;
	c->folder = mem_strdup(conf->folder);
	c->program = mem_strdup(conf->program != NULL ? conf->program : "/proc/self/exe");
	c->tune = tune_of(&conf->tune);
	c->on_event = conf->on_event;
	c->arg = conf->arg;
	cstore_pipe_open(&c->pipe, -1);
	start_child(c);
	return c;
}

/* It goes when its socket is closed; one that does not is killed. */
static void
end_child(struct cstore *c)
{
	struct pollfd p = { .fd = c->process.pidfd, .events = POLLIN };
	struct loop *l = worker_self()->loop;
	char text[128];

	if (c->process.pid == 0)
		return;
	loop_unwatch(l, &c->end);
	if (c->pipe.fd >= 0)
		loop_unwatch(l, &c->watch);
	cstore_pipe_close(&c->pipe);
	if (poll(&p, 1, STOP_MAX_MS) != 1)
		kill(c->process.pid, SIGKILL);
	cstore_spawn_reap(&c->process, text, sizeof text);
}

void
cstore_stop(struct cstore **cp)
{
	struct cstore *c = *cp;

	if (c == NULL)
		return;
	CHECK_OBJ(c, CSTORE_MAGIC);
	CHECK_HOME(c);
	CHECK(!c->is_inside);
	end_child(c);
	c->is_ready = false;
	fail_all(c, EM_CANCELLED, "the node stops");
	timer_cancel(&c->restart);
	timer_cancel(&c->late);
	for (unsigned i = 0; i < CSTORE_GROUP_N; i++)
		VEC_FINI(&c->part[i].tokens);
	VEC_FINI(&c->calls);
	mem_free(c->folder);
	mem_free(c->program);
	c->magic = 0;
	MEM_FREE(*cp);
}

bool
cstore_is_up(const struct cstore *c)
{
	return c->is_ready;
}

int
cstore_pid(const struct cstore *c)
{
	return c->process.pid;
}

uint64_t
cstore_restarts(const struct cstore *c)
{
	return c->starts - 1;
}

/* ---- what is asked of it */

static void
take_open(struct cstore_part *p, const struct cstore_open *how)
{
	CHECK(how->raft_id != 0 && strlen(how->name) < CSTORE_NAME_MAX);
	p->is_open = true;
	p->mode = how->mode;
	p->raft_id = how->raft_id;
	snprintf(p->name, sizeof p->name, "%s", how->name);
	p->applied = p->handed = how->applied;
	p->marker = 0;
	p->crashes = 0;
	p->status = (struct cstore_status){ .state = CSTORE_CLOSED };
}

em_err
cstore_group_open(struct cstore *c, enum cstore_group g, const struct cstore_open *how)
{
	struct cstore_part *p = &c->part[g];

	CHECK_HOME(c);
	if (p->is_open)
		return EM_STATE;
	take_open(p, how);
	if (c->is_ready)
		open_part(c, g);
	return EM_OK;
}

void
cstore_recover(struct cstore *c, enum cstore_group g, const struct cstore_open *how,
    const struct cstore_member *members, unsigned n, cstore_done_fn *fn, void *arg)
{
	struct cstore_frame f = { .kind = CSTORE_RECOVER, .group = g };
	struct cstore_part *p = &c->part[g];
	struct wbuf data;

	CHECK_HOME(c);
	CHECK(n > 0 && n <= CSTORE_MEMBERS_MAX);
	if (p->open_req != 0) {
		refuse(c, fn, arg, EM_STATE, "it is being opened");
		return;
	}
	take_open(p, how);
	p->mode = CSTORE_JOIN;
	p->is_usable = false;
	data = wbuf_growing(CSTORE_ENTRY_MAX);
	cstore_wire_put_members(&data, members, n);
	f.op = CSTORE_JOIN;
	f.id = how->raft_id;
	f.index = how->applied;
	f.text = slice_str(p->name);
	f.data = wbuf_slice(&data);
	ask(c, &f, fn, arg);
	wbuf_fini(&data);
}

em_err
cstore_propose(struct cstore *c, enum cstore_group g, struct slice bytes, uint64_t token)
{
	struct cstore_part *p = &c->part[g];

	CHECK_HOME(c);
	if (bytes.n == 0 || bytes.n > CSTORE_ENTRY_MAX)
		return EM_TOOBIG;
	if (!c->is_ready)
		return EM_UNREACHABLE;
	if (!p->is_usable)
		return EM_STATE;
	if (p->tokens.n >= CSTORE_PROPOSALS_MAX ||
	    cstore_pipe_waiting(&c->pipe) > CSTORE_PENDING_MAX)
		return EM_FULL;
	VEC_ADD(&p->tokens, token);
	cstore_inside_send(c,
	    &(struct cstore_frame){
		.kind = CSTORE_PROPOSE, .group = g, .id = token, .data = bytes },
	    -1);
	return EM_OK;
}

void
cstore_applied(struct cstore *c, enum cstore_group g, uint64_t index)
{
	struct cstore_part *p = &c->part[g];

	CHECK_HOME(c);
	if (index <= p->applied)
		return;
	p->applied = index;
	if (p->handed < index)
		p->handed = index;
	if (c->is_ready && p->is_open)
		cstore_inside_send(c,
		    &(struct cstore_frame){
			.kind = CSTORE_APPLIED, .group = g, .index = index },
		    -1);
}

void
cstore_change(struct cstore *c, enum cstore_group g, enum cstore_change change,
    uint64_t raft_id, const char *name, cstore_done_fn *fn, void *arg)
{
	struct cstore_frame f = { .kind = CSTORE_CHANGE,
		.group = g,
		.op = (uint8_t)change,
		.id = raft_id,
		.text = slice_str(name) };

	CHECK_HOME(c);
	CHECK(f.text.n < CSTORE_NAME_MAX);
	ask(c, &f, fn, arg);
}

void
cstore_transfer(struct cstore *c, enum cstore_group g, uint64_t raft_id,
    cstore_done_fn *fn, void *arg)
{
	struct cstore_frame f = { .kind = CSTORE_TRANSFER, .group = g, .id = raft_id };

	CHECK_HOME(c);
	ask(c, &f, fn, arg);
}

void
cstore_barrier(struct cstore *c, enum cstore_group g, cstore_done_fn *fn, void *arg)
{
	struct cstore_frame f = { .kind = CSTORE_BARRIER, .group = g };

	CHECK_HOME(c);
	ask(c, &f, fn, arg);
}

const struct cstore_status *
cstore_status(const struct cstore *c, enum cstore_group g)
{
	return &c->part[g].status;
}

void
cstore_connected(struct cstore *c, uint32_t request, int fd)
{
	CHECK_HOME(c);
	if (!c->is_ready) {
		if (fd >= 0)
			close(fd);
		return;
	}
	cstore_inside_send(c,
	    &(struct cstore_frame){ .kind = CSTORE_ANSWER,
		.req = request,
		.err = fd >= 0 ? EM_OK : EM_UNREACHABLE },
	    fd);
}

void
cstore_accepted(struct cstore *c, enum cstore_group g, const char *name, int fd)
{
	CHECK_HOME(c);
	if (!c->is_ready || strlen(name) >= CSTORE_NAME_MAX) {
		close(fd);
		return;
	}
	cstore_inside_send(c,
	    &(struct cstore_frame){
		.kind = CSTORE_ACCEPT, .group = g, .text = slice_str(name) },
	    fd);
}
