/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim: schedules of a broker of several workers and its clients, by chance, on one
 * thread, under a clock of its own.
 *
 *	sim [--seed N] [--schedules M] [--verbose]
 *
 * Each schedule has a seed of its own, N, N + 1, ...: `--seed N --verbose` plays one
 * again and tells what happens.  In a schedule clients do what they like while
 * connections break, sockets are full and time passes; then all is calm, everybody comes
 * back, and what is owed must come: the ledger knows.  At the end nothing may be left.
 * Status 1: a finding, which the last line tells with its seed.
 */
#include "tests/sim/chance.h"
#include "tests/sim/ledger.h"
#include "tests/sim/node.h"
#include "tests/sim/peer.h"
#include "tests/sim/trail.h"
#include "tests/sim/wire.h"
#include "emqxd/model/zone.h"
#include "ipc/base/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000000)
#define CALM_MAX (INT64_C(600) * 1000 * MS) /* then it is stuck */
#define STEPS_MAX 2000000u

struct schedule {
	struct node_plan plan;
	struct peer *peer[LEDGER_PEERS];
	unsigned peers;
};

static void
plan(struct schedule *s, uint64_t seed)
{
	static const unsigned yields[] = { 0, 2, 5, 20, 100 };

	s->peers = 2 + chance_below(LEDGER_PEERS - 1);
	s->plan = (struct node_plan){ .seed = seed,
		.workers = 1 + chance_below(4),
		.yields = yields[chance_below(5)],
		/* Four small letters, or more than ever comes together. */
		.mark = chance_one_in(2) ? 1000 : 4u << 20,
		.strategy = 1 + chance_below(SHARE_LAST),
		.has_others = seed % 3 == 0 };
	trail_add("%u workers, %u clients, mailboxes of %" PRIu64 " bytes",
	    s->plan.workers, s->peers, s->plan.mark);
}

static void
pass_some_time(void)
{
	if (node_is_amid())
		return; /* a turn has one time */
	if (chance_one_in(200))
		node_pass(chance_below(6000) * MS);
	else
		node_pass(chance_below(40) * MS);
}

static void
play(struct schedule *s)
{
	unsigned steps = 200 + chance_below(1200);

	for (unsigned i = 0; i < steps; i++) {
		unsigned what = chance_below(16);

		if (what < 8)
			node_step();
		else if (what < 15)
			peer_act(s->peer[chance_below(s->peers)]);
		else
			pass_some_time();
	}
}

/* All do what they can; true: a peer did something. */
static bool
settle_once(struct schedule *s, bool with_peers)
{
	bool did = false;

	while (node_step())
		;
	for (unsigned i = 0; with_peers && i < s->peers; i++)
		did |= peer_settle_step(s->peer[i]);
	return did;
}

static const struct peer *
unfinished(const struct schedule *s, unsigned *number)
{
	for (*number = 0; *number < s->peers; ++*number)
		if (!peer_is_done(s->peer[*number]))
			return s->peer[*number];
	return NULL;
}

/* The next time at which something is due. */
static void
pass_to_next(const struct schedule *s, bool with_peers)
{
	int64_t next = node_next_timer();

	for (unsigned i = 0; with_peers && i < s->peers; i++)
		if (peer_next_ping(s->peer[i]) < next)
			next = peer_next_ping(s->peer[i]);
	node_pass(next == INT64_MAX || next > node_now() + 1000 * MS ? 1000 * MS
		  : next > node_now()                                ? next - node_now()
								     : MS);
}

/* Everything that can be done gets done, and what is owed comes. */
static void
settle(struct schedule *s)
{
	int64_t until = node_now() + CALM_MAX;
	unsigned number;
	const struct peer *p;

	trail_add("now all is calm");
	node_be_fair();
	for (unsigned i = 0; i < s->peers; i++)
		peer_settle(s->peer[i]);
	/* A little longer than it takes, for what comes late or twice. */
	for (unsigned quiet = 0; quiet < 20;) {
		if (settle_once(s, true)) {
			quiet = 0;
			continue;
		}
		p = unfinished(s, &number);
		quiet += p == NULL && wire_not_quiet() == NULL;
		if (node_now() > until && p != NULL)
			trail_finding("stuck: c%u %s", number, peer_wants(p));
		if (node_now() > until && wire_not_quiet() != NULL)
			trail_finding("stuck: connection %d: bytes that nobody takes",
			    wire_fd(wire_not_quiet()));
		pass_to_next(s, true);
	}
	ledger_finish();
}

static void
end(struct schedule *s)
{
	trail_add("all leave");
	for (unsigned i = 0; i < s->peers; i++)
		peer_leave(s->peer[i]);
	for (unsigned i = 0; i < 20; i++) {
		settle_once(s, false);
		pass_to_next(s, false);
	}
	node_end_sessions();
	for (unsigned i = 0; i < 100; i++) {
		settle_once(s, false);
		pass_to_next(s, false);
	}
	node_death();
	for (unsigned i = 0; i < s->peers; i++)
		peer_free(&s->peer[i]);
	wire_free_all();
}

static void
run(uint64_t seed, bool is_verbose)
{
	struct schedule s = { 0 };

	trail_begin(seed, is_verbose);
	chance_seed(seed);
	plan(&s, seed);
	ledger_begin(s.peers);
	node_birth(&s.plan);
	for (unsigned i = 0; i < s.peers; i++)
		s.peer[i] = peer_new(i, s.plan.workers);
	play(&s);
	settle(&s);
	end(&s);
}

int
main(int argc, char **argv)
{
	uint64_t seed = 1, schedules = 1, messages = 0;
	bool is_verbose = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--verbose") == 0)
			is_verbose = true;
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			seed = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--schedules") == 0 && i + 1 < argc)
			schedules = strtoull(argv[++i], NULL, 10);
		else {
			fprintf(stderr,
			    "usage: sim [--seed N] [--schedules M] [--verbose]\n");
			return 2;
		}
	}
	trail_catch();
	node_configure();
	for (uint64_t i = 0; i < schedules; i++) {
		run(seed + i, is_verbose);
		messages += ledger_count();
	}
	printf("%" PRIu64 " schedules, %" PRIu64 " messages, no finding\n", schedules,
	    messages);
	return 0;
}
