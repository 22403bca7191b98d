/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vec: the growing part of VEC: room doubles, so that pushing is O(1) over
 * time, and an overflow of the size ends the process like missing memory does.
 */
#include "ipc/base/vec.h"
#include "ipc/base/check.h"

enum { VEC_FIRST = 8 };

void *
vec_room(void *p, size_t n, size_t *cap, size_t size)
{
	size_t wanted, bytes;

	CHECK(n <= *cap && size > 0);
	if (EM_LIKELY(n < *cap))
		return p;
	wanted = *cap > 0 ? 2 * *cap : VEC_FIRST;
	CHECK(wanted > *cap && !__builtin_mul_overflow(wanted, size, &bytes));
	*cap = wanted;
	return mem_grow(p, bytes);
}
