/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gather: one request on its way through the house.
 *
 * The operation has a part on each thread that knows something of the answer.  A
 * part is a letter that goes there and comes home again: there it takes one bounded
 * step (256 rows or 0.5 ms), here its rows are put in order, and it goes for the
 * next.  So no thread works long for a list, nothing is shared, and a part that is
 * away is simply waited for.
 *
 * Rows go to the sink in their order while it has credit and room.  When the asker
 * cancels or leaves, parts that come home are sent once more, to close.
 *
 * Other nodes are asked beside the parts (--all-nodes) or instead of them (--node), and
 * also for a client that is not here (remote.h); what they answer is put in order with the
 * rest.
 *
 * The admin thread's.
 */
#ifndef ADMIN_GATHER_H
#define ADMIN_GATHER_H

#include "ipc/wire.h"

#include <stdbool.h>
#include <sys/types.h>

struct gather;
struct op;

struct gather_sink {
	void (*on_row)(void *arg, struct slice row);
	/* May one more row be handed over?  Else gather_go_on() when it may. */
	bool (*has_room)(void *arg);
	/* The last call, once: @f is NULL, or why it failed. */
	void (*on_end)(void *arg, const struct wire_end *end, const struct fault *f);
};

struct gather_asker {
	uid_t uid; /* for the audit */
	pid_t pid;
	size_t *list_bytes; /* that lists keep, all together; lives until gather_leave */
	unsigned *unfinished; /* requests, also those that were left; or NULL */
	bool is_far;          /* another node asks: only this one answers */
};

/* Takes the request, to be answered by @op.  What is wrong with its options is told through
 * on_end, within this call: then NULL is returned. */
struct gather *gather_start(struct wire_req *req, const struct op *op,
    const struct gather_asker *who, const struct gather_sink *sink, void *arg);
/* So many more rows. */
void gather_credit(struct gather *g, uint32_t rows);
/* The sink has room again. */
void gather_go_on(struct gather *g);
/* on_end follows, with EM_CANCELLED unless it is done anyway. */
void gather_cancel(struct gather *g);
/* Like it, and the sink is not called any more. */
void gather_leave(struct gather *g);

#endif
