/* SPDX-License-Identifier: Apache-2.0 */
/* The tool's side of a call, against a daemon that is a thread of the test. */
#include "ipc/call.h"
#include "ipc/peer.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the daemon does with a request. */
enum habit {
	ANSWER,      /* rows as asked, under credit, then END */
	REFUSE,      /* FAULT */
	OTHER_BUILD, /* FAULT unsupported, another version in the hello */
	NEW_PROTOCOL,
	SAY_NOTHING,
	SAY_GARBAGE,
	CLOSE,
	DENY_AT_ONCE, /* FAULT 0 before anything is read, and close */
	READ_FILE,    /* END with the first bytes of the descriptor as note */
};

struct daemon {
	enum habit habit;
	unsigned rows;
	unsigned calls; /* to serve before closing */
	bool saw_cancel;
	struct peer_server server;
	char dir[32], path[64];
	pthread_t thread;
	volatile sig_atomic_t stop;
};

static void
flush(int fd, struct wbuf *w)
{
	size_t at = 0;

	while (at < w->n) {
		ssize_t n = send(fd, w->p + at, w->n - at, MSG_NOSIGNAL);

		if (n > 0)
			at += (size_t)n;
		else if (errno != EAGAIN ||
			 poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, 5000) <
			     1)
			break;
	}
	w->n = 0;
}

static void
put_row(struct wbuf *w, uint32_t id, unsigned i)
{
	struct row_writer rw;
	size_t at = ipc_frame_begin(w, FRAME_ROW, id);
	em_err err;

	row_writer_init(&rw, cmd_get(CMD_CLIENTS_LIST));
	row_begin(&rw);
	row_strf(&rw, "clientid", "c%u", i);
	err = row_end(&rw, w);
	CHECK(err == EM_OK);
	row_writer_fini(&rw);
	ipc_frame_end(w, at);
}

/* The next frame of the tool; false: it went. */
static bool
hear(int fd, struct ipc_frame_reader *in, struct ipc_frame *out)
{
	for (;;) {
		em_err err = ipc_frame_next(in, out);

		if (err == EM_OK)
			return true;
		if (err != EM_AGAIN)
			return false;
		if (poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 5000) < 1)
			return false;
		err = ipc_frame_fill(in, fd);
		if (err != EM_OK && err != EM_AGAIN)
			return false;
	}
}

static void
answer(struct daemon *d, int fd, struct ipc_frame_reader *in, struct wbuf *w, uint32_t id,
    uint32_t credit)
{
	struct wire_end end = { .rows = d->rows, .next = SLICE_LIT("c9") };
	struct fault f = { 0 };

	wire_event_put(w, id, SLICE_LIT("starting"));
	for (unsigned i = 0; i < d->rows; i++) {
		struct ipc_frame frame;
		uint32_t more;

		if (credit == 0) {
			flush(fd, w);
			if (!hear(fd, in, &frame))
				return;
			if (frame.kind == FRAME_CANCEL) {
				d->saw_cancel = true;
				fault_set(&f, EM_CANCELLED, "interrupted");
				wire_fault_put(w, id, &f);
				fault_clear(&f);
				return;
			}
			if (wire_credit_get(frame.body, &more) != EM_OK)
				return;
			credit += more;
		}
		put_row(w, id, i);
		credit--;
	}
	wire_end_put(w, id, &end);
}

static void
serve_request(struct daemon *d, int fd, struct ipc_frame_reader *in,
    const struct ipc_frame *frame, struct wbuf *w)
{
	struct wire_req req;
	struct fault f = { 0 };
	struct wire_end end = { 0 };
	uint32_t id = frame->id;
	char text[16] = "";
	int file;

	if (wire_req_get(frame->body, in, &req, &f) != EM_OK)
		f.err = EM_FAILED;
	else if (d->habit == REFUSE || d->habit == OTHER_BUILD)
		fault_set(&f, d->habit == REFUSE ? EM_NOTFOUND : EM_UNSUPPORTED, "no");
	if (f.err != EM_OK) {
		wire_fault_put(w, id, &f);
	} else if (d->habit == READ_FILE) {
		file = params_take_fd(&req.params, "file");
		end.note = slice_of(text, (size_t)pread(file, text, 5, 0));
		wire_end_put(w, id, &end);
		close(file);
	} else if (d->habit == SAY_GARBAGE) {
		wbuf_bytes(w, SLICE_LIT("HTTP/1.1 400 Bad Request\r\n\r\n"));
	} else if (d->habit == ANSWER) {
		answer(d, fd, in, w, id, req.credit);
	}
	flush(fd, w);
	if (d->habit == SAY_NOTHING)
		while (hear(fd, in, &(struct ipc_frame){ 0 }))
			;
	wire_req_fini(&req);
	fault_clear(&f);
}

static void *
run(void *arg)
{
	struct daemon *d = arg;
	struct wire_hello hello = { .protocol = d->habit == NEW_PROTOCOL ? 2 : 1,
		.version = d->habit == ANSWER ? SLICE_LIT("0.1.0") : SLICE_LIT("0.2.0"),
		.node = SLICE_LIT("emqx@test"),
		.access = WIRE_ACCESS_ALL };
	struct wbuf w = wbuf_growing(64 << 20);
	struct ipc_frame_reader in;
	struct ipc_frame frame;
	unsigned served = 0;
	int fd;

	poll(&(struct pollfd){ .fd = d->server.sock, .events = POLLIN }, 1, 5000);
	fd = peer_server_accept(&d->server);
	ipc_frame_reader_init(&in, IPC_FRAME_REQ_MAX);
	if (d->habit == DENY_AT_ONCE) {
		struct fault f = { .err = EM_DENIED };

		wire_fault_put(&w, 0, &f);
	} else {
		wire_hello_put(&w, &hello);
	}
	flush(fd, &w);
	while (d->habit != DENY_AT_ONCE && served < d->calls && hear(fd, &in, &frame)) {
		if (frame.kind == FRAME_REQ) {
			served++;
			if (d->habit != CLOSE)
				serve_request(d, fd, &in, &frame, &w);
		}
	}
	close(fd);
	ipc_frame_reader_fini(&in);
	wbuf_fini(&w);
	return NULL;
}

static struct call *
begin(struct daemon *d, span_t timeout)
{
	struct call_opts opts = {
		.version = "0.1.0", .timeout = timeout, .stop = &d->stop
	};
	struct call *c;
	em_err err;

	strcpy(d->dir, "/tmp/test_call_XXXXXX");
	OK(mkdtemp(d->dir) != NULL);
	snprintf(d->path, sizeof d->path, "%s/s", d->dir);
	if (d->calls == 0)
		d->calls = 1;
	err = peer_server_open(&d->server, d->path, 0600, NULL, NULL);
	CHECK(err == EM_OK);
	opts.path = d->path;
	EQ(call_open(&opts, &c, NULL), EM_OK);
	EQ(pthread_create(&d->thread, NULL, run, d), 0);
	return c;
}

static void
finish(struct daemon *d, struct call *c)
{
	call_close(&c);
	pthread_join(d->thread, NULL);
	peer_server_close(&d->server);
	EQ(rmdir(d->dir), 0);
}

static em_err
start_list(struct call *c)
{
	struct wire_req req = { .cmd = cmd_get(CMD_CLIENTS_LIST), .credit = WIRE_CREDIT };

	return call_start(c, &req, NULL);
}

TEST(rows_come_one_by_one_and_credit_is_renewed)
{
	struct daemon d = { .habit = ANSWER, .rows = 5000, .calls = 2 };
	struct call *c = begin(&d, span_s(5));
	struct call_answer a;

	OK(call_hello(c) == NULL);
	for (unsigned twice = 0; twice < 2; twice++) {
		char want[16];

		OK(call_is_usable(c));
		EQ(start_list(c), EM_OK);
		EQ(call_next(c, &a, NULL), EM_OK);
		EQ(a.kind, CALL_EVENT);
		OK(slice_eq_str(a.text, "starting"));
		for (unsigned i = 0; i < d.rows; i++) {
			EQ(call_next(c, &a, NULL), EM_OK);
			EQ(a.kind, CALL_ROW);
			snprintf(want, sizeof want, "c%u", i);
			OK(slice_eq_str(row_find(&a.row, "clientid")->text, want));
		}
		EQ(call_next(c, &a, NULL), EM_OK);
		EQ(a.kind, CALL_END);
		EQ(a.end.rows, d.rows);
		OK(slice_eq_str(a.end.next, "c9"));
	}
	OK(slice_eq_str(call_hello(c)->node, "emqx@test"));
	OK(slice_eq_str(call_hello(c)->version, "0.1.0"));
	finish(&d, c);
}

/* Starts a list and gives the first answer's verdict. */
static em_err
verdict(struct daemon *d, struct fault *f, bool usable)
{
	struct call *c = begin(d, span_ms(300));
	struct call_answer a;
	em_err err;

	EQ(start_list(c), EM_OK);
	err = call_next(c, &a, f);
	EQ(call_is_usable(c), usable);
	finish(d, c);
	return err;
}

TEST(a_fault_is_the_code_and_the_text_and_the_link_lives_on)
{
	struct daemon d = { .habit = REFUSE };
	struct fault f = { 0 };

	EQ(verdict(&d, &f, true), EM_NOTFOUND);
	STR_EQ(f.text, "no");
	fault_clear(&f);
}

TEST(another_build_says_which_side_is_older)
{
	struct daemon d = { .habit = OTHER_BUILD };
	struct fault f = { 0 };

	EQ(verdict(&d, &f, true), EM_UNSUPPORTED);
	STR_EQ(f.hint, "emqxd 0.2.0 is newer than this emqx_ctl 0.1.0: upgrade the tool");
	fault_clear(&f);
	d = (struct daemon){ .habit = NEW_PROTOCOL };
	EQ(verdict(&d, &f, false), EM_PROTOCOL);
	STR_EQ(f.hint, "emqxd 0.2.0 is newer than this emqx_ctl 0.1.0: upgrade the tool");
	fault_clear(&f);
}

TEST(silence_is_a_timeout)
{
	struct daemon d = { .habit = SAY_NOTHING };
	struct fault f = { 0 };

	EQ(verdict(&d, &f, false), EM_TIMEOUT);
	OK(strstr(f.text, "within 300ms") != NULL);
	fault_clear(&f);
}

TEST(garbage_and_a_closed_link_are_told_apart)
{
	struct daemon d = { .habit = SAY_GARBAGE };
	struct fault f = { 0 };

	EQ(verdict(&d, &f, false), EM_PROTOCOL);
	d = (struct daemon){ .habit = CLOSE };
	EQ(verdict(&d, &f, false), EM_UNREACHABLE);
	OK(strstr(f.text, "closed the connection") != NULL);
	fault_clear(&f);
}

TEST(a_refusal_before_the_request_is_heard)
{
	struct daemon d = { .habit = DENY_AT_ONCE };
	struct fault f = { 0 };

	EQ(verdict(&d, &f, true), EM_DENIED);
	fault_clear(&f);
}

TEST(an_interrupt_cancels_and_the_link_lives_on)
{
	struct daemon d = { .habit = ANSWER, .rows = 100000, .calls = 2 };
	struct call *c = begin(&d, span_s(5));
	struct call_answer a;
	em_err err = EM_OK;

	EQ(start_list(c), EM_OK);
	for (unsigned i = 0; err == EM_OK; i++) {
		if (i == 10)
			d.stop = 1;
		err = call_next(c, &a, NULL);
	}
	EQ(err, EM_CANCELLED);
	OK(call_is_usable(c));
	d.stop = 0;
	d.rows = 1;
	EQ(start_list(c), EM_OK);
	EQ(call_next(c, &a, NULL), EM_OK);
	EQ(a.kind, CALL_EVENT);
	EQ(call_next(c, &a, NULL), EM_OK);
	EQ(a.kind, CALL_ROW);
	finish(&d, c);
	OK(d.saw_cancel);
}

TEST(a_file_travels_as_its_descriptor)
{
	struct daemon d = { .habit = READ_FILE };
	struct call *c = begin(&d, span_s(5));
	struct wire_req req = { .cmd = cmd_get(CMD_TRACE_START), .credit = 1 };
	static const char *const words[] = { "topic", "t/#", "x.log" };
	struct call_answer a;
	char name[80];
	int fd;

	for (size_t i = 0; i < 3; i++)
		EQ(params_add_word(
		       &req.params, &req.cmd->args[i], slice_str(words[i]), NULL),
		    EM_OK);
	snprintf(name, sizeof name, "%s/x.log", d.dir);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	EQ(write(fd, "hello", 5), 5);
	params_give_fd(&req.params, "file", fd, slice_str(name));
	EQ(call_start(c, &req, NULL), EM_OK);
	EQ(call_next(c, &a, NULL), EM_OK);
	EQ(a.kind, CALL_END);
	OK(slice_eq_str(a.end.note, "hello"));
	unlink(name);
	wire_req_fini(&req);
	finish(&d, c);
}

TEST(a_request_too_large_is_refused_before_it_is_sent)
{
	struct daemon d = { .habit = ANSWER, .rows = 0 };
	struct call *c = begin(&d, span_s(5));
	struct wire_req req = { .cmd = cmd_get(CMD_CLIENTS_KICK) };
	struct fault f = { 0 };
	static char word[40000];

	memset(word, 'x', sizeof word);
	for (unsigned i = 0; i < 2; i++)
		EQ(params_add_word(
		       &req.params, &req.cmd->args[0], slice_of(word, sizeof word), NULL),
		    EM_OK);
	EQ(call_start(c, &req, &f), EM_TOOBIG);
	OK(call_is_usable(c));
	EQ(start_list(c), EM_OK); /* the daemon ends */
	fault_clear(&f);
	wire_req_fini(&req);
	finish(&d, c);
}
