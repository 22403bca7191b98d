/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_all: what was set in the whole cluster, on its other nodes: have they got it in
 * force?  Each that runs is asked by `__conf_report` (admin/remote.h), again until it has,
 * or says why it never will, or the time is over.
 *
 * The admin thread's.
 */
#ifndef OPS_CONF_ALL_H
#define OPS_CONF_ALL_H

#include "ipc/base/span.h"
#include "ipc/base/str.h"

#include <sys/types.h>

/* Names with commas between them; good for the call. */
struct conf_all_end {
	struct str late;    /* have not said that they have it */
	struct str down;    /* do not run, or are not reached: they take it later */
	struct str refused; /* cannot put it in force */
	struct str why;     /* the first of those cannot */
};

typedef void conf_all_fn(void *arg, const struct conf_all_end *e);
/* What the cluster's order has up to @index.  @fn follows, once, within @limit, perhaps
 * within this call.  @uid: who asks. */
void conf_all_wait(uint64_t index, uid_t uid, span_t limit, conf_all_fn *fn, void *arg);

#endif
