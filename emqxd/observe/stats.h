/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats: how many there are now of what the house holds, and the most there ever were
 * (sampled each second, and whenever somebody looks).  Names are EMQX's.
 *
 * The admin thread's, but for new and free (main).
 */
#ifndef OBSERVE_STATS_H
#define OBSERVE_STATS_H

#include "ipc/base/slice.h"

struct observe_stat {
	const char *name, *help; /* without .count and .max */
	uint64_t count, max;
};

/* The i-th; false: no more. */
bool observe_stats_get(unsigned i, struct observe_stat *out);

struct observe_maxima;
struct observe_maxima *observe_stats_new(void);
void observe_stats_free(struct observe_maxima **mp);
/* Samples from here on. */
void observe_stats_serve(void);
void observe_stats_stop(void);

#endif
