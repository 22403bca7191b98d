/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edit: edit distance, for "did you mean".
 */
#ifndef IPC_BASE_EDIT_H
#define IPC_BASE_EDIT_H

#include "ipc/base/slice.h"

/* Distance with transpositions (optimal string alignment); @max + 1 when larger. */
unsigned edit_distance(struct slice a, struct slice b, unsigned max);
/* Is @b near enough to @a to be offered (a third of the length, at least one, at most 3)?
 * @distance may be NULL. */
bool edit_is_near(struct slice a, struct slice b, unsigned *distance);

#endif
