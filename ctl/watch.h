/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch: --watch: the answer again and again, on a terminal in place, lines that
 * changed marked.
 */
#ifndef CTL_WATCH_H
#define CTL_WATCH_H

#include "ctl/out.h"
#include "ipc/base/span.h"

/* Zero-initialise, then set every. */
struct watch {
	span_t every;
	uint64_t rounds;
	struct str before; /* the last answer */
	bool gone;         /* nobody reads what would follow */
};

/* Dresses the answer that waits in @out (held, without colours) with a head line @title,
 * marks what changed since the last round, and lets it go. */
void watch_show(struct watch *w, struct out *out, const char *title, bool color);
/* Waits for the next round.  False: interrupted, or the reader of stdout went away
 * (w->gone). */
bool watch_wait(struct watch *w);
void watch_fini(struct watch *w);

#endif
