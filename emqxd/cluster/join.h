/* SPDX-License-Identifier: Apache-2.0 */
/*
 * join: how this node becomes a member, and how it is one no more.
 *
 * What lives here: the steps of joining, leaving, removing a dead member, recovery without
 * a quorum and joining anew, one at a time.  What does not: the rows themselves
 * (members/members.h), the Raft groups (members/groups.h), the rows that are fetched
 * (ordering/ordering.h).
 *
 * Joining: the node asks a member (JOIN_ASK, as a guest), which becomes a cluster of one
 * first if it was alone; it keeps a copy of its store, fetches all rows, opens empty
 * logs, is let into both groups, and at last makes itself a member by a row, which all
 * apply.  A step that fails undoes what came before: this node is alone then, with its own
 * rows, out of the copy.  So does the next start after a crash; but once the others may have
 * taken it for a member it goes on until it is one, or was told no (join_note.h).
 *
 * The link thread's.
 */
#ifndef CLUSTER_JOIN_H
#define CLUSTER_JOIN_H

#include "emqxd/link/link.h"
#include "ipc/base/str.h"

void join_birth(struct link_house *h, const char *data_dir, const char *advertise);
void join_death(void);

/* What came of it; texts good for the call. */
struct join_end {
	em_err err;
	const char *text;    /* why not, a sentence */
	const char *hint;    /* or NULL */
	const char *cluster; /* JOIN: the member that was asked */
	const char *backup;  /* JOIN: the folder with what was stored; or NULL */
	const char *licence; /* JOIN: the cluster's, as that member has it; or NULL */
	const char *others;  /* force-leave: names of further members that go; or NULL */
	bool runs;           /* force-leave: whom it removes runs */
	bool was_removed;    /* leave: there was no cluster any more: it ends the alarm */
	unsigned members;    /* that there are now */
};
typedef void join_done_fn(void *arg, const struct join_end *e);

/* At most one of these at a time: EM_BUSY.  @done follows, once, later. */
/* @target: "name@host[:port]".  @is_found: by discovery; else the node that answers there
 * must have that name, EM_NOTFOUND. */
void join_cluster(
    struct slice target, bool is_dry_run, bool is_found, join_done_fn *done, void *arg);
/* The same for a node whose cluster removed it, and which may still be a member by what it
 * knows: it goes alone when it is to be let in, and its sessions stay. */
void join_again(struct slice target, join_done_fn *done, void *arg);
void join_leave(bool is_dry_run, join_done_fn *done, void *arg);
/* @recover: without a quorum go on with this node alone. */
void join_force_leave(
    struct slice name, bool recover, bool is_dry_run, join_done_fn *done, void *arg);

/* The others have removed this node: it is alone with the rows, of which a copy is kept.
 * Nothing when it is none, or is joining or leaving just now. */
void join_cast_out(const char *why);
/* One that comes back into its cluster by itself, which has removed it, is alone soon. */
void join_anew_give_up(void);

/* Is the store ordered by a cluster now? */
bool join_is_member(void);
/* Neither joining nor leaving, but perhaps coming back: what the links say of membership can
 * be believed. */
bool join_is_settled(void);

#endif
