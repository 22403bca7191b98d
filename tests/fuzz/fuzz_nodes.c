/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_nodes: what another node tells: frames of owner tables and of forwarded messages,
 * each u8 which, u16 length, body.  Afterwards the node is forgotten, and nothing is left.
 */
#include "emqxd/routes/forward.h"
#include "emqxd/routes/owner.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/topic.h"
#include "ipc/base/rbuf.h"
#include "tests/fuzz/house.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PEER 1u

static struct {
	struct owner *owner;
	struct forward *forward;
	struct subscriber ear;
	unsigned forgotten;
} node;

static bool
on_deliver(struct subscriber *s, const struct subscription *sub, struct message *m)
{
	(void)s;
	CHECK(topic_match(router_filter(sub), m->topic));
	return true;
}

static em_err
send_owner(void *arg, unsigned place, enum owner_frame frame, struct slice body)
{
	(void)arg;
	(void)frame;
	(void)body;
	CHECK(place == PEER);
	return EM_OK;
}

static em_err
send_forward(void *arg, unsigned place, enum forward_frame frame, struct slice body)
{
	(void)arg;
	(void)frame;
	(void)body;
	CHECK(place == PEER);
	return EM_OK;
}

static em_err
room_forward(void *arg, unsigned place, enum forward_frame frame, size_t n, uint8_t **out)
{
	(void)arg;
	(void)place;
	(void)frame;
	(void)n;
	*out = NULL;
	return EM_FULL;
}

static uint64_t
pending(void *arg, unsigned place)
{
	(void)arg;
	(void)place;
	return 0;
}

static void
hold(void *arg, unsigned place, bool is_held)
{
	(void)arg;
	(void)place;
	(void)is_held;
}

static const struct router_remote remote = { owner_changed, forward_nodes, forward_group,
	owner_settle };

static void
begin(void)
{
	struct owner_conf owner = { .links = { send_owner, pending, NULL },
		.incarnation = 5,
		.rows_max = 1000,
		.buffer = 1 << 20 };
	struct forward_conf forward = { .links = { send_forward, room_forward, pending,
					    hold, NULL },
		.buffer = 1 << 20,
		.frame_max = 1 << 20 };
	unsigned place;

	if (worker_current != NULL)
		return;
	worker_init(1);
	CHECK(jobs_start(1) == EM_OK);
	nodes_birth("emqx@me", 1);
	CHECK(nodes_add(slice_str("emqx@b"), 2, &place) == EM_OK && place == PEER);
	nodes_set_running(PEER, true);
	router_birth(on_deliver);
	worker_act_as(worker_get(0));
	router_worker_birth();
	worker_act_as(worker_link());
	router_worker_birth();
	node.owner = owner_new(&owner);
	node.forward = forward_new(&forward);
	router_remote_use(&remote);
}

static void
listen_to_some(void)
{
	bool is_new;

	worker_act_as(worker_get(0));
	CHECK(router_subscribe(&node.ear, SLICE_NONE, slice_str("t/#"),
		  (struct subopts){ 0 }, &is_new) == EM_OK);
	CHECK(router_subscribe(&node.ear, slice_str("g"), slice_str("t"),
		  (struct subopts){ 0 }, &is_new) == EM_OK);
	worker_act_as(worker_link());
}

static void
listen_to_none(void)
{
	worker_act_as(worker_get(0));
	router_unsubscribe_some(&node.ear, UINT32_MAX);
	worker_act_as(worker_link());
	CHECK(router_filters() == 0);
}

static void
on_forgot(void *arg, unsigned place)
{
	(void)arg;
	(void)place;
	node.forgotten++;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rbuf r = rbuf_of(slice_of(data, size));
	unsigned was;

	begin();
	listen_to_some();
	was = node.forgotten;
	owner_up(node.owner, PEER);
	owner_reachable(node.owner, PEER, true);
	forward_up(node.forward, PEER, true);
	while (rbuf_left(&r) > 0) {
		unsigned which = rbuf_u8(&r) % (OWNER_FRAME_N + FORWARD_FRAME_N + 1);
		struct slice body = rbuf_bytes16(&r);

		if (r.err != EM_OK)
			break;
		if (which < OWNER_FRAME_N)
			owner_on_frame(node.owner, PEER, (enum owner_frame)which, body);
		else if (which < OWNER_FRAME_N + FORWARD_FRAME_N)
			forward_on_frame(node.forward, PEER,
			    (enum forward_frame)(which - OWNER_FRAME_N), body);
		else
			house_turn();
	}
	forward_lost(node.forward, PEER);
	owner_forget(node.owner, PEER, on_forgot, NULL);
	while (node.forgotten == was)
		house_turn();
	CHECK(router_remote_count() == 0);
	listen_to_none();
	CHECK(owner_clients(node.owner) == 0);
	return 0;
}
