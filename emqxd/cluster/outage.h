/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outage: alarms for what an operator must mend, while this node sees it: a member that it
 * does not reach (cluster_member_down/NODE), and that there is no quorum
 * (cluster_no_quorum).  Each is raised when it has been so without a break for some
 * seconds, so a restart, an election and a link that breaks for a moment raise none, and
 * is over with its cause; that one was removed, or this node left, ends it too.
 *
 * The link thread's.
 */
#ifndef CLUSTER_OUTAGE_H
#define CLUSTER_OUTAGE_H

void outage_birth(void);
void outage_death(void);

#endif
