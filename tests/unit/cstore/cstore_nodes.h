/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cstore_nodes: for the tests of cstore: life and state of the nodes of cstore_node.h.
 */
#ifndef TESTS_UNIT_CSTORE_NODES_H
#define TESTS_UNIT_CSTORE_NODES_H

#include "tests/unit/cstore/cstore_node.h"

/* Says what is applied, as the store thread would; a turn. */
static inline void
nodes_turn(void)
{
	loop_turn(worker_self()->loop);
	for (unsigned i = 1; i <= NODES; i++) {
		for (unsigned g = 0; g < CSTORE_GROUP_N; g++) {
			if (node[i].c != NULL && node[i].applied[g] > 0)
				cstore_applied(
				    node[i].c, (enum cstore_group)g, node[i].applied[g]);
		}
	}
}

/* What the nodes look like, for whoever must find out why a condition does not come. */
static inline void
nodes_say(void)
{
	for (unsigned i = 1; i <= NODES; i++) {
		const struct node *n = &node[i];
		const struct cstore_status *s;

		if (n->c == NULL)
			continue;
		s = cstore_status(n->c, CSTORE_META);
		printf(
		    "# %s state %d term %lu leader %s last %lu commit %lu given %lu "
		    "waiting %lu snapshot %lu members %u; rows %zu applied %lu acked %zu "
		    "refused %u unknown %u full %u markers %u: %s\n",
		    n->name, (int)s->state, s->term, s->leader, s->last, s->commit,
		    s->given, s->waiting, s->snapshot, s->members_n,
		    n->rows[CSTORE_META].n, n->applied[CSTORE_META], n->acked.n,
		    n->refused, n->unknown, n->full, n->markers, n->text);
	}
}

#define NODES_UNTIL(e_)                                                                  \
	do {                                                                             \
		mono_t until_ = mono_add(span_mono_now(), span_s(LIMIT_S));              \
		while (!(e_)) {                                                          \
			if (span_mono_now().ns > until_.ns)                              \
				nodes_say(),                                             \
				    tap_fail(__FILE__, __LINE__, "never true: %s", #e_); \
			nodes_turn();                                                    \
		}                                                                        \
	} while (0)

static inline void
nodes_birth(void)
{
	static bool is_born;

	if (is_born)
		return;
	is_born = true;
	worker_init(1);
	alarm_birth();
	timer_arm(&look, span_ms(20), on_look);
}

static inline struct cstore_open
node_how(const struct node *n, enum cstore_open_mode mode, enum cstore_group g)
{
	return (struct cstore_open){
		.mode = mode, .raft_id = n->id, .name = n->name, .applied = n->applied[g]
	};
}

static inline void
node_start(unsigned i, const struct cstore_tune *tune)
{
	struct node *n = &node[i];
	struct cstore_conf conf;

	nodes_birth();
	if (n->dir[0] == '\0') {
		strcpy(n->dir, "/tmp/test_cstore.XXXXXX");
		OK(mkdtemp(n->dir) != NULL);
	}
	snprintf(n->name, sizeof n->name, "emqx@n%u", i);
	n->id = n->id != 0 ? n->id : 100 + i;
	n->tune = tune != NULL ? *tune : n->tune;
	if (n->tune.election_ms == 0) {
		n->tune.election_ms = 300;
		n->tune.heartbeat_ms = 40;
		n->tune.connect_retry_ms = 30;
	}
	n->tune.change_gap_ms = n->tune.change_gap_ms != 0 ? n->tune.change_gap_ms : 20;
	n->tune.segment_bytes =
	    n->tune.segment_bytes != 0 ? n->tune.segment_bytes : 1 << 20;
	conf = (struct cstore_conf){
		.folder = n->dir, .tune = n->tune, .on_event = on_event, .arg = n
	};
	n->c = cstore_start(&conf);
	UNTIL(cstore_is_up(n->c));
}

static inline void
node_open(unsigned i, enum cstore_open_mode mode)
{
	struct cstore_open how = node_how(&node[i], mode, CSTORE_META);
	unsigned before = node[i].opened;

	OK(cstore_group_open(node[i].c, CSTORE_META, &how) == EM_OK);
	UNTIL(node[i].opened > before);
}

static inline bool
leads(unsigned i)
{
	return node[i].c != NULL &&
	       cstore_status(node[i].c, CSTORE_META)->state == CSTORE_LEADER;
}

/* The number of bytes 4 and more, all of them the number's last byte. */
static inline em_err
propose_sized(unsigned i, uint32_t number, size_t n)
{
	uint8_t *bytes = mem_new(n);
	em_err err;

	memset(bytes, (int)(number & 255), n);
	memcpy(bytes, &number, 4);
	err = cstore_propose(node[i].c, CSTORE_META, slice_of(bytes, n), number);
	mem_free(bytes);
	return err;
}

static inline em_err
propose(unsigned i, uint32_t number)
{
	return propose_sized(i, number, 100);
}

static inline bool
has_row(const struct node *n, uint32_t number)
{
	for (size_t k = 0; k < n->rows[CSTORE_META].n; k++) {
		if (n->rows[CSTORE_META].p[k].number == number)
			return true;
	}
	return false;
}

/* All that was said to be committed is there. */
static inline bool
has_acked(const struct node *n, const struct node *from)
{
	for (size_t k = 0; k < from->acked.n; k++) {
		if (!has_row(n, from->acked.p[k]))
			return false;
	}
	return true;
}

static inline bool
same_rows(const struct node *a, const struct node *b)
{
	size_t n = a->rows[CSTORE_META].n;

	return n == b->rows[CSTORE_META].n &&
	       (n == 0 || memcmp(a->rows[CSTORE_META].p, b->rows[CSTORE_META].p,
			      n * sizeof(struct row)) == 0);
}

static inline void
node_stop(unsigned i)
{
	cstore_stop(&node[i].c);
}

/* All of them, with their folders. */
static inline void
nodes_end(void)
{
	char command[128];

	for (unsigned i = 1; i <= NODES; i++) {
		cstore_stop(&node[i].c);
		if (node[i].dir[0] != '\0') {
			snprintf(command, sizeof command, "rm -rf %s", node[i].dir);
			OK(system(command) == 0);
		}
		VEC_FINI(&node[i].acked);
		for (unsigned g = 0; g < CSTORE_GROUP_N; g++)
			VEC_FINI(&node[i].rows[g]);
		memset(&node[i], 0, sizeof node[i]);
	}
}

/* ---- several of them */

static inline unsigned
leader(void)
{
	for (unsigned i = 1; i <= NODES; i++) {
		if (!node[i].is_away && leads(i))
			return i;
	}
	return 0;
}

/* The call's answer. */
static inline em_err
change(unsigned at, enum cstore_change what, unsigned i)
{
	unsigned before = node[at].answers;

	cstore_change(
	    node[at].c, CSTORE_META, what, node[i].id, node[i].name, on_done, &node[at]);
	NODES_UNTIL(node[at].answers > before);
	return node[at].err;
}

static inline void
join(unsigned at, unsigned i, bool votes)
{
	node_open(i, CSTORE_JOIN);
	EQ(change(at, CSTORE_ADD, i), EM_OK);
	EQ(change(at, CSTORE_MAKE_STANDBY, i), EM_OK);
	if (votes)
		EQ(change(at, CSTORE_MAKE_VOTER, i), EM_OK);
}

static inline void
start_three(const struct cstore_tune *tune)
{
	nodes_end();
	for (unsigned i = 1; i <= 3; i++)
		node_start(i, tune);
	node_open(1, CSTORE_BOOTSTRAP);
	NODES_UNTIL(leads(1));
	join(1, 2, true);
	join(1, 3, true);
}

static inline void
propose_some(unsigned at, uint32_t first, uint32_t n)
{
	size_t acked = node[at].acked.n;

	for (uint32_t i = 0; i < n; i++)
		OK(propose(at, first + i) == EM_OK);
	NODES_UNTIL(node[at].acked.n == acked + n);
}

#endif
