/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link_refused: who was refused lately, so that a node that comes again and again with the
 * same fault is told of once.  A table of LINK_REFUSED_MAX, by the node's name or, of whoever
 * has said none, its address; the oldest gives way.  Belongs to a house.
 */
#ifndef LINK_LINK_REFUSED_H
#define LINK_LINK_REFUSED_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"
#include "ipc/base/span.h"

#include <stdbool.h>

enum { LINK_REFUSED_MAX = 64 };
#define LINK_REFUSED_AGAIN span_s(600) /* from then on the same is worth a line again */

struct link_refused {
	struct {
		uint64_t who; /* 0: free */
		em_err err;
		mono_t told, seen;
		uint64_t more; /* since */
	} item[LINK_REFUSED_MAX];
};

/* Is it worth a line?  *more: so many were not, before it. */
bool link_refused_is_news(
    struct link_refused *t, struct slice who, em_err err, mono_t now, uint64_t *more);
/* It was let in: another refusal is news. */
void link_refused_forget(struct link_refused *t, struct slice who);

#endif
