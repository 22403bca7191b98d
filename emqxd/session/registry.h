/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry: this worker's client id -> session, and which worker is at home for an
 * id.  Not shared: every worker keeps its own.
 *
 * A linear hash table: it grows by one bucket at a time, so no CONNECT waits for a
 * million to be moved.
 */
#ifndef SESSION_REGISTRY_H
#define SESSION_REGISTRY_H

#include "emqxd/core/worker.h"
#include "ipc/base/slice.h"

struct session;

/* The same for an id as long as the process lives. */
struct worker *registry_home(struct slice clientid);

/* On the home worker. */
struct session *registry_find(struct slice clientid);
/* Sessions of the node. */
uint64_t registry_count_all(void);
/* Connected ones of the node. */
uint64_t registry_online_all(void);

/* Sessions of this worker in steps: starts with *at = 0; gives at least one bucket and at
 * most about @max sessions to @fn a call; false when it was the last.  A session that is
 * there from the first to the last step is given at least once, seldom twice. */
typedef void registry_fn(struct session *s, void *arg);
bool registry_step(uint64_t *at, unsigned max, registry_fn *fn, void *arg);

/* session.c's.  The node's slot of this room begins with them. */
struct registry;
struct registries {
	struct registry *of[WORKER_MAX]; /* by worker */
};
/* On main, before the workers start and after they ended. */
void registry_birth(struct registries *all);
void registry_death(struct registries *all);
void registry_add(struct session *s);
void registry_del(struct session *s);
void registry_online(int by); /* one more or one less connected */

#endif
