/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cstore: the child process that keeps the order of what several nodes must agree on,
 * as its parent sees it.
 *
 * The child is this program again (`emqxd --cstore`): libraft with one log a group under
 * the folder that is given, and nothing else.  libraft as Debian builds it crashes where
 * an invariant is broken, so it has a process of its own: when it dies it is started again
 * within 200 ms and the groups are opened again; MQTT does not notice.  What comes from it
 * is checked like bytes from outside; a child that sends nonsense is killed.
 *
 * A group is opened with the index up to which its rows are durable (0: none).  Committed
 * entries come up in order, each once in the life of this object (a restart of the child
 * is filtered), at most a window of them beyond what cstore_applied() has named: who does
 * not call it gets no more.  When what is missing is in the log of nobody, a MARKER comes
 * instead: rows up to that index must be fetched from another node; entries go on after
 * cstore_applied() of that index or a higher one.
 *
 * An index is an entry's place in its group; there are gaps (the group's own entries).
 *
 * The child dials and accepts nothing: it asks for a connection (CONNECT) and is handed
 * descriptors of stream sockets, cstore_connected() and cstore_accepted().  What goes over
 * them is its own business; the names at both ends must have been proven by who gives them.
 *
 * One thread, with a loop, is home of the object: it makes all calls and gets all events,
 * never inside a call.  Nothing here waits, but for cstore_stop().
 */
#ifndef CSTORE_H
#define CSTORE_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"
#include "ipc/base/span.h"

#include <stdint.h>

#define CSTORE_ENTRY_MAX (4u << 20) /* bytes of an entry */
#define CSTORE_NAME_MAX 129         /* of a node's name, with the NUL */
#define CSTORE_MEMBERS_MAX 64
#define CSTORE_VOTERS_MAX 5
#define CSTORE_PROPOSALS_MAX 4096      /* under way in a group */
#define CSTORE_PENDING_MAX (32u << 20) /* bytes that wait for the child to read them */

enum cstore_group { CSTORE_META, CSTORE_RET, CSTORE_GROUP_N };

enum cstore_role {
	CSTORE_SPARE,   /* known, gets nothing */
	CSTORE_STANDBY, /* gets everything, does not vote */
	CSTORE_VOTER
};

enum cstore_state { CSTORE_CLOSED, CSTORE_FOLLOWER, CSTORE_CANDIDATE, CSTORE_LEADER };

enum cstore_open_mode {
	CSTORE_JOIN, /* with the log that there is; without one it waits for a leader */
	CSTORE_BOOTSTRAP, /* an empty log begins with this node as the only member */
};

enum cstore_change {
	CSTORE_ADD, /* as a spare: make it a standby or a voter then */
	CSTORE_MAKE_STANDBY,
	CSTORE_MAKE_VOTER, /* a standby; waits until it has caught up; CSTORE_VOTERS_MAX */
	CSTORE_REMOVE
};

struct cstore_member {
	uint64_t id; /* not 0 */
	char name[CSTORE_NAME_MAX];
	enum cstore_role role;
	uint64_t
	    match; /* index that it is known to have; 0 when this node does not lead */
};

/* As the child last said it: when something changes, at most four times a second. */
struct cstore_status {
	enum cstore_state state; /* CSTORE_CLOSED: not open, or no child */
	uint64_t term;
	uint64_t leader_id; /* 0: none is known */
	char leader[CSTORE_NAME_MAX];
	uint64_t last;      /* index of the last entry in this node's log */
	uint64_t last_term; /* the term that it is of */
	uint64_t commit;    /* last one that is known to be committed */
	uint64_t given;     /* last one that was given up to this process */
	uint64_t waiting;   /* bytes of entries that are committed and not yet given */
	uint64_t snapshot;  /* entries up to this index may be gone from the log */
	unsigned members_n;
	struct cstore_member member[CSTORE_MEMBERS_MAX];
};

enum cstore_event_kind {
	CSTORE_UP,     /* the child runs; its groups are being opened */
	CSTORE_DOWN,   /* it ended: text says how; what was under way has been answered */
	CSTORE_OPENED, /* group; err, text: the log can be used, or why not */
	CSTORE_ENTRY,  /* group, index, bytes */
	CSTORE_MARKER, /* group, index */
	CSTORE_STATE,  /* group, state, term, leader: changed */
	CSTORE_CONNECT,  /* group, request, name: answer with cstore_connected() */
	CSTORE_PROPOSED, /* group, token, err, index; leader of an EM_REFUSED */
};

struct cstore_event {
	enum cstore_event_kind kind;
	enum cstore_group group;
	em_err err;
	uint64_t index;
	uint64_t token;
	uint64_t term;
	uint32_t request;
	enum cstore_state state;
	const char *name; /* CONNECT: whom to reach; STATE, PROPOSED: who leads, or "" */
	const char *text; /* a sentence, or "" */
	struct slice bytes; /* ENTRY: valid during the call */
};

typedef void cstore_event_fn(void *arg, const struct cstore_event *e);
/* How a call ended; @text is a sentence for people, "" when it went well. */
typedef void cstore_done_fn(void *arg, em_err err, const char *text);

/* Zeros are replaced by the defaults. */
struct cstore_tune {
	uint32_t election_ms;  /* 1000: how long a leader may be silent, up to twice */
	uint32_t heartbeat_ms; /* 100 */
	uint32_t connect_retry_ms; /* 150 */
	uint32_t snapshot_entries; /* 8192: the log is cut after so many */
	uint32_t snapshot_bytes;   /* 32 MiB: or after so much */
	uint32_t trailing;     /* 1024 entries stay for those that are a little behind */
	uint32_t window_bytes; /* 1 MiB of entries given up and not yet applied */
	uint32_t hold_bytes; /* 64 MiB of committed entries waiting: the group is held */
	uint32_t change_gap_ms; /* 2000 between two changes of the voters */
	uint32_t segment_bytes; /* 8 MiB, three of them: more than any entry */
};

struct cstore_conf {
	const char *folder;  /* a folder a group is made in it; copied */
	const char *program; /* NULL: /proc/self/exe; copied */
	struct cstore_tune tune;
	cstore_event_fn *on_event;
	void *arg;
};

struct cstore;

/* Starts the child.  Never fails: a child that cannot be started is tried again, at last
 * every 2 s, with an alarm ("cstore_down"). */
struct cstore *cstore_start(const struct cstore_conf *conf);
/* Ends the child and waits for its end.  Calls under way are answered EM_CANCELLED.  From a
 * timer's callback, or when the loop turns no more. */
void cstore_stop(struct cstore **cp);
bool cstore_is_up(const struct cstore *c);
/* The child's, for tests and for people; 0: none runs. */
int cstore_pid(const struct cstore *c);
/* How often it was started again. */
uint64_t cstore_restarts(const struct cstore *c);

struct cstore_open {
	enum cstore_open_mode mode;
	uint64_t
	    raft_id; /* of this node in the group: not 0, a new one at each (re)join */
	const char *name; /* of this node */
	uint64_t applied; /* rows up to here are durable */
};
/* OPENED follows, again after each start of the child.  EM_STATE: it is open. */
EM_MUST_USE em_err cstore_group_open(
    struct cstore *c, enum cstore_group g, const struct cstore_open *how);
/* Closes it, makes @members its members whatever the others say, and opens it: only where
 * most members are lost for good, on the one survivor whose log is the longest.  @how as
 * of cstore_group_open(); its own id must be among @members. */
void cstore_recover(struct cstore *c, enum cstore_group g, const struct cstore_open *how,
    const struct cstore_member *members, unsigned n, cstore_done_fn *fn, void *arg);

/* PROPOSED with @token follows: EM_OK committed, EM_REFUSED this node does not lead,
 * EM_FULL too much waits (both: surely not done), EM_AGAIN it may yet be committed.
 * EM_UNREACHABLE no child, EM_STATE not open, EM_FULL, EM_TOOBIG: nothing follows. */
EM_MUST_USE em_err cstore_propose(
    struct cstore *c, enum cstore_group g, struct slice bytes, uint64_t token);
/* Rows up to @index are durable. */
void cstore_applied(struct cstore *c, enum cstore_group g, uint64_t index);

/* On the leader.  Guarded: one at a time (EM_BUSY; a change of the voters that still waits
 * gives way to another and is answered so), those of the voters tune.change_gap_ms apart,
 * each right after a proof that most members answer; EM_REFUSED where this node does not
 * lead, EM_AGAIN when the proof fails or leadership is lost (then look at the members). */
void cstore_change(struct cstore *c, enum cstore_group g, enum cstore_change change,
    uint64_t raft_id, const char *name, cstore_done_fn *fn, void *arg);
/* Another voter is to lead: @raft_id, or 0 for any. */
void cstore_transfer(struct cstore *c, enum cstore_group g, uint64_t raft_id,
    cstore_done_fn *fn, void *arg);
/* On the leader: most members answer, and all that was committed before has been handed
 * to the queue of entries. */
void cstore_barrier(struct cstore *c, enum cstore_group g, cstore_done_fn *fn, void *arg);

/* Valid until the next event; never NULL. */
const struct cstore_status *cstore_status(const struct cstore *c, enum cstore_group g);

/* The answer to CONNECT: takes @fd, a connected stream socket to the same group's child of
 * that node; -1: it cannot be reached now. */
void cstore_connected(struct cstore *c, uint32_t request, int fd);
/* Takes @fd: node @name has connected to the group here. */
void cstore_accepted(struct cstore *c, enum cstore_group g, const char *name, int fd);

#endif
