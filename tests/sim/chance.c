/* SPDX-License-Identifier: Apache-2.0 */
/* chance: see chance.h.  The generator is splitmix64: any seed is a good one. */
#include "tests/sim/chance.h"

static uint64_t state;

void
chance_seed(uint64_t seed)
{
	state = seed;
}

unsigned
chance_below(unsigned n)
{
	uint64_t z = state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	z ^= z >> 31;
	return (unsigned)((z >> 32) * n >> 32);
}
