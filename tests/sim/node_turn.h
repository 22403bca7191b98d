/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node_turn: the workers' fibers, what stands in place of epoll, clocks, grace periods
 * and jobs threads.  Only for node.c.
 */
#ifndef TESTS_SIM_NODE_TURN_H
#define TESTS_SIM_NODE_TURN_H

#include "tests/sim/node.h"

void node_turn_begin(const struct node_plan *plan); /* before worker_init() */
void node_turn_start(void);
void node_turn_stop(void); /* every fiber ends with its turn */
void node_turn_end(void);  /* after worker_fini() */
/* The next turn of this worker comes whatever it waits for. */
void node_turn_force(unsigned worker);
int node_turn_door_fd(unsigned worker);
/* node.c's: has somebody come? */
bool node_door_is_ready(unsigned worker);

#endif
