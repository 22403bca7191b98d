/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clean: members that were stopped for longer than cluster.autoclean are removed.
 *
 * What lives here: the leader's look at who is silent, and the list of those that were
 * removed so, on every node (rows of CHANGE_MEMBER, model/member.h).  What does not: what a node
 * does that hears of its removal (heal.h).
 *
 * One at a time, only with a quorum, and only while most members run.  Silence is measured
 * by the leader since it last heard of the member: a new leader waits anew.  A list of
 * CLEAN_MAX, for CLEAN_KEEP: who comes back later than that is a stranger.
 *
 * Threads: birth and death on main, with clean_note() at boot between; else the link
 * thread's.
 */
#ifndef CLUSTER_CLEAN_H
#define CLUSTER_CLEAN_H

#include "emqxd/model/member.h"

enum { CLEAN_MAX = 64 };
#define CLEAN_KEEP span_s(30 * 86400)

void clean_birth(void);
void clean_death(void);
/* @after: how long; 0: nobody is removed. */
void clean_start(span_t after);
void clean_stop(void);

/* A row came or went. */
void clean_note(const struct member *m);
void clean_forget(struct slice name);
/* Was that node removed, and has not come back? */
bool clean_has(struct slice name, uint64_t site);
/* Deletes all these rows: the node is alone. */
void clean_drop_rows(void);

#endif
