/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lent: messages of shared groups that another node has taken and no member there has
 * acknowledged yet: copies, for the case that the node dies.
 *
 * The node says of each when it is over (DONE), and when a link is up again which of all
 * are not (OWED).  Of one that never says so (an older one) nothing is known, and nobody
 * gets what it had.  A copy that is not needed any more goes at once; when the node is
 * dead (routes_dead()) another member gets what is left.
 *
 * Bounds: LENT_MAX bytes a node; beyond that, or without memory, the oldest are lent no
 * more: with the node they would be lost, and how many is known.
 *
 * Only inside routes/; the link thread.
 */
#ifndef ROUTES_LENT_H
#define ROUTES_LENT_H

#include "emqxd/routes/pieces.h"
#include "ipc/base/hash.h"
#include "ipc/base/list.h"
#include "ipc/base/rbuf.h"

#include <stdbool.h>

#define LENT_MAX (4u << 20)
#define LENT_FRAME 4096u /* numbers in a DONE or OWED */

struct lent {
	struct map by_number;
	struct list_node list; /* the oldest first */
	size_t bytes;
	uint32_t round;     /* of its OWED */
	uint64_t unlent;    /* taken, perhaps not over, and no copy is here */
	uint64_t unlent_to; /* the highest number of them */
	bool is_on;         /* it says what is over, as far as is known */
};

void lent_init(struct lent *l);
void lent_fini(struct lent *l);

/* The node has that record, which is taken. */
void lent_add(struct lent *l, struct piece **record);
/* Frames: u64 numbers; u8 1: it is the first, 2: the last, u64 numbers. */
void lent_on_done(struct lent *l, struct rbuf *r);
void lent_on_owed(struct lent *l, struct rbuf *r);
/* All records go to the end of @to, the oldest first, or nowhere if it never said what is
 * over; nothing is lent then.  Returns how many are lost because no copy was here. */
uint64_t lent_take_all(struct lent *l, struct pieces *to);

#endif
