/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owner tables: what one node's clients want is known at the other.
 *
 * Two processes are two nodes.  Both play the same random script, so each knows what the
 * other must have; at the end of a round they exchange what their links sent.
 */
#include "emqxd/routes/owner.h"
#include "emqxd/core/clock.h"
#include "emqxd/limit/quota.h"
#include "emqxd/model/nodes.h"
#include "emqxd/router/share_inside.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"
#include "tests/unit/router/ears.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define EARS 4u
#define FILTERS 24u
#define CLIENTS 40u
#define PEER 1u

/* ---- the link's double: a queue of frames to the peer */

struct frame {
	enum owner_frame frame;
	size_t n;
	uint8_t *bytes;
};

static VEC(struct frame) sent;
static bool is_up;
static unsigned full_in; /* so many frames more: then one is refused; 0: never */
static uint64_t waits;   /* bytes in the link, while `counts` */
static bool counts;
static unsigned refused;

#define BUFFER (1u << 20) /* bytes that a link takes */

static em_err
on_send(void *arg, unsigned place, enum owner_frame frame, struct slice body)
{
	(void)arg;
	EQ(place, PEER);
	if (!is_up)
		return EM_UNREACHABLE;
	if (full_in > 0 && --full_in == 0)
		return EM_FULL;
	if (counts && waits + body.n > BUFFER) {
		refused++;
		return EM_FULL;
	}
	waits += body.n;
	VEC_ADD(
	    &sent, ((struct frame){ frame, body.n, (uint8_t *)mem_dup(body.p, body.n) }));
	return EM_OK;
}

static uint64_t
on_pending(void *arg, unsigned place)
{
	(void)arg;
	(void)place;
	return counts ? waits : 0;
}

static void
drop_sent(size_t n)
{
	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++)
		mem_free(sent.p[i].bytes);
	sent.n -= n;
	memmove(sent.p, sent.p + n, sent.n * sizeof *sent.p);
}

/* ---- a node */

static void
forward(uint64_t places, struct message *m)
{
	(void)places;
	(void)m;
}

static void
forward_shared(unsigned place, uint64_t tried, struct slice group, struct slice filter,
    struct message *m)
{
	(void)place;
	(void)tried;
	(void)group;
	(void)filter;
	(void)m;
}

static const struct router_remote remote = { owner_changed, forward, forward_shared,
	owner_settle };
static struct owner *owner;
static struct ear ear[EARS];

static void
link_turns(unsigned n)
{
	struct worker *was = worker_current;

	for (; n > 0; n--) {
		worker_act_as(worker_link());
		loop_hurry(worker_self()->loop);
		loop_turn(worker_self()->loop);
		for (unsigned i = 0; i < WORKERS; i++) {
			as(i);
			loop_hurry(worker_self()->loop);
			loop_turn(worker_self()->loop);
		}
	}
	worker_act_as(was);
}

static void
begin_node(const char *me, const char *other, uint64_t incarnation, span_t timeout)
{
	struct owner_conf conf = { .links = { on_send, on_pending, NULL },
		.incarnation = incarnation,
		.node_down_timeout = timeout,
		.suback_wait = span_ms(200),
		.rows_max = 5000,
		.buffer = BUFFER };
	unsigned place;

	begin();
	nodes_birth(me, incarnation);
	quota_birth();
	OK(nodes_add(slice_str(other), incarnation ^ 1, &place) == EM_OK);
	EQ(place, PEER);
	worker_act_as(worker_link());
	router_worker_birth();
	owner = owner_new(&conf);
	router_remote_use(&remote);
	as(0);
	for (unsigned i = 0; i < EARS; i++)
		ear[i].s.home = (uint16_t)(i % WORKERS);
}

static void
set_up(bool up)
{
	worker_act_as(worker_link());
	is_up = up;
	if (up) {
		owner_up(owner, PEER);
		owner_reachable(owner, PEER, true);
	} else {
		drop_sent(sent.n);
		owner_reachable(owner, PEER, false);
		owner_down(owner, PEER);
	}
	as(0);
}

static void
hear(enum owner_frame frame, struct slice body)
{
	worker_act_as(worker_link());
	owner_on_frame(owner, PEER, frame, body);
	as(0);
}

/* ---- what the script has done so far, of both nodes */

static bool wants[2][EARS][FILTERS], is_online[2][EARS], has_client[2][CLIENTS];

/* Every third filter is of a group. */
static void
name_filter(unsigned f, char name[16])
{
	snprintf(name, 16, "f/%u%s", f / 3, f % 3 == 1 ? "/+" : "");
}

static const char *
group_of(unsigned f)
{
	return f % 3 == 2 ? "g" : "";
}

static uint64_t
client_hash(unsigned c)
{
	return (c + 1) * 0x9e3779b97f4a7c15u;
}

/* The script's own: what the router throws is not the same at both. */
static uint64_t dice;

static uint64_t
chance(uint64_t n)
{
	dice = dice * 6364136223846793005u + 1442695040888963407u;
	return (dice >> 33) % n;
}

/* A step of the script; @me does it if it is its. */
static void
play(unsigned me)
{
	unsigned who = (unsigned)chance(2), e = (unsigned)chance(EARS);
	unsigned f = (unsigned)chance(FILTERS), c = (unsigned)chance(CLIENTS);
	unsigned what = (unsigned)chance(10);
	char name[16];

	name_filter(f, name);
	if (what < 7) {
		wants[who][e][f] = !wants[who][e][f];
		if (who != me)
			return;
		as(ear[e].s.home);
		if (wants[who][e][f])
			sub(&ear[e], group_of(f), name, 0);
		else
			OK(unsub(&ear[e], group_of(f), name) == EM_OK);
	} else if (what < 8) {
		is_online[who][e] = !is_online[who][e];
		if (who == me)
			set_online(&ear[e], is_online[who][e]);
	} else {
		has_client[who][c] = !has_client[who][c];
		if (who != me)
			return;
		worker_act_as(worker_link());
		owner_client(owner, client_hash(c), has_client[who][c]);
	}
	as(0);
}

/* ---- a round's exchange */

static int wire;

static void
write_all(const void *p, size_t n)
{
	const uint8_t *at = p;

	while (n > 0) {
		ssize_t k = write(wire, at, n);

		CHECK(k > 0);
		at += k;
		n -= (size_t)k;
	}
}

static void
read_all(void *p, size_t n)
{
	uint8_t *at = p;

	while (n > 0) {
		ssize_t k = read(wire, at, n);

		CHECK(k > 0);
		at += k;
		n -= (size_t)k;
	}
}

/* At most @most frames in each direction. */
static void
exchange_frames(unsigned me, size_t most)
{
	size_t n = sent.n < most ? sent.n : most;

	/* One writes while the other reads. */
	for (unsigned turn = 0; turn < 2; turn++) {
		size_t theirs = 0;

		if (turn == me) {
			write_all(&n, sizeof n);
			for (size_t i = 0; i < n; i++) {
				write_all(&sent.p[i].frame, sizeof sent.p[i].frame);
				write_all(&sent.p[i].n, sizeof sent.p[i].n);
				write_all(sent.p[i].bytes, sent.p[i].n);
			}
			drop_sent(n);
			continue;
		}
		read_all(&theirs, sizeof theirs);
		for (; theirs > 0; theirs--) {
			struct frame f;

			read_all(&f.frame, sizeof f.frame);
			read_all(&f.n, sizeof f.n);
			f.bytes = mem_new(f.n + 1);
			read_all(f.bytes, f.n);
			hear(f.frame, slice_of(f.bytes, f.n));
			mem_free(f.bytes);
		}
	}
}

/* The members that the other node has in the group of that filter. */
static struct share_count
theirs_of(const char *name)
{
	struct route *r = trie_find(&inside_node()->trie, slice_str(name));
	struct share_count none = { 0, 0 };

	if (r == NULL || route_has_more(r) == NULL ||
	    atomic_load(&route_has_more(r)->groups) == NULL)
		return none;
	return share_nodes_at(
	    share_elsewhere(atomic_load(&route_has_more(r)->groups)), PEER);
}

static void
check_group(unsigned other, unsigned f, const char *name)
{
	struct share_count n = { 0, 0 };

	for (unsigned e = 0; e < EARS; e++) {
		n.online += wants[other][e][f] && is_online[other][e];
		n.offline += wants[other][e][f] && !is_online[other][e];
	}
	EQ(theirs_of(name).online, n.online);
	EQ(theirs_of(name).offline, n.offline);
}

static void
check(unsigned me)
{
	unsigned other = 1 - me, rows = 0, here = 0, elsewhere = 0;
	struct owner_info info;

	for (unsigned f = 0; f < FILTERS; f++) {
		bool theirs = false, ours = false;
		uint64_t places;
		char name[16];

		name_filter(f, name);
		for (unsigned e = 0; e < EARS; e++) {
			theirs |= wants[other][e][f];
			ours |= wants[me][e][f];
		}
		rows += theirs;
		if (f % 3 == 2) { /* shares its filter with one that is no group's */
			check_group(other, f, name);
			continue;
		}
		places = router_remote_nodes(slice_str(name));
		if (f % 3 == 0)
			for (unsigned e = 0; e < EARS; e++) {
				theirs |= wants[other][e][f + 2];
				ours |= wants[me][e][f + 2];
			}
		EQ(places, theirs * 2u + ours);
	}
	EQ(router_remote_count(), rows);
	for (unsigned c = 0; c < CLIENTS; c++) {
		here += has_client[me][c] || has_client[other][c];
		elsewhere += !has_client[me][c] && has_client[other][c];
		EQ(owner_client_places(owner, client_hash(c)),
		    has_client[me][c] + has_client[other][c] * 2u);
	}
	EQ(owner_clients(owner), here);
	EQ(quota_elsewhere(), elsewhere);
	owner_info(owner, PEER, &info);
	OK(info.is_whole);
	EQ(info.acked, info.sent);
	EQ(owner_malformed(owner), 0);
}

static void
play_node(unsigned me, uint64_t seed)
{
	bool up = false;

	begin_node(me == 0 ? "emqx@a" : "emqx@b", me == 0 ? "emqx@b" : "emqx@a", 100 + me,
	    span_s(3600));
	dice = seed;
	for (unsigned round = 0; round < 400; round++) {
		size_t most = (size_t)chance(6);

		for (uint64_t n = chance(6); n > 0; n--)
			play(me);
		if (chance(up ? 25 : 4) == 0)
			set_up(up = !up);
		if (chance(40) == 0)
			full_in = 1 + round % 3;
		link_turns(1);
		exchange_frames(me, most);
	}
	full_in = 0;
	if (!up)
		set_up(true);
	for (unsigned round = 0; round < 60; round++) {
		link_turns(2);
		exchange_frames(me, 1000);
	}
	check(me);
}

/* A fact in a process of its own: the node's state is one a process. */
static void
apart(void (*fact)(void))
{
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	OK(child >= 0);
	if (child == 0) {
		fact();
		_exit(0);
	}
	OK(waitpid(child, &status, 0) == child && status == 0);
}

static uint64_t seed;
static int pair[2];

static void
node_a(void)
{
	wire = pair[0];
	close(pair[1]);
	play_node(0, seed);
}

static void
node_b(void)
{
	wire = pair[1];
	close(pair[0]);
	play_node(1, seed);
}

TEST(two_nodes_agree_whatever_came_between)
{
	for (seed = 1; seed <= 12; seed++) {
		int status = 0, other = 0;
		pid_t a, b;

		OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
		fflush(stdout);
		a = fork();
		if (a == 0) {
			node_a();
			_exit(0);
		}
		b = fork();
		if (b == 0) {
			node_b();
			_exit(0);
		}
		close(pair[0]);
		close(pair[1]);
		OK(waitpid(a, &status, 0) == a && waitpid(b, &other, 0) == b);
		OK(status == 0 && other == 0);
	}
}

/* ---- one node, whose peer is the test */

/* A frame as the peer would send it. */
static void
tell_numbers(enum owner_frame frame, uint64_t a, uint64_t b)
{
	uint8_t bytes[16];
	struct wbuf w = wbuf_fixed(bytes, sizeof bytes);

	wbuf_u64(&w, a);
	wbuf_u64(&w, b);
	hear(frame, wbuf_slice(&w));
}

static void
tell_route(uint64_t number, const char *filter, bool is_there)
{
	uint8_t bytes[64];
	struct wbuf w = wbuf_fixed(bytes, sizeof bytes);

	wbuf_u64(&w, number);
	wbuf_u8(&w, 1);
	wbuf_varint(&w, (uint32_t)(3 + strlen(filter)));
	wbuf_u8(&w, is_there);
	wbuf_bytes16(&w, slice_str(filter));
	hear(OWNER_ROWS, wbuf_slice(&w));
}

static bool
knows(const char *filter)
{
	return router_remote_nodes(slice_str(filter)) == 1u << PEER;
}

/* The last frame of that kind that went out, or NULL. */
static const struct frame *
last_sent(enum owner_frame frame)
{
	for (size_t i = sent.n; i-- > 0;)
		if (sent.p[i].frame == frame)
			return &sent.p[i];
	return NULL;
}

static uint64_t
number_in(const struct frame *f, size_t at)
{
	struct rbuf r = rbuf_of(slice_of(f->bytes + at, 8));

	return rbuf_u64(&r);
}

static void
rows_of_another_life(void)
{
	begin_node("emqx@a", "emqx@b", 100, span_s(3600));
	set_up(true);
	tell_numbers(OWNER_SNAP, 7, 3);
	tell_route(0, "old", true);
	tell_route(0, "both", true);
	hear(OWNER_DONE, SLICE_NONE);
	link_turns(3);
	OK(knows("old") && knows("both"));
	EQ(number_in(last_sent(OWNER_ACK), 0), 7);
	EQ(number_in(last_sent(OWNER_ACK), 8), 3);
	set_up(false);
	OK(knows("old"));
	/* It was started anew.  What it had before stays until all is told. */
	set_up(true);
	tell_numbers(OWNER_SNAP, 8, 0);
	tell_route(0, "both", true);
	tell_route(1, "new", true);
	link_turns(3);
	OK(knows("old") && knows("both") && knows("new"));
	hear(OWNER_DONE, SLICE_NONE);
	tell_route(2, "both", false);
	link_turns(3);
	OK(!knows("old") && !knows("both") && knows("new"));
	EQ(number_in(last_sent(OWNER_ACK), 0), 8);
	EQ(number_in(last_sent(OWNER_ACK), 8), 2);
}

TEST(rows_of_an_earlier_life_go_when_the_new_one_told_all)
{
	apart(rows_of_another_life);
}

static void
gap(void)
{
	begin_node("emqx@a", "emqx@b", 100, span_s(3600));
	set_up(true);
	tell_numbers(OWNER_SNAP, 7, 3);
	hear(OWNER_DONE, SLICE_NONE);
	link_turns(2);
	tell_route(5, "x", true);
	link_turns(2);
	OK(!knows("x"));
	OK(last_sent(OWNER_AGAIN) != NULL);
	drop_sent(sent.n);
	/* Nonsense is counted, and asks again. */
	hear(OWNER_ROWS, slice_str("\0\0\0\0\0\0\0\4\1\100"));
	hear(OWNER_ROWS, slice_of("\0\0\0\0\0\0\0\4\1\100ab", 12));
	hear(OWNER_SNAP, slice_str("abc"));
	hear(OWNER_ACK, SLICE_NONE);
	link_turns(1);
	OK(owner_malformed(owner) >= 3);
	OK(last_sent(OWNER_AGAIN) == NULL); /* not at once */
	while (last_sent(OWNER_AGAIN) == NULL)
		link_turns(1);
	/* A kind of rows that this version does not know has its number all the same. */
	hear(OWNER_ROWS, slice_of("\0\0\0\0\0\0\0\4\143\2ab", 12));
	tell_route(5, "y", true);
	link_turns(1);
	OK(knows("y"));
}

TEST(a_gap_in_the_numbers_asks_for_all_again)
{
	apart(gap);
}

static void
down_for_long(void)
{
	begin_node("emqx@a", "emqx@b", 100, span_ms(40));
	set_up(true);
	tell_numbers(OWNER_SNAP, 7, 3);
	tell_route(0, "x", true);
	hear(OWNER_DONE, SLICE_NONE);
	link_turns(2);
	set_up(false);
	set_up(true); /* soon enough */
	link_turns(1);
	OK(knows("x"));
	set_up(false);
	while (knows("x"))
		link_turns(1);
	/* The peer does not know that: it is asked. */
	drop_sent(sent.n);
	set_up(true);
	link_turns(1);
	OK(last_sent(OWNER_AGAIN) != NULL);
}

TEST(rows_go_when_the_node_is_away_for_long)
{
	apart(down_for_long);
}

static void
too_many(void)
{
	char name[16];

	begin_node("emqx@a", "emqx@b", 100, span_s(3600));
	set_up(true);
	tell_numbers(OWNER_SNAP, 7, 3);
	for (unsigned i = 0; i < 6000; i++) {
		snprintf(name, sizeof name, "f/%u", i);
		tell_route(0, name, true);
	}
	hear(OWNER_DONE, SLICE_NONE);
	link_turns(2);
	EQ(router_remote_count(), 5000);
	OK(knows("f/4999") && !knows("f/5000"));
	/* What is known may be said again, and go; when many went all are asked for. */
	tell_route(4, "f/7", true);
	drop_sent(sent.n);
	for (unsigned i = 0; i < 600; i++) {
		snprintf(name, sizeof name, "f/%u", i);
		tell_route(5 + i, name, false);
	}
	while (last_sent(OWNER_AGAIN) == NULL)
		link_turns(1);
	EQ(router_remote_count(), 4400);
}

TEST(one_node_has_a_bound_of_what_it_may_tell)
{
	apart(too_many);
}

static bool
has_letters(void)
{
	bool has = mailbox_has_more(worker_link());

	for (unsigned i = 0; i < WORKERS; i++)
		has = has || mailbox_has_more(worker_get(i));
	return has;
}

/* More rows than the link takes, which sends a KB a turn. */
static void
on_a_slow_link(void)
{
	unsigned snaps = 0, wholes = 0;
	char name[32];

	begin_node("emqx@a", "emqx@b", 100, span_s(3600));
	for (unsigned i = 0; i < 60000; i++) {
		snprintf(name, sizeof name, "floor/room/sensor/%u", i);
		sub(&ear[0], "", name, 0);
	}
	do /* until all that is told of the subscribing has come, which a snapshot does not wait for */
		link_turns(10);
	while (has_letters());
	counts = true;
	set_up(true);
	for (unsigned i = 0; i < 100000 && wholes == 0; i++) {
		link_turns(1);
		waits -= waits < 1024 ? waits : 1024;
		for (size_t k = 0; k < sent.n; k++) {
			snaps += sent.p[k].frame == OWNER_SNAP;
			wholes += sent.p[k].frame == OWNER_DONE;
		}
		drop_sent(sent.n);
	}
	EQ(wholes, 1);
	EQ(snaps, 1);
	EQ(refused, 0);
}

TEST(a_slow_link_gets_all_rows_once)
{
	apart(on_a_slow_link);
}

static unsigned forgotten;

static void
on_forgot(void *arg, unsigned place)
{
	(void)arg;
	EQ(place, PEER);
	forgotten++;
}

static void
forget(void)
{
	char name[16];

	begin_node("emqx@a", "emqx@b", 100, span_s(3600));
	set_up(true);
	tell_numbers(OWNER_SNAP, 7, 3);
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(name, sizeof name, "f/%u", i);
		tell_route(0, name, true);
	}
	hear(OWNER_DONE, SLICE_NONE);
	link_turns(2);
	EQ(router_remote_count(), 2000);
	set_up(false);
	worker_act_as(worker_link());
	owner_forget(owner, PEER, on_forgot, NULL);
	as(0);
	while (forgotten == 0)
		link_turns(1);
	EQ(router_remote_count(), 0);
	EQ(router_filters(), 0);
}

TEST(a_member_that_left_leaves_nothing)
{
	apart(forget);
}

static unsigned settled;

static void
on_settled(struct router_settle *s)
{
	(void)s;
	EQ(worker_self()->id, 0);
	settled++;
}

static void
settle(void)
{
	struct router_settle s = { .done = on_settled };
	mono_t began;

	begin_node("emqx@a", "emqx@b", 100, span_s(3600));
	/* Nobody is there to wait for. */
	sub(&ear[0], "", "a", 0);
	OK(router_remote_settle(&s));
	link_turns(2);
	EQ(settled, 1);
	set_up(true);
	link_turns(2);
	tell_numbers(OWNER_ACK, 100, 1);
	/* The peer has it. */
	sub(&ear[0], "", "b", 0);
	OK(router_remote_settle(&s));
	link_turns(2);
	EQ(settled, 1);
	tell_numbers(OWNER_ACK, 99, 2);
	link_turns(2);
	EQ(settled, 1);
	tell_numbers(OWNER_ACK, 100, 2);
	link_turns(2);
	EQ(settled, 2);
	/* It does not answer: 200 ms are enough. */
	sub(&ear[0], "", "c", 0);
	began = span_mono_now();
	OK(router_remote_settle(&s));
	while (settled == 2)
		link_turns(1);
	OK(mono_since(span_mono_now(), began).ns >= span_ms(150).ns);
	/* It goes. */
	sub(&ear[0], "", "d", 0);
	OK(router_remote_settle(&s));
	link_turns(1);
	set_up(false);
	link_turns(1);
	EQ(settled, 4);
	router_remote_use(NULL);
	OK(!router_remote_settle(&s));
}

TEST(who_subscribes_waits_until_the_others_know)
{
	apart(settle);
}
