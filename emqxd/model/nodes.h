/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nodes: who is in the cluster.  Alone: this node, and nobody else.
 *
 * What lives here: a place (a small number) for each member that this process knows,
 * with its name, its site id, its version and whether it is running.  What does not: how members
 * come and go, links, roles (cluster/).  Place 0 is always this node.
 *
 * Places are this process's own: they stand in bit sets of routes and in arrays, and
 * never go over a link or to a disk; names and site ids do.  A place is given to another
 * node only after whoever kept rows by it has dropped them (nodes_del()).
 *
 * Threads: the link thread writes; any registered thread reads (core/qsbr.h), and main
 * before the threads start.  A name or a version is good until the end of the turn.
 */
#ifndef MODEL_NODES_H
#define MODEL_NODES_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define NODES_MAX 64       /* places: bits of a uint64_t */
#define NODES_NAME_MAX 128 /* bytes of "emqx@host" */

/* This node: its name as configured and its site id. */
void nodes_birth(const char *name, uint64_t site);
void nodes_death(void);

/* This node's name and site. */
const char *nodes_me(void);
uint64_t nodes_site(void);
/* Members that have a place, this node among them; never 0. */
unsigned nodes_count(void);
/* The highest place in use plus one: for walks. */
unsigned nodes_end(void);
/* NULL: nobody has the place. */
const char *nodes_name(unsigned place);
uint64_t nodes_site_of(unsigned place);
bool nodes_is_running(unsigned place);
/* Is it one of the cluster?  Not yet, or no more, while it only has a place because it
 * joins, or has left, or its rows are being dropped. */
bool nodes_is_member(unsigned place);
/* Of the emqxd there, as it said last; "" while that is not known, and for place 0. */
const char *nodes_version(unsigned place);
/* NODES_MAX: not a member.  Names compare whole. */
unsigned nodes_find(struct slice name);

/* What all members know of what nodes say to and keep for each other: the least of their
 * levels (core/level.h).  Alone, and before it is said: LEVEL_MAX. */
unsigned nodes_level(void);

/* The link thread's, or main's before the threads start. */
void nodes_set_level(unsigned level);
/* The link thread's. */
/* A place for a member.  EM_FULL: all are taken; EM_EXISTS: the name has one. */
EM_MUST_USE em_err nodes_add(struct slice name, uint64_t site, unsigned *place);
/* Its rows are dropped everywhere.  Not place 0. */
void nodes_del(unsigned place);
void nodes_set_running(unsigned place, bool is_running);
void nodes_set_member(unsigned place, bool is_member); /* who is added is one */
void nodes_set_version(unsigned place, struct slice version);

#endif
