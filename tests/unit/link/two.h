/* SPDX-License-Identifier: Apache-2.0 */
/* two: nodes a and b, each a member for the other. */
#ifndef TESTS_UNIT_LINK_TWO_H
#define TESTS_UNIT_LINK_TWO_H

#include "tests/unit/link/houses.h"

static struct home a, b;
static struct link_peer *ab, *ba; /* b at a, a at b */

static inline void
two_begin(void)
{
	houses_begin();
	houses_new(&a, "a", 1);
	houses_new(&b, "b", 2);
}

static inline void
two_up(void)
{
	two_begin();
	ab = houses_know(&a, &b);
	ba = houses_know(&b, &a);
	HOUSES_UNTIL(houses_is_up(ab) && houses_is_up(ba));
}

static inline void
two_end(void)
{
	houses_free(&a);
	houses_free(&b);
	houses_end();
}

#endif
