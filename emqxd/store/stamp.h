/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stamp: when a row was changed, and by whom: of two changes the one with the higher stamp
 * is the newer, on every node.
 *
 * The clock is a hybrid one: the wall clock in nanoseconds, but never less than one more
 * than any stamp that was given or seen.  So what a node changes after it saw another's
 * change is the newer one, whatever their clocks say.  Two nodes may have the same clock:
 * then the higher site id wins.
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
