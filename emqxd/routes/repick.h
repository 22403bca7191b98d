/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repick: messages of shared groups whose node is lost: of each another member is picked,
 * the oldest first, in steps: there may be very many, and the link thread has other work.
 *
 * While workers are behind they wait.  What nobody else wants is dropped and counted.
 *
 * Bounds: what is given is what was kept for a node (forward.h, lent.h).  When nodes come
 * and go faster than the steps, what is above REPICK_MAX bytes is picked at once.
 *
 * Only inside routes/; the link thread.
 */
#ifndef ROUTES_REPICK_H
#define ROUTES_REPICK_H

#include "emqxd/routes/pieces.h"

#define REPICK_MAX (64u << 20)

/* Takes @records, behind those that are left. */
void repick_add(struct pieces *left, struct pieces *records);
/* As many as the turn has time for, some at least; true: there are more. */
bool repick_some(struct pieces *left);

/* Is some worker so far behind that what can wait does? */
bool repick_must_wait(void);

#endif
