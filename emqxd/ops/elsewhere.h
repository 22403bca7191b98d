/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elsewhere: on which other node a client lives: all that run are asked by `clients show`
 * (admin/remote.h).
 *
 * The admin thread's.
 */
#ifndef OPS_ELSEWHERE_H
#define OPS_ELSEWHERE_H

#include "ipc/base/slice.h"
#include "ipc/base/span.h"

#include <sys/types.h>

/* @node: its name, good for the call; NULL: none of those that answered in time has it. */
typedef void elsewhere_fn(void *arg, const char *node);
/* @fn follows, once, within @limit, perhaps within this call.  @uid: who asks. */
void elsewhere_find(
    struct slice clientid, uid_t uid, span_t limit, elsewhere_fn *fn, void *arg);

#endif
