/* SPDX-License-Identifier: Apache-2.0 */
/* Wills of another node, however many: kept, let go and published without a long turn. */
#include "emqxd/wills/wills_inside.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/metrics.h"
#include "emqxd/model/nodes.h"
#include "ipc/base/wbuf.h"
#include "tests/unit/tap.h"
#include "tests/unit/wills/others.h"

#include <stdio.h>

#define MANY 60000u

static struct wills *wills;
static unsigned done; /* WILLS_DONE to the node */

static em_err
on_send(void *arg, unsigned place, enum wills_frame frame, struct slice body)
{
	(void)arg;
	(void)body;
	done += frame == WILLS_DONE && place == 1;
	return EM_OK;
}

static uint64_t
on_pending(void *arg, unsigned place)
{
	(void)arg;
	(void)place;
	return 0;
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

	if (wills != NULL)
		return;
	worker_init(1);
	nodes_birth("emqx@me", 50);
	OK(nodes_add(SLICE_LIT("emqx@a"), 10, &place) == EM_OK);
	worker_act_as(worker_link());
	wills = wills_new();
	node_slot_set(ROOM_WILLS, wills);
	wills_start(wills, &conf);
}

static void
all(uint8_t is_end)
{
	uint8_t bytes[9];
	struct wbuf w = wbuf_fixed(bytes, sizeof bytes);

	wbuf_u64(&w, 7);
	wbuf_u8(&w, is_end);
	wills_on_frame(wills, 1, WILLS_ALL, wbuf_slice(&w));
}

static void
set(unsigned i)
{
	uint8_t bytes[128];
	struct wbuf w = wbuf_fixed(bytes, sizeof bytes);
	char id[16];

	snprintf(id, sizeof id, "c%u", i);
	wbuf_u8(&w, 0);
	wbuf_u64(&w, 0);
	wbuf_u32(&w, 0);
	wbuf_u8(&w, 0);
	wbuf_u64(&w, UINT64_MAX);
	wbuf_bytes16(&w, slice_str(id));
	wbuf_bytes16(&w, SLICE_LIT("will"));
	wbuf_u32(&w, 0);
	wbuf_u32(&w, 0);
	wills_on_frame(wills, 1, WILLS_SET, wbuf_slice(&w));
}

#define UNTIL(e_)                                                                  \
	for (mono_t until_ = mono_add(span_mono_now(), span_s(20)); !(e_); turn()) \
	OK("waits for " #e_ &&span_mono_now().ns < until_.ns)

static void
turn(void)
{
	uint64_t had = wills_count();

	loop_turn(worker_self()->loop);
	OK(had - wills_count() <= 4096);
	worker_act_as(worker_get(0));
	mailbox_open_all(worker_self());
	worker_act_as(worker_link());
}

static void
tell_many(unsigned every)
{
	all(0);
	for (unsigned i = 0; i < MANY; i += every)
		set(i);
	all(1);
}

TEST(who_is_heard_is_not_dead_though_it_is_not_reached_yet)
{
	begin();
	nodes_set_running(1, false);
	tell_many(MANY / 10);
	for (mono_t end = mono_add(span_mono_now(), span_ms(300));
	     span_mono_now().ns < end.ns; turn())
		EQ(wills_count(), 10);
	nodes_set_running(1, true);
	wills_on_up(wills, 1, 7);
}

TEST(what_a_node_does_not_name_again_goes_in_steps)
{
	begin();
	tell_many(1);
	EQ(wills_count(), MANY);
	tell_many(2);
	UNTIL(wills_count() == MANY / 2);
	turn();
	EQ(wills_count(), MANY / 2);
}

TEST(a_dead_nodes_wills_are_published_and_it_is_told_when_it_was_not_dead)
{
	begin();
	tell_many(1);
	nodes_set_running(1, false);
	wills->conf.node_down_timeout = span_ms(0);
	wills_on_down(wills, 1);
	UNTIL(wills_count() == 0);
	done = 0;
	wills_on_up(wills, 1, 7);
	UNTIL(done == MANY);
	nodes_set_running(1, true);
}

TEST(what_was_due_is_not_published_when_the_node_is_back_before)
{
	begin();
	tell_many(1);
	nodes_set_running(1, false);
	wills_on_down(wills, 1);
	wills_on_removed(wills, 1);
	turn();
	done = 0;
	wills_on_up(wills, 1, 7);
	nodes_set_running(1, true);
	UNTIL(wills_count() == 0);
	EQ(done, 0);
}

TEST(a_node_that_dies_while_its_former_wills_go_leaves_nothing)
{
	begin();
	tell_many(1);
	all(0);
	all(1);
	wills_on_down(wills, 1);
	UNTIL(wills_count() == 0);
	UNTIL(list_is_empty(&wills->dead) && list_is_empty(&wills->over));
	EQ(wills->held, 0);
	wills_on_up(wills, 1, 7);
}

TEST(a_hash_that_is_none_is_nobodys)
{
	uint8_t bytes[24];
	struct wbuf w = wbuf_fixed(bytes, sizeof bytes);

	begin();
	tell_many(MANY);
	wbuf_u64(&w, 10);
	wbuf_u64(&w, 7);
	wbuf_u64(&w, 0);
	wills_on_frame(wills, 1, WILLS_DONE, wbuf_slice(&w));
	EQ(wills_count(), 1);
}

TEST(at_the_end_all_go_at_once)
{
	begin();
	tell_many(1);
	tell_many(2);
	wills_stop(wills);
	EQ(wills_count(), 0);
	EQ(wills->held, 0);
}
