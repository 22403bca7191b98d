/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heal: this node was removed from its cluster, perhaps while it was away.
 *
 * What lives here: how it comes to know, and what follows.  What does not: the steps of
 * leaving and joining (join.h).
 *
 * The members that refuse this node's links (EM_NOTMEMBER) are asked by turns who their
 * members are (look.h), and after one the leader that it names: one that was removed too,
 * and is alone, refuses as well and knows nothing.  Only a leader with a quorum is
 * believed, and only the second time, and never while this node has a quorum itself: then
 * there are two clusters, of which one was recovered by force, and an operator must choose
 * (alarm cluster_disowned).  Then, if it was removed for being away
 * (cluster.autoclean) and cluster.autoheal is on, it joins again, asking one former member
 * after the other, and stays what it is until that begins to succeed.  Otherwise, removed
 * by an operator, it is alone from then on, with the rows it has, calls nobody any more,
 * and discovery rests, over restarts too, until it is told not to (finding.h).  An alarm
 * tells either; a leave, or a recovery that succeeds, ends either.
 *
 * The link thread's.
 */
#ifndef CLUSTER_HEAL_H
#define CLUSTER_HEAL_H

#include <stdbool.h>

/* @is_on: cluster.autoheal. */
void heal_birth(bool is_on);
void heal_death(void);

/* This node's row went, or is one that says that it was cleaned. */
void heal_removed(void);
/* It is alone because of that: what an operator should see. */
void heal_cast_out(void);
/* So it is since then, over restarts too. */
bool heal_is_cast_out(void);
/* It joins again by itself. */
bool heal_is_healing(void);
/* An operator leaves it alone: neither the alarm nor the healing goes on. */
void heal_stay_alone(void);
/* This node is a member: all is well. */
void heal_joined(void);
/* At the start, with rows that this node is not in: before they are dropped. */
void heal_left_over(void);

#endif
