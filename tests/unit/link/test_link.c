/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of links: who is let in, what is sent and asked, what ends. */
#include "emqxd/core/metric.h"
#include "emqxd/model/metrics.h"
#include "ipc/base/mem.h"
#include "tests/unit/link/two.h"

#include <errno.h>
#include <unistd.h>

static struct home c;

TEST(two_members_reach_each_other_on_both_channels)
{
	struct link_peer_info i;

	two_up();
	link_peer_info(ab, &i);
	STR_EQ(i.product, "1.0");
	EQ(i.protocol, 1);
	EQ(i.site, 2);
	EQ(i.incarnation, 1002);
	EQ(i.table, 7);
	OK(i.rtt.ns >= 0 && i.rtt.ns < span_s(5).ns);
	OK(i.offset.ns > -span_s(5).ns && i.offset.ns < span_s(5).ns);
	STR_EQ(i.why, "");
	OK(strstr(str_get(&a.events), "b:ctl_up") <
	    strstr(str_get(&a.events), "b:data_up"));
	OK(houses_has(&a, "b:reachable"));
	two_end();
}

static void
fails_with(struct link_peer *p, em_err err, const char *what)
{
	struct link_peer_info i;

	HOUSES_UNTIL(
	    (link_peer_info(p, &i), i.err != EM_OK && strstr(i.why, what) != NULL));
	STR_EQ(err_name(i.err), err_name(err));
}

/* @a is as usual, @b as @conf says, both know each other; a's dialling fails so. */
static void
is_refused(struct link_house_conf *conf, em_err err, const char *what)
{
	houses_new(&a, "a", 1);
	houses_open(&b, conf);
	ab = houses_know(&a, &b);
	if (strcmp(b.name, "a") != 0)
		(void)houses_know(&b, &a);
	fails_with(ab, err, what);
	OK(!houses_has(&a, "ctl_up"));
	two_end();
}

TEST(another_cookie_is_refused_by_name)
{
	struct link_house_conf conf;

	houses_begin();
	conf = houses_conf(&b, "b", 2);
	conf.cookie = "other";
	is_refused(&conf, EM_COOKIE, "cookie");
}

TEST(another_cluster_is_refused_with_both_names)
{
	struct link_house_conf conf;

	houses_begin();
	conf = houses_conf(&b, "b", 2);
	conf.cluster = "d";
	is_refused(&conf, EM_CLUSTERNAME, "b is of the cluster d, this node of c");
}

TEST(the_node_itself_is_told_as_such)
{
	struct link_house_conf conf;

	houses_begin();
	conf = houses_conf(&b, "b", 1);
	is_refused(&conf, EM_SELF, "is this node itself");
}

static void
on_guest(struct link_peer *guest, const struct fault *f, void *arg)
{
	struct str *out = arg;

	str_addf(out, "%s", guest != NULL ? link_peer_name(guest) : f->text);
}

TEST(a_node_of_the_same_name_is_refused)
{
	struct str said = { 0 };

	houses_begin();
	houses_new(&a, "a", 1);
	houses_new(&b, "a", 2);
	link_guest_open(a.house, slice_str(b.address), on_guest, &said);
	HOUSES_UNTIL(said.n > 0);
	OK(strstr(str_get(&said), "both called a") != NULL);
	str_fini(&said);
	two_end();
}

TEST(who_is_no_member_there_is_told)
{
	two_begin();
	ab = houses_know(&a, &b);
	fails_with(ab, EM_NOTMEMBER, "b does not know this node");
	/* and goes on trying */
	ba = houses_know(&b, &a);
	HOUSES_UNTIL(houses_is_up(ab) && houses_is_up(ba));
	two_end();
}

TEST(an_address_where_nobody_is_is_said)
{
	struct link_peer *p;
	char address[32];
	int fd;

	houses_begin();
	houses_new(&a, "a", 1);
	fd = houses_listen(address);
	close(fd);
	OK(link_peer_add(a.house, SLICE_LIT("x"), slice_str(address), 0, NODES_MAX, &p) ==
	    EM_OK);
	fails_with(p, EM_UNREACHABLE, "refused");
	houses_free(&a);
	houses_end();
}

/* ---- frames */

static struct {
	unsigned n;
	size_t bytes;
	uint32_t next;
	bool is_wrong;
	struct link_ask ask;
	struct link_peer *from;
} got;

static void
on_numbers(struct link_peer *from, struct link_ask ask, struct slice body, void *arg)
{
	uint32_t number;

	(void)arg;
	got.n++;
	got.bytes += body.n;
	got.ask = ask;
	got.from = from;
	if (body.n < 4) {
		got.is_wrong = true;
		return;
	}
	memcpy(&number, body.p, 4);
	got.is_wrong = got.is_wrong || number != got.next++;
}

TEST(frames_come_whole_and_in_order)
{
	static uint8_t body[300000];
	uint32_t sent = 0;

	memset(&got, 0, sizeof got);
	two_up();
	link_on(b.house, LINK_TEST_TOLD, on_numbers, NULL);
	while (sent < 500) {
		size_t n = 4 + (sent * 7919u) % (sizeof body - 4);
		em_err err;

		memcpy(body, &sent, 4);
		err = link_send(ab, LINK_DATA, LINK_TEST_TOLD, slice_of(body, n));
		if (err == EM_FULL) {
			houses_turn();
			continue;
		}
		OK(err == EM_OK);
		sent++;
	}
	HOUSES_UNTIL(got.n == 500);
	OK(!got.is_wrong);
	OK(got.from == ba);
	two_end();
}

TEST(a_buffer_is_bounded_and_its_gauge_is_true)
{
	static uint8_t body[1000];
	unsigned n = 0;

	memset(&got, 0, sizeof got);
	two_begin();
	OK(link_peer_add(a.house, SLICE_LIT("b"), slice_str(b.address), 2, 5, &ab) ==
	    EM_OK);
	ba = houses_know(&b, &a);
	HOUSES_UNTIL(houses_is_up(ab) && houses_is_up(ba));
	link_on(b.house, LINK_TEST_TOLD, on_numbers, NULL);
	while (link_send(ab, LINK_DATA, LINK_TEST_TOLD, slice_of(body, 1000)) == EM_OK)
		n++;
	EQ(n, (1 << 20) / 1005);
	EQ(link_pending(ab, LINK_DATA), n * 1005);
	OK(link_pending(ab, LINK_CTL) < 1000);
	EQ(metric_sum(METRIC_CLUSTER_LINK_FULL) > 0, 1);
	HOUSES_UNTIL(got.n == n && link_pending(ab, LINK_DATA) == 0);
	two_end();
}

TEST(what_is_held_is_not_read_and_comes_later)
{
	static uint8_t body[100000];

	memset(&got, 0, sizeof got);
	two_up();
	link_on(b.house, LINK_TEST_TOLD, on_numbers, NULL);
	link_hold(ba, true);
	for (uint32_t i = 0; i < 10; i++) {
		memcpy(body, &i, 4);
		OK(link_send(ab, LINK_DATA, LINK_TEST_TOLD,
		       slice_of(body, sizeof body)) == EM_OK);
	}
	for (unsigned i = 0; i < 20; i++) {
		loop_hurry(worker_self()->loop);
		houses_turn();
	}
	EQ(got.n, 0);
	link_hold(ba, false);
	HOUSES_UNTIL(got.n == 10);
	OK(!got.is_wrong);
	two_end();
}

/* Holds and lets go in the middle of what comes. */
static void
on_wavering(struct link_peer *from, struct link_ask ask, struct slice body, void *arg)
{
	link_hold(from, true);
	link_hold(from, false);
	on_numbers(from, ask, body, arg);
}

TEST(who_holds_and_lets_go_at_once_gets_each_frame_once)
{
	static uint8_t body[50000];

	memset(&got, 0, sizeof got);
	two_up();
	link_on(b.house, LINK_TEST_TOLD, on_wavering, NULL);
	for (uint32_t i = 0; i < 20; i++) {
		memcpy(body, &i, 4);
		OK(link_send(ab, LINK_DATA, LINK_TEST_TOLD,
		       slice_of(body, 4 + i % 3 * 20000)) == EM_OK);
	}
	HOUSES_UNTIL(got.n >= 20);
	OK(!got.is_wrong);
	two_end();
}

static struct {
	unsigned n;
	em_err err;
	char body[64];
} replied;

static void
on_reply(struct link_peer *p, em_err err, struct slice body, void *arg)
{
	(void)p;
	(void)arg;
	replied.n++;
	replied.err = err;
	snprintf(replied.body, sizeof replied.body, "%.*s", SLICE_FMT(body));
}

static void
on_asked(struct link_peer *from, struct link_ask ask, struct slice body, void *arg)
{
	(void)arg;
	got.n++;
	got.ask = ask;
	got.from = from;
	if (slice_eq_str(body, "ping"))
		link_reply(ask, EM_OK, SLICE_LIT("pong"));
	else if (slice_eq_str(body, "bad"))
		link_reply(ask, EM_EXISTS, SLICE_LIT("it is there"));
}

static void
ask(struct link_peer *p, const char *what, span_t timeout)
{
	memset(&replied, 0, sizeof replied);
	OK(link_request(p, LINK_TEST_ASKED, slice_str(what), timeout, on_reply, NULL) ==
	    EM_OK);
	HOUSES_UNTIL(replied.n > 0);
	EQ(replied.n, 1);
}

TEST(a_request_is_answered_with_a_body_or_an_error)
{
	memset(&got, 0, sizeof got);
	two_up();
	link_on(b.house, LINK_TEST_ASKED, on_asked, NULL);
	ask(ab, "ping", span_s(10));
	EQ(replied.err, EM_OK);
	STR_EQ(replied.body, "pong");
	ask(ab, "bad", span_s(10));
	EQ(replied.err, EM_EXISTS);
	STR_EQ(replied.body, "it is there");
	/* an answer that comes late is nobody's */
	ask(ab, "slow", span_ms(1));
	EQ(replied.err, EM_TIMEOUT);
	link_reply(got.ask, EM_OK, SLICE_LIT("late"));
	ask(ab, "ping", span_s(10));
	STR_EQ(replied.body, "pong");
	/* nobody there knows it */
	ask(ba, "ping", span_s(10));
	EQ(replied.err, EM_UNSUPPORTED);
	two_end();
}

TEST(a_request_ends_with_its_connection)
{
	memset(&got, 0, sizeof got);
	memset(&replied, 0, sizeof replied);
	two_up();
	link_on(b.house, LINK_TEST_ASKED, on_asked, NULL);
	OK(link_request(ab, LINK_TEST_ASKED, SLICE_LIT("slow"), span_s(100), on_reply,
	       NULL) == EM_OK);
	HOUSES_UNTIL(got.n == 1);
	link_house_stop(b.house);
	HOUSES_UNTIL(replied.n > 0);
	EQ(replied.err, EM_UNREACHABLE);
	HOUSES_UNTIL(houses_has(&a, "b:unreachable"));
	OK(houses_has(&a, "b:ctl_down"));
	OK(houses_has(&a, "b:data_down"));
	OK(link_send(ab, LINK_CTL, LINK_TEST_TOLD, SLICE_NONE) == EM_UNREACHABLE);
	two_end();
}

TEST(a_node_that_starts_anew_is_another_incarnation)
{
	struct link_house_conf conf;
	char address[32];

	two_up();
	link_house_stop(b.house);
	HOUSES_UNTIL(!link_peer_is_reachable(ab));
	snprintf(address, sizeof address, "%s", b.address);
	conf = houses_conf(&c, "b", 2);
	conf.incarnation = 77;
	houses_open(&c, &conf);
	link_peer_move(ab, slice_str(c.address));
	ba = houses_know(&c, &a);
	HOUSES_UNTIL(houses_is_up(ab) && houses_is_up(ba));
	EQ(link_peer_incarnation(ab), 77);
	houses_free(&c);
	two_end();
}

TEST(a_removed_member_is_let_in_no_more)
{
	two_up();
	link_peer_del(&ab);
	OK(houses_has(&a, "b:unreachable"));
	HOUSES_UNTIL(!link_peer_is_reachable(ba));
	fails_with(ba, EM_NOTMEMBER, "a does not know this node");
	OK(link_peer_find(a.house, SLICE_LIT("b")) == NULL);
	two_end();
}

/* ---- guests */

static struct link_peer *guest;

static void
on_open(struct link_peer *p, const struct fault *f, void *arg)
{
	(void)f;
	(void)arg;
	guest = p;
}

TEST(a_guest_asks_and_is_asked)
{
	memset(&got, 0, sizeof got);
	guest = NULL;
	two_begin();
	link_on(a.house, LINK_TEST_ASKED, on_asked, NULL);
	link_on(b.house, LINK_TEST_ASKED, on_asked, NULL);
	link_guest_open(a.house, slice_str(b.address), on_open, NULL);
	HOUSES_UNTIL(guest != NULL);
	OK(link_peer_is_guest(guest));
	ask(guest, "ping", span_s(10));
	STR_EQ(replied.body, "pong");
	OK(link_peer_is_guest(got.from));
	STR_EQ(link_peer_name(got.from), "a");
	ask(got.from, "ping", span_s(10));
	STR_EQ(replied.body, "pong");
	link_guest_close(&guest);
	HOUSES_UNTIL(houses_has(&b, "a:guest_gone"));
	OK(!houses_has(&a, "guest_gone"));
	two_end();
}

/* ---- strangers */

static int
call(const struct home *h)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	unsigned port;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	OK(sscanf(h->address, "127.0.0.1:%u", &port) == 1);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in.sin_port = htons((uint16_t)port);
	(void)connect(fd, (struct sockaddr *)&in, sizeof in);
	return fd;
}

static bool
is_closed(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN);
}

TEST(garbage_is_refused_and_counted)
{
	uint64_t before;
	int fd;

	two_begin();
	before = metric_sum(METRIC_CLUSTER_LINK_REFUSED);
	fd = call(&a);
	OK(send(fd, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL) == 18);
	HOUSES_UNTIL(is_closed(fd));
	EQ(metric_sum(METRIC_CLUSTER_LINK_REFUSED), before + 1);
	close(fd);
	two_end();
}

TEST(strangers_are_bounded_and_the_oldest_makes_way)
{
	int fd[70];

	two_begin();
	for (unsigned i = 0; i < 70; i++) {
		fd[i] = call(&a);
		loop_hurry(worker_self()->loop);
		houses_turn();
	}
	HOUSES_UNTIL(is_closed(fd[5]));
	OK(is_closed(fd[0]));
	OK(!is_closed(fd[6]) && !is_closed(fd[69]));
	/* and whoever has the cookie comes in all the same */
	ab = houses_know(&a, &b);
	ba = houses_know(&b, &a);
	HOUSES_UNTIL(houses_is_up(ab) && houses_is_up(ba));
	for (unsigned i = 0; i < 70; i++)
		close(fd[i]);
	two_end();
}

TEST(who_says_nothing_is_gone_after_five_seconds)
{
	int fd;

	two_begin();
	fd = call(&a);
	HOUSES_UNTIL(is_closed(fd));
	close(fd);
	two_end();
}

/* ---- Raft's bytes */

static int raft_a, raft_b;

static void
on_raft_fd(em_err err, int fd, void *arg)
{
	(void)arg;
	OK(err == EM_OK || fd == -1);
	raft_a = err == EM_OK ? fd : -2;
}

static void
on_raft_accept(struct link_peer *from, struct slice group, int fd, void *arg)
{
	(void)arg;
	OK(slice_eq_str(group, "meta"));
	STR_EQ(link_peer_name(from), "a");
	raft_b = fd;
}

static void
raft_up(void)
{
	raft_a = raft_b = -1;
	two_up();
	link_on_raft(b.house, on_raft_accept, NULL);
	link_raft_connect(a.house, SLICE_LIT("b"), SLICE_LIT("meta"), on_raft_fd, NULL);
	HOUSES_UNTIL(raft_a >= 0 && raft_b >= 0);
}

/* @n bytes through, then the end of that direction. */
static void
pump(int from, int to, size_t n)
{
	static uint8_t bytes[100000], back[100000];
	size_t sent = 0, seen = 0;
	bool ended = false, told = false;

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 31);
	HOUSES_UNTIL(({
		ssize_t w = 0, r;
		size_t at = sent % sizeof bytes, left = n - sent;

		if (left > sizeof bytes - at)
			left = sizeof bytes - at;
		if (left > 0)
			w = send(from, bytes + at, left, MSG_NOSIGNAL | MSG_DONTWAIT);
		else if (!told)
			told = shutdown(from, SHUT_WR) == 0;
		if (w > 0)
			sent += (size_t)w;
		r = recv(to, back, sizeof back, MSG_DONTWAIT);
		for (ssize_t i = 0; i < r; i++)
			OK(back[i] == bytes[(seen + (size_t)i) % sizeof bytes]);
		if (r > 0)
			seen += (size_t)r;
		ended = ended || r == 0;
		loop_hurry(worker_self()->loop);
		ended;
	}));
	EQ(seen, n);
}

TEST(rafts_bytes_go_both_ways_and_end_one_by_one)
{
	raft_up();
	pump(raft_a, raft_b, 3000000);
	/* the other direction goes on */
	pump(raft_b, raft_a, 1000000);
	close(raft_a);
	close(raft_b);
	two_end();
}

TEST(an_engine_that_closes_ends_the_others_stream_after_its_last_bytes)
{
	char text[8] = "";

	raft_up();
	OK(send(raft_a, "last", 4, MSG_NOSIGNAL) == 4);
	close(raft_a);
	HOUSES_UNTIL((loop_hurry(worker_self()->loop),
	    recv(raft_b, text, 4, MSG_PEEK | MSG_DONTWAIT) == 4));
	OK(recv(raft_b, text, sizeof text, MSG_DONTWAIT) == 4);
	STR_EQ(text, "last");
	HOUSES_UNTIL((loop_hurry(worker_self()->loop), is_closed(raft_b)));
	close(raft_b);
	two_end();
}

TEST(the_streams_of_who_is_no_member_any_more_end)
{
	struct link_peer *p;

	raft_up();
	p = link_peer_find(b.house, SLICE_LIT("a"));
	OK(p != NULL);
	link_peer_del(&p);
	HOUSES_UNTIL((loop_hurry(worker_self()->loop), is_closed(raft_b)));
	HOUSES_UNTIL((loop_hurry(worker_self()->loop), is_closed(raft_a)));
	close(raft_a);
	close(raft_b);
	two_end();
	/* those that it dialled too */
	raft_up();
	p = link_peer_find(a.house, SLICE_LIT("b"));
	link_peer_del(&p);
	HOUSES_UNTIL((loop_hurry(worker_self()->loop), is_closed(raft_a)));
	close(raft_a);
	close(raft_b);
	two_end();
}

TEST(a_stream_to_nobody_is_refused)
{
	raft_a = -1;
	two_begin();
	link_raft_connect(a.house, SLICE_LIT("b"), SLICE_LIT("meta"), on_raft_fd, NULL);
	EQ(raft_a, -1);
	HOUSES_UNTIL(raft_a == -2);
	two_end();
}
