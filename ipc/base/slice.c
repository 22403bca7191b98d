/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slice: the order of byte strings.  What is hot is inline in the header.
 */
#include "ipc/base/slice.h"

int
slice_cmp(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n > 0 ? memcmp(a.p, b.p, n) : 0;

	if (order == 0)
		return (a.n > b.n) - (a.n < b.n);
	return order < 0 ? -1 : 1;
}
