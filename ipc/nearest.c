/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nearest: one pass over the candidates.  A candidate that goes on where the
 * word stops ("kic") counts as near, behind those one slip away.
 */
#include "ipc/nearest.h"
#include "ipc/base/edit.h"
#include "ipc/base/str.h"

struct nearest
nearest_of(struct slice word)
{
	return (struct nearest){ .word = word };
}

void
nearest_offer(struct nearest *n, struct slice candidate)
{
	unsigned distance;

	if (!edit_is_near(n->word, candidate, &distance)) {
		if (n->word.n == 0 || !slice_starts(candidate, n->word))
			return;
		distance = 2;
	}
	if (n->best.n == 0 || distance < n->distance) {
		n->best = candidate;
		n->distance = distance;
	}
}

void
nearest_hint(const struct nearest *n, struct fault *f)
{
	struct str text = { 0 };

	if (n->best.n == 0)
		return;
	str_add_escaped(&text, n->best);
	fault_hint(f, "did you mean '%s'?", str_get(&text));
	str_fini(&text);
}
