/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rand: xoshiro256** (Blackman and Vigna), one generator a thread, so that no
 * thread waits for another and a seeded simulation on one thread repeats
 * exactly.  Not for secrets: those take rand_bytes.
 *
 * The generator's state is thread-local: a caller deep in a pure function has
 * no object at hand that could carry it.
 */
#include "ipc/base/rand.h"
#include "ipc/base/check.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/random.h>

static _Thread_local struct {
	uint64_t s[4];
	bool seeded;
} gen;

void
rand_bytes(void *p, size_t n)
{
	uint8_t *at = p;

	while (n > 0) {
		ssize_t got = getrandom(at, n, 0);

		if (got < 0) {
			CHECK(errno == EINTR);
			continue;
		}
		at += got;
		n -= (size_t)got;
	}
}

static uint64_t
rotl(uint64_t x, unsigned k)
{
	return x << k | x >> (64 - k);
}

/* splitmix64: spreads one seed over the state; never all zero. */
static uint64_t
spread(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

void
rand_seed(uint64_t seed)
{
	for (size_t i = 0; i < 4; i++)
		gen.s[i] = spread(&seed);
	gen.seeded = true;
}

static void
seed_from_kernel(void)
{
	rand_bytes(gen.s, sizeof gen.s);
	if ((gen.s[0] | gen.s[1] | gen.s[2] | gen.s[3]) == 0)
		gen.s[0] = 1; /* all zero is the one state without a successor */
	gen.seeded = true;
}

uint64_t
rand_u64(void)
{
	uint64_t *s = gen.s, result, t;

	if (EM_UNLIKELY(!gen.seeded))
		seed_from_kernel();
	result = rotl(s[1] * 5, 7) * 9;
	t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

/* Lemire: the high half of a product; the few low halves that would favour
 * some results are drawn again. */
uint64_t
rand_below(uint64_t n)
{
	unsigned __int128 product;
	uint64_t unfair;

	CHECK(n > 0);
	unfair = -n % n;
	do
		product = (unsigned __int128)rand_u64() * n;
	while ((uint64_t)product < unfair);
	return (uint64_t)(product >> 64);
}
