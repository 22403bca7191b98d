/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edit: optimal string alignment over three rows of the table, and of each row
 * only the band of cells that can still be within @max.  So two long names cost
 * their length times @max, not its square.
 */
#include "ipc/base/edit.h"
#include "ipc/base/check.h"
#include "ipc/base/mem.h"

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* The cell of row @i, column @j, from the two rows above and its left neighbour. */
static unsigned
cell(struct slice a, struct slice b, size_t i, size_t j, unsigned *const row[3])
{
	unsigned differs = a.p[i - 1] != b.p[j - 1];
	unsigned d = least(row[1][j] + 1, row[0][j - 1] + 1);

	d = least(d, row[1][j - 1] + differs);
	if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
		d = least(d, row[2][j - 2] + 1);
	return d;
}

unsigned
edit_distance(struct slice a, struct slice b, unsigned max)
{
	size_t gap = a.n > b.n ? a.n - b.n : b.n - a.n;
	unsigned *row[3], *mem, far = max + 1, d = far;

	CHECK(max < UINT32_MAX / 2);
	if (gap > max)
		return far;
	mem = mem_new_array(3, (b.n + 1) * sizeof *mem);
	for (size_t k = 0; k < 3; k++)
		row[k] = mem + k * (b.n + 1);
	for (size_t j = 0; j <= b.n; j++)
		row[0][j] = j < far ? (unsigned)j : far;

	for (size_t i = 1; i <= a.n; i++) {
		size_t from = i > max ? i - max : 1, to = i + max < b.n ? i + max : b.n;
		unsigned *spare = row[2], best = far;

		row[2] = row[1];
		row[1] = row[0];
		row[0] = spare;
		/* The cells beside the band are out of reach for this row and the next. */
		row[0][from - 1] = from == 1 && i < far ? (unsigned)i : far;
		for (size_t j = from; j <= to; j++) {
			row[0][j] = least(cell(a, b, i, j, row), far);
			best = least(best, row[0][j]);
		}
		if (to < b.n)
			row[0][to + 1] = far;
		if (best == far && row[0][from - 1] == far)
			goto out; /* no way leads down from here */
	}
	d = row[0][b.n];
out:
	mem_free(mem);
	return d;
}

bool
edit_is_near(struct slice a, struct slice b, unsigned *distance)
{
	size_t third = a.n / 3;
	unsigned most = third < 1 ? 1 : third > 3 ? 3 : (unsigned)third;
	unsigned d = edit_distance(a, b, most);

	if (distance != NULL)
		*distance = d;
	return d <= most;
}
