/* SPDX-License-Identifier: Apache-2.0 */
/* cstore: three nodes with real children: elections, members, and those that were away. */
#include "emqxd/cstore/cstore_log.h"
#include "tests/unit/cstore/cstore_nodes.h"

TEST(three_nodes_get_the_same_entries_in_one_order)
{
	start_three(NULL);
	propose_some(1, 1, 50);
	NODES_UNTIL(node[1].rows[CSTORE_META].n == 50 && same_rows(&node[1], &node[2]) &&
		    same_rows(&node[1], &node[3]));
	STR_EQ(cstore_status(node[2].c, CSTORE_META)->leader, "emqx@n1");
	NODES_UNTIL(cstore_status(node[3].c, CSTORE_META)->members_n == 3);
}

TEST(who_does_not_lead_refuses_and_names_the_leader)
{
	OK(propose(2, 77) == EM_OK);
	NODES_UNTIL(node[2].refused == 1);
	EQ(change(2, CSTORE_REMOVE, 3), EM_REFUSED);
}

TEST(another_leads_when_the_leader_is_killed)
{
	unsigned now;

	node[1].is_away = true; /* it comes back later */
	OK(kill(cstore_pid(node[1].c), SIGKILL) == 0);
	NODES_UNTIL((now = leader()) != 0);
	OK(now != 1);
	propose_some(now, 1000, 20);
	node[1].is_away = false;
	NODES_UNTIL(same_rows(&node[1], &node[2]) && same_rows(&node[1], &node[3]) &&
		    has_row(&node[1], 1019));
}

TEST(leadership_is_handed_over)
{
	unsigned now = leader(), before = node[now].answers, to = now % 3 + 1;

	cstore_transfer(node[now].c, CSTORE_META, node[to].id, on_done, &node[now]);
	NODES_UNTIL(node[now].answers > before);
	EQ(node[now].err, EM_OK);
	NODES_UNTIL(leader() == to);
}

TEST(a_change_without_a_quorum_is_not_begun)
{
	unsigned now = leader(), a = now % 3 + 1, b = a % 3 + 1;

	node[a].is_away = node[b].is_away = true;
	OK(kill(cstore_pid(node[a].c), SIGSTOP) == 0);
	OK(kill(cstore_pid(node[b].c), SIGSTOP) == 0);
	EQ(change(now, CSTORE_REMOVE, a), EM_AGAIN);
	OK(kill(cstore_pid(node[a].c), SIGCONT) == 0);
	OK(kill(cstore_pid(node[b].c), SIGCONT) == 0);
	node[a].is_away = node[b].is_away = false;
	NODES_UNTIL(leader() != 0);
	NODES_UNTIL(cstore_status(node[now].c, CSTORE_META)->members_n == 3);
}

TEST(one_change_at_a_time_and_only_a_possible_one)
{
	unsigned now, before;

	NODES_UNTIL((now = leader()) != 0);
	EQ(change(now, CSTORE_ADD, now), EM_EXISTS);
	node[4].id = 104;
	EQ(change(now, CSTORE_MAKE_STANDBY, 4), EM_NOTFOUND);
	EQ(change(now, CSTORE_MAKE_VOTER, now % 3 + 1), EM_OK); /* it is one */
	before = node[now].answers;
	for (unsigned i = 0; i < 2; i++)
		cstore_change(node[now].c, CSTORE_META, CSTORE_ADD, 200 + i,
		    i == 0 ? "emqx@x" : "emqx@y", on_done, &node[now]);
	NODES_UNTIL(node[now].answers == before + 1);
	EQ(node[now].err, EM_BUSY);
	NODES_UNTIL(node[now].answers == before + 2);
	EQ(node[now].err, EM_OK);
	before = node[now].answers;
	cstore_change(node[now].c, CSTORE_META, CSTORE_MAKE_VOTER, 200, "emqx@x", on_done,
	    &node[now]);
	NODES_UNTIL(node[now].answers == before + 1);
	EQ(node[now].err, EM_STATE);
	cstore_change(
	    node[now].c, CSTORE_META, CSTORE_REMOVE, 200, "", on_done, &node[now]);
	NODES_UNTIL(node[now].answers == before + 2);
	EQ(node[now].err, EM_OK);
}

TEST(a_removed_node_without_its_log_joins_under_another_id)
{
	unsigned now = leader(), gone = now % 3 + 1;
	char *path = cstore_log_path(node[gone].dir, CSTORE_META);

	EQ(change(now, CSTORE_REMOVE, gone), EM_OK);
	node_stop(gone);
	EQ(cstore_log_remove(path), 0);
	mem_free(path);
	node_start(gone, NULL);
	node[gone].rows[CSTORE_META].n = 0;
	node[gone].applied[CSTORE_META] = 0;
	node[gone].id += 1000;
	join(now, gone, true);
	propose_some(now, 2000, 5);
	NODES_UNTIL(same_rows(&node[now], &node[gone]));
}

TEST(a_survivor_goes_on_alone_when_it_is_told_to)
{
	unsigned now = leader(), before = node[now].answers;
	struct cstore_member me = { .id = node[now].id, .role = CSTORE_VOTER };
	struct cstore_open how = node_how(&node[now], CSTORE_JOIN, CSTORE_META);

	for (unsigned i = 1; i <= 3; i++) {
		if (i != now)
			node_stop(i);
	}
	NODES_UNTIL(!leads(now));
	snprintf(me.name, sizeof me.name, "%s", node[now].name);
	cstore_recover(node[now].c, CSTORE_META, &how, &me, 1, on_done, &node[now]);
	NODES_UNTIL(node[now].answers > before);
	EQ(node[now].err, EM_OK);
	NODES_UNTIL(leads(now));
	propose_some(now, 3000, 5);
	NODES_UNTIL(has_row(&node[now], 3004));
	NODES_UNTIL(cstore_status(node[now].c, CSTORE_META)->members_n == 1);
}

/* Who of the two others leads, or 0. */
static unsigned
leader_beside(unsigned alone)
{
	for (unsigned i = 1; i <= 3; i++) {
		if (i != alone && leads(i))
			return i;
	}
	return 0;
}

TEST(those_that_it_gave_up_come_back_together_and_it_does_not_hear_them)
{
	unsigned now = leader(), other, deaths = node[now].downs;

	for (unsigned i = 1; i <= 3; i++) {
		if (i == now)
			continue;
		node_start(i, NULL);
		node_open(i, CSTORE_JOIN);
	}
	NODES_UNTIL((other = leader_beside(now)) != 0);
	propose_some(other, 4000, 40);
	propose_some(now, 4100, 5);
	/* Of a higher term than its own, after another vote of theirs. */
	node_stop(other);
	node_start(other, NULL);
	node_open(other, CSTORE_JOIN);
	NODES_UNTIL((other = leader_beside(now)) != 0);
	propose_some(other, 4200, 5);
	OK(leads(now));
	OK(has_row(&node[now], 4104) && !has_row(&node[now], 4000));
	OK(has_row(&node[other], 4204) && !has_row(&node[other], 4100));
	EQ(node[now].downs, deaths);
	/* Nor when it starts again in the midst of their calls. */
	node_stop(now);
	node_start(now, NULL);
	node_open(now, CSTORE_JOIN);
	NODES_UNTIL(leads(now));
	propose_some(now, 4300, 5);
	propose_some(other, 4400, 5);
	EQ(cstore_status(node[now].c, CSTORE_META)->members_n, 1);
	OK(!has_row(&node[now], 4404));
}

/* Node 1 proposes until its log begins behind @index: whether it is to be cut is looked at
 * when an entry is applied, and one cut takes as long as the disk does. */
static void
propose_until_cut(uint32_t first, uint64_t index)
{
	mono_t until = mono_add(span_mono_now(), span_s(LIMIT_S));

	while (cstore_status(node[1].c, CSTORE_META)->snapshot < index) {
		OK(span_mono_now().ns < until.ns);
		propose_some(1, first++, 1);
		turn_for(span_ms(5));
	}
}

TEST(who_is_too_far_behind_is_told_to_fetch_the_rows)
{
	/* Node 1 leads all the time, on a busy machine too. */
	struct cstore_tune tune = { .election_ms = 3000,
		.heartbeat_ms = 40,
		.connect_retry_ms = 30,
		.snapshot_entries = 50,
		.trailing = 10 };

	start_three(&tune);
	propose_some(1, 1, 10);
	NODES_UNTIL(same_rows(&node[1], &node[3]));
	node_stop(3);
	for (uint32_t i = 0; i < 10; i++)
		propose_some(1, 100 + i * 30, 30);
	propose_until_cut(10000, 200);
	node_start(3, &tune);
	node_open(3, CSTORE_JOIN);
	NODES_UNTIL(node[3].markers > 0);
	OK(node[3].marker[CSTORE_META] > node[3].applied[CSTORE_META]);
	/* Nothing comes before the rows are there. */
	propose_some(1, 1000, 5);
	turn_for(span_ms(300));
	EQ(node[3].rows[CSTORE_META].n, 10);
	/* The rows of the leader, as they are now. */
	NODES_UNTIL(has_row(&node[1], 1004));
	node[3].applied[CSTORE_META] = node[1].applied[CSTORE_META];
	node[3].marker[CSTORE_META] = 0;
	propose_some(1, 2000, 5);
	NODES_UNTIL(has_row(&node[3], 2004));
	OK(!has_row(&node[3], 1000));
}

TEST(a_snapshot_waits_until_the_store_has_applied)
{
	uint64_t mark;

	node[1].is_stuck = true;
	for (uint32_t i = 0; i < 8; i++)
		propose_some(1, 5000 + i * 30, 30);
	turn_for(span_ms(400));
	OK(cstore_status(node[1].c, CSTORE_META)->snapshot <=
	    node[1].applied[CSTORE_META] + 8);
	node[1].is_stuck = false;
	node[1].applied[CSTORE_META] =
	    node[1].rows[CSTORE_META].p[node[1].rows[CSTORE_META].n - 1].index;
	mark = node[1].applied[CSTORE_META];
	propose_until_cut(20000, mark);
	nodes_end();
}
