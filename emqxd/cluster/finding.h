/* SPDX-License-Identifier: Apache-2.0 */
/*
 * finding: cluster.discovery_strategy in force: this node looks for its cluster by itself.
 *
 * What lives here: discover/seek.h on the link thread, its looks (look.h) and joins
 * (join.h); and, while this node is a member, the alarm cluster_two for a node that
 * discovery names and that belongs to another cluster: two clusters never become one by
 * themselves, for one of them would lose what it has stored.  What does not: how addresses
 * are found, and whom of them one joins (discover/).
 *
 * It rests after this node left its cluster, until `emqx_ctl cluster discovery enable` or a
 * restart; and where an operator removed it, over restarts too, until that command, a join
 * or a leave.
 *
 * The link thread's.
 */
#ifndef CLUSTER_FINDING_H
#define CLUSTER_FINDING_H

#include "emqxd/discover/discover_conf.h"

void finding_birth(const struct discover_keys *keys, const struct discover_self *self);
/* Before the house of the links is stopped, which answers what is under way. */
void finding_stop(void);
void finding_death(void);

/* This node is not to come back by itself.  False: nothing sought anyhow. */
bool finding_pause(void);
/* False: there is no strategy that finds anything. */
bool finding_resume(void);
/* discovery_strategy = singleton: this node is never a member. */
bool finding_is_singleton(void);

enum { FINDING_TEXT_MAX = 256 };

struct finding_state {
	const char *strategy; /* constant, as in the configuration */
	const char *state; /* constant: off, member, paused, waiting, seeking, failing */
	char hint[FINDING_TEXT_MAX]; /* for whom it waits, or what fails; "" */
	uint64_t rounds, failed, refused;
	unsigned found;
};
void finding_state(struct finding_state *out);

#endif
