/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inside: node_slot(ROOM_CLUSTER), for this room's files alone: one pointer a file that
 * keeps state of the node.  cluster_birth() makes it on main, before the threads start;
 * each pointer is set and used on the link thread, unless its file says otherwise.
 */
#ifndef CLUSTER_INSIDE_H
#define CLUSTER_INSIDE_H

#include "emqxd/core/worker.h"
#include "ipc/base/list.h"

struct cluster_licence;
struct figures_all;
struct link_house;
struct routes;

struct cluster {
	struct cluster_own *own;               /* cluster.c: set on main */
	const struct cluster_licence *licence; /* cluster.h: set on main; or NULL */
	struct link_house *house;              /* link.h: the links */
	struct routes *routes;       /* routes.h: what the others' clients want */
	struct join *join;           /* join.c */
	struct views *views;         /* link/views.h: whom the nodes hear */
	struct figures_all *figures; /* figures/figures.h: what the nodes hold */
	struct join_note *note;      /* join_note.c: set on main */
	struct clean *clean;         /* clean.c: set on main */
	struct heal *heal;           /* heal.c */
	struct finding *finding;     /* finding.c */
	struct outage *outage;       /* outage.c */
	struct meet *meet;           /* meet.c: set on main */
	struct list_node errands;    /* errand.c: the admin thread's, under way */
};

static inline struct cluster *
cluster_inside(void)
{
	return node_slot(ROOM_CLUSTER);
}

#endif
