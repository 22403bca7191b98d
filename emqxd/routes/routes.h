/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes: owner tables (owner.h) and messages (forward.h) over links (link.h): which frame
 * carries what, and who hears of which event.
 *
 * The router is told of other nodes when the first link comes up, and that it is alone
 * again when the last member's rows are gone: alone nothing here costs anything.
 *
 * Threads: the link thread, after the router's part there was born.
 */
#ifndef ROUTES_ROUTES_H
#define ROUTES_ROUTES_H

#include "emqxd/link/link.h"
#include "emqxd/routes/fence.h"
#include "emqxd/routes/owner.h"

struct routes;

struct routes_conf {
	uint64_t incarnation; /* as the house has it */
	size_t buffer;        /* cluster.link.buffer */
	span_t node_down_timeout, suback_wait;
	uint64_t rows_max; /* cluster.max_rows */
};

struct routes *routes_new(struct link_house *house, const struct routes_conf *conf);
/* After the links were stopped. */
void routes_free(struct routes **rp);
/* The member has left and its peer is deleted: drops what is known of it in bounded steps,
 * then calls done(arg, place): the place may be given to another (nodes_del()). */
void routes_forget(struct routes *r, unsigned place, owner_forgot_fn *done, void *arg);
/* That node is dead, or it was and is there as another process. */
void routes_dead(struct routes *r, unsigned place);
struct owner *routes_owner(struct routes *r);
struct fence *routes_fence(struct routes *r);

#endif
