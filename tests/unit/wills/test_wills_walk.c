/* SPDX-License-Identifier: Apache-2.0 */
/* Telling another node all wills: once, as fast as its link takes them. */
#include "emqxd/wills/wills.h"
#include "emqxd/model/nodes.h"
#include "emqxd/wills/wills_inside.h"
#include "tests/unit/session/house.h"
#include "tests/unit/wills/others.h"

#include <stdio.h>

#define MANY 3000u
#define PAYLOAD 1000u
#define BUFFER (1u << 20)  /* the least that can be configured */
#define A_TURN (20u << 10) /* bytes that the link sends in 10 ms */

static struct wills *wills;
static uint64_t waits; /* bytes on the way to the other node */
static unsigned begun, ended, told, refused;
static struct guest guest[MANY];

static em_err
on_send(void *arg, unsigned place, enum wills_frame frame, struct slice body)
{
	(void)arg;
	EQ(place, 1);
	if (waits + body.n > BUFFER) {
		refused++;
		return EM_FULL;
	}
	waits += body.n;
	told += frame == WILLS_SET;
	if (frame == WILLS_ALL) {
		begun += body.p[8] == 0;
		ended += body.p[8] == 1;
	}
	return EM_OK;
}

static uint64_t
on_pending(void *arg, unsigned place)
{
	(void)arg;
	EQ(place, 1);
	return waits;
}

static void
come(unsigned i)
{
	static uint8_t payload[PAYLOAD];
	struct message m = message_view(SLICE_LIT("w"), slice_of(payload, PAYLOAD));
	char id[16];
	bool present;

	snprintf(id, sizeof id, "c%u", i);
	guest[i].session =
	    session_open(&(struct session_open){ .clientid = slice_str(id),
			     .version = 5,
			     .window = 1,
			     .will = { .message = message_keep(&m), .delay = 9 },
			     .to = &guest[i] },
		&present);
	message_done(&m);
}

static void
begin(void)
{
	static const struct wills_conf conf = { .links = { on_send, others_ask,
						    others_places, on_pending,
						    others_dead, NULL },
		.incarnation = 1,
		.node_down_timeout = { 30000000000 },
		.memory = 64u << 20 };
	unsigned place;

	house_begin();
	nodes_birth("emqx@me", 50);
	OK(nodes_add(SLICE_LIT("emqx@a"), 10, &place) == EM_OK);
	nodes_set_running(1, true);
	wills = wills_new();
	node_slot_set(ROOM_WILLS, wills);
	worker_act_as(worker_get(0));
	wills_worker_birth();
	for (unsigned i = 0; i < MANY; i++)
		come(i);
	worker_act_as(worker_link());
	wills_start(wills, &conf);
}

/* A time of the test's own, so that it says how fast the link is. */
static void
turn_of(struct worker *w)
{
	worker_act_as(w);
	w->now.ns += span_ms(10).ns;
	while (wheel_run(w->wheel, w->now))
		;
	while (mailbox_open_all(w))
		;
	mailbox_post_all(w);
}

static void
turn(void)
{
	turn_of(worker_get(0));
	turn_of(worker_link());
	waits -= waits < A_TURN ? waits : A_TURN;
}

static void
tell_all(void)
{
	begun = ended = told = refused = 0;
	wills_on_up(wills, 1, 7);
	for (unsigned i = 0; i < 10000 && ended == 0; i++)
		turn();
	EQ(ended, 1);
}

TEST(a_slow_link_is_told_all_wills_once)
{
	begin();
	tell_all();
	EQ(told, MANY);
	EQ(begun, 1);
	EQ(refused, 0);
}

TEST(a_link_that_is_full_of_other_things_is_waited_for)
{
	wills_on_down(wills, 1);
	waits = BUFFER - 100; /* ALL has room, a will has none */
	tell_all();
	EQ(told, MANY);
	EQ(begun, 1);
	EQ(refused, 0);
}

TEST(a_link_that_breaks_in_the_middle_is_told_all_when_it_is_up_again)
{
	begun = told = 0;
	wills_on_down(wills, 1);
	wills_on_up(wills, 1, 7);
	while (told == 0)
		turn();
	OK(told < MANY);
	ended = 0;
	wills_on_down(wills, 1);
	waits = UINT64_MAX; /* and says so for ever */
	turn();
	waits = 0;
	tell_all(); /* the walk that was under way says nothing of an end */
	EQ(told, MANY);
	EQ(begun, 1);
	wills_stop(wills);
	wills_free(&wills);
	node_slot_set(ROOM_WILLS, NULL);
	worker_act_as(worker_get(0));
	wills_worker_death();
	for (unsigned i = 0; i < MANY; i++)
		session_kick(guest[i].session, END_KICKED);
}
