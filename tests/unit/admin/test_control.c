/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket against peers of all kinds; one thread is daemon and peer. */
#include "tests/unit/tap.h"
#include "emqxd/admin/admin.h"
#include "emqxd/admin/ctl_conf.h"
#include "emqxd/conf/load.h"
#include "emqxd/core/log.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/metrics.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"
#include "ipc/peer.h"
#include "ipc/row.h"
#include "ipc/wire.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the house */

struct house {
	char dir[40], socket[64];
};

static void
build(struct house *h)
{
	static const struct conf_section *const sections[] = { &ctl_conf };
	static const struct admin_house house = { .node = "n@test" };
	struct conf_report report = { .more = false };
	struct conf_snapshot *s;
	struct conf_load how = { .file = "emqx.conf", .section = sections, .n = 1 };
	struct str text = { 0 };

	strcpy(h->dir, "/tmp/test_control.XXXXXX");
	OK(mkdtemp(h->dir) != NULL);
	snprintf(h->socket, sizeof h->socket, "%s/s", h->dir);
	str_addf(&text, "ctl.socket = \"%s\"\nctl.read_group = \"\"\n", h->socket);
	how.text = str_slice(&text);
	log_start();
	log_set_level(LOG_OFF); /* it would tell of every bad peer */
	worker_init(1);
	conf_birth(NULL);
	OK(conf_load(&how, &s, &report) == EM_OK);
	conf_report_fini(&report);
	str_fini(&text);
	conf_publish(&s);
	OK(admin_birth(&house, NULL) == EM_OK);
	worker_act_as(worker_admin());
	admin_worker_birth();
}

/* A few turns of the admin thread, which wait for nothing. */
static void
turn(void)
{
	for (unsigned i = 0; i < 10; i++) {
		worker_act_as(worker_admin());
		loop_hurry(worker_self()->loop);
		loop_turn(worker_self()->loop);
		worker_act_as(worker_main());
		mailbox_open_all(worker_self());
		mailbox_post_all(worker_self());
	}
	worker_act_as(worker_admin());
}

static void
tear_down(struct house *h)
{
	turn();
	admin_worker_death();
	mailbox_post_all(worker_self());
	worker_act_as(worker_main());
	mailbox_open_all(worker_self());
	admin_death();
	OK(access(h->socket, F_OK) != 0);
	conf_death();
	worker_fini();
	log_stop();
	rmdir(h->dir);
}

/* ---- a peer */

struct peer {
	int fd;
	struct ipc_frame_reader in;
};

static void
come(struct house *h, struct peer *p)
{
	OK(peer_connect(h->socket, span_s(1), &p->fd, NULL) == EM_OK);
	ipc_frame_reader_init(&p->in, IPC_FRAME_MAX);
	turn();
}

static void
go(struct peer *p)
{
	ipc_frame_reader_fini(&p->in);
	close(p->fd);
	turn();
}

static void
say(struct peer *p, struct wbuf *w)
{
	OK(w->err == EM_OK);
	OK(send(p->fd, w->p, w->n, MSG_NOSIGNAL) == (ssize_t)w->n || w->n == 0);
	wbuf_fini(w);
	turn();
}

static void
say_hello(struct peer *p)
{
	struct wire_hello hello = { .protocol = WIRE_PROTOCOL,
		.table = cmd_table_hash() };
	struct wbuf w = wbuf_growing(65536);

	wire_hello_put(&w, &hello);
	say(p, &w);
}

static void
put_broker(struct wbuf *w, uint32_t id)
{
	struct wire_req req = { .cmd = cmd_get(CMD_BROKER),
		.params = { .cmd = cmd_get(CMD_BROKER) },
		.credit = 10 };

	wire_req_put(w, id, &req);
}

/* The next frame's kind; 0: none is there, -1: the daemon closed. */
static int
hear(struct peer *p, struct ipc_frame *frame)
{
	for (unsigned i = 0; i < 3; i++) {
		em_err err = ipc_frame_next(&p->in, frame);

		if (err == EM_OK)
			return (int)frame->kind;
		OK(err == EM_AGAIN);
		turn();
		err = ipc_frame_fill(&p->in, p->fd);
		if (err != EM_OK && err != EM_AGAIN)
			return -1;
	}
	return 0;
}

static bool
is_closed(struct peer *p)
{
	struct ipc_frame frame;
	int kind;

	while ((kind = hear(p, &frame)) > 0)
		;
	return kind < 0;
}

static uint64_t
bad_peers(void)
{
	return metric_sum(METRIC_CONTROL_BAD_PEERS);
}

/* ---- facts */

TEST(a_peer_is_greeted_and_answered)
{
	struct wbuf w = wbuf_growing(65536);
	struct wire_hello hello;
	struct wire_end end;
	struct ipc_frame frame;
	struct house h;
	struct row row;
	struct peer p;

	build(&h);
	come(&h, &p);
	say_hello(&p);
	put_broker(&w, 7);
	say(&p, &w);
	EQ(hear(&p, &frame), FRAME_HELLO);
	OK(wire_hello_get(frame.body, &hello) == EM_OK);
	EQ(hello.access, WIRE_ACCESS_ALL);
	EQ(hello.table, cmd_table_hash());
	OK(slice_eq_str(hello.node, "n@test"));
	EQ(hear(&p, &frame), FRAME_ROW);
	EQ(frame.id, 7);
	OK(row_get(cmd_get(CMD_BROKER), frame.body, &row) == EM_OK);
	EQ(hear(&p, &frame), FRAME_END);
	OK(wire_end_get(frame.body, &end) == EM_OK);
	EQ(end.rows, 1);
	EQ(bad_peers(), 0);
	go(&p);
	tear_down(&h);
}

TEST(hello_and_request_may_come_byte_by_byte)
{
	struct wbuf w = wbuf_growing(65536);
	struct wire_hello hello = { .protocol = WIRE_PROTOCOL };
	struct ipc_frame frame;
	struct house h;
	struct peer p;

	build(&h);
	come(&h, &p);
	wire_hello_put(&w, &hello);
	put_broker(&w, 1);
	for (size_t i = 0; i < w.n; i++) {
		OK(send(p.fd, w.p + i, 1, MSG_NOSIGNAL) == 1);
		turn();
	}
	wbuf_fini(&w);
	EQ(hear(&p, &frame), FRAME_HELLO);
	EQ(hear(&p, &frame), FRAME_ROW);
	EQ(hear(&p, &frame), FRAME_END);
	go(&p);
	tear_down(&h);
}

/* One that says @bytes after its hello (or at once) is closed, counted, and no other. */
static void
is_refused(bool hello, struct slice bytes)
{
	struct wbuf w = wbuf_growing(200000);
	struct ipc_frame frame;
	struct peer good, bad;
	struct house h;

	build(&h);
	come(&h, &good);
	say_hello(&good);
	come(&h, &bad);
	if (hello)
		say_hello(&bad);
	wbuf_bytes(&w, bytes);
	say(&bad, &w);
	OK(is_closed(&bad));
	EQ(bad_peers(), 1);
	w = wbuf_growing(65536);
	put_broker(&w, 3);
	say(&good, &w);
	EQ(hear(&good, &frame), FRAME_HELLO);
	EQ(hear(&good, &frame), FRAME_ROW);
	EQ(hear(&good, &frame), FRAME_END);
	go(&bad);
	go(&good);
	tear_down(&h);
}

TEST(text_is_no_frame)
{
	is_refused(false, SLICE_LIT("GET / HTTP/1.1\r\n\r\n"));
	is_refused(true, SLICE_LIT("status\nstatus\nstatus\n"));
}

TEST(a_request_before_the_hello_is_refused)
{
	struct wbuf w = wbuf_growing(65536);

	put_broker(&w, 1);
	is_refused(false, wbuf_slice(&w));
	wbuf_fini(&w);
}

TEST(a_second_hello_is_refused)
{
	struct wire_hello hello = { .protocol = WIRE_PROTOCOL };
	struct wbuf w = wbuf_growing(65536);

	wire_hello_put(&w, &hello);
	is_refused(true, wbuf_slice(&w));
	wbuf_fini(&w);
}

TEST(a_frame_longer_than_a_request_may_be_is_refused_by_its_head)
{
	is_refused(true, SLICE_LIT("\x00\x02\x00\x00\x02\x00\x00\x00\x01"));
}

TEST(a_body_that_is_no_map_is_refused)
{
	is_refused(true, SLICE_LIT("\x00\x00\x00\x01\x02\x00\x00\x00\x01\xc0"));
}

TEST(a_frame_that_only_the_daemon_sends_is_refused)
{
	is_refused(true, SLICE_LIT("\x00\x00\x00\x01\x03\x00\x00\x00\x01\x80"));
}

TEST(an_id_in_use_is_refused)
{
	struct wbuf w = wbuf_growing(65536);

	put_broker(&w, 9);
	put_broker(&w, 9);
	is_refused(true, wbuf_slice(&w));
	wbuf_fini(&w);
}

TEST(more_requests_at_a_time_than_allowed_are_told_so)
{
	struct wbuf w = wbuf_growing(65536);
	unsigned ends = 0, faults = 0;
	struct ipc_frame frame;
	struct house h;
	struct peer p;
	int kind;

	build(&h);
	come(&h, &p);
	say_hello(&p);
	for (uint32_t i = 1; i <= 20; i++)
		put_broker(&w, i);
	say(&p, &w);
	while ((kind = hear(&p, &frame)) > 0) {
		ends += kind == FRAME_END;
		faults += kind == FRAME_FAULT;
	}
	EQ(kind, 0);
	EQ(ends, 16);
	EQ(faults, 4);
	EQ(bad_peers(), 0);
	go(&p);
	tear_down(&h);
}

TEST(who_goes_in_the_middle_leaves_nothing_behind)
{
	struct wbuf w = wbuf_growing(65536);
	struct house h;
	struct peer p;

	build(&h);
	come(&h, &p);
	say_hello(&p);
	put_broker(&w, 1);
	OK(send(p.fd, w.p, w.n, MSG_NOSIGNAL) == (ssize_t)w.n);
	wbuf_fini(&w);
	go(&p);
	tear_down(&h);
}

TEST(who_never_reads_cannot_make_it_grow)
{
	struct wbuf w = wbuf_growing(65536);
	struct house h;
	struct peer p;
	size_t sent = 0;

	build(&h);
	come(&h, &p);
	say_hello(&p);
	put_broker(&w, 1);
	/* Until neither the daemon nor the socket takes more. */
	for (unsigned idle = 0; idle < 5 && sent < 100000;) {
		ssize_t n = send(p.fd, w.p, w.n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n != (ssize_t)w.n) {
			idle++;
			OK(n <= 0); /* whole requests fit or do not */
		} else {
			idle = 0;
			sent++;
		}
		turn();
	}
	OK(sent < 100000);
	wbuf_fini(&w);
	go(&p);
	tear_down(&h);
}

TEST(more_peers_than_allowed_are_told_so)
{
	struct ipc_frame frame;
	struct peer p[129];
	struct house h;

	build(&h);
	for (unsigned i = 0; i < 129; i++)
		come(&h, &p[i]);
	EQ(hear(&p[128], &frame), FRAME_FAULT);
	OK(is_closed(&p[128]));
	for (unsigned i = 0; i < 129; i++)
		go(&p[i]);
	come(&h, &p[0]);
	EQ(hear(&p[0], &frame), FRAME_HELLO);
	go(&p[0]);
	tear_down(&h);
}

TEST(a_second_daemon_is_refused_and_the_socket_stays)
{
	static const struct admin_house house = { .node = "other" };
	struct fault f = { 0 };
	void *first;
	struct house h;

	build(&h);
	first = node_slot(ROOM_ADMIN);
	EQ(admin_birth(&house, &f), EM_BUSY);
	node_slot_set(ROOM_ADMIN, first);
	OK(access(h.socket, F_OK) == 0);
	fault_clear(&f);
	tear_down(&h);
}

TEST(any_bytes_close_their_peer_or_wait)
{
	uint64_t x = 88172645463325252u;
	struct house h;

	build(&h);
	for (unsigned round = 0; round < 300; round++) {
		uint8_t bytes[64] = { 0, 0, 0, 30 };
		struct peer p;

		come(&h, &p);
		say_hello(&p);
		for (size_t i = 4; i < sizeof bytes; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			bytes[i] = (uint8_t)x;
		}
		bytes[4] = (uint8_t)(1 + round % 8);
		bytes[9] = (uint8_t)(0x80 + round % 6);
		(void)!send(p.fd, bytes, sizeof bytes, MSG_NOSIGNAL);
		turn();
		go(&p);
	}
	tear_down(&h);
}
