/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wills that other nodes' clients leave: who keeps which, who publishes, and when.
 *
 * One node with the members a, b and c; its links are a list of what was said.  The link
 * thread's time is the test's.
 */
#include "emqxd/wills/wills.h"
#include "emqxd/model/nodes.h"
#include "emqxd/session/claim.h"
#include "emqxd/session/will_flat.h"
#include "emqxd/wills/wills_inside.h"
#include "ipc/base/rbuf.h"
#include "tests/unit/session/house.h"

#define ME 50u
#define MEMORY 4000u
#define LIFE 77u /* incarnations */

static const uint64_t site[] = { ME, 10, 20, 30 };
static struct wills *wills;
static unsigned said[WILLS_FRAME_N], to_place[WILLS_FRAME_N], asks, deaths;
static struct str last[WILLS_FRAME_N]; /* body of the last of each */
static uint64_t places_of_all;

/* ---- links */

static em_err
on_send(void *arg, unsigned place, enum wills_frame frame, struct slice body)
{
	(void)arg;
	said[frame]++;
	to_place[frame] = place;
	str_reset(&last[frame]);
	str_add_slice(&last[frame], body);
	return EM_OK;
}

static em_err
on_ask(void *arg, unsigned place, uint64_t of, unsigned about)
{
	(void)arg;
	(void)place;
	EQ(of, site[about]);
	asks++;
	return EM_OK;
}

static uint64_t
on_places(void *arg, uint64_t hash)
{
	(void)arg;
	(void)hash;
	return places_of_all;
}

static uint64_t
on_pending(void *arg, unsigned place)
{
	(void)arg;
	(void)place;
	return 0;
}

static void
on_dead(void *arg, unsigned place)
{
	(void)arg;
	EQ(place, 3);
	deaths++;
}

/* ---- a node */

static void
homes(void)
{
	worker_act_as(worker_get(0));
	house_turn();
	worker_act_as(worker_link());
}

/* So much later. */
static void
pass(span_t time)
{
	struct worker *w = worker_link();

	worker_act_as(w);
	for (int64_t i = 0; i < time.ns; i += span_ms(50).ns) {
		w->now.ns += span_ms(50).ns;
		while (wheel_run(w->wheel, w->now))
			;
	}
	mailbox_post_all(w);
	homes();
	while (mailbox_open_all(w))
		;
}

static void
begin_house(void)
{
	static const char *const name[] = { NULL, "emqx@a", "emqx@b", "emqx@c" };
	unsigned place;

	house_begin();
	nodes_birth("emqx@me", ME);
	for (unsigned i = 1; i < 4; i++) {
		OK(nodes_add(slice_str(name[i]), site[i], &place) == EM_OK);
		EQ(place, i);
	}
}

static void
up(unsigned place, uint64_t incarnation)
{
	nodes_set_running(place, true);
	wills_on_up(wills, place, incarnation);
}

static void
down(unsigned place)
{
	nodes_set_running(place, false);
	wills_on_down(wills, place);
}

static void
begin(void)
{
	const struct wills_conf conf = { .links = { on_send, on_ask, on_places,
					     on_pending, on_dead, NULL },
		.incarnation = 1,
		.node_down_timeout = span_s(5),
		.memory = MEMORY };

	if (wills == NULL) {
		begin_house();
	} else {
		worker_act_as(worker_link());
		wills_stop(wills);
		wills_free(&wills);
		worker_act_as(worker_get(0));
		wills_worker_death();
	}
	wills = wills_new();
	node_slot_set(ROOM_WILLS, wills);
	worker_act_as(worker_get(0));
	wills_worker_birth();
	worker_act_as(worker_link());
	wills_start(wills, &conf);
	places_of_all = 0;
	for (unsigned i = 1; i < 4; i++)
		up(i, LIFE);
	pass(span_s(1));
	memset(said, 0, sizeof said);
	asks = deaths = 0;
}

/* ---- what c tells */

static void
hear_all(uint64_t incarnation, uint8_t is_end)
{
	uint8_t bytes[9];
	struct wbuf w = wbuf_fixed(bytes, sizeof bytes);

	wbuf_u64(&w, incarnation);
	wbuf_u8(&w, is_end);
	wills_on_frame(wills, 3, WILLS_ALL, wbuf_slice(&w));
}

static void
hear_will(const char *clientid, uint8_t rank, uint64_t other, uint32_t delay, size_t size)
{
	static uint8_t payload[MEMORY];
	struct wbuf w = wbuf_growing(WILLS_MOST);

	wbuf_u8(&w, rank);
	wbuf_u64(&w, other);
	wbuf_u32(&w, delay);
	wbuf_u8(&w, 0);
	wbuf_u64(&w, INT64_MAX);
	wbuf_bytes16(&w, slice_str(clientid));
	wbuf_bytes16(&w, SLICE_LIT("w"));
	wbuf_u32(&w, 0);
	wbuf_u32(&w, (uint32_t)size);
	wbuf_bytes(&w, slice_of(payload, size));
	wbuf_u64(&w, 4711);
	wills_on_frame(wills, 3, WILLS_SET, wbuf_slice(&w));
	wbuf_fini(&w);
}

static void
hear_hash(enum wills_frame frame, const char *clientid, bool is_done)
{
	uint8_t bytes[24];
	struct wbuf w = wbuf_fixed(bytes, sizeof bytes);

	if (is_done) {
		wbuf_u64(&w, site[3]);
		wbuf_u64(&w, LIFE);
	}
	wbuf_u64(&w, claim_hash(slice_str(clientid)));
	wills_on_frame(wills, 2, frame, wbuf_slice(&w));
}

static void
one_will(uint8_t rank, uint64_t other)
{
	begin();
	hear_all(LIFE, 0);
	hear_will("one", rank, other, 0, 10);
	hear_all(LIFE, 1);
	EQ(wills_count(), 1);
}

static uint64_t
published(void)
{
	static uint64_t before;
	uint64_t all = metric_sum(METRIC_WILLS_INHERITED), n = all - before;

	before = all;
	return n;
}

/* c is dead: all that were asked say that they do not reach it either. */
static void
die(void)
{
	down(3);
	pass(span_s(6));
	for (; asks > 0; asks--)
		wills_on_reached(wills, 1, 3, false);
	pass(span_ms(200));
}

/* ---- facts */

TEST(the_first_keeper_publishes_and_tells_the_second)
{
	one_will(0, site[2]);
	down(3);
	pass(span_s(4));
	EQ(asks, 0);
	EQ(published(), 0);
	EQ(deaths, 0);
	die();
	EQ(deaths, 1);
	EQ(published(), 1);
	EQ(said[WILLS_DONE], 1);
	EQ(to_place[WILLS_DONE], 2);
	EQ(wills_count(), 0);
	pass(span_s(20));
	EQ(published(), 0);
}

TEST(the_second_keeper_waits_while_the_first_is_there_and_silent)
{
	one_will(1, site[2]);
	die();
	pass(span_s(9));
	EQ(published(), 0);
	pass(span_s(2));
	EQ(published(), 1);
	EQ(wills_count(), 0);
}

TEST(the_second_keeper_publishes_nothing_of_what_the_first_has_done)
{
	one_will(1, site[2]);
	die();
	hear_hash(WILLS_DONE, "one", true);
	EQ(wills_count(), 0);
	pass(span_s(20));
	EQ(published(), 0);
	EQ(said[WILLS_DONE], 0);
}

TEST(what_the_first_keeper_has_done_may_be_said_before_the_second_knows_of_a_death)
{
	one_will(1, site[2]);
	down(3);
	hear_hash(WILLS_DONE, "one", true);
	die();
	pass(span_s(20));
	EQ(published(), 0);
}

TEST(the_second_keeper_does_not_wait_for_a_first_that_is_gone)
{
	one_will(1, site[2]);
	down(2);
	die();
	EQ(published(), 1);
}

TEST(a_node_that_others_reach_is_not_dead)
{
	one_will(0, site[2]);
	down(3);
	pass(span_s(6));
	EQ(asks, 2);
	wills_on_reached(wills, 1, 3, true);
	wills_on_reached(wills, 2, 3, false);
	pass(span_s(2));
	EQ(published(), 0);
	EQ(deaths, 0);
	EQ(wills_count(), 1);
	EQ(asks, 4); /* it is looked at again */
}

TEST(a_minority_holds_nobody_dead)
{
	one_will(0, 0);
	down(1);
	down(2);
	die();
	EQ(asks, 0);
	pass(span_s(60));
	EQ(published(), 0);
	EQ(wills_count(), 1);
}

TEST(a_will_waits_for_its_delay_and_is_cancelled_when_its_client_is_there)
{
	one_will(0, 0);
	hear_will("two", 0, 0, 30, 10);
	die();
	EQ(published(), 1);
	places_of_all = UINT64_C(1) << 2;
	pass(span_s(30));
	EQ(published(), 0);
	EQ(wills_count(), 0);
	EQ(metric_sum(METRIC_WILLS_CANCELLED), 1);
}

TEST(rows_of_the_dead_node_itself_cancel_nothing)
{
	one_will(0, 0);
	places_of_all = UINT64_C(1) << 3;
	die();
	EQ(published(), 1);
}

TEST(a_node_that_was_not_dead_is_told_what_was_published_and_has_the_rest_back)
{
	struct rbuf r;

	one_will(0, 0);
	hear_will("two", 0, 0, 600, 10);
	die();
	EQ(published(), 1);
	EQ(wills_count(), 1);
	up(3, LIFE);
	EQ(wills_count(), 0);
	EQ(said[WILLS_DONE], 1);
	EQ(to_place[WILLS_DONE], 3);
	r = rbuf_of(str_slice(&last[WILLS_DONE]));
	EQ(rbuf_u64(&r), site[3]);
	EQ(rbuf_u64(&r), LIFE);
	OK(rbuf_u64(&r) == claim_hash(SLICE_LIT("one")));
	EQ(rbuf_u64(&r), 4711);
	OK(slice_eq_str(rbuf_rest(&r), "one"));
	pass(span_s(700));
	EQ(published(), 0);
	up(3, LIFE);
	EQ(said[WILLS_DONE], 1);
}

TEST(a_node_that_is_there_as_another_process_was_dead)
{
	one_will(0, 0);
	down(3);
	up(3, LIFE + 1);
	pass(span_s(1));
	EQ(deaths, 1);
	EQ(published(), 0); /* its client may come back */
	pass(span_s(2));
	EQ(published(), 1);
	EQ(said[WILLS_DONE], 0);
}

TEST(a_dead_member_that_is_removed_takes_no_will_with_it)
{
	one_will(0, 0);
	down(3);
	wills_on_removed(wills, 3);
	EQ(deaths, 1);
	pass(span_s(1));
	EQ(published(), 0);
	pass(span_s(2));
	EQ(published(), 1);
}

TEST(a_member_that_leaves_says_that_it_has_none)
{
	one_will(0, 0);
	wills_on_removed(wills, 3); /* its word may come behind */
	EQ(deaths, 0);
	hear_all(LIFE, 0);
	hear_all(LIFE, 1);
	EQ(wills_count(), 0);
	down(3);
	pass(span_s(20));
	EQ(published(), 0);
	wills_on_removed(wills, 0); /* and so do we */
	EQ(said[WILLS_ALL] % 2, 0);
	EQ(str_slice(&last[WILLS_ALL]).p[8], 1);
}

TEST(what_is_kept_has_a_bound)
{
	uint64_t refused = metric_sum(METRIC_WILLS_REFUSED);

	begin();
	hear_all(LIFE, 0);
	hear_will("one", 0, 0, 0, MEMORY / 2);
	hear_will("two", 0, 0, 0, MEMORY / 2);
	EQ(wills_count(), 1);
	EQ(metric_sum(METRIC_WILLS_REFUSED), refused + 1);
	hear_will("one", 0, 0, 0, 10); /* another of the same client takes its place */
	hear_will("two", 0, 0, 0, MEMORY / 2);
	EQ(wills_count(), 2);
	hear_hash(WILLS_GONE, "one", false); /* b has told none */
	EQ(wills_count(), 2);
	hear_all(LIFE, 0);
	hear_will("two", 0, 0, 0, MEMORY / 2);
	hear_all(LIFE, 1); /* what is not named again is no more */
	EQ(wills_count(), 1);
	hear_will("three", 0, 0, 0, MEMORY / 4);
	EQ(wills_count(), 2);
	wills_on_frame(wills, 3, WILLS_SET, SLICE_LIT("\1\2\3")); /* and nonsense none */
	EQ(wills_count(), 2);
}

/* ---- this node's own */

static void
come(const char *clientid, struct guest *g)
{
	struct message m = message_view(SLICE_LIT("w"), SLICE_LIT("gone"));
	bool present;

	worker_act_as(worker_get(0));
	memset(g, 0, sizeof *g);
	g->session = session_open(&(struct session_open){ .clientid = slice_str(clientid),
				      .version = 5,
				      .window = 1,
				      .expiry = 100,
				      .will = { .message = message_keep(&m), .delay = 9 },
				      .to = g },
	    &present);
	message_done(&m);
	homes();
	pass(span_ms(200));
}

TEST(a_will_is_told_to_two_keepers_and_no_more_when_it_was_published_elsewhere)
{
	struct wbuf w = wbuf_growing(100);
	struct guest g;
	struct rbuf r;
	uint64_t stamp;

	begin();
	come("mine", &g);
	EQ(said[WILLS_SET], 2);
	r = rbuf_of(str_slice(&last[WILLS_SET]));
	EQ(rbuf_u8(&r), 1); /* the second */
	OK(rbuf_u64(&r) != site[to_place[WILLS_SET]]);
	stamp = will_flat_of(g.session)->stamp;

	for (uint64_t add = 1; add < 2; add--) {
		w.n = 0;
		wbuf_u64(&w, ME);
		wbuf_u64(&w, 1);
		wbuf_u64(&w, claim_hash(SLICE_LIT("mine")));
		wbuf_u64(&w, stamp + add);
		wbuf_bytes(&w, SLICE_LIT("mine"));
		wills_on_frame(wills, 1, WILLS_DONE, wbuf_slice(&w));
		pass(span_ms(200));
		OK((will_flat_of(g.session) != NULL) == (add == 1));
	}
	EQ(said[WILLS_GONE], 2);
	wbuf_fini(&w);
	worker_act_as(worker_get(0));
	session_kick(g.session, END_KICKED);
	EQ(published(), 0);
	worker_act_as(worker_link());
}
