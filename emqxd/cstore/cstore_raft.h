/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cstore_raft: one group in the child: libraft with its log in a folder of its own.
 *
 *	cstore_raft.c	opening, closing, proposals, what the parent is told of its state
 *	cstore_feed.c	committed entries to the parent, markers, snapshots
 *	cstore_member.c	changes of the members, under guard; transfer; barrier
 *	cstore_write.c	whether the log is being written
 *	cstore_list.c	whether the members are those that the log says
 *	cstore_send.c	how much goes to another node at once, and who learns of a change
 *			of the voters first
 *
 * A snapshot holds no rows: it is a marker that says up to which entry rows are in the
 * parent's store, and it is taken only when the parent said so (cstore_applied).  Installed
 * from another node it makes the parent fetch those rows.
 *
 * libraft's own indexes count entries that the parent never sees (barriers, changes of
 * members).  What is exchanged with the parent are indexes of its entries only.
 */
#ifndef CSTORE_RAFT_H
#define CSTORE_RAFT_H

#include "emqxd/cstore/cstore_child.h"
#include "emqxd/cstore/raft_compat.h"
#include "emqxd/cstore/transport.h"

/* An entry on its way to the parent. */
struct cstore_entry {
	struct cstore_entry *next;
	uint64_t index;
	size_t n;
	uint8_t *bytes; /* NULL: given, and not yet applied */
};

struct cstore_queue {
	struct cstore_entry *first, *last;
	size_t bytes, n;
};

struct cstore_feed {
	struct cstore_queue waiting; /* to be given */
	struct cstore_queue given;   /* and not yet applied */
	uint64_t command; /* the last of the parent's entries that is committed */
	uint64_t last_given;
	uint64_t applied; /* what the parent said */
	uint64_t marker;  /* rows up to here are being fetched; 0: none are */
	bool is_held;     /* too much waits: the group is cut off from the others */
	/* the snapshot that is being taken */
	struct raft_io_async_work *work; /* NULL: none */
	raft_io_async_work_cb work_done;
	uint64_t work_command; /* may be taken when it is applied */
	mono_t work_until;
	size_t since_snapshot; /* bytes */
};

enum cstore_phase {
	CSTORE_PHASE_NONE,
	CSTORE_PHASE_WAIT,    /* for the gap, or until the new voter has caught up */
	CSTORE_PHASE_PROOF,   /* the barrier is under way */
	CSTORE_PHASE_PROVEN,  /* it came back */
	CSTORE_PHASE_CHANGING /* libraft works at it */
};

struct cstore_guard { /* of the one change at a time */
	enum cstore_phase phase;
	uint32_t req;
	enum cstore_change what;
	uint64_t id;
	char name[CSTORE_NAME_MAX];
	bool is_of_voters; /* it changes who votes */
	unsigned tries;
	mono_t since;       /* it was asked for */
	mono_t proven;      /* the barrier came back */
	mono_t begun;       /* libraft works at it */
	mono_t last_change; /* ns 0: none yet */
	mono_t last_vote;   /* the last one of voters */
	struct raft_barrier barrier;
	struct raft_change change;
};

/* What libraft believes to have sent to a node, and what was. */
struct cstore_cut {
	uint64_t id;
	raft_index believed, next; /* the index behind it */
};

struct cstore_raft {
	uint32_t magic;
	struct cstore_child *child;
	enum cstore_group group;
	struct raft raft;
	struct raft_io io;
	struct raft_fsm fsm;
	struct raft_uv_transport uv_transport;
	struct transport transport;
	char *folder;
	char name[CSTORE_NAME_MAX];
	uint64_t id;
	bool is_started, is_closing;
	mono_t closing_since;
	/* what is done when it is closed */
	bool opens_again; /* RECOVER; else an opening has failed */
	uint32_t after_req;
	em_err after_err;
	char after_text[256];
	struct cstore_member after_member[CSTORE_MEMBERS_MAX];
	unsigned after_members_n;
	uint64_t after_id;
	struct cstore_feed feed;
	struct cstore_guard guard;
	struct raft_transfer transfer;
	uint32_t transfer_req; /* 0: none */
	uint64_t transfer_id;
	/* cstore_write.c: libuv's own; writes under way, and ticks since one ended */
	int (*append)(struct raft_io *io, struct raft_io_append *req,
	    const struct raft_entry entries[], unsigned n, raft_io_append_cb cb);
	unsigned writing, waited;
	unsigned differs; /* cstore_list.c: ticks */
	/* cstore_send.c: libuv's own; cut messages since the last look */
	int (*send)(struct raft_io *io, struct raft_io_send *req,
	    const struct raft_message *message, raft_io_send_cb cb);
	struct cstore_cut cut[CSTORE_MEMBERS_MAX];
	unsigned cuts_n;
	/* what the parent was told */
	enum cstore_state said_state;
	uint64_t said_term, said_leader;
	uint64_t said_sum; /* of the last status */
	mono_t said_at;
};

#define CSTORE_RAFT_MAGIC 0x63726166

/* ---- cstore_write.c */

void cstore_write_birth(struct cstore_raft *g);
/* Every CSTORE_TICK_MS. */
void cstore_write_tick(struct cstore_raft *g);

/* ---- cstore_list.c */

/* Are those the members that an entry of the log says? */
bool cstore_list_is(const struct raft_configuration *conf, struct slice entry);
/* Every CSTORE_TICK_MS, of a group that is started. */
void cstore_list_tick(struct cstore_raft *g);

/* ---- cstore_send.c */

void cstore_send_birth(struct cstore_raft *g);
void cstore_send_look(struct cstore_raft *g);
/* How many of the entries go together: @max bytes, but one at least (of those there are). */
unsigned cstore_send_fit(const struct raft_entry *entries, unsigned n, size_t max);
/* Must member @to wait for the entry of the change under way, which is not committed?
 * @has_it: the member that the change is about said that it has the entry; @limit: for how
 * long others wait for that. */
bool cstore_send_is_held(
    const struct cstore_guard *u, uint64_t to, bool has_it, mono_t now, span_t limit);

/* ---- cstore_raft.c */

/* OPEN and RECOVER (@f->kind). */
void cstore_raft_open(struct cstore_child *c, const struct cstore_frame *f);
/* RECOVER of a group that is open. */
void cstore_raft_recover(struct cstore_raft *g, const struct cstore_frame *f);
void cstore_raft_propose(struct cstore_raft *g, const struct cstore_frame *f);
/* Before the loop sleeps: gives, tells, goes on with what waits. */
void cstore_raft_look(struct cstore_raft *g);
em_err cstore_raft_err(int rv);
/* The index of the member in the configuration, or -1. */
int cstore_raft_member(const struct cstore_raft *g, uint64_t id);
/* May it talk to us?  libraft listens to whoever calls.  A leader has the newest list there
 * is, so nobody else has a word for it: after a recovery (cstore_recover) those that were
 * cut off may find each other and have a leader of their own, perhaps of a higher term, with
 * a log that is not this one; what they say would take entries away that are agreed on.
 * Who does not lead may not know a new member yet, and hears all that the links let in. */
bool cstore_raft_may_hear(struct cstore_raft *g, uint64_t id);

/* ---- cstore_feed.c */

void cstore_feed_birth(struct cstore_raft *g, uint64_t applied);
void cstore_feed_fini(struct cstore_raft *g);
void cstore_feed_applied(struct cstore_raft *g, uint64_t index);
void cstore_feed_look(struct cstore_raft *g);
/* Before libraft is closed: the snapshot under way is given up. */
void cstore_feed_stop(struct cstore_raft *g);
/* The form in which an entry stands in the log; *@out is raft_free's.  False: no memory. */
bool cstore_feed_wrap(struct slice bytes, struct raft_buffer *out);
bool cstore_feed_is_full(const struct cstore_raft *g); /* no more proposals */

/* ---- cstore_member.c */

void cstore_member_change(struct cstore_raft *g, const struct cstore_frame *f);
void cstore_member_transfer(struct cstore_raft *g, const struct cstore_frame *f);
void cstore_member_barrier(struct cstore_raft *g, const struct cstore_frame *f);
void cstore_member_look(struct cstore_raft *g);
void cstore_member_stop(struct cstore_raft *g);

#endif
