/* SPDX-License-Identifier: Apache-2.0 */
/* cstore_child: see cstore_child.h. */
#include "emqxd/cstore/cstore_child.h"
#include "emqxd/cstore/cstore_raft.h"
#include "ipc/base/mem.h"
#include "ipc/base/rand.h"
#include "ipc/base/str.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- to the parent */

void
cstore_child_send(struct cstore_child *c, const struct cstore_frame *f)
{
	cstore_pipe_put(&c->pipe, f, -1);
}

static struct slice
text_of(const struct str *text)
{
	return slice_head(str_slice(text), CSTORE_TEXT_MAX);
}

void
cstore_child_done(struct cstore_child *c, uint32_t req, em_err err, const char *fmt, ...)
{
	struct str text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	cstore_child_send(
	    c, &(struct cstore_frame){
		   .kind = CSTORE_DONE, .req = req, .err = err, .text = text_of(&text) });
	str_fini(&text);
}

EM_PRINTF(2, 0) static void note(struct cstore_child *c, const char *fmt, va_list ap)
{
	struct str text = { 0 };

	str_vaddf(&text, fmt, ap);
	cstore_child_send(
	    c, &(struct cstore_frame){ .kind = CSTORE_NOTE, .text = text_of(&text) });
	str_fini(&text);
}

void
cstore_child_note(struct cstore_child *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note(c, fmt, ap);
	va_end(ap);
}

/* What waits is written, for at most a second. */
EM_NORETURN static void
leave(struct cstore_child *c, int status)
{
	struct pollfd p = { .fd = c->pipe.fd, .events = POLLOUT };

	for (int i = 0; i < 10 && cstore_pipe_flush(&c->pipe) == EM_AGAIN; i++)
		poll(&p, 1, 100);
	_exit(status);
}

void
cstore_child_die(struct cstore_child *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note(c, fmt, ap);
	va_end(ap);
	leave(c, EXIT_FAILURE);
}

/* ---- from the parent */

/* libraft writes its log with the kernel's asynchronous I/O. */
static void
probe_aio(struct cstore_child *c)
{
	aio_context_t context = 0;
	struct str text = { 0 };

	if (syscall(SYS_io_setup, 1, &context) == 0) {
		syscall(SYS_io_destroy, context);
		cstore_child_send(c, &(struct cstore_frame){ .kind = CSTORE_READY });
		return;
	}
	if (errno == EAGAIN)
		str_addf(&text,
		    "the kernel has no room for asynchronous I/O: raise fs.aio-max-nr");
	else
		str_addf(&text,
		    "the kernel refuses asynchronous I/O (io_setup: %s), which the log "
		    "of a cluster needs: allow it in the container's or service's filter "
		    "of system calls",
		    strerror(errno));
	cstore_child_send(
	    c, &(struct cstore_frame){
		   .kind = CSTORE_READY, .err = EM_UNSUPPORTED, .text = text_of(&text) });
	leave(c, EXIT_FAILURE);
}

static void
begin(struct cstore_child *c, const struct cstore_frame *f)
{
	if (cstore_wire_get_tune(f->data, &c->tune) != EM_OK || f->text.n == 0)
		cstore_child_die(c, "the parent speaks another language");
	c->folder = mem_dup(f->text.p, f->text.n);
	if (mkdir(c->folder, 0700) != 0 && errno != EEXIST)
		cstore_child_die(c, "%s cannot be made: %s", c->folder, strerror(errno));
	probe_aio(c);
}

static void
answered(struct cstore_child *c, const struct cstore_frame *f, int fd)
{
	for (unsigned i = 0; i < CSTORE_GROUP_N; i++) {
		if (c->group[i] != NULL &&
		    transport_answer(&c->group[i]->transport, f->req, fd))
			return;
	}
	if (fd >= 0)
		close(fd);
}

static void
accepted(struct cstore_raft *g, const struct cstore_frame *f, int fd)
{
	char name[CSTORE_NAME_MAX];

	if (g == NULL || cstore_wire_name(f->text, name) != EM_OK)
		close(fd);
	else
		transport_accept(&g->transport, name, fd);
}

/* Frames for a group that is not open, or not any more. */
static void
handle_closed(struct cstore_child *c, const struct cstore_frame *f)
{
	if (f->kind == CSTORE_OPEN || f->kind == CSTORE_RECOVER)
		cstore_raft_open(c, f);
	else if (f->kind == CSTORE_PROPOSE)
		cstore_child_send(c, &(struct cstore_frame){ .kind = CSTORE_DECIDED,
					 .group = f->group,
					 .id = f->id,
					 .err = EM_REFUSED });
	else if (f->req != 0)
		cstore_child_done(c, f->req, EM_STATE, "the group is not open");
}

static void
handle_open(struct cstore_raft *g, const struct cstore_frame *f)
{
	if (f->kind == CSTORE_RECOVER)
		cstore_raft_recover(g, f);
	else if (f->kind == CSTORE_PROPOSE)
		cstore_raft_propose(g, f);
	else if (g->is_closing || !g->is_started)
		handle_closed(g->child, &(struct cstore_frame){ .req = f->req });
	else if (f->kind == CSTORE_APPLIED)
		cstore_feed_applied(g, f->index);
	else if (f->kind == CSTORE_CHANGE)
		cstore_member_change(g, f);
	else if (f->kind == CSTORE_TRANSFER)
		cstore_member_transfer(g, f);
	else if (f->kind == CSTORE_BARRIER)
		cstore_member_barrier(g, f);
	else if (f->req != 0)
		cstore_child_done(g->child, f->req, EM_STATE, "the group is open");
}

static void
handle(struct cstore_child *c, const struct cstore_frame *f, int fd)
{
	struct cstore_raft *g = c->group[f->group];

	if (c->folder == NULL || f->kind == CSTORE_TUNE) {
		if (c->folder != NULL || f->kind != CSTORE_TUNE)
			cstore_child_die(c, "the parent speaks another language");
		begin(c, f);
	} else if (f->kind == CSTORE_PING) {
		cstore_child_send(c, &(struct cstore_frame){ .kind = CSTORE_PONG });
	} else if (f->kind == CSTORE_ANSWER) {
		answered(c, f, fd);
	} else if (f->kind == CSTORE_ACCEPT) {
		accepted(g, f, fd);
	} else if (g != NULL) {
		handle_open(g, f);
	} else {
		handle_closed(c, f);
	}
}

static void
on_control(uv_poll_t *poll, int status, int events)
{
	struct cstore_child *c = poll->data;
	struct cstore_frame f;
	em_err err = EM_OK;
	int fd;

	if (status != 0)
		_exit(0);
	if ((events & (UV_READABLE | UV_DISCONNECT)) == 0)
		return; /* what waits is written before the loop sleeps */
	for (int i = 0; i < 16 && err == EM_OK; i++) {
		err = cstore_pipe_read(&c->pipe);
		if (err != EM_OK)
			break;
		while ((err = cstore_pipe_next(&c->pipe, &f, &fd)) == EM_OK)
			handle(c, &f, fd);
		err = err == EM_AGAIN ? EM_OK : err;
	}
	if (err == EM_IO)
		_exit(0); /* the parent has gone */
	if (err != EM_OK && err != EM_AGAIN)
		cstore_child_die(c, "the parent speaks another language");
}

/* ---- the loop */

static void
on_prepare(uv_prepare_t *prepare)
{
	struct cstore_child *c = prepare->data;
	int events = UV_READABLE;
	em_err err;

	for (unsigned i = 0; i < CSTORE_GROUP_N; i++) {
		if (c->group[i] != NULL)
			cstore_raft_look(c->group[i]);
	}
	err = cstore_pipe_flush(&c->pipe);
	if (err == EM_IO)
		_exit(0);
	if (err == EM_AGAIN)
		events |= UV_WRITABLE;
	if (events != c->events && uv_poll_start(&c->control, events, on_control) != 0)
		_exit(EXIT_FAILURE);
	c->events = events;
}

static void
on_tick(uv_timer_t *timer)
{
	struct cstore_child *c = timer->data;

	/* It wakes the loop too: on_prepare looks. */
	for (unsigned i = 0; i < CSTORE_GROUP_N; i++) {
		struct cstore_raft *g = c->group[i];

		if (g == NULL)
			continue;
		cstore_write_tick(g);
		if (g->is_started && !g->is_closing)
			cstore_list_tick(g);
	}
}

/* Signals are the parent's affair; this process ends with it. */
static void
set_signals(void)
{
	static const int ignored[] = { SIGPIPE, SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGUSR1,
		SIGUSR2 };

	for (unsigned i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
		signal(ignored[i], SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "emqxd-cstore");
}

int
cstore_child_run(void)
{
	struct cstore_child *c;
	struct stat st;

	if (fstat(CSTORE_FD, &st) != 0 || !S_ISSOCK(st.st_mode)) {
		fprintf(stderr, "emqxd: --cstore is for emqxd itself\n");
		return 2;
	}
	set_signals();
	srandom((unsigned)rand_u64()); /* libraft takes its election timeouts from it */
	c = MEM_NEW(struct cstore_child);
	cstore_pipe_open(&c->pipe, CSTORE_FD);
	c->control.data = c->prepare.data = c->tick.data = c;
	if (uv_loop_init(&c->loop) != 0 ||
	    uv_poll_init(&c->loop, &c->control, CSTORE_FD) != 0 ||
	    uv_prepare_init(&c->loop, &c->prepare) != 0 ||
	    uv_prepare_start(&c->prepare, on_prepare) != 0 ||
	    uv_timer_init(&c->loop, &c->tick) != 0 ||
	    uv_timer_start(&c->tick, on_tick, CSTORE_TICK_MS, CSTORE_TICK_MS) != 0)
		return EXIT_FAILURE;
	uv_run(&c->loop, UV_RUN_DEFAULT);
	return EXIT_FAILURE;
}
