/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owner_inside: the state of owner tables, for owner.c (who is told what, and when),
 * owner_rows.c (rows to bytes and back) and owner_walk.c (snapshots and purges, in steps).
 */
#ifndef ROUTES_OWNER_INSIDE_H
#define ROUTES_OWNER_INSIDE_H

#include "emqxd/routes/hashes.h"
#include "emqxd/routes/owner.h"
#include "emqxd/core/timer.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/str.h"
#include "ipc/base/wbuf.h"

#define OWNER_FRAME_BYTES 16384u  /* a frame of rows is sent when it has so many */
#define OWNER_ROWS_MAX (1u << 20) /* and never has more */

/* What we tell a peer. */
enum owner_out {
	OWNER_OUT_NONE,    /* it is not up */
	OWNER_OUT_BEGIN,   /* a snapshot, when there is room on its way */
	OWNER_OUT_ROUTES,  /* the snapshot's walk over filters */
	OWNER_OUT_CLIENTS, /* and over clients */
	OWNER_OUT_WHOLE    /* it is through: deltas only */
};

/* What a peer tells us. */
enum owner_in {
	OWNER_IN_NONE,
	OWNER_IN_SNAP,  /* its snapshot is on its way */
	OWNER_IN_SWEEP, /* it is through: what it did not name goes */
	OWNER_IN_WHOLE,
	OWNER_IN_PURGE /* all goes */
};

struct owner_peer {
	struct owner *owner;
	unsigned place;
	bool is_up, is_reachable;

	enum owner_out out;
	struct str out_after;
	struct hashes_walk out_walk;
	uint64_t acked;

	enum owner_in in;
	bool is_whole; /* its last snapshot was through */
	bool must_ack, wants_again;
	mono_t
	    again_after; /* not before then: who sends nonsense does not send it at once */
	uint64_t incarnation, heard;
	uint64_t rows;    /* of it here */
	bool has_refused; /* some were too many: they are asked for when there is room */
	struct hashes seen; /* named by the snapshot, or since */
	bool seen_all;      /* nothing goes: there were no rows, or no memory for this */
	struct str in_after;
	bool in_clients; /* the walk is at the clients */
	struct hashes_walk in_walk;

	struct timer down; /* cluster.node_down_timeout */
	owner_forgot_fn *forgot;
	void *forgot_arg;
};

struct owner {
	struct owner_conf conf;
	uint64_t n;                         /* number of the last delta */
	uint64_t n_sent;                    /* of the last one that was sent */
	struct wbuf deltas;                 /* the frame of those between, or empty */
	struct wbuf rows;                   /* of a snapshot's step */
	bool rows_failed;                   /* a part of it did not go */
	struct hashes clients;              /* hash -> places */
	size_t elsewhere;                   /* of them, those that are not here */
	struct owner_peer *peer[NODES_MAX]; /* NULL: never heard of */
	struct router_settle *settling, **settling_end; /* by number */
	struct timer settle_timer;
	struct timer rest; /* until a buffer has room */
	bool has_work;     /* the next turn comes at once */
	uint64_t malformed;
	owner_twin_fn *on_twin; /* or NULL */
	void *twin_arg;
	_Atomic bool has_lost; /* a change that there was no memory to tell */
};

struct owner_row {
	uint8_t kind;
	uint32_t online, offline; /* a client: 1 or 0 */
	uint64_t hash;
	struct slice group, filter;
};

enum owner_row_kind { OWNER_ROW_ROUTE = 1, OWNER_ROW_SHARED, OWNER_ROW_CLIENT };

/* ---- owner_rows.c */

void owner_rows_put(struct wbuf *w, const struct owner_row *row);
/* The next of @rows; false: that was the last, or r->err.  Kind 0: one to be passed over,
 * which this version does not know, or that is no row. */
bool owner_rows_next(struct rbuf *r, struct owner_row *row);
/* What it is known by in a peer's `seen`; never 0. */
uint64_t owner_rows_key(const struct owner_row *row);
/* Makes it so here. */
void owner_rows_apply(struct owner *o, unsigned place, const struct owner_row *row);

/* ---- owner_walk.c: a step of what is under way; true: there is more that can be done now */

bool owner_walk_out(struct owner_peer *p);
bool owner_walk_in(struct owner_peer *p);
/* Takes one up. */
void owner_walk_begin_snap(struct owner_peer *p);
void owner_walk_begin_sweep(struct owner_peer *p);
void owner_walk_begin_purge(struct owner_peer *p);

/* ---- owner.c */

em_err owner_send(struct owner_peer *p, enum owner_frame frame, struct slice body);

#endif
