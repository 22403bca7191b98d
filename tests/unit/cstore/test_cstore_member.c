/* SPDX-License-Identifier: Apache-2.0 */
/* cstore_member: changes of the members in their order. */
#include "tests/unit/cstore/cstore_nodes.h"

static unsigned busy, done;

static void
on_vote(void *arg, em_err err, const char *text)
{
	(void)arg;
	(void)text;
	busy += err == EM_BUSY;
	done += err == EM_OK;
}

static void
make_voter(unsigned i)
{
	cstore_change(
	    node[1].c, CSTORE_META, CSTORE_MAKE_VOTER, node[i].id, "", on_vote, NULL);
}

TEST(a_change_of_the_voters_that_waits_lets_others_in_first)
{
	struct cstore_tune tune = { .election_ms = 3000,
		.heartbeat_ms = 40,
		.connect_retry_ms = 30,
		.change_gap_ms = 3000 };
	mono_t since;

	nodes_end();
	for (unsigned i = 1; i <= 4; i++)
		node_start(i, &tune);
	node_open(1, CSTORE_BOOTSTRAP);
	NODES_UNTIL(leads(1));
	join(1, 2, true);
	since = span_mono_now();
	join(1, 3, false);
	make_voter(3);
	join(1, 4, false);
	EQ(busy, 1);
	OK(mono_since(span_mono_now(), since).ns < span_ms(3000).ns);
	/* Its turn comes, but not too early after the one before. */
	make_voter(3);
	NODES_UNTIL(done == 1);
	EQ(busy, 1);
	OK(mono_since(span_mono_now(), since).ns > span_ms(2900).ns);
	nodes_end();
}
