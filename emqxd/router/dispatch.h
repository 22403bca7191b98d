/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dispatch: the fan-out of a message on this worker, and to the others by relay.
 */
#ifndef ROUTER_DISPATCH_H
#define ROUTER_DISPATCH_H

#include "emqxd/router/inside.h"

struct route;

/* Brings @m to this worker's column of @r; how many there are. */
unsigned dispatch_column(struct router_worker *here, struct route *r, struct message *m);

/* From a thread without clients: to the subscribers of this node. */
struct router_result dispatch_here(struct router_worker *here, struct message *m);

#endif
