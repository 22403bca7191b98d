/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call: one loop takes frames until one matters (next_frame), waiting in poll
 * for at most the silence that is allowed.  Frames of an earlier call that was
 * cancelled are dropped by their id.
 */
#include "ipc/call.h"
#include "ipc/base/mem.h"
#include "ipc/peer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT span_s(30)
#define CANCEL_WAIT span_s(1)
#define STOP_LOOK 200 /* ms: a signal may come just before the poll */
#define OUT_MAX (2u * IPC_FRAME_REQ_MAX)

struct call {
	int fd;
	bool usable, running;
	bool greeted;          /* our hello is sent */
	bool heard;            /* theirs came */
	uint32_t id;           /* of the running or last call */
	const struct cmd *cmd; /* its row */
	uint32_t uncredited;   /* rows since the last CREDIT */
	span_t timeout;        /* for silence */
	const volatile sig_atomic_t *stop;
	struct ipc_frame_reader in;
	struct wire_hello hello; /* texts below */
	char *version, *node;    /* theirs */
	char *own_version, *path;
};

em_err
call_open(const struct call_opts *opts, struct call **out, struct fault *f)
{
	const char *path = peer_socket_path(opts->path);
	span_t timeout = opts->timeout.ns > 0 ? opts->timeout : TIMEOUT_DEFAULT;
	struct call *c;
	int fd;
	em_err err;

	*out = NULL;
	err = peer_connect(path, timeout, &fd, f);
	if (err != EM_OK)
		return err;
	c = MEM_NEW(struct call);
	c->fd = fd;
	c->usable = true;
	c->timeout = timeout;
	c->stop = opts->stop;
	c->own_version = mem_strdup(opts->version);
	c->path = mem_strdup(path);
	ipc_frame_reader_init(&c->in, IPC_FRAME_MAX);
	*out = c;
	return EM_OK;
}

void
call_close(struct call **cp)
{
	struct call *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	close(c->fd);
	ipc_frame_reader_fini(&c->in);
	MEM_FREE(c->version);
	MEM_FREE(c->node);
	MEM_FREE(c->own_version);
	MEM_FREE(c->path);
	mem_free(c);
}

bool
call_is_usable(const struct call *c)
{
	return c->usable && !c->running;
}

const struct wire_hello *
call_hello(const struct call *c)
{
	return c->heard ? &c->hello : NULL;
}

int
call_fd(const struct call *c)
{
	return c->fd;
}

static bool
is_stopped(const struct call *c)
{
	return c->stop != NULL && *c->stop != 0;
}

/* The link is of no use any more. */
static em_err
lost(struct call *c, em_err err)
{
	c->usable = false;
	c->running = false;
	return err;
}

/* Waits until the socket is @events, the deadline, or an interrupt. */
static em_err
wait_for(struct call *c, short events, mono_t deadline)
{
	for (;;) {
		struct pollfd p = { .fd = c->fd, .events = events };
		int64_t ms = span_to_ms(mono_since(deadline, span_mono_now())) + 1;
		int n;

		if (is_stopped(c))
			return EM_CANCELLED;
		if (ms <= 0)
			return EM_TIMEOUT;
		n = poll(&p, 1, ms < STOP_LOOK ? (int)ms : STOP_LOOK);
		if (n > 0)
			return EM_OK;
		if (n < 0 && errno != EINTR)
			return EM_IO;
	}
}

/* Sends all of it; descriptors go with the first byte.  A daemon that closed may have said
 * why: that is for the reader to find. */
static em_err
send_all(struct call *c, struct slice bytes, const int *fds, unsigned n_fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(IPC_FRAME_FDS * sizeof(int))];
	} control = { .bytes = { 0 } };
	mono_t deadline = mono_add(span_mono_now(), c->timeout);

	while (bytes.n > 0) {
		struct iovec iov = { .iov_len = bytes.n };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t n;

		memcpy(&iov.iov_base, &bytes.p, sizeof bytes.p); /* it is only read */
		if (n_fds > 0) {
			control.align = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS,
				.cmsg_len = CMSG_LEN(n_fds * sizeof *fds) };
			memcpy(CMSG_DATA(&control.align), fds, n_fds * sizeof *fds);
			msg.msg_control = &control;
			msg.msg_controllen = CMSG_SPACE(n_fds * sizeof *fds);
		}
		n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0) {
			bytes = slice_from(bytes, (size_t)n);
			n_fds = 0;
		} else if (errno == EPIPE || errno == ECONNRESET) {
			return EM_OK;
		} else if (errno == EAGAIN) {
			em_err err = wait_for(c, POLLOUT, deadline);

			if (err != EM_OK)
				return err;
		} else if (errno != EINTR) {
			return EM_IO;
		}
	}
	return EM_OK;
}

/* The descriptors of its files, in the order of the arguments. */
static unsigned
collect_fds(const struct params *p, int fds[IPC_FRAME_FDS])
{
	unsigned n = 0;

	for (size_t i = 0; i < p->v.n; i++) {
		const struct param *v = &p->v.p[i];

		if (v->arg->type != CT_INFILE && v->arg->type != CT_OUTFILE)
			continue;
		CHECK(v->fd >= 0 && n < IPC_FRAME_FDS); /* the tool opened it */
		fds[n++] = v->fd;
	}
	return n;
}

static em_err
send_failed(struct call *c, em_err err, struct fault *f)
{
	if (err == EM_TIMEOUT)
		fault_set(f, err, "emqxd at %s does not read", c->path);
	else if (err == EM_CANCELLED)
		fault_set(f, err, "interrupted");
	else
		fault_set(f, err, "cannot send to emqxd at %s", c->path);
	return lost(c, err);
}

em_err
call_start(struct call *c, const struct wire_req *req, struct fault *f)
{
	struct wbuf out = wbuf_growing(OUT_MAX);
	int fds[IPC_FRAME_FDS];
	unsigned n_fds = collect_fds(&req->params, fds);
	size_t before;
	em_err err;

	CHECK(c->usable && !c->running && !req->cmd->local);
	if (!c->greeted) {
		struct wire_hello h = { .protocol = WIRE_PROTOCOL,
			.table = cmd_table_hash(),
			.version = slice_str(c->own_version) };

		wire_hello_put(&out, &h);
	}
	before = out.n;
	wire_req_put(&out, ++c->id, req);
	if (out.err != EM_OK || out.n - before > IPC_FRAME_HEAD + IPC_FRAME_REQ_MAX) {
		err = fault_set(f, EM_TOOBIG, "too much for one call");
		fault_hint(f, "at most %u KiB of arguments: several calls with fewer",
		    IPC_FRAME_REQ_MAX >> 10);
		goto out;
	}
	err = send_all(c, wbuf_slice(&out), fds, n_fds);
	if (err != EM_OK) {
		send_failed(c, err, f);
		goto out;
	}
	c->greeted = true;
	c->running = true;
	c->cmd = req->cmd;
	c->uncredited = 0;
out:
	wbuf_fini(&out);
	return err;
}

/* "emqx_ctl 0.2 is newer than emqxd 0.1": the sentence for two sides that differ. */
static void
say_skew(const struct call *c, struct fault *f)
{
	int cmp;

	if (!c->heard)
		return;
	cmp = wire_version_cmp(c->hello.version, slice_str(c->own_version));
	if (cmp == 0)
		fault_hint(f,
		    "both say version %s but differ: install both from one build",
		    c->own_version);
	else
		fault_hint(f, "emqxd %s is %s than this emqx_ctl %s: %s", c->version,
		    cmp < 0 ? "older" : "newer", c->own_version,
		    cmp < 0 ? "restart the daemon after its upgrade"
			    : "upgrade the tool");
}

static em_err
garbage(struct call *c, struct fault *f)
{
	fault_set(
	    f, EM_PROTOCOL, "what answers at %s does not speak as emqxd does", c->path);
	say_skew(c, f);
	return lost(c, EM_PROTOCOL);
}

static em_err
on_hello(struct call *c, struct slice body, struct fault *f)
{
	if (c->heard || wire_hello_get(body, &c->hello) != EM_OK)
		return garbage(c, f);
	c->heard = true;
	c->version = mem_dup(c->hello.version.p, c->hello.version.n);
	c->node = mem_dup(c->hello.node.p, c->hello.node.n);
	c->hello.version = slice_of(c->version, c->hello.version.n);
	c->hello.node = slice_of(c->node, c->hello.node.n);
	if (c->hello.protocol == WIRE_PROTOCOL)
		return EM_OK;
	fault_set(f, EM_PROTOCOL, "emqxd speaks protocol %u, this emqx_ctl %u",
	    c->hello.protocol, WIRE_PROTOCOL);
	say_skew(c, f);
	return lost(c, EM_PROTOCOL);
}

/* One frame of this call, or word that none will come. */
static em_err
next_frame(struct call *c, mono_t deadline, struct ipc_frame *out, struct fault *f)
{
	for (;;) {
		em_err err = ipc_frame_next(&c->in, out);

		if (err == EM_OK && out->kind == FRAME_HELLO) {
			err = on_hello(c, out->body, f);
			if (err != EM_OK)
				return err;
			continue;
		}
		if (err == EM_OK) {
			if (out->id == c->id || out->id == 0)
				return EM_OK;
			continue; /* of a call that was given up */
		}
		if (err != EM_AGAIN)
			return garbage(c, f);
		err = wait_for(c, POLLIN, deadline);
		if (err == EM_OK)
			err = ipc_frame_fill(&c->in, c->fd);
		if (err == EM_OK || err == EM_AGAIN)
			continue;
		if (err == EM_NOTFOUND) {
			fault_set(f, EM_UNREACHABLE, "emqxd at %s closed the connection",
			    c->path);
			return lost(c, EM_UNREACHABLE);
		}
		return err;
	}
}

void
call_cancel(struct call *c)
{
	struct wbuf out = wbuf_growing(IPC_FRAME_HEAD + 16);
	const volatile sig_atomic_t *stop = c->stop;
	mono_t deadline = mono_add(span_mono_now(), CANCEL_WAIT);
	struct ipc_frame frame = { 0 };
	em_err err;

	if (!c->running)
		return;
	c->stop = NULL; /* it has done its work */
	wire_cancel_put(&out, c->id);
	err = send_all(c, wbuf_slice(&out), NULL, 0);
	wbuf_fini(&out);
	while (err == EM_OK && frame.kind != FRAME_END && frame.kind != FRAME_FAULT)
		err = next_frame(c, deadline, &frame, NULL);
	c->stop = stop;
	c->running = false;
	if (err != EM_OK)
		(void)lost(c, err);
}

/* Lets the daemon send more when half of what it may send has come. */
static em_err
renew_credit(struct call *c)
{
	struct wbuf out;
	em_err err;

	if (++c->uncredited < WIRE_CREDIT / 2)
		return EM_OK;
	out = wbuf_growing(64);
	wire_credit_put(&out, c->id, c->uncredited);
	err = send_all(c, wbuf_slice(&out), NULL, 0);
	wbuf_fini(&out);
	c->uncredited = 0;
	return err;
}

static em_err
on_frame(struct call *c, const struct ipc_frame *frame, struct call_answer *out,
    struct fault *f)
{
	em_err err = EM_MALFORMED;

	switch (frame->kind) {
	case FRAME_ROW:
		out->kind = CALL_ROW;
		err = row_get(c->cmd, frame->body, &out->row);
		if (err == EM_OK) {
			err = renew_credit(c);
			return err == EM_OK ? EM_OK : send_failed(c, err, f);
		}
		break;
	case FRAME_EVENT:
		out->kind = CALL_EVENT;
		err = wire_event_get(frame->body, &out->text);
		break;
	case FRAME_END:
		out->kind = CALL_END;
		c->running = false;
		err = wire_end_get(frame->body, &out->end);
		break;
	case FRAME_FAULT: {
		struct fault said = { 0 };

		c->running = false;
		err = wire_fault_get(frame->body, &said);
		if (err == EM_OK) {
			err = fault_set(f, said.err, "%s", said.text);
			if (said.hint != NULL)
				fault_hint(f, "%s", said.hint);
			else if (err == EM_UNSUPPORTED)
				say_skew(c, f);
			fault_clear(&said);
			return err;
		}
		break;
	}
	case FRAME_HELLO:
	case FRAME_REQ:
	case FRAME_CREDIT:
	case FRAME_CANCEL: break;
	}
	return err == EM_OK ? EM_OK : garbage(c, f);
}

em_err
call_next(struct call *c, struct call_answer *out, struct fault *f)
{
	struct ipc_frame frame;
	em_err err = EM_CANCELLED;

	CHECK(c->running);
	if (!is_stopped(c))
		err = next_frame(c, mono_add(span_mono_now(), c->timeout), &frame, f);
	if (err == EM_OK)
		return on_frame(c, &frame, out, f);
	if (err == EM_CANCELLED) {
		call_cancel(c);
		return fault_set(f, EM_CANCELLED, "interrupted");
	}
	if (err == EM_TIMEOUT) {
		char text[SPAN_TEXT_MAX];

		fault_set(f, err, "no answer from emqxd at %s within %s", c->path,
		    span_print(c->timeout, text));
		fault_hint(f, "wait longer: --timeout 2m");
		return lost(c, err);
	}
	if (c->usable) /* nobody has said it yet */
		fault_set(f, err, "cannot read from emqxd at %s", c->path);
	return lost(c, err);
}
