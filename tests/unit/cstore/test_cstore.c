/* SPDX-License-Identifier: Apache-2.0 */
/* cstore: one node with a real child: what was acknowledged survives any end of it. */
#include "tests/unit/cstore/cstore_nodes.h"

static void
start_one(const struct cstore_tune *tune)
{
	nodes_end();
	node_start(1, tune);
	node_open(1, CSTORE_BOOTSTRAP);
	STR_EQ(node[1].text, "");
	EQ(node[1].open_err, EM_OK);
	NODES_UNTIL(leads(1));
}

TEST(a_group_of_one_leads_and_commits)
{
	struct cstore_status s;

	start_one(NULL);
	for (uint32_t i = 1; i <= 10; i++)
		OK(propose(1, i) == EM_OK);
	NODES_UNTIL(node[1].acked.n == 10 && node[1].rows[CSTORE_META].n == 10);
	for (uint32_t i = 1; i <= 10; i++) {
		EQ(node[1].acked.p[i - 1], i);
		EQ(node[1].rows[CSTORE_META].p[i - 1].number, i);
	}
	NODES_UNTIL(cstore_status(node[1].c, CSTORE_META)->members_n == 1);
	s = *cstore_status(node[1].c, CSTORE_META);
	STR_EQ(s.leader, "emqx@n1");
	OK(s.leader_id == node[1].id && s.term > 0);
	OK(s.member[0].id == node[1].id && s.member[0].role == CSTORE_VOTER);
	STR_EQ(s.member[0].name, "emqx@n1");
}

TEST(a_barrier_is_answered)
{
	unsigned before = node[1].answers;

	cstore_barrier(node[1].c, CSTORE_META, on_done, &node[1]);
	EQ(node[1].answers, before);
	NODES_UNTIL(node[1].answers == before + 1);
	EQ(node[1].err, EM_OK);
}

TEST(nothing_acknowledged_is_lost_when_the_child_is_killed_under_load)
{
	uint32_t number = 1000;
	size_t acked;

	for (unsigned round = 0; round < 5; round++) {
		unsigned ups = node[1].ups;

		acked = node[1].acked.n + 40;
		while (node[1].acked.n < acked) {
			if (cstore_is_up(node[1].c) && leads(1))
				for (unsigned i = 0; i < 20; i++)
					if (propose(1, number) == EM_OK)
						number++;
			nodes_turn();
		}
		OK(kill(cstore_pid(node[1].c), SIGKILL) == 0);
		NODES_UNTIL(node[1].ups > ups);
		NODES_UNTIL(leads(1));
	}
	EQ(cstore_restarts(node[1].c), 5);
	EQ(node[1].downs, 5);
	NODES_UNTIL(has_acked(&node[1], &node[1]));
	/* Every proposal was answered once. */
	NODES_UNTIL(
	    node[1].acked.n + node[1].unknown + node[1].refused == 10 + (number - 1000));
}

TEST(a_restart_takes_a_moment_only)
{
	unsigned ups = node[1].ups;
	mono_t since;

	/* Several early deaths in a row make it wait; a new parent has none of them. */
	node_stop(1);
	node_start(1, NULL);
	node_open(1, CSTORE_JOIN);
	ups = node[1].ups;
	since = span_mono_now();
	OK(kill(cstore_pid(node[1].c), SIGKILL) == 0);
	NODES_UNTIL(node[1].ups > ups);
	OK(mono_since(span_mono_now(), since).ns < span_ms(1000).ns);
	NODES_UNTIL(leads(1));
}

TEST(entries_come_again_only_from_the_applied_index_on)
{
	size_t n = node[1].rows[CSTORE_META].n;

	OK(n > 20);
	node_stop(1);
	node[1].rows[CSTORE_META].n = n - 20; /* the store lost its last 20 */
	node[1].applied[CSTORE_META] = node[1].rows[CSTORE_META].p[n - 21].index;
	node_start(1, NULL);
	node_open(1, CSTORE_JOIN);
	NODES_UNTIL(node[1].rows[CSTORE_META].n == n);
}

TEST(proposals_while_it_is_down_are_refused_at_once)
{
	OK(kill(cstore_pid(node[1].c), SIGKILL) == 0);
	NODES_UNTIL(!cstore_is_up(node[1].c));
	OK(propose(1, 1) == EM_UNREACHABLE);
	cstore_barrier(node[1].c, CSTORE_META, on_done, &node[1]);
	node[1].err = EM_OK;
	NODES_UNTIL(node[1].err == EM_UNREACHABLE);
	NODES_UNTIL(leads(1));
}

TEST(a_large_entry_passes_and_a_larger_one_is_refused)
{
	size_t n = node[1].acked.n;
	struct cstore_tune large = { .segment_bytes = 8 << 20 };

	node_stop(1);
	node_start(1, &large);
	node_open(1, CSTORE_JOIN);
	NODES_UNTIL(leads(1));
	OK(propose_sized(1, 7, CSTORE_ENTRY_MAX) == EM_OK);
	NODES_UNTIL(node[1].acked.n == n + 1);
	NODES_UNTIL(has_row(&node[1], 7));
	OK(propose_sized(1, 8, CSTORE_ENTRY_MAX + 1) == EM_TOOBIG);
	nodes_end();
}
