/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owner: owner tables.  Each node is the only writer of the rows that point at it: which
 * filters its clients want, how many members of a shared group it has, which clients are
 * there.  So there is nothing to agree on, and all of it is built again in a second.
 *
 * Happy path: the CTL link to a peer comes up; it gets SNAP(incarnation, n), all rows in
 * bounded parts, DONE; what changes meanwhile and from then on goes to all peers as deltas
 * that are numbered n+1, n+2, ...; the peer acknowledges how far it is.  A row says how
 * things are, so twice or late does no harm as long as the last one is the last.
 *
 * What a receiver has of an earlier snapshot stays until the new one is through, and then
 * what that did not name goes: a link that breaks and comes back loses no message for want
 * of a route.  Rows go too when the peer cannot be reached for longer than
 * cluster.node_down_timeout, and when it is a member no more.  A gap in the numbers, or a
 * peer whose buffer was full, gets a new snapshot.
 *
 * What lives here: those tables and their side of the wire.  What does not: the rows of
 * filters (router/remote.h), links (link.h; here they are a table of functions, so that
 * tests need none), messages (forward.h).
 *
 * Threads: the link thread, but for what says otherwise.  Frames come from authenticated
 * peers; a malformed one is counted, logged and ignored.
 */
#ifndef ROUTES_OWNER_H
#define ROUTES_OWNER_H

#include "emqxd/model/nodes.h"
#include "emqxd/router/remote.h"
#include "ipc/base/span.h"

struct owner;

/* What goes over CTL; routes.c gives each its frame. */
enum owner_frame {
	OWNER_SNAP,  /* u64 incarnation, u64 n: rows follow, and deltas from n+1 on */
	OWNER_ROWS,  /* u64 number of the first, 0: of the snapshot; rows */
	OWNER_DONE,  /* the snapshot's end */
	OWNER_ACK,   /* u64 incarnation, u64 n: deltas up to n are in force here */
	OWNER_AGAIN, /* a snapshot, please */
	OWNER_FRAME_N
};

struct owner_links {
	/* EM_FULL, EM_UNREACHABLE ...: it did not go. */
	em_err (*send)(
	    void *arg, unsigned place, enum owner_frame frame, struct slice body);
	/* Bytes that wait on the way to it. */
	uint64_t (*pending)(void *arg, unsigned place);
	void *arg;
};

struct owner_conf {
	struct owner_links links;
	size_t buffer; /* bytes that may wait on the way to a node */
	uint64_t incarnation;
	span_t node_down_timeout, suback_wait;
	uint64_t rows_max; /* routes, groups and clients of one other node */
};

/* One a thread, the acting worker's.  Its work is done at the end of the loop's turns. */
struct owner *owner_new(const struct owner_conf *conf);
void owner_free(struct owner **op);
void owner_configure(struct owner *o, span_t node_down_timeout, span_t suback_wait);

/* ---- what links tell */

/* We can send (CTL), or no longer. */
void owner_up(struct owner *o, unsigned place);
void owner_down(struct owner *o, unsigned place);
/* Both directions. */
void owner_reachable(struct owner *o, unsigned place, bool is_reachable);
void owner_on_frame(
    struct owner *o, unsigned place, enum owner_frame frame, struct slice body);
/* It is a member no more, and is not up: drops its rows in bounded steps, then calls
 * done(arg): its place may be given to another. */
typedef void owner_forgot_fn(void *arg, unsigned place);
void owner_forget(struct owner *o, unsigned place, owner_forgot_fn *done, void *arg);

/* ---- this node's rows */

/* router_remote's changed() and settle(); any thread with a loop. */
void owner_changed(
    struct slice group, struct slice filter, uint32_t online, uint32_t offline);
void owner_settle(struct router_settle *s);

/* A client of this node, by a hash of its id that all nodes make alike (never 0): it is
 * here now, or no longer. */
void owner_client(struct owner *o, uint64_t hash, bool is_here);
/* Places where it is; bit 0: here. */
uint64_t owner_client_places(const struct owner *o, uint64_t hash);
/* Called when a client gets a second place, one of the two being here; it may be over soon. */
typedef void owner_twin_fn(void *arg, uint64_t hash);
void owner_on_twin(struct owner *o, owner_twin_fn *fn, void *arg);
/* Clients of all nodes.  Those that are not here the quota is told (limit/quota.h). */
size_t owner_clients(const struct owner *o);

/* ---- questions, of cluster status and tests */

struct owner_info {
	uint64_t incarnation,
	    heard;            /* of the peer: whose rows are here, up to which delta */
	uint64_t sent, acked; /* of this node: the last delta, and which it has */
	bool is_whole;        /* its snapshot is through, and ours is there */
	bool is_purging;
};
void owner_info(const struct owner *o, unsigned place, struct owner_info *out);
uint64_t owner_malformed(const struct owner *o);

#endif
