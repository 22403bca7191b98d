/* SPDX-License-Identifier: Apache-2.0 */
/* conn: what comes over a socket, where it walks, and what a peer may make us hold. */
#include "emqxd/conf/snapshot.h"
#include "emqxd/core/worker.h"
#include "emqxd/limit/limit.h"
#include "emqxd/net/conn.h"
#include "emqxd/net/listener.h"
#include "tests/unit/conf/fixture.h"

#include <netinet/in.h>
#include <unistd.h>

#define WORKERS 2u
#define MARK 65536u

/* A protocol of its own: "(" is a packet of eight bytes, which walks to the other worker
 * with what is behind it, once; "[" one of LARGE bytes; "p" pauses the
 * connection; any other byte is answered with
 * ANSWER bytes. */
enum { ANSWER = 64, PACKET = 8, LARGE = 200000 };

static struct {
	struct conn *conn; /* the newest */
	char got[64];      /* what came behind the walk */
	size_t got_n;
	void (*before_walk)(void);
	bool is_slow; /* what comes takes a turn's time */
	unsigned started, ended, asked, paused;
	end_reason why;
	char word; /* the first byte of what was not whole, at the last word */
	uint16_t home;
} seen;

static void
on_started(struct conn *c)
{
	seen.conn = c;
	seen.started++;
}

static size_t
on_bytes(struct conn *c, uint8_t *p, size_t n, size_t *need)
{
	seen.home = worker_self()->id;
	if (p[0] == '[' && n < LARGE) {
		*need = LARGE;
		return 0;
	}
	if (p[0] == '(' && n < PACKET) {
		*need = PACKET;
		return 0;
	}
	if (p[0] == '(' && worker_self()->id == 0) {
		if (seen.before_walk != NULL)
			seen.before_walk();
		conn_give(c, worker_get(1), p, n);
		return 0;
	}
	if (p[0] == '(') {
		c->owner = &seen;
		memcpy(seen.got, p, n < sizeof seen.got ? n : sizeof seen.got);
		seen.got_n = n;
		return n;
	}
	if (p[0] == 'p') {
		c->owner = &seen;
		seen.paused++;
		conn_pause(c);
		return 1;
	}
	seen.asked++;
	while (seen.is_slow && !loop_is_late())
		;
	c->owner = &seen;
	memset(conn_room(c, n * ANSWER), 'x', n * ANSWER);
	return n;
}

static void
on_writable(struct conn *c)
{
	(void)c;
}

static void
on_last_word(struct conn *c, end_reason why, const char *detail)
{
	(void)detail;
	(void)why;
	seen.word = c->part != NULL ? (char)c->part->b[0] : ' ';
}

static void
on_ended(struct conn *c, end_reason why, end_side side, const char *detail)
{
	(void)side;
	(void)detail;
	if (c == seen.conn)
		seen.conn = NULL;
	seen.ended++;
	seen.why = why;
}

static void
as(unsigned id)
{
	worker_act_as(worker_get(id));
}

/* Workers and main, each so many turns. */
static void
turns(unsigned n)
{
	static const unsigned who[] = { 0, 1, WORKERS + 1 };

	for (; n > 0; n--)
		for (unsigned i = 0; i < sizeof who / sizeof *who; i++) {
			as(who[i]);
			loop_hurry(worker_self()->loop);
			loop_turn(worker_self()->loop);
		}
	as(WORKERS + 1);
}

static void
on_done(struct listener *l, void *arg, em_err err, struct fault *f)
{
	(void)l;
	(void)f;
	*(em_err *)arg = err;
}

static struct listener *
begin(void)
{
	static const struct conn_ops ops = { .on_started = on_started,
		.on_bytes = on_bytes,
		.on_writable = on_writable,
		.on_last_word = on_last_word,
		.on_ended = on_ended };
	struct fault f = { 0 };
	struct loaded l;
	em_err err = EM_AGAIN;

	memset(&seen, 0, sizeof seen);
	if (worker_current == NULL) {
		worker_init(WORKERS);
		conf_birth(NULL);
		l = fixture_takes("listeners.tcp.default.bind = \"127.0.0.1:0\"\n"
				  "mqtt.max_outq_bytes = 64KB\n");
		conf_publish(&l.s);
		fixture_free(&l);
		net_birth(&ops);
		for (unsigned i = 0; i < WORKERS; i++) {
			as(i);
			net_worker_birth();
		}
		as(WORKERS + 1);
		OK(listener_set(0, &f) == EM_OK);
	}
	listener_start(listener_at(0), on_done, &err);
	for (unsigned i = 0; err == EM_AGAIN && i < 50; i++)
		turns(1);
	OK(err == EM_OK);
	return listener_at(0);
}

static void
stop(struct listener *l)
{
	em_err err = EM_AGAIN;

	listener_stop(l, false, on_done, &err);
	for (unsigned i = 0; err == EM_AGAIN && i < 50; i++)
		turns(1);
	OK(err == EM_OK);
	turns(2);
}

static int
client_of(const struct listener *l)
{
	struct sockaddr_storage ss;
	struct listener_info info;
	struct net_addr a;
	socklen_t n;
	int fd;

	listener_info(l, &info);
	OK(addr_parse(slice_str(info.address), &a) == EM_OK);
	n = addr_to_sockaddr(&a, &ss);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	OK(fd >= 0 && connect(fd, (struct sockaddr *)&ss, n) == 0);
	return fd;
}

static void
say(int fd, const char *text)
{
	OK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

TEST(what_came_behind_the_first_packet_walks_along_also_when_that_came_in_pieces)
{
	struct listener *l = begin();
	int fd = client_of(l);

	say(fd, "(12");
	turns(2);
	EQ(seen.got_n, 0);
	say(fd, "34567behind");
	turns(3);
	EQ(seen.home, 1);
	EQ(seen.got_n, 14);
	MEM_EQ(seen.got, "(1234567behind", 14);
	close(fd);
	turns(2);
	EQ(seen.ended, 1);
	EQ(seen.why, END_TCP_CLOSED);
	stop(l);
}

static em_err stopped;

/* Worker 1 has stopped the listener when the connection arrives there. */
static void
stop_at_worker_1(void)
{
	as(WORKERS + 1);
	listener_stop(listener_at(0), false, on_done, &stopped);
	mailbox_post_all(worker_self());
	as(1);
	loop_hurry(worker_self()->loop);
	loop_turn(worker_self()->loop);
	as(0);
}

TEST(who_walks_in_at_a_listener_that_stops_is_ended)
{
	struct listener *l = begin();
	int fd = client_of(l);

	stopped = EM_AGAIN;
	seen.before_walk = stop_at_worker_1;
	say(fd, "(1234567");
	turns(6);
	OK(stopped == EM_OK);
	EQ(seen.ended, 1);
	EQ(seen.why, END_LISTENER_STOPPED);
	EQ(seen.got_n, 0);
	close(fd);
}

/* Reads what is there; how much it was. */
static size_t
drain(int fd)
{
	static char buf[1 << 16];
	size_t sum = 0;
	ssize_t n;

	while ((n = recv(fd, buf, sizeof buf, MSG_DONTWAIT)) > 0)
		sum += (size_t)n;
	return sum;
}

TEST(who_asks_and_does_not_read_is_not_read)
{
	static char asks[4096];
	struct listener *l = begin();
	size_t sent = 0, got = 0;
	int fd = client_of(l);
	ssize_t n;

	memset(asks, 'a', sizeof asks);
	for (unsigned i = 0; i < 4000; i++) {
		n = send(fd, asks, sizeof asks, MSG_NOSIGNAL | MSG_DONTWAIT);
		sent += n > 0 ? (size_t)n : 0;
		if (n < 0 && seen.conn != NULL && conn_is_paused(seen.conn))
			break;
		turns(1);
	}
	OK(seen.conn != NULL && conn_is_paused(seen.conn));
	OK(conn_pending(seen.conn) <= 2 * MARK + 65536 * ANSWER);
	for (unsigned i = 0; got < sent * ANSWER && i < 100000; i++) {
		got += drain(fd);
		turns(1);
	}
	EQ(got, sent * ANSWER);
	OK(!conn_is_paused(seen.conn));
	close(fd);
	turns(2);
	stop(l);
}

/* ---- more than a turn has time for */

enum { MANY = 200, EACH = 64000 };
static uint8_t of_the_turn[EACH];
static int many[MANY];

static void
put(struct conn *c, void *other)
{
	if (c != other)
		conn_put_turn(c, of_the_turn, EACH);
}

static void
count_late(struct conn *c, void *arg)
{
	*(unsigned *)arg += (c->watch.flags & CONN_LATE) != 0;
}

static unsigned
late(void)
{
	unsigned n = 0;

	as(0);
	conn_each(count_late, &n);
	as(WORKERS + 1);
	return n;
}

static void
turn_of_0(void)
{
	as(0);
	loop_hurry(worker_self()->loop);
	loop_turn(worker_self()->loop);
	as(WORKERS + 1);
}

/* One more connection at worker 0, which nothing is written to. */
static int
other_of(struct listener *l)
{
	int fd = client_of(l);

	for (unsigned k = 0; k < 20 && seen.started == 0; k++)
		turn_of_0();
	EQ(seen.started, 1);
	return fd;
}

/*
 * All connected at worker 0, and as many bytes written to each in one turn; but none to
 * `other`, which may be NULL.
 */
static void
begin_many(struct listener *l, struct conn *other)
{
	unsigned before = seen.started;

	for (unsigned i = 0; i < MANY; i++) {
		many[i] = client_of(l);
		for (unsigned k = 0; k < 20 && seen.started == before + i; k++)
			turn_of_0();
	}
	EQ(seen.started, before + MANY);
	memset(of_the_turn, 'x', EACH);
	as(0);
	conn_each(put, other);
	as(WORKERS + 1);
	turn_of_0();
	OK(late() > 0 && late() < MANY);
	memset(of_the_turn, 'y', EACH); /* that turn is over */
}

/* How many bytes are there; they are all 'x'. */
static size_t
drain_x(int fd)
{
	static char buf[1 << 16];
	size_t sum = 0;
	ssize_t n;

	while ((n = recv(fd, buf, sizeof buf, MSG_DONTWAIT)) > 0) {
		OK(memchr(buf, 'y', (size_t)n) == NULL);
		sum += (size_t)n;
	}
	return sum;
}

TEST(who_is_written_to_with_very_many_others_gets_it_in_a_later_turn)
{
	struct listener *l = begin();
	size_t got = 0;

	begin_many(l, NULL);
	for (unsigned k = 0; k < 1000 && got < (size_t)MANY * EACH; k++) {
		turn_of_0();
		for (unsigned i = 0; i < MANY; i++)
			got += drain_x(many[i]);
	}
	EQ(got, (size_t)MANY * EACH);
	EQ(late(), 0);
	for (unsigned i = 0; i < MANY; i++)
		close(many[i]);
	stop(l);
	EQ(seen.ended, MANY);
}

TEST(who_is_not_among_them_does_not_stand_behind_them)
{
	struct listener *l = begin();
	int fd = other_of(l);

	begin_many(l, seen.conn);
	say(fd, "a"); /* it is there before the turn: one turn answers it */
	for (unsigned i = 0; i < 10 && seen.asked == 0; i++)
		turn_of_0();
	EQ(drain(fd), ANSWER);
	OK(late() > 0);
	close(fd);
	for (unsigned i = 0; i < MANY; i++)
		close(many[i]);
	stop(l);
}

TEST(who_ends_while_its_bytes_are_late_is_buried_behind_them)
{
	struct listener *l = begin();

	begin_many(l, NULL);
	for (unsigned i = 0; i < MANY; i += 2)
		close(many[i]);
	stop(l); /* ends the others */
	turns(20);
	EQ(seen.ended, MANY);
	for (unsigned i = 1; i < MANY; i += 2)
		close(many[i]);
}

static void
resume(struct conn *c, void *arg)
{
	(void)arg;
	conn_resume(c);
}

TEST(of_those_resumed_at_once_some_have_their_turn_and_the_rest_the_next)
{
	struct listener *l = begin();
	unsigned all = 40, last = 0;

	for (unsigned i = 0; i < all; i++) {
		many[i] = client_of(l);
		say(many[i], "pa");
	}
	for (unsigned k = 0; k < 100 && seen.paused < all; k++)
		turn_of_0();
	EQ(seen.paused, all);
	EQ(seen.asked, 0);
	as(0);
	conn_each(resume, NULL);
	as(WORKERS + 1);
	seen.is_slow = true;
	turn_of_0();
	OK(seen.asked > 0 && seen.asked < all / 2);
	for (unsigned k = 0; k < all && seen.asked > last; k++) {
		last = seen.asked;
		turn_of_0();
	}
	EQ(seen.asked, all);
	/* Each is read again. */
	seen.is_slow = false;
	for (unsigned i = 0; i < all; i++)
		say(many[i], "a");
	for (unsigned k = 0; k < 100 && seen.asked < 2 * all; k++)
		turn_of_0();
	EQ(seen.asked, 2 * all);
	/* One that ends before its turn. */
	for (unsigned i = 0; i < all; i++)
		say(many[i], "pa");
	for (unsigned k = 0; k < 100 && seen.paused < 2 * all; k++)
		turn_of_0();
	as(0);
	conn_each(resume, NULL);
	as(WORKERS + 1);
	seen.is_slow = true;
	stop(l);
	turns(20);
	EQ(seen.ended, all);
	for (unsigned i = 0; i < all; i++)
		close(many[i]);
}

/* Sends @n bytes of a large packet. */
static void
say_part(int fd, size_t n)
{
	static char large[LARGE];

	large[0] = '[';
	OK(n <= LARGE && send(fd, large, n, MSG_NOSIGNAL) == (ssize_t)n);
	turns(8);
}

TEST(large_packets_that_have_only_begun_take_their_part_of_the_memory_and_no_more)
{
	struct listener *l = begin();
	int fd[3];

	limit_birth();
	limit_configure(8 * LARGE); /* strangers have an eighth of it: one such packet */
	for (unsigned i = 0; i < 3; i++)
		fd[i] = client_of(l);
	say_part(fd[0], LARGE - 1);
	EQ(seen.ended, 0);
	say_part(fd[1], 100); /* how large it will be is no harm yet */
	EQ(seen.ended, 0);
	say_part(fd[1], LARGE - 101);
	EQ(seen.ended, 1);
	EQ(seen.why, END_SERVER_BUSY);
	EQ(seen.word, '[');
	/* As it begins, too; what it was may be told. */
	say_part(fd[2], 60000);
	EQ(seen.ended, 2);
	EQ(seen.why, END_SERVER_BUSY);
	EQ(seen.word, '[');
	close(fd[0]);
	turns(2);
	EQ(seen.ended, 3);
	OK(limit_hold(LARGE, LIMIT_STRANGER)); /* nobody holds anything any more */
	limit_release(LARGE);
	limit_death();
	close(fd[1]);
	close(fd[2]);
	stop(l);
}

TEST(the_room_ends_with_its_connections)
{
	struct listener *l = begin();
	int fd = client_of(l);

	say(fd, "a");
	turns(2);
	EQ(seen.started, 1);
	for (unsigned i = 0; i < WORKERS; i++) {
		as(i);
		net_worker_death();
	}
	EQ(seen.ended, 1);
	EQ(seen.why, END_SERVER_SHUTTING_DOWN);
	as(WORKERS + 1);
	net_death();
	conf_death();
	worker_fini();
	close(fd);
}
