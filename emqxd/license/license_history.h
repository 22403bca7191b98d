/* SPDX-License-Identifier: Apache-2.0 */
/*
 * license_history: the most sessions that there were at once, of each day, for five years;
 * months are the highest of their days.  A text file in data_dir/licenses keeps them over a
 * restart: a line a day, "2026-11-28 1234 1764288000000": day, sessions, when (ms).
 *
 * Owned by one thread; reading and writing the file is the caller's.
 */
#ifndef LICENSE_LICENSE_HISTORY_H
#define LICENSE_LICENSE_HISTORY_H

#include "ipc/base/span.h"
#include "ipc/base/str.h"
#include "ipc/base/vec.h"

#define LICENSE_HISTORY_DAYS 1830u

enum license_period { LICENSE_DAILY, LICENSE_MONTHLY };

struct license_day {
	int64_t day;
	uint64_t high;
	wall_t at;
};

/* Zero-initialise. */
struct license_history {
	VEC(struct license_day) days; /* the oldest first; at most LICENSE_HISTORY_DAYS */
};
void license_history_fini(struct license_history *h);

/* So many there are now.  True: that is more than ever on this day. */
bool license_history_note(struct license_history *h, wall_t now, uint64_t sessions);

struct license_mark {
	char period[16]; /* "2026-11-28", "2026-11" */
	uint64_t high;
	wall_t at;
};
/* The i-th period that has a mark, newest first; false: no more. */
bool license_history_get(const struct license_history *h, enum license_period period,
    unsigned i, struct license_mark *out);

void license_history_print(const struct license_history *h, struct str *out);
/* Adds what can be read; returns the lines that cannot. */
unsigned license_history_parse(struct license_history *h, struct slice text);

#endif
