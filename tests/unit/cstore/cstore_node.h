/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cstore_node: for the tests of cstore: some nodes in this one process, each with a real
 * child (this program again, by --cstore); the test is the parent of all, and wires their
 * children to each other by socket pairs as the links do.
 *
 * A node's "store" is the list of the entries that it got: their numbers in order.
 */
#ifndef TESTS_UNIT_CSTORE_NODE_H
#define TESTS_UNIT_CSTORE_NODE_H

#include "emqxd/cstore/cstore.h"
#include "emqxd/cstore/cstore_child.h"
#include "emqxd/core/alarm.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "ipc/base/mem.h"
#include "ipc/base/vec.h"
#include "tests/unit/tap.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NODES = 4, LIMIT_S = 30 };

struct row {
	uint64_t index;
	uint32_t number; /* what was proposed */
	uint32_t n;      /* bytes */
};

struct node {
	struct cstore *c;
	char dir[64], name[16];
	struct cstore_tune tune;
	uint64_t id;
	bool is_away;  /* no connection from or to it is made */
	bool is_stuck; /* its store applies nothing */
	VEC(struct row) rows[CSTORE_GROUP_N];
	uint64_t applied[CSTORE_GROUP_N];
	uint64_t marker[CSTORE_GROUP_N]; /* rows up to here are to be fetched */
	unsigned opened, ups, downs, markers;
	em_err open_err;
	/* proposals */
	VEC(uint32_t) acked;
	unsigned refused, unknown, full;
	/* the last call that was answered */
	unsigned answers;
	em_err err;
	char text[256];
};

static struct node node[NODES + 1];
static struct timer look;

/* This program is its own child. */
__attribute__((constructor)) static void
be_child(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--cstore") == 0)
		_exit(cstore_child_run());
}

static inline void
on_look(struct timer *t)
{
	timer_arm(t, span_ms(20), on_look);
}

/* Turns the loop until the condition holds; fails after LIMIT_S. */
#define UNTIL(e_)                                                                    \
	do {                                                                         \
		mono_t until_ = mono_add(span_mono_now(), span_s(LIMIT_S));          \
		while (!(e_)) {                                                      \
			if (span_mono_now().ns > until_.ns)                          \
				tap_fail(__FILE__, __LINE__, "never true: %s", #e_); \
			loop_turn(worker_self()->loop);                              \
		}                                                                    \
	} while (0)

/* As long as it takes for something that must not happen. */
static inline void
turn_for(span_t time)
{
	mono_t until = mono_add(span_mono_now(), time);

	while (span_mono_now().ns < until.ns)
		loop_turn(worker_self()->loop);
}

static inline struct node *
node_named(const char *name)
{
	for (unsigned i = 1; i <= NODES; i++) {
		if (node[i].c != NULL && strcmp(node[i].name, name) == 0)
			return &node[i];
	}
	return NULL;
}

static inline void
node_wire(struct node *n, const struct cstore_event *e)
{
	struct node *to = node_named(e->name);
	int pair[2];

	if (to == NULL || to == n || to->is_away || n->is_away) {
		cstore_connected(n->c, e->request, -1);
		return;
	}
	OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	cstore_accepted(to->c, e->group, n->name, pair[1]);
	cstore_connected(n->c, e->request, pair[0]);
}

static inline void
node_entry(struct node *n, const struct cstore_event *e)
{
	struct row *r;

	OK(e->index > n->applied[e->group] && e->bytes.n >= 4);
	OK(n->marker[e->group] == 0);
	if (n->rows[e->group].n > 0)
		OK(e->index > n->rows[e->group].p[n->rows[e->group].n - 1].index);
	r = VEC_PUSH(&n->rows[e->group]);
	r->index = e->index;
	r->n = (uint32_t)e->bytes.n;
	memcpy(&r->number, e->bytes.p, 4);
	for (size_t i = 4; i < e->bytes.n; i++)
		OK(e->bytes.p[i] == (uint8_t)r->number);
	if (!n->is_stuck)
		n->applied[e->group] = e->index;
}

static inline void
node_proposed(struct node *n, const struct cstore_event *e)
{
	if (e->err == EM_OK)
		VEC_ADD(&n->acked, (uint32_t)e->token);
	else if (e->err == EM_REFUSED)
		n->refused++;
	else if (e->err == EM_FULL)
		n->full++;
	else
		n->unknown++;
}

static inline void
on_event(void *arg, const struct cstore_event *e)
{
	struct node *n = arg;

	switch (e->kind) {
	case CSTORE_UP: n->ups++; break;
	case CSTORE_DOWN:
		n->downs++;
		snprintf(n->text, sizeof n->text, "%s", e->text);
		break;
	case CSTORE_OPENED:
		n->opened++;
		n->open_err = e->err;
		snprintf(n->text, sizeof n->text, "%s", e->text);
		break;
	case CSTORE_ENTRY: node_entry(n, e); break;
	case CSTORE_MARKER:
		n->marker[e->group] = e->index;
		n->markers++;
		break;
	case CSTORE_STATE: break;
	case CSTORE_CONNECT: node_wire(n, e); break;
	case CSTORE_PROPOSED: node_proposed(n, e); break;
	}
}

static inline void
on_done(void *arg, em_err err, const char *text)
{
	struct node *n = arg;

	n->answers++;
	n->err = err;
	snprintf(n->text, sizeof n->text, "%s", text);
}

#endif
