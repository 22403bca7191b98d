/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node: a broker of several workers on one thread: the product's rooms from core/ to
 * client/ as they are, each worker's loop on a fiber.
 *
 * Where a worker would wait (epoll) it gives way; it may also give way in the middle of
 * a turn, before a system call or an atomic step of a mailbox.  It goes on only when it
 * was woken, when a descriptor is ready or when its time has come, as a thread would.
 * The clock is ours.  What jobs threads do (grace periods) is done here when every
 * worker was quiescent since.
 */
#ifndef TESTS_SIM_NODE_H
#define TESTS_SIM_NODE_H

#include <stdbool.h>
#include <stdint.h>

struct wire;

struct node_plan {
	uint64_t seed;
	unsigned workers;
	unsigned yields;   /* one in so many chances to give way is taken; 0: none */
	uint64_t mark;     /* bytes of data that a mailbox takes */
	unsigned strategy; /* share_strategy */
	bool has_others;   /* nodes, which are told what this one's clients want */
};

/* Once. */
void node_configure(void);
void node_birth(const struct node_plan *plan);
/* Everybody has left: all must be freed. */
void node_death(void);

/* A connection arrives at that worker. */
void node_accept(unsigned worker, struct wire *w);

/* Lets one that may run go on; false: all wait. */
bool node_step(void);
/* Is one in the middle of a turn? */
bool node_is_amid(void);
/* Virtual time, ns. */
int64_t node_now(void);
void node_pass(int64_t ns);
/* The earliest time at which a worker asked to be woken; INT64_MAX: none. */
int64_t node_next_timer(void);
/* Descriptors are reported as soon as they are ready, and nobody gives way amid a turn. */
void node_be_fair(void);
/* Ends all sessions; they must owe nothing. */
void node_end_sessions(void);

/* For what stands in place of system calls. */
void node_may_yield(void);
bool node_is_fd(int fd);

#endif
