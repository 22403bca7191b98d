/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access: who may do what.  What lives here: the judgement of a topic for a client.  What
 * does not: topics themselves, rewriting, reason codes (client/).
 *
 * A superuser is asked nothing.  Until acl.conf is read the rules are those that EMQX ships, in this order: the user
 * "dashboard" may subscribe to $SYS/#; whoever comes from 127.0.0.1 or ::1 may do
 * everything; nobody else may subscribe to $SYS/# or what is in it, nor to exactly "#" or
 * "+/#"; everything else is allowed.
 *
 * Pure; any thread.
 */
#ifndef ACCESS_ACCESS_H
#define ACCESS_ACCESS_H

#include "emqxd/model/clientinfo.h"

/* @filter without $share/group/, before rewriting and mountpoint. */
bool access_may_subscribe(const struct clientinfo *who, struct slice filter);

#endif
