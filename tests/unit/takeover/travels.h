/* SPDX-License-Identifier: Apache-2.0 */
/*
 * travels: a session goes to the node where its client is; for the tests of take-over.
 *
 * Two workers are two nodes: the one at home for the id is the old node, the client comes
 * at the other.  One struct takeover is both ends; its link is a queue of frames to itself.
 */
#ifndef TESTS_UNIT_TAKEOVER_TRAVELS_H
#define TESTS_UNIT_TAKEOVER_TRAVELS_H

#include "emqxd/takeover/takeover.h"
#include "emqxd/takeover/takeover_inside.h"
#include "emqxd/model/nodes.h"
#include "emqxd/session/claim.h"
#include "ipc/base/wbuf.h"
#include "tests/unit/session/house.h"

#include <limits.h>
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
static struct guest guest;
static unsigned old_home, new_home, full_for, frames[TAKEOVER_FRAME_N];
static enum takeover_frame full_of;
static bool is_down, somebody_has_it, is_also_here;
static unsigned answers, heard, fences;
static uint64_t have_it_too; /* places */

/* ---- the link's double */

static inline em_err
on_send(void *arg, unsigned place, enum takeover_frame frame, struct slice body)
{
	(void)arg;
	if (place == STILL)
		return EM_OK;
	EQ(place, PEER);
	if (is_down)
		return EM_UNREACHABLE;
	if (frame == full_of && full_for > 0) {
		full_for--;
		return EM_FULL;
	}
	frames[frame]++;
	VEC_ADD(
	    &queue, ((struct sent){ frame, slice_of(mem_dup(body.p, body.n), body.n) }));
	return EM_OK;
}

static inline uint64_t
on_places(void *arg, uint64_t hash)
{
	(void)arg;
	if (hash != claim_hash(ID))
		return UINT64_C(1) << STILL;
	return (somebody_has_it ? UINT64_C(1) << PEER : 0) | is_also_here | have_it_too;
}

static inline void
on_changed(void *arg, uint64_t hash, bool is_here)
{
	(void)arg;
	(void)hash;
	(void)is_here;
	heard++;
}

static struct list_node fence; /* who waits: fence_cancel() takes it out */

static inline void
on_fence(void *arg, struct fence_wait *w)
{
	(void)arg;
	list_push(&fence, &w->node);
	fences++;
}

/* All that was on its way has come. */
static inline void
pass_fence(void)
{
	struct fence_wait *w;

	if (list_is_empty(&fence))
		return;
	w = LIST_OWNER(fence.next, struct fence_wait, node);
	list_del(&w->node);
	w->done(w);
}

static inline void
drop_sent(void)
{
	struct sent s = queue.p[0];

	memmove(queue.p, queue.p + 1, --queue.n * sizeof *queue.p);
	mem_free((void *)(uintptr_t)s.body.p);
}

/* The first frame that waits comes to its other end. */
static inline void
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

static inline void
as(unsigned worker)
{
	worker_act_as(worker_get(worker));
}

static inline void
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

static inline void
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

static inline void
begin(void)
{
	if (worker_current == NULL)
		house_of_two();
	memset(frames, 0, sizeof frames);
	answers = full_for = 0;
	full_of = TAKEOVER_PART;
	is_down = false;
	somebody_has_it = true;
	turn();
	turn();
	as(old_home);
	OK(claim_is_on());
}

static inline bool
is_at(unsigned worker)
{
	bool is;

	as(worker);
	is = registry_find(ID) != NULL;
	as(new_home);
	return is;
}

static inline void
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

static inline void
nothing_is_on_the_way(void)
{
	unsigned coming, waiting, going;

	for (unsigned i = 0; i < 20; i++)
		turn();
	takeover_counts(takeover, &coming, &waiting, &going);
	EQ(coming + waiting + going, 0);
}

static inline void
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

static inline void
settle_in(void)
{
	house_open(&guest, "traveller", 1000);
	house_sub(&guest, "", "t", 1);
	publish("a", 1);
}

/* So many letters that wait for their worker. */
static inline unsigned
letters_of(const struct worker *w)
{
	unsigned n = 0;

	for (const struct letter *l = atomic_load(&w->box.head); l != NULL; l = l->next)
		n++;
	return n;
}

#endif
