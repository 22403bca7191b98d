/* SPDX-License-Identifier: Apache-2.0 */
/*
 * groups: this node's part in the Raft groups meta and ret.
 *
 * What lives here: the child's life (cstore.h), the streams between children over the
 * links, changes of who is in a group, asked of its leader wherever that is, the rule of
 * who votes (model/member.h) applied by the leader, and the comparison of what this node takes
 * for the members with what the leader does.  What does not: entries (ordering.h), and
 * whether this node is a member at all (cluster/join.h).
 *
 * libraft 0.15 may leave a node with a list of members that was never agreed on, and a
 * leader that was recovered knows only itself: a node whose list differs from the
 * leader's for longer than GROUPS_DIFFER_S, or that is not on it, or whose log cannot be
 * opened, is told of (on_diverged), and is to join anew.
 *
 * The link thread's.
 */
#ifndef MEMBERS_GROUPS_H
#define MEMBERS_GROUPS_H

#include "emqxd/cstore/cstore.h"
#include "emqxd/link/link.h"

enum { GROUPS_DIFFER_S = 5 };

/* Events of the child but CONNECT, which is answered here; and our own. */
struct groups_ops {
	void (*on_cstore)(const struct cstore_event *e);
	void (*on_diverged)(enum cstore_group g, const char *leader);
	/* The leader that the child believes in is none, or (false) is one after all. */
	void (*on_denied)(enum cstore_group g, bool is_denied);
};

void groups_birth(struct link_house *h, const struct groups_ops *ops);
/* The child has ended. */
void groups_death(void);

struct groups_start {
	const char *folder;
	enum cstore_open_mode mode;
	uint64_t raft_id;
	uint64_t applied[CSTORE_GROUP_N];
};
void groups_start(const struct groups_start *s);
/* Ends the child, which waits; the logs stay. */
void groups_stop(void);
/* While no child runs. */
void groups_remove_logs(const char *folder);
/* Both groups have one there. */
bool groups_have_logs(const char *folder);

/* NULL: not started. */
struct cstore *groups_cstore(void);
uint64_t groups_raft_id(void); /* 0: not started */
/* The leader's name, "" when none is known. */
const char *groups_leader(enum cstore_group g);
/* Both groups have a leader that this node hears. */
bool groups_have_quorum(void);
/* Why the child is of no use, a sentence, or "". */
const char *groups_trouble(void);
/* Entries that the leader has and this node has not; -1: not known. */
int64_t groups_lag(void);

struct groups_change {
	enum cstore_group group;
	enum cstore_change what;
	uint64_t raft_id, site;
	struct slice name, address; /* CSTORE_ADD: whom, and where it is dialled */
	struct slice leader; /* who may lead, if this node does not know; or empty */
	/* A member that passes it on, while this node is none itself; *via may become NULL.
	 * NULL: the leader is asked. */
	struct link_peer **via;
	span_t limit;
};
typedef void groups_done_fn(void *arg, em_err err, const char *text);
/* Asks the leader, again while that is worth it.  EM_NOQUORUM: none was found in time.
 * @done is called later, once; with EM_CANCELLED when the room ends before. */
void groups_change(const struct groups_change *c, groups_done_fn *done, void *arg);

/* EM_OK: the member may give up its vote, most of the other voters run.  EM_STATE: it may
 * not; @missing names those that do not run.  EM_NOQUORUM: no leader said so.  @done is
 * called once, perhaps at once. */
typedef void groups_spare_fn(void *arg, em_err err, const char *missing);
void groups_spare_ask(uint64_t raft_id, groups_spare_fn *done, void *arg);

/* By number, of what the leader said last, or of what this node has. */
const char *groups_role(enum cstore_group g, uint64_t raft_id);

#endif
