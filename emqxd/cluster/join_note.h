/* SPDX-License-Identifier: Apache-2.0 */
/*
 * join_note: how far this node is on its way into a cluster, on its disk: so that a
 * kill -9 at any moment leaves it alone with its own rows, or a member, and never half.
 *
 *	JOIN_SETTLED	no row: alone or a member, as the rows of members say
 *	JOIN_FETCHING	the rows are a mixture: they become those of the backup again
 *	JOIN_ENTERING	the rows are the cluster's, the others may have taken this node for
 *			a member: it goes on until it is one, or was told no
 *	JOIN_REENTERING	a member whose log was given up: it fetches the rows and goes on
 *
 * The row (CHANGE_NODE, "join"): version 1, the phase, the Raft id (8 bytes), then whom it
 * asked ("host:port") and the folder of the backup, with 2 bytes of size each.
 *
 * Beside it the row "removed", while this node is alone because others removed it.
 *
 * Birth and death on main; the others on the link thread.
 */
#ifndef CLUSTER_JOIN_NOTE_H
#define CLUSTER_JOIN_NOTE_H

#include "emqxd/store/change.h"
#include "ipc/base/str.h"

enum join_phase { JOIN_SETTLED, JOIN_FETCHING, JOIN_ENTERING, JOIN_REENTERING };

struct join_note {
	enum join_phase phase;
	uint64_t raft_id;
	struct str address, backup;
	bool is_removed;      /* by others, and alone since then */
	change_done_fn *done; /* of the write under way */
	void *arg;
};

/* Registers the kind; before the store's recovery. */
void join_note_birth(void);
void join_note_death(void);
/* As it was written last, or found at the start. */
const struct join_note *join_note(void);
/* What is to be kept beside the phases to come. */
void join_note_keep(struct slice address, struct slice backup);
/* It is alone because others removed it, or that is over. */
void join_note_removed(bool is_removed);
/* @done when the disk has it; NULL: nobody waits.  One at a time. */
void join_note_write(
    enum join_phase phase, uint64_t raft_id, change_done_fn *done, void *arg);

#endif
