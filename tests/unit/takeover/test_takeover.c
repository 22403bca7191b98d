/* SPDX-License-Identifier: Apache-2.0 */
/* Take-over: a session goes to the node where its client is. */
#include "tests/unit/takeover/travels.h"

static struct guest newcomer;
static struct claim claim;

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
wait_for_answer(void)
{
	mono_t limit = mono_add(span_mono_now(), span_s(20));

	while (answers == 0 && span_mono_now().ns < limit.ns)
		turn();
	EQ(answers, 1);
}

static void
come_and_wait(bool clean_start)
{
	come(clean_start);
	wait_for_answer();
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
	mono_t limit = mono_add(span_mono_now(), span_s(20));

	while (frames[frame] == 0 && span_mono_now().ns < limit.ns)
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

TEST(what_the_link_does_not_take_is_said_again)
{
	begin();
	settle_in();
	session_detach(guest.session, 1000, false);
	for (unsigned i = 0; i < 40; i++)
		publish("x", 60000);
	full_of = TAKEOVER_MORE;
	full_for = 2;
	come(false);
	wait_for(TAKEOVER_MORE);
	full_of = TAKEOVER_LEAVE;
	full_for = 2;
	wait_for_answer();
	EQ(full_for, 0);
	EQ(frames[TAKEOVER_LEAVE], 1);
	OK(!is_at(old_home) && is_at(new_home));
	EQ(mqueue_count(registry_find(ID)->mqueue), 40);
	nothing_is_on_the_way();
	end_all();
}

TEST(who_could_not_say_leave_goes_on_without_it)
{
	begin();
	settle_in();
	full_of = TAKEOVER_LEAVE;
	full_for = UINT_MAX;
	come(false);
	for (unsigned i = 0; i < 20000 && full_for == UINT_MAX; i++)
		turn();
	break_off();
	EQ(answers, 1);
	OK(is_at(old_home) && !is_at(new_home)); /* at one of them */
	nothing_is_on_the_way();
	end_all();
}

/* Of the session that is on its way, as if the other end said it; PARTs from @part on. */
static void
hear_often(enum takeover_frame frame, struct slice number, uint32_t part)
{
	struct wbuf w = wbuf_growing(64);

	worker_act_as(worker_link());
	for (unsigned i = 0; i < 1000; i++) {
		w.n = 0;
		wbuf_bytes(&w, number);
		wbuf_u32(&w, part + i);
		takeover_on_frame(takeover, PEER, frame, wbuf_slice(&w));
	}
	mailbox_post_all(worker_self());
	wbuf_fini(&w);
}

TEST(what_is_said_too_often_makes_no_letters)
{
	uint8_t number[8];

	begin();
	settle_in();
	for (unsigned i = 0; i < 40; i++)
		publish("x", 60000);
	come(false);
	wait_for(TAKEOVER_PART);
	OK(queue.p[0].frame == TAKEOVER_PART);
	memcpy(number, queue.p[0].body.p, sizeof number);
	hear_often(TAKEOVER_MORE, slice_of(number, sizeof number), 0);
	OK(letters_of(worker_get(old_home)) <= TAKEOVER_WINDOW);
	while (queue.n > 0)
		drop_sent();
	hear_often(TAKEOVER_PART, slice_of(number, sizeof number), 0);
	OK(letters_of(worker_get(new_home)) <= TAKEOVER_WINDOW + 1);
	wait_for_answer();
	OK(is_at(old_home) && !is_at(new_home));
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
