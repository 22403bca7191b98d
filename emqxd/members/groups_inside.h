/* SPDX-License-Identifier: Apache-2.0 */
/*
 * groups_inside: what groups.c (life), groups_ask.c (changes, asked of the leader),
 * groups_watch.c (what the leader does by itself, and who differs) and groups_spare.c (may
 * a vote go?) share.
 */
#ifndef MEMBERS_GROUPS_INSIDE_H
#define MEMBERS_GROUPS_INSIDE_H

#include "emqxd/members/groups.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/member.h"
#include "ipc/base/list.h"
#include "ipc/base/str.h"

enum {
	GROUPS_ADDED_MAX = 64,
	GROUPS_DENIED = 3 /* denials, a second apart, until a leader is held for none */
};

/* A Raft id that was let in and has no row yet. */
struct groups_added {
	uint64_t raft_id;
	mono_t until;
};

struct groups_part {
	bool leads;
	bool is_changing;          /* a change of the leader's own is under way */
	struct member_change told; /* which; raft_id 0: none */
	bool is_asked;             /* the leader, about the members */
	bool is_unusable;          /* the log cannot be opened */
	unsigned
	    denied; /* so often in a row the leader of the child's did not say it leads */
	uint64_t spared; /* whose vote goes, until then */
	mono_t spared_until;
	mono_t led_since;
	mono_t differs_since;        /* ns 0: it does not */
	int64_t lag;                 /* -1: not known */
	char asked[CSTORE_NAME_MAX]; /* last, while no leader is known */
	bool asks_denied;            /* this time it was the leader that was denied */
	struct groups_added added[GROUPS_ADDED_MAX];
};

struct groups_ask;

struct groups {
	struct link_house *house;
	const struct groups_ops *ops;
	struct cstore *cstore;
	uint64_t raft_id;
	char trouble[160]; /* why the child is down, or of no use */
	unsigned well;     /* ticks since when it is neither */
	uint64_t life;     /* how often the child was started */
	struct timer watch;
	struct groups_ask *asks; /* changes that this node waits for */
	unsigned asks_n;
	struct groups_part part[CSTORE_GROUP_N];
};

struct groups *groups(void);
void groups_ask_birth(struct groups *all);
void groups_ask_death(struct groups *all);
void groups_watch_start(struct groups *all);
void groups_watch_stop(struct groups *all);
/* It was let in: its row follows. */
void groups_watch_expect(struct groups_part *part, uint64_t raft_id);
/* Of this node's view, which is the leader's: do most voters run without that one?  Adds
 * the names of those that do not; none where one was removed and counts still. */
bool groups_spare_check(enum cstore_group g, uint64_t raft_id, struct str *missing);
/* The same, right before the vote goes: of two at once the other one is counted as gone.
 * EM_DENIED: no, @missing do not run; EM_BUSY: not yet, and @missing is a sentence. */
em_err groups_spare_take(enum cstore_group g, uint64_t raft_id, struct str *missing);
/* It did not go, or comes back: the vote counts again. */
void groups_spare_keep(enum cstore_group g, uint64_t raft_id);
/* The frame GROUP_STATE. */
void groups_watch_birth(struct groups *all);

#endif
