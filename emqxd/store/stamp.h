/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stamp: when a row was changed, and by whom: of two changes the one with the higher stamp
 * is the newer, on every node.
 *
 * The clock is a hybrid one: the wall clock in nanoseconds, but never less than one more
 * than any stamp that was given or seen.  So what a node changes after it saw another's
 * change is the newer one, whatever their clocks say.  Two nodes may have the same clock:
 * then the higher site id wins.
 *
 * A clock that was ahead once would make all later stamps mere counters, which say nothing of
 * nodes that do not hear each other for a moment; so a jump of the wall clock is followed
 * only when it has lasted.
 */
#ifndef STORE_STAMP_H
#define STORE_STAMP_H

#include "ipc/base/span.h"

#include <stdbool.h>
#include <stdint.h>

/* Once seen, a clock is never gone back behind: one of a wrong node may be years ahead, but
 * not so far that the number comes to its end. */
#define STAMP_NOT_BEFORE \
	INT64_C(1767225600000000000)             /* 2026, where the clock here is wrong */
#define STAMP_AHEAD INT64_C(1576800000000000000) /* 50 years */

#define STAMP_JUMP INT64_C(500000000) /* more than this: nobody slews a clock so */
#define STAMP_JUMP_LASTS INT64_C(20000000000) /* then it is believed */

/* What a wall clock should say. */
struct stamp_wall {
	wall_t wall;
	mono_t at;    /* when it said so */
	mono_t since; /* says otherwise */
	bool is_set, is_off;
};

struct stamp {
	uint64_t clock; /* 0: before any cluster */
	uint64_t site;
};

static inline int
stamp_cmp(struct stamp a, struct stamp b)
{
	if (a.clock != b.clock)
		return a.clock < b.clock ? -1 : 1;
	return a.site == b.site ? 0 : a.site < b.site ? -1 : 1;
}

/* The wall clock without its short jumps. */
static inline wall_t
stamp_wall(struct stamp_wall *w, wall_t now, mono_t at)
{
	wall_t should = { w->wall.ns + (at.ns - w->at.ns) };
	int64_t off = now.ns - should.ns;

	if (w->is_set && (off > STAMP_JUMP || off < -STAMP_JUMP)) {
		if (!w->is_off)
			w->since = at;
		w->is_off = true;
		if (at.ns - w->since.ns < STAMP_JUMP_LASTS)
			return should;
	}
	*w = (struct stamp_wall){ .wall = now, .at = at, .is_set = true };
	return now;
}

/* The next clock behind *last, which it becomes. */
static inline uint64_t
stamp_next(uint64_t *last, wall_t now)
{
	uint64_t wall = now.ns > 0 ? (uint64_t)now.ns : 0;

	*last = wall > *last ? wall : *last + 1;
	return *last;
}

static inline bool
stamp_is_sane(uint64_t clock, wall_t now)
{
	int64_t from = now.ns > STAMP_NOT_BEFORE ? now.ns : STAMP_NOT_BEFORE;

	return clock <= (uint64_t)from + (uint64_t)STAMP_AHEAD;
}

static inline void
stamp_see(uint64_t *last, uint64_t clock)
{
	if (clock > *last)
		*last = clock;
}

#endif
