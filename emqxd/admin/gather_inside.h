/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gather_inside: what gather.c (a request's life, and its parts here) and gather_far.c (other
 * nodes) share.  Only inside them.
 */
#ifndef ADMIN_GATHER_INSIDE_H
#define ADMIN_GATHER_INSIDE_H

#include "emqxd/admin/gather.h"
#include "emqxd/admin/op.h"
#include "emqxd/admin/sorted.h"
#include "emqxd/admin/whom.h"
#include "emqxd/core/worker.h"

/* Of a list that keeps its order: fetched before they are sent. */
#define GATHER_ROWS_AHEAD 1024u

struct filter;

/* A value that the request names, and at which place. */
struct wanted {
	struct slice text;
	uint32_t order;
	bool is_missing; /* there is no such client here */
};

/* One of several that is not here: perhaps on another node. */
struct missing {
	uint32_t order;
	bool is_found;
	uint8_t *row; /* what is said when it is nowhere; or NULL */
	size_t n;
};

struct part {
	struct letter letter;
	struct gather *gather;
	struct worker *at;
	struct op_ctx ctx;
	VEC(struct wanted) value; /* OP_AT_HOME: for the calls here */
	size_t next;              /* of them */
	size_t taken;             /* those before it came home */
	size_t failed;
	em_err err;
	bool is_open, is_closing;
	bool is_over; /* there is nothing left to do there */
	bool is_away;
};

/* Another node that is asked too. */
struct far {
	struct gather *gather;
	struct remote_call *call; /* NULL: it has answered */
	char *name;
	uint64_t rows; /* that came */
	size_t at;     /* where its next row is looked for among those that are missing */
};

struct gather {
	struct wire_req req;
	enum whom whom;
	struct far *far;
	unsigned n_far, far_away;
	bool was_found;    /* on another node */
	struct str lost;   /* nodes that did not answer */
	struct str broken; /* that did, and were lost before their end */
	struct str far_next, far_note;
	struct str note; /* of the operation */
	struct gather_asker who;
	const struct gather_sink *sink; /* NULL: nobody listens any more */
	void *arg;
	const struct op *op;
	struct filter *filter;
	struct sorted rows;
	struct part *part;
	unsigned n_parts, n_away;
	mono_t since;
	uint64_t credit, sent, limit;
	size_t calls, failed; /* OP_AT_HOME */
	VEC(struct missing) missing;
	em_err first; /* why the first of several failed */
	unsigned too_big;
	bool is_stopped; /* no more steps: failed, cancelled, or enough */
	bool is_missing; /* there is no client as it was named */
	bool is_near;    /* the parts look for what may have been meant */
	struct str nearest;
	struct fault fault;
};

/* Does all that can be done now; may end the request. */
void gather_pump(struct gather *g);
/* No more steps: what is open is closed. */
void gather_stop(struct gather *g);

/* What was done in part has its rows all the same. */
static inline bool
gather_has_rows(const struct gather *g)
{
	return g->sink != NULL && (g->fault.err == EM_OK || g->fault.err == EM_PARTLY);
}

/* Enough rows wait that could go: no more are fetched. */
static inline bool
gather_is_behind(const struct gather *g)
{
	return g->rows.is_fifo && !g->rows.is_held &&
	       sorted_count(&g->rows) >= GATHER_ROWS_AHEAD;
}

/* ---- gather_far.c */

/* Of that place; a member that does not run is told of without asking. */
void gather_far_ask(struct gather *g, unsigned place);
void gather_far_ask_others(struct gather *g);
/* The client is not here: on which other node?  True: some are asked. */
bool gather_far_look(struct gather *g);
/* Several were named, and another node may have them: those that are missing here are kept
 * for it. */
bool gather_far_may_have(const struct gather *g);
/* Asks for them; true: some nodes were asked. */
bool gather_far_look_many(struct gather *g);
/* Those that no node had are told of. */
void gather_far_give_up(struct gather *g);
/* Those that may send more do. */
void gather_far_take(struct gather *g);

#endif
