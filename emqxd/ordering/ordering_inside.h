/* SPDX-License-Identifier: Apache-2.0 */
/* ordering_inside: what ordering's files share.  Only inside them. */
#ifndef ORDERING_ORDERING_INSIDE_H
#define ORDERING_ORDERING_INSIDE_H

#include "emqxd/ordering/ordering.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "emqxd/store/ordered.h"
#include "ipc/base/list.h"

enum {
	ORDERING_GIVEN_MAX = 8,
	ORDERING_GIVEN_EACH = 2
}; /* exports at once, to one node */

struct ordering {
	struct link_house *house;
	struct cstore *cstore;                /* NULL: not started */
	struct ordering_fetching *fetching;   /* the one under way */
	struct ordering_restoring *restoring; /* the same */
	bool wants[CSTORE_GROUP_N];           /* rows shall be fetched */
	uint64_t wanted[CSTORE_GROUP_N];      /* up to this index at least */
	char asked[NODES_NAME_MAX + 1];       /* last, where this node leads itself */
	struct list_node given;               /* exports */
	unsigned given_n;
	uint64_t given_last; /* number */
	struct timer pace;
};

struct ordering *ordering_self(void); /* NULL: not born, or dead */

/* The groups are ordered, though nobody gives an order yet. */
void ordering_begin_rows(void);

/* ordering_fetch.c */
void ordering_fetch_birth(struct ordering *o);
void ordering_fetch_death(struct ordering *o);
/* ordering_restore.c: the store has ended, and answers no more. */
void ordering_restore_death(struct ordering *o);
/* Fetches what is wanted, if nothing is under way and the leader can be asked. */
void ordering_fetch_wanted(struct ordering *o);
/* Drops exports that nobody asks for any more. */
void ordering_fetch_tidy(struct ordering *o);

#endif
