/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exclusive: $exclusive/FILTER: which client has a filter for itself, for the node.
 *
 * A session takes a filter before it subscribes and gives it back when the subscription
 * ends, in whatever way.  Threads: client workers, under a lock; the admin thread.
 */
#ifndef SESSION_EXCLUSIVE_H
#define SESSION_EXCLUSIVE_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"
#include "ipc/base/str.h"

struct exclusive;

struct exclusive *exclusive_new(void);
void exclusive_free(struct exclusive **ep);

/* EM_BUSY: another client has it; one that has it already keeps it. */
EM_MUST_USE em_err exclusive_take(struct slice filter, struct slice clientid);
/* Gives it back, if that client has it. */
void exclusive_give(struct slice filter, struct slice clientid);
/* The first filter behind @after in byte order (empty: of all) and who has it; false:
 * there is none. */
bool exclusive_next(struct slice after, struct str *filter, struct str *clientid);
/* Takes it from whoever has it; false: nobody. */
bool exclusive_drop(struct slice filter);

#endif
