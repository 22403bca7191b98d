/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owed: the other side of lent.h: messages of shared groups that this node has from
 * others, until they are over here (model/debt.h).
 *
 * What was paid is told in the turn; when that does not go, and when a link is up again,
 * all that is still owed is told.
 *
 * Only inside routes/; the link thread.
 */
#ifndef ROUTES_OWED_H
#define ROUTES_OWED_H

#include "emqxd/model/nodes.h"
#include "ipc/base/vec.h"
#include "ipc/base/wbuf.h"

struct owed_debt {
	uint64_t number;
	unsigned place; /* 0: paid; `number` is the next free one */
};

struct owed_node {
	VEC(uint64_t) paid; /* numbers to be told */
	bool is_up, must_tell_all;
};

/* Zero-initialise. */
struct owed {
	VEC(struct owed_debt) debt; /* [0] is nobody's */
	uint32_t free;              /* the first free one; 0: none */
	struct owed_node node[NODES_MAX];
};

/* Says whether it went. */
typedef bool owed_tell_fn(void *arg, unsigned place, bool is_all, struct slice body);

void owed_fini(struct owed *o);
/* The number to be paid by. */
uint32_t owed_add(struct owed *o, unsigned place, uint64_t number);
/* The place whose it was. */
unsigned owed_paid(struct owed *o, uint32_t debt);
/* It can be told, or not. */
void owed_up(struct owed *o, unsigned place, bool is_up);
/* Tells what there is to tell; true: not all went. */
bool owed_tell(struct owed *o, unsigned place, owed_tell_fn *tell, void *arg);

#endif
