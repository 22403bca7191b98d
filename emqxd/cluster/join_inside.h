/* SPDX-License-Identifier: Apache-2.0 */
/*
 * join_inside: what join.c (the face, boot, being asked), join_in.c (joining), join_enter.c
 * (its last steps), join_anew.c (joining anew), join_out.c (leaving, removing) and
 * join_recover.c (going on without the others) share.
 *
 * A task is a chain of steps; each ends in a callback that begins the next, or in
 * join_fail().  What a crash between two steps leaves is told apart by join_note.h.
 */
#ifndef CLUSTER_JOIN_INSIDE_H
#define CLUSTER_JOIN_INSIDE_H

#include "emqxd/members/groups.h"
#include "emqxd/cluster/join.h"
#include "emqxd/cluster/join_note.h"
#include "emqxd/members/members.h"
#include "emqxd/core/timer.h"
#include "emqxd/store/change.h"
#include "ipc/base/list.h"

#define JOIN_CHANGE_LIMIT span_s(30) /* to find a leader that lets us in, or out */

enum join_task { JOIN_NOTHING, JOIN_IN, JOIN_ANEW, JOIN_BEGIN, JOIN_OUT, JOIN_REMOVE };

/* Who waits for this node to be a cluster of one, or to hear a leader. */
struct join_waiter {
	struct link_ask ask;
	struct join_waiter *next;
	uint64_t site;
	struct str name;
};

struct join {
	struct link_house *house;
	char *data_dir, *raft_dir, *advertise;
	enum join_task task;
	join_done_fn *done; /* NULL: nobody asked */
	void *arg;
	/* The task's. */
	struct link_peer *guest;
	struct str target, address, leader, backup;
	struct str licence; /* of the member that was asked */
	struct str victim;  /* whose row goes */
	struct str others;  /* whose rows go with it, ", " between */
	bool victim_runs;
	uint64_t raft_id, old_id;
	bool is_detached; /* nobody waits for it, and it goes on until it is decided */
	bool gives_up;    /* the same, and was told to leave */
	bool only_looks;  /* JOIN_IN, JOIN_OUT, JOIN_REMOVE: a dry run */
	bool is_found;    /* JOIN_IN: by discovery */
	unsigned left;    /* of several at once */
	em_err err;       /* the first of theirs */
	struct str why;
	struct timer wait;
	mono_t until;
	void (*then)(void);       /* once the groups are closed */
	void (*then_alone)(void); /* once this node is alone */
	change_done_fn *entered, *backed_up;
	bool is_member; /* the store is ordered */
	bool is_ending; /* the node: no task begins any more */
	bool is_again;  /* JOIN_IN: back into the cluster that it was in */
	bool is_mixed;  /* the rows: its own are to be put back still, as the note says */
	struct join_waiter *waiters;
	struct timer quorum; /* that waiters wait for */
	mono_t quorum_until;
	bool waits_for_rows; /* by which one of them is a member already, perhaps */
};

struct join *join_self(void);
/* EM_BUSY is answered when another task is under way. */
bool join_take(enum join_task task, join_done_fn *done, void *arg);
void join_finish(const struct join_end *e);
void join_fail(em_err err, const char *hint, const char *fmt, ...) EM_PRINTF(3, 4);

/* Opens the groups and orders the store: @mode with an id of its own. */
void join_open_groups(enum cstore_open_mode mode, uint64_t raft_id);
/* Closes them and removes their logs; the rows stay the cluster's, without a leader. */
void join_close_groups(void (*then)(void));
/* The same, and the rows are this node's own. */
void join_go_alone(void (*then)(void));
/* A copy of the store in backup/WHY-<now>, named in j->backup. */
void join_back_up(const char *why, change_done_fn *then);
/* Makes this node's row; @then when all have it. */
void join_write_row(uint64_t raft_id, change_done_fn *then);
/* Deletes the rows of all members, here: this node is alone. */
void join_drop_rows(void);
/* The same, and calls @then when they are gone; within a task. */
void join_drop_rows_then(void (*then)(void));
em_err join_delete_row(struct slice name, change_done_fn *then);

/* The frame's body of who we are; and the list of members as the answer to it. */
void join_in_asked(struct link_ask ask);
/* The last steps, with groups that are open: let in, and the row; @then with what came of
 * it, and why not in j->why.  Through the guest, or j->leader. */
void join_enter(struct join *j, change_done_fn *then);
/* The Raft id that is not to be, out of both groups, as far as somebody can be told. */
void join_let_out(struct join *j, uint64_t raft_id, void (*then)(void));
/* A change of one Raft id in both groups, then @on_each for each; and in there: is it the
 * last one?  The first fault is kept in j->err and j->why; what is so already is none. */
void join_change_both(struct join *j, enum cstore_change what, uint64_t raft_id,
    struct slice name, span_t limit, groups_done_fn *on_each);
bool join_is_last(struct join *j, em_err err, const char *text);
/* What a crash has interrupted goes on. */
void join_in_resume(void);
void join_anew_resume(void);
/* A member whose log is not there: under its old Raft id it might vote against what it has
 * acknowledged. */
void join_anew_without_log(void);
/* Of one that went on by itself: it is in, also if it was told to leave meanwhile. */
void join_finish_in(const struct join_end *e);
/* The group's leader, that member, has another list of members. */
void join_anew(const char *leader);
/* Of force-leave. */
void join_finish_removed(struct join *j, unsigned members);
extern const char join_hint_recover[];
/* A quorum of this node alone; then the rows of those that are gone are deleted. */
void join_recover(struct join *j);
void join_recover_birth(struct join *j);

#endif
