/* SPDX-License-Identifier: Apache-2.0 */
/*
 * takeover: a client comes here, and its session is at another node.
 *
 * What lives here: who is asked, the session's way between the nodes, windows, times, and
 * what happens when one of the two breaks off.  What does not: the session as bytes
 * (session/session_export.h, session_import.h), the waiting CONNECT (session/claim.h), who
 * is where (owner.h), links (link.h; here they are a table of functions, so that tests
 * need none).
 *
 * Happy path, B being where the client comes: B asks A, which has it: TAKE.  A ends the
 * client's connection (0x8E), freezes the session and sends it in PARTs, a window of them
 * at a time; B takes them and says MORE.  With the first one it begins a fence
 * (routes/fence.h): what is on its way to B from before, for the same client when it was
 * here lately or for another with the same filter, A has too, and is not to come twice.
 * When that is passed, B has all of it and its routes are known to the others it says
 * LEAVE; A waits for a fence: what was matched before the others knew has come then; lets
 * go, and sends what came meanwhile.  If there is any it may have come to B as well, or be
 * on its way there: B waits for a fence again, keeps one of each, and goes on with the
 * CONNECT.  So nothing is lost, nothing doubled, and what one publisher sent keeps its
 * order, as long as nobody on the way breaks off.  With a clean
 * start A only ends it and says NOTHING, as when it has none.
 *
 * When there is one at B too (the two did not hear each other before), the one that its
 * client used last stays: B says when it came there, A ends its own or sends it, and then
 * the first PART ends B's.  When several others have one, B lets them settle first which
 * stays (twins, see below), for TAKEOVER_SETTLES at most.
 *
 * B says that the client is there as soon as it has the snapshot, so that a third node to
 * which the client moves on does not take it for new.
 *
 * Between the first PART and LEAVE the session is A's; whatever breaks off, it goes on
 * there, and the client begins at B without it (counted, logged).  Behind LEAVE it is B's,
 * which goes on with what it has when A is gone.  One that is on its way to a third node,
 * or is wanted by two at once, is asked for again until it is somewhere.
 *
 * Twins: a client may be at two nodes, when they did not hear each other or both let it in
 * at once.  When both rows still stand after TAKEOVER_TWINS_REST, each node tells the other
 * when its client came and whether it is connected; one that is stays, then the later one
 * (the higher site id, when it is the same nanosecond), the other is ended with 0x8E.
 *
 * Bounds: TAKEOVER_MOST sessions on their way here from each node, the others wait;
 * TAKEOVER_WINDOW parts of each; TAKEOVER_PATIENCE without a sign of the other end.  What
 * a node says more often than that is passed over; twins that it tells of faster than
 * workers look at them are looked for here, as those of TAKEOVER_TWINS_MOST.
 *
 * Threads: a struct takeover is the link thread's, its takeover_worker_*() are for client
 * workers, on which sessions are taken apart and put together.
 */
#ifndef TAKEOVER_TAKEOVER_H
#define TAKEOVER_TAKEOVER_H

#include "emqxd/routes/fence.h"
#include "ipc/base/err.h"
#include "ipc/base/slice.h"
#include "ipc/base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define TAKEOVER_MOST 256u
#define TAKEOVER_WINDOW 8u
#define TAKEOVER_PATIENCE span_s(10)
#define TAKEOVER_TWINS_MOST (1u << 20) /* that are looked into at a time */
#define TAKEOVER_TWINS_REST span_s(1)
#define TAKEOVER_SETTLES span_s(3)

struct takeover;

/* What goes between nodes; whoever knows links gives each its frame.  All but TWIN
 * begin with u64: the number of the way, which the taker gives. */
enum takeover_frame {
	TAKEOVER_TAKE,    /* u8 enum takeover_how, of COMPARE u64; client id */
	TAKEOVER_NOTHING, /* u8 1: not now, ask again */
	TAKEOVER_PART,    /* u32 count, from 0 on; bytes of the session.  On DATA */
	TAKEOVER_MORE,    /* a part was taken */
	TAKEOVER_LEAVE,   /* the session lives here from now on */
	TAKEOVER_STOP,    /* either end gives up */
	TAKEOVER_TWIN, /* its client is here too: u64 wall ns when it came, top bit: it is
			  connected; client id */
	TAKEOVER_FRAME_N
};

enum takeover_how {
	TAKEOVER_BRING,
	TAKEOVER_CLEAN, /* it is to end */
	TAKEOVER_COMPARE, /* the same, unless its client came there later than here: wall ns */
	TAKEOVER_HOW_N
};

struct takeover_links {
	/* EM_FULL: later; anything else but EM_OK: not at all. */
	em_err (*send)(
	    void *arg, unsigned place, enum takeover_frame frame, struct slice body);
	/* Where clients of this hash (claim.h) are: places; bit 0: here. */
	uint64_t (*places)(void *arg, uint64_t hash);
	/* A client of this hash is at this node from now on, or no longer. */
	void (*changed)(void *arg, uint64_t hash, bool is_here);
	/* fence_begin(). */
	void (*fence)(void *arg, struct fence_wait *w);
	void *arg;
};

/* Made before the threads, or on the link thread; freed when client workers have ended. */
struct takeover *takeover_new(const struct takeover_links *links);
void takeover_free(struct takeover **tp);
/* Before the link thread ends: nothing happens by itself any more. */
void takeover_stop(struct takeover *t);
/* There are other nodes: who comes asks them from now on; or no longer. */
void takeover_use(struct takeover *t, bool has_others);
void takeover_on_frame(
    struct takeover *t, unsigned place, enum takeover_frame frame, struct slice body);
/* Nothing comes from it any more, or what was on the way is lost. */
void takeover_on_down(struct takeover *t, unsigned place);
/* A client of this hash is here and at another node, by their rows. */
void takeover_on_twin(struct takeover *t, uint64_t hash);
/* Sessions on their way here, waiting for that, and from here. */
void takeover_counts(
    const struct takeover *t, unsigned *coming, unsigned *waiting, unsigned *going);

/* On each client worker, within session_worker_birth() and its death. */
void takeover_worker_birth(struct takeover *t);
void takeover_worker_death(void);

#endif
