/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forwards: a node with two others, a and b, whose links are doubles that keep what is sent;
 * for the tests of messages between nodes.
 */
#ifndef TESTS_UNIT_FORWARDS_H
#define TESTS_UNIT_FORWARDS_H

#include "emqxd/routes/forward.h"
#include "emqxd/routes/forward_record.h"
#include "emqxd/core/clock.h"
#include "emqxd/model/metrics.h"
#include "emqxd/model/nodes.h"
#include "tests/unit/router/ears.h"

#include <limits.h>

/* ---- the link's double */

struct frame {
	enum forward_frame frame;
	unsigned place;
	size_t n;
	uint8_t *bytes;
};

static VEC(struct frame) sent;
static bool is_full;
static unsigned takes; /* so many frames before it is full */
static uint64_t waits; /* what pending() says */
static unsigned held;

static inline em_err
on_send(void *arg, unsigned place, enum forward_frame frame, struct slice body)
{
	struct frame f = { frame, place, body.n, NULL };

	(void)arg;
	if ((is_full || takes == 0) && frame != FORWARD_ACK)
		return EM_FULL;
	takes--;
	f.bytes = (uint8_t *)mem_dup(body.p, body.n);
	VEC_ADD(&sent, f);
	return EM_OK;
}

static inline em_err
on_room(void *arg, unsigned place, enum forward_frame frame, size_t n, uint8_t **out)
{
	struct frame f = { frame, place, n, mem_new(n) };

	(void)arg;
	if (is_full) {
		mem_free(f.bytes);
		return EM_FULL;
	}
	VEC_ADD(&sent, f);
	*out = f.bytes;
	return EM_OK;
}

static inline uint64_t
on_pending(void *arg, unsigned place)
{
	(void)arg;
	(void)place;
	return waits;
}

static inline void
on_hold(void *arg, unsigned place, bool is_held)
{
	(void)arg;
	EQ(place, 1);
	held += is_held;
}

static inline void
forget_sent(void)
{
	for (size_t i = 0; i < sent.n; i++)
		mem_free(sent.p[i].bytes);
	sent.n = 0;
}

static inline void
nothing(struct slice group, struct slice filter, uint32_t online, uint32_t offline)
{
	(void)group;
	(void)filter;
	(void)online;
	(void)offline;
}

static const struct router_remote remote = { nothing, forward_nodes, forward_group,
	NULL };
static struct forward *forward;

#define BUFFER (2u << 20)

static inline void
begin_nodes(void)
{
	struct forward_conf conf = { .links = { on_send, on_room, on_pending, on_hold,
					 NULL },
		.incarnation = 1000,
		.buffer = BUFFER,
		.frame_max = 128 << 10 };
	unsigned place;

	if (forward == NULL) {
		begin();
		nodes_birth("emqx@me", 50);
		OK(nodes_add(slice_str("emqx@a"), 10, &place) == EM_OK);
		OK(nodes_add(slice_str("emqx@b"), 90, &place) == EM_OK);
		worker_act_as(worker_link());
		router_worker_birth();
		forward = forward_new(&conf);
		router_remote_use(&remote);
	}
	worker_act_as(worker_link());
	nodes_set_running(1, true);
	nodes_set_running(2, true);
	forward_up(forward, 1, true);
	forward_up(forward, 2, true);
	is_full = false;
	takes = UINT_MAX;
	waits = 0;
	forget_sent();
	as(0);
}

static inline void
link_turn(void)
{
	struct worker *was = worker_current;

	worker_act_as(worker_link());
	loop_hurry(worker_self()->loop);
	loop_turn(worker_self()->loop);
	worker_act_as(was);
}

/* A turn opens letters for a bounded time: on a slow machine some are left. */
static inline bool
has_letters(void)
{
	for (unsigned i = 0; i < worker_count(); i++)
		if (mailbox_has_more(worker_get(i)))
			return true;
	return mailbox_has_more(worker_link());
}

static inline void
all_turns(unsigned n)
{
	for (; n > 0 || has_letters(); n -= n > 0) {
		turns(1);
		link_turn();
		link_turn();
	}
	turns(1);
}

static inline void
set(unsigned place, const char *group, const char *filter, uint32_t online)
{
	OK(router_remote_set(place, slice_str(group), slice_str(filter), online, 0) ==
	    EM_OK);
}

/* All that was sent comes back, as from node a. */
static inline void
hear_sent(void)
{
	worker_act_as(worker_link());
	for (size_t i = 0; i < sent.n; i++)
		forward_on_frame(
		    forward, 1, sent.p[i].frame, slice_of(sent.p[i].bytes, sent.p[i].n));
	as(0);
	forget_sent();
}

static inline uint64_t
counted(unsigned id)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < worker_all(); i++)
		n += atomic_load(&worker_get(i)->metric[id]);
	return n;
}

static inline void
link_again(void)
{
	worker_act_as(worker_link());
	forward_up(forward, 1, false);
	forward_up(forward, 1, true);
	as(0);
	all_turns(1);
}

static inline void
hear(unsigned place, enum forward_frame frame, struct slice body)
{
	worker_act_as(worker_link());
	forward_on_frame(forward, place, frame, body);
	as(0);
}

static inline void
hear_number(unsigned place, enum forward_frame frame, uint64_t number)
{
	uint8_t bytes[8];
	struct wbuf w = wbuf_fixed(bytes, sizeof bytes);

	wbuf_u64(&w, number);
	hear(place, frame, wbuf_slice(&w));
}

/* @e here and node a want t; returns how many were dropped before. */
static inline uint64_t
both_want(struct ear *e)
{
	begin_nodes();
	sub(e, "", "t", 0);
	set(1, "", "t", 1);
	return counted(METRIC_MESSAGES_FORWARD_DROPPED);
}

#endif
