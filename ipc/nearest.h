/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nearest: "did you mean".  Offer all that would have been right; the nearest
 * that is near enough is kept.
 */
#ifndef IPC_NEAREST_H
#define IPC_NEAREST_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"

struct nearest {
	struct slice word, best; /* best is empty while nothing is near */
	unsigned distance;
};

struct nearest nearest_of(struct slice word);
void nearest_offer(struct nearest *n, struct slice candidate);
/* Sets the hint "did you mean 'best'?" when there is one; else leaves @f alone. */
void nearest_hint(const struct nearest *n, struct fault *f);

#endif
