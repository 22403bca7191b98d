/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Take-over: a session goes to the node where its client is.
 *
 * Two workers are two nodes: the one at home for the id is the old node, the client comes
 * at the other.  One struct takeover is both ends; its link is a queue of frames to itself.
 */
#include "emqxd/takeover/takeover.h"
#include "emqxd/model/nodes.h"
#include "emqxd/session/claim.h"
#include "ipc/base/wbuf.h"
#include "tests/unit/session/house.h"

#include <stdio.h>

#define ID SLICE_LIT("traveller")
#define PEER 1u
#define STILL 2u /* stands still */

struct sent {
	enum takeover_frame frame;
	struct slice body; /* on the heap */
};

static VEC(struct sent) queue;
static struct takeover *takeover;
static struct guest guest, newcomer;
static unsigned old_home, new_home, full_for, frames[TAKEOVER_FRAME_N];
static bool is_down, somebody_has_it, is_also_here;
static struct claim claim;
static unsigned answers, heard, fences;
static uint64_t have_it_too; /* places */

/* ---- the link's double */

static em_err
on_send(void *arg, unsigned place, enum takeover_frame frame, struct slice body)
{
	(void)arg;
	if (place == STILL)
		return EM_OK;
	EQ(place, PEER);
	if (is_down)
		return EM_UNREACHABLE;
	if (frame == TAKEOVER_PART && full_for > 0) {
		full_for--;
		return EM_FULL;
	}
	frames[frame]++;
	VEC_ADD(
	    &queue, ((struct sent){ frame, slice_of(mem_dup(body.p, body.n), body.n) }));
	return EM_OK;
}

static uint64_t
on_places(void *arg, uint64_t hash)
{
	(void)arg;
	if (hash != claim_hash(ID))
		return UINT64_C(1) << STILL;
	return (somebody_has_it ? UINT64_C(1) << PEER : 0) | is_also_here | have_it_too;
}

static void
on_changed(void *arg, uint64_t hash, bool is_here)
{
	(void)arg;
	(void)hash;
	(void)is_here;
	heard++;
}

static struct list_node fence; /* who waits: fence_cancel() takes it out */

static void
on_fence(void *arg, struct fence_wait *w)
{
	(void)arg;
	list_push(&fence, &w->node);
	fences++;
}

/* All that was on its way has come. */
static void
pass_fence(void)
{
	struct fence_wait *w;

	if (list_is_empty(&fence))
		return;
	w = LIST_OWNER(fence.next, struct fence_wait, node);
	list_del(&w->node);
	w->done(w);
}

static void
drop_sent(void)
{
	struct sent s = queue.p[0];

	memmove(queue.p, queue.p + 1, --queue.n * sizeof *queue.p);
	mem_free((void *)(uintptr_t)s.body.p);
}

/* The first frame that waits comes to its other end. */
static void
arrive(void)
{
	struct sent s;

	if (queue.n == 0)
		return;
	s = queue.p[0];
	takeover_on_frame(takeover, PEER, s.frame, s.body);
	drop_sent();
}

/* ---- two nodes */

static void
as(unsigned worker)
{
	worker_act_as(worker_get(worker));
}

static void
turn(void)
{
	for (unsigned i = 0; i < worker_count(); i++) {
		as(i);
		house_turn();
	}
	worker_act_as(worker_link());
	arrive();
	pass_fence();
	house_turn();
	as(new_home);
}

static void
house_of_two(void)
{
	static const struct session_sink sink = { house_publish, house_pubrel,
		house_can_take, house_taken, house_facts, house_info };
	struct takeover_links links = { on_send, on_places, on_changed, on_fence, NULL };
	unsigned place = 0;
	struct loaded l;

	worker_init(2);
	list_init(&fence);
	OK(jobs_start(1) == EM_OK);
	atexit(house_end);
	conf_birth(NULL);
	l = fixture_takes("");
	conf_publish(&l.s);
	fixture_free(&l);
	hook_birth();
	nodes_birth("emqx@here", 7);
	OK(nodes_add(SLICE_LIT("emqx@there"), 8, &place) == EM_OK);
	EQ(place, PEER);
	nodes_set_running(place, true);
	OK(nodes_add(SLICE_LIT("emqx@still"), 9, &place) == EM_OK);
	EQ(place, STILL);
	nodes_set_running(place, true);
	router_birth(session_deliver);
	retain_birth();
	session_birth(&sink);
	worker_act_as(worker_link());
	takeover = takeover_new(&links);
	for (unsigned i = 0; i < 2; i++) {
		as(i);
		router_worker_birth();
		session_worker_birth();
		takeover_worker_birth(takeover);
	}
	old_home = registry_home(ID)->id;
	new_home = 1 - old_home;
	worker_act_as(worker_link());
	takeover_use(takeover, true);
}

static void
begin(void)
{
	if (worker_current == NULL)
		house_of_two();
	memset(frames, 0, sizeof frames);
	answers = full_for = 0;
	is_down = false;
	somebody_has_it = true;
	turn();
	turn();
	as(old_home);
	OK(claim_is_on());
}

static void
on_answer(struct claim *c)
{
	OK(c == &claim);
	answers++;
}

/* The client comes at the new node. */
static void
come(bool clean_start)
{
	as(new_home);
	claim = (struct claim){
		.clientid = ID, .clean_start = clean_start, .done = on_answer
	};
	claim_begin(&claim);
}

static void
come_and_wait(bool clean_start)
{
	come(clean_start);
	for (unsigned i = 0; i < 20000 && answers == 0; i++)
		turn();
	EQ(answers, 1);
}

static bool
is_at(unsigned worker)
{
	bool is;

	as(worker);
	is = registry_find(ID) != NULL;
	as(new_home);
	return is;
}

static void
end_all(void)
{
	for (unsigned i = 0; i < 2; i++) {
		as(i);
		if (registry_find(ID) != NULL)
			session_kick(registry_find(ID), END_KICKED);
	}
	while (queue.n > 0)
		drop_sent();
	for (unsigned i = 0; i < 4; i++)
		turn();
	EQ(router_subscriptions_count(), 0);
}

static void
nothing_is_on_the_way(void)
{
	unsigned coming, waiting, going;

	for (unsigned i = 0; i < 20; i++)
		turn();
	takeover_counts(takeover, &coming, &waiting, &going);
	EQ(coming + waiting + going, 0);
}

static void
publish(const char *word, size_t size)
{
	static uint8_t bytes[70000];
	struct message m;

	memset(bytes, word[0], sizeof bytes);
	m = message_view(SLICE_LIT("t"), slice_of(bytes, size));
	m.qos = 1;
	router_publish(&m);
	message_done(&m);
}

/* What waits at the new node. */
static const char *
queue_text(void)
{
	static char text[64];
	struct mqueue_at at = { 0 };
	const struct mqueue_entry *e;
	uint32_t priority;
	size_t n = 0;

	while ((e = mqueue_next(registry_find(ID)->mqueue, &at, &priority)) != NULL)
		text[n++] = (char)e->message->payload.p[0];
	text[n] = '\0';
	return text;
}

static void
settle_in(void)
{
	house_open(&guest, "traveller", 1000);
	house_sub(&guest, "", "t", 1);
	publish("a", 1);
}

/* ---- facts */

TEST(a_session_goes_to_where_its_client_comes)
{
	bool present;

	begin();
	settle_in();
	publish("b", 1);
	come_and_wait(false);
	OK(guest.was_taken);
	OK(!is_at(old_home) && is_at(new_home));
	EQ(inflight_count(registry_find(ID)->inflight), 1);
	STR_EQ(queue_text(), "b");
	OK(session_open(&(struct session_open){ .clientid = ID,
			    .version = 5,
			    .window = 9,
			    .expiry = 100,
			    .to = &newcomer },
	       &present) == registry_find(ID));
	OK(present);
	nothing_is_on_the_way();
	end_all();
}

TEST(whom_nobody_has_comes_in_at_once)
{
	begin();
	somebody_has_it = false;
	come_and_wait(false);
	EQ(frames[TAKEOVER_TAKE], 0);
	somebody_has_it = true; /* as if, but it is gone by now */
	answers = 0;
	come_and_wait(false);
	EQ(frames[TAKEOVER_NOTHING], 1);
	OK(!is_at(new_home));
	nothing_is_on_the_way();
}

TEST(a_clean_start_ends_it_there)
{
	begin();
	settle_in();
	come_and_wait(true);
	OK(guest.was_taken);
	OK(!is_at(old_home) && !is_at(new_home));
	EQ(frames[TAKEOVER_PART], 0);
	nothing_is_on_the_way();
	end_all();
}

TEST(more_than_a_window_comes_whole_also_when_the_link_is_full_at_times)
{
	begin();
	settle_in();
	session_detach(guest.session, 1000, false);
	for (unsigned i = 0; i < 40; i++)
		publish(i % 2 == 0 ? "x" : "y", 60000);
	full_for = 3;
	come_and_wait(false);
	OK(frames[TAKEOVER_PART] > 4 * TAKEOVER_WINDOW);
	EQ(mqueue_count(registry_find(ID)->mqueue), 40);
	OK(mqueue_bytes(registry_find(ID)->mqueue) >= 40 * 60000);
	nothing_is_on_the_way();
	end_all();
}

TEST(what_comes_while_it_goes_is_there_once_and_in_order)
{
	char expected[32] = { 0 }, word[2] = { 0 };
	unsigned n = 0;

	begin();
	settle_in();
	come(false);
	for (unsigned i = 0; i < 20 && answers == 0; i++) {
		turn();
		as(old_home);
		if (answers == 0) {
			word[0] = expected[n++] = (char)('b' + i);
			publish(word, 1);
		}
		as(new_home);
	}
	EQ(answers, 1);
	turn();
	OK(n > 3);
	STR_EQ(queue_text(), expected);
	nothing_is_on_the_way();
	end_all();
}

static void
wait_for(enum takeover_frame frame)
{
	for (unsigned i = 0; i < 20000 && frames[frame] == 0; i++)
		turn();
	OK(frames[frame] > 0);
}

static void
break_off(void)
{
	worker_act_as(worker_link());
	is_down = true;
	while (queue.n > 0)
		drop_sent();
	takeover_on_down(takeover, PEER);
	for (unsigned i = 0; i < 4; i++)
		turn();
}

TEST(a_link_that_breaks_before_leaves_it_where_it_was)
{
	begin();
	settle_in();
	come(false);
	wait_for(TAKEOVER_PART);
	break_off();
	EQ(answers, 1);
	OK(is_at(old_home) && !is_at(new_home));
	as(old_home);
	OK(!registry_find(ID)->is_frozen);
	nothing_is_on_the_way();
	end_all();
}

TEST(a_link_that_breaks_behind_leave_leaves_it_at_the_new_one)
{
	begin();
	settle_in();
	publish("b", 1);
	come(false);
	wait_for(TAKEOVER_LEAVE);
	turn(); /* it arrives */
	turn();
	break_off();
	EQ(answers, 1);
	OK(!is_at(old_home) && is_at(new_home));
	STR_EQ(queue_text(), "b");
	nothing_is_on_the_way();
	end_all();
}

TEST(who_cannot_be_asked_holds_up_nobody)
{
	begin();
	settle_in();
	is_down = true;
	come_and_wait(false);
	OK(is_at(old_home) && !is_at(new_home) && !guest.was_taken);
	nothing_is_on_the_way();
	end_all();
}

static unsigned given_up;

static void
on_given_up(struct claim *c)
{
	(void)c;
	given_up++;
}

TEST(a_node_that_stands_still_holds_up_those_only_whose_session_it_has)
{
	static struct claim stuck[TAKEOVER_MOST + 10];
	static char id[TAKEOVER_MOST + 10][16];
	unsigned n = TAKEOVER_MOST + 10, coming, waiting, going;

	begin();
	settle_in();
	as(new_home);
	for (unsigned i = 0; i < n; i++) {
		snprintf(id[i], sizeof id[i], "stuck%u", i);
		stuck[i] =
		    (struct claim){ .clientid = slice_str(id[i]), .done = on_given_up };
		claim_begin(&stuck[i]);
	}
	do {
		turn();
		takeover_counts(takeover, &coming, &waiting, &going);
	} while (coming + waiting < n);
	EQ(coming, TAKEOVER_MOST);
	EQ(waiting, 10);
	come_and_wait(false);
	OK(!is_at(old_home) && is_at(new_home));
	EQ(given_up, 0);
	worker_act_as(worker_link());
	nodes_set_running(STILL, false);
	takeover_on_down(takeover, STILL);
	while (given_up < n)
		turn();
	nothing_is_on_the_way();
	end_all();
}

TEST(a_client_that_is_back_at_the_old_node_keeps_its_session_there)
{
	bool present;

	begin();
	settle_in();
	come(false);
	wait_for(TAKEOVER_PART);
	as(old_home);
	guest.session = session_open(&(struct session_open){ .clientid = ID,
					 .version = 5,
					 .window = 9,
					 .expiry = 100,
					 .to = &newcomer },
	    &present);
	OK(present);
	for (unsigned i = 0; i < 100 && answers == 0; i++)
		turn();
	EQ(answers, 1);
	OK(is_at(old_home) && !is_at(new_home));
	nothing_is_on_the_way();
	end_all();
}

/* A session at the new node too, of a client that came @later than to the old one. */
static void
settle_in_twice(int64_t later)
{
	settle_in();
	as(new_home);
	house_open(&newcomer, "traveller", 1000);
	newcomer.session->attached.ns = guest.session->attached.ns + later;
}

TEST(an_older_session_here_makes_way_for_the_newer_one_there)
{
	begin();
	settle_in_twice(-1);
	as(old_home);
	publish("b", 1);
	come_and_wait(false);
	OK(guest.was_taken && newcomer.was_taken);
	OK(!is_at(old_home) && is_at(new_home));
	OK(strcmp(queue_text(), "b") == 0);
	nothing_is_on_the_way();
	end_all();
}

TEST(a_newer_session_here_ends_the_older_one_there)
{
	begin();
	settle_in_twice(1);
	come_and_wait(false);
	OK(guest.was_taken && !newcomer.was_taken);
	OK(!is_at(old_home) && is_at(new_home));
	EQ(frames[TAKEOVER_PART], 0);
	nothing_is_on_the_way();
	end_all();
}

TEST(of_the_same_moment_the_higher_site_keeps_it)
{
	begin();
	settle_in_twice(0);
	come_and_wait(false); /* PEER's is the higher one, whoever is asked */
	OK(guest.was_taken && !newcomer.was_taken);
	nothing_is_on_the_way();
	end_all();
}

TEST(several_that_have_it_settle_first_which_of_them_stays)
{
	mono_t limit = mono_add(span_mono_now(), span_s(20));

	begin();
	settle_in();
	have_it_too = UINT64_C(1) << (PEER + 1);
	come(false);
	for (unsigned i = 0; i < 4; i++) /* much less than TAKEOVER_SETTLES */
		turn();
	EQ(frames[TAKEOVER_TAKE], 0);
	have_it_too = 0;
	while (answers == 0 && span_mono_now().ns < limit.ns) /* a tick later */
		turn();
	OK(is_at(new_home) && frames[TAKEOVER_TAKE] == 1);
	nothing_is_on_the_way();
	end_all();
}

#define CONNECTED (UINT64_C(1) << 63)

static void
twin_comes(uint64_t rank)
{
	struct wbuf w = wbuf_growing(64);

	wbuf_u64(&w, rank);
	wbuf_bytes(&w, ID);
	worker_act_as(worker_link());
	takeover_on_frame(takeover, PEER, TAKEOVER_TWIN, wbuf_slice(&w));
	wbuf_fini(&w);
	for (unsigned i = 0; i < 4; i++) {
		as(old_home);
		house_turn();
		worker_act_as(worker_link());
		house_turn();
	}
}

TEST(of_two_clients_of_one_id_the_later_stays)
{
	uint64_t mine;

	begin();
	settle_in();
	mine = (uint64_t)guest.session->attached.ns | CONNECTED;
	twin_comes(mine - 1);
	OK(is_at(old_home) && !guest.was_taken);
	EQ(frames[TAKEOVER_TWIN], 1); /* and says so */
	drop_sent();
	twin_comes(mine); /* the other's site is the higher one */
	OK(!is_at(old_home) && guest.was_taken);
	EQ(frames[TAKEOVER_TWIN], 1);
	end_all();
}

TEST(of_two_clients_of_one_id_the_connected_one_stays)
{
	uint64_t mine;

	begin();
	settle_in();
	mine = (uint64_t)guest.session->attached.ns;
	twin_comes(mine + 1000); /* came later, and is away */
	OK(is_at(old_home) && !guest.was_taken);
	EQ(frames[TAKEOVER_TWIN], 1);
	drop_sent();
	as(old_home);
	session_detach(guest.session, 100, false);
	twin_comes(mine + 1000);
	OK(!is_at(old_home));
	end_all();
}

TEST(twins_are_looked_for_when_their_rows_stay)
{
	struct slice body;

	begin();
	is_also_here = true;
	settle_in();
	worker_act_as(worker_link());
	takeover_on_twin(takeover, claim_hash(ID));
	while (frames[TAKEOVER_TWIN] == 0) {
		for (unsigned i = 0; i < worker_count(); i++) {
			as(i);
			house_turn();
		}
		worker_act_as(worker_link());
		loop_turn(worker_self()->loop);
	}
	body = queue.p[0].body;
	EQ(body.n, 8 + ID.n);
	OK(slice_eq(slice_from(body, 8), ID));
	is_also_here = false;
	end_all();
}

TEST(garbage_harms_nobody)
{
	static const uint8_t bytes[] = { 0, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3 };

	begin();
	worker_act_as(worker_link());
	for (unsigned f = 0; f < TAKEOVER_FRAME_N; f++)
		for (size_t n = 0; n <= sizeof bytes; n++)
			takeover_on_frame(
			    takeover, PEER, (enum takeover_frame)f, slice_of(bytes, n));
	for (unsigned i = 0; i < 10; i++)
		turn();
	while (queue.n > 0)
		arrive();
	nothing_is_on_the_way();
	end_all();
	OK(heard > 0);
}
