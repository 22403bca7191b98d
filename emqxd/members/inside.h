/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inside: node_slot(ROOM_MEMBERS), for this room's files alone: one pointer a file that
 * keeps state of the node.  members_birth() makes it on main, before the threads start;
 * the other pointers are set and used on the link thread.
 */
#ifndef MEMBERS_INSIDE_H
#define MEMBERS_INSIDE_H

#include "emqxd/core/worker.h"

struct members_ops;

struct members_room {
	const struct members_ops *ops; /* members.h: set on main */
	struct members *members;       /* members.c: set on main */
	struct groups *groups;         /* groups.c */
	struct levels *levels;         /* levels.c */
};

static inline struct members_room *
members_inside(void)
{
	return node_slot(ROOM_MEMBERS);
}

#endif
