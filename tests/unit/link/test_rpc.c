/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pieces between two offices over real links: node a is the room's own, node b a house of
 * links that sends back what it gets.
 */
#include "emqxd/link/rpc.h"
#include "emqxd/model/nodes.h"
#include "tests/unit/link/houses.h"

static struct home a, b;
static struct str came;

static void
receive(struct slice node, struct slice piece)
{
	str_addf(&came, "%.*s:%.*s ", SLICE_FMT(node), SLICE_FMT(piece));
}

static void
lost(struct slice node)
{
	str_addf(&came, "%.*s:lost ", SLICE_FMT(node));
}

static const struct rpc_serve serve = { receive, lost };

static void
echo(struct link_peer *from, struct link_ask ask, struct slice body, void *arg)
{
	(void)ask;
	(void)arg;
	OK(link_send(from, LINK_CTL, LINK_RPC, body) == EM_OK);
}

static void
on_event(struct link_peer *p, enum link_event event, void *arg)
{
	(void)arg;
	if (event == LINK_REACHABLE || event == LINK_UNREACHABLE)
		nodes_set_running(link_peer_place(p), event == LINK_REACHABLE);
}

/* The admin's letters are opened, and the links turn. */
static void
turn(void)
{
	worker_act_as(worker_admin());
	mailbox_post_all(worker_admin());
	mailbox_open_all(worker_admin());
	mailbox_post_all(worker_admin());
	worker_act_as(worker_link());
	mailbox_open_all(worker_link());
	loop_hurry(worker_link()->loop); /* does not sleep */
	houses_turn();
	mailbox_post_all(worker_link());
}

static em_err
send_as_admin(const char *node, const char *piece)
{
	em_err err;

	worker_act_as(worker_admin());
	err = rpc_send(node, slice_str(piece));
	worker_act_as(worker_link());
	return err;
}

static void
begin(void)
{
	struct link_peer *p = NULL;
	unsigned place;

	houses_begin();
	nodes_birth("a", 1);
	OK(nodes_add(SLICE_LIT("b"), 2, &place) == EM_OK);
	houses_new(&a, "a", 1);
	houses_new(&b, "b", 2);
	link_on_peer(a.house, on_event, NULL);
	rpc_birth(&serve);
	rpc_worker_birth(a.house);
	link_on(b.house, LINK_RPC, echo, NULL);
	OK(link_peer_add(a.house, SLICE_LIT("b"), slice_str(b.address), 0, place, &p) ==
	    EM_OK);
}

static void
end(void)
{
	rpc_worker_death();
	link_house_stop(b.house);
	link_house_stop(a.house);
	for (unsigned i = 0; i < 5; i++)
		turn();
	rpc_death();
	houses_free(&b); /* the loop turns no more */
	houses_free(&a);
	nodes_death();
	str_fini(&came);
	houses_end();
}

static void
until(const char *text)
{
	mono_t limit = mono_add(span_mono_now(), HOUSES_LIMIT);

	while (strstr(str_get(&came), text) == NULL && span_mono_now().ns < limit.ns)
		turn();
	OK(strstr(str_get(&came), text) != NULL);
}

TEST(a_node_that_is_not_reached_is_said_at_once)
{
	begin();
	EQ(send_as_admin("b", "x"), EM_UNREACHABLE);
	EQ(send_as_admin("nobody", "x"), EM_UNREACHABLE);
	end();
}

TEST(pieces_come_in_their_order_and_a_lost_node_is_told)
{
	begin();
	(void)houses_know(&b, &a);
	while (!nodes_is_running(1))
		turn();
	EQ(send_as_admin("b", "one"), EM_OK);
	EQ(send_as_admin("b", "two"), EM_OK);
	until("b:one b:two ");
	link_house_stop(b.house);
	until("b:lost ");
	while (nodes_is_running(1))
		turn();
	EQ(send_as_admin("b", "x"), EM_UNREACHABLE);
	end();
}
