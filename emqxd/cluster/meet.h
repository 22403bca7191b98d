/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meet: a node that starts has met the other members when each of them knows what its
 * clients want and it knows theirs.  Listeners are opened behind that: a message that was
 * taken before would be acknowledged, and go to nobody elsewhere.
 *
 * Who cannot be reached is not waited for: one that refuses or that no way leads to for
 * MEET_REFUSED, one that is silent for as long as the caller likes (app/doors.c).  A node that
 * is alone, or joins just now, has nobody to meet.
 *
 * Made and freed on main; the link thread looks; meet_is_over() from any thread.
 */
#ifndef CLUSTER_MEET_H
#define CLUSTER_MEET_H

#include <stdbool.h>

void meet_birth(void);
void meet_death(void);
/* On the link thread, when the members have their peers. */
void meet_start(void);
void meet_stop(void);
bool meet_is_over(void);

#endif
