/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wills: what the clients of a node leave behind when the node itself dies.
 *
 * What lives here: telling other nodes the wills of this one's clients, keeping theirs,
 * deciding that a node is dead (of which routes/lent.h is told, too), and who publishes
 * what then.  What does not: a client's
 * own going (session/will.c), links (here they are a table of functions), will as bytes
 * (session/will_flat.h).
 *
 * Happy path: a client with a will connects: its node tells the will to the two members
 * that come first by hash(client id, site): its keepers.  The will is published, cancelled
 * or goes to another node with its session: they are told so.  A node that cannot be
 * reached for node_down_timeout, by nobody else either (they are asked), or that comes
 * back as another process, is dead: its wills are due, after their delay.  The first
 * keeper publishes, and tells the second, which publishes only when the first one is not
 * there, or keeps silent for WILLS_SILENCE.
 *
 * A will is cancelled instead when its client is connected to a node that can be reached
 * by then [MQTT5-3.1.3-9]: also one without delay, since finding out takes that long that
 * it would come behind what the client says now.
 *
 * Split: only a side that reaches at least half of the members holds others dead.  When a
 * node that was held dead comes back as the same process, what is not published yet is
 * its own affair again, and it is told what was: those wills are none any more.  So of a
 * minority's clients that are still connected a will is published when the split lasts
 * longer than node_down_timeout, and after that none, until the client connects again.
 *
 * Members that go: one that leaves, or learns that it was removed, says that it has no
 * wills here any more, since its clients are its own.  One that is removed without a word
 * is dead: its wills are due WILLS_RETURN later, so that the word may come.
 *
 * A node that comes up is told all, no faster than its link takes it: the walk over the
 * sessions waits meanwhile.  What the link refuses all the same begins anew, a second later.
 *
 * Bounds: a will of up to WILLS_MOST bytes; of those of others at most cluster.will_memory,
 * what is more is refused and counted; alone nothing is told or kept.
 *
 * Threads: struct wills is the link thread's, wills_worker_*() are for client workers.
 */
#ifndef WILLS_WILLS_H
#define WILLS_WILLS_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"
#include "ipc/base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WILLS_MOST 65536u
#define WILLS_KEEPERS 2u
#define WILLS_SILENCE span_s(10)
/* Before wills of a node that is there again as another process, so that its clients may
 * come back, or that was removed. */
#define WILLS_RETURN span_s(2)

struct wills;

/* What goes between nodes, on CTL. */
enum wills_frame {
	WILLS_SET,  /* u8 rank, u64 site of the other keeper or 0; will_flat */
	WILLS_GONE, /* u64 hash of the client id: no will any more */
	WILLS_ALL,  /* u64 incarnation, u8 0: all of them follow; 1: that was all */
	/* u64 site, u64 incarnation, u64 hash: a dead node's was dealt with.  To that node
	 * itself, when it is back, also u64 stamp, client id: it was published */
	WILLS_DONE,
	WILLS_FRAME_N
};

struct wills_links {
	em_err (*send)(
	    void *arg, unsigned place, enum wills_frame frame, struct slice body);
	/* Asks it whether it reaches the node of this site; wills_on_reached() follows, not
	 * before the return, unless it fails. */
	em_err (*ask)(void *arg, unsigned place, uint64_t site, unsigned about);
	/* Places where a client of this hash is; bit 0: here. */
	uint64_t (*places)(void *arg, uint64_t hash);
	/* Bytes that wait on the way to it. */
	uint64_t (*pending)(void *arg, unsigned place);
	/* That process is dead: whoever keeps something for the case may act. */
	void (*dead)(void *arg, unsigned place);
	void *arg;
};

struct wills_conf {
	struct wills_links links;
	uint64_t incarnation; /* this process's */
	span_t node_down_timeout;
	size_t memory;
};

/* Before the threads, and when they have ended. */
struct wills *wills_new(void);
void wills_free(struct wills **wp);
/* On the link thread: begins its work, and ends it. */
void wills_start(struct wills *w, const struct wills_conf *conf);
void wills_stop(struct wills *w);

/* ---- what links tell */

/* Both directions are up; it is the process of this incarnation. */
void wills_on_up(struct wills *w, unsigned place, uint64_t incarnation);
void wills_on_down(struct wills *w, unsigned place);
void wills_on_frame(
    struct wills *w, unsigned place, enum wills_frame frame, struct slice body);
/* The answer of @place to ask(@about). */
void wills_on_reached(struct wills *w, unsigned place, unsigned about, bool is_reached);
/* Is the node of that site reached from here? */
bool wills_reaches(uint64_t site);
/* It is a member no more, and has its place yet; 0: this node. */
void wills_on_removed(struct wills *w, unsigned place);

/* Wills of other nodes' clients that are kept here.  Any thread. */
uint64_t wills_count(void);

/* ---- client workers, within session_worker_birth() and its death */

void wills_worker_birth(void);
void wills_worker_death(void);

#endif
