/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers: repeatable when seeded, fair when bounded. */
#include "ipc/base/rand.h"
#include "tests/unit/tap.h"

#include <pthread.h>

TEST(a_seed_repeats_its_numbers_and_another_gives_others)
{
	uint64_t first[4];

	rand_seed(42);
	for (int i = 0; i < 4; i++)
		first[i] = rand_u64();
	rand_seed(42);
	for (int i = 0; i < 4; i++)
		OK(rand_u64() == first[i]);
	rand_seed(43);
	OK(rand_u64() != first[0]);
}

/* From an implementation of xoshiro256** and splitmix64 in another language. */
TEST(the_numbers_are_those_of_xoshiro256starstar)
{
	rand_seed(42);
	OK(rand_u64() == UINT64_C(0x15780b2e0c2ec716));
	OK(rand_u64() == UINT64_C(0x6104d9866d113a7e));
	OK(rand_u64() == UINT64_C(0xae17533239e499a1));
}

TEST(below_stays_below_and_reaches_all)
{
	unsigned seen[7] = { 0 };

	rand_seed(7);
	for (int i = 0; i < 70000; i++) {
		uint64_t v = rand_below(7);

		OK(v < 7);
		seen[v]++;
	}
	for (int i = 0; i < 7; i++)
		OK(seen[i] > 9500 && seen[i] < 10500);
	EQ(rand_below(1), 0);
}

TEST(below_is_fair_for_bounds_near_the_whole_range)
{
	uint64_t bound = (UINT64_C(3) << 62) + 1;
	unsigned low = 0;

	rand_seed(8);
	for (int i = 0; i < 30000; i++) {
		uint64_t v = rand_below(bound);

		OK(v < bound);
		low += v < bound / 3;
	}
	OK(low > 9500 && low < 10500); /* a plain modulus would give 15000 */
}

static void *
draw(void *arg)
{
	uint64_t *to = arg;

	*to = rand_u64();
	return NULL;
}

TEST(each_thread_has_its_own_numbers)
{
	uint64_t theirs[2], mine;
	pthread_t t[2];

	rand_seed(42);
	mine = rand_u64();
	rand_seed(42);
	for (int i = 0; i < 2; i++)
		OK(pthread_create(&t[i], NULL, draw, &theirs[i]) == 0);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	OK(theirs[0] != theirs[1] && theirs[0] != mine);
	OK(rand_u64() == mine); /* undisturbed by the others */
}

TEST(kernel_bytes_fill_all_that_was_asked_for)
{
	uint8_t bytes[1000] = { 0 };
	size_t zeros = 0;

	rand_bytes(bytes, sizeof bytes);
	for (size_t i = 0; i < sizeof bytes; i++)
		zeros += bytes[i] == 0;
	OK(zeros < 40); /* 4 expected */
	rand_bytes(bytes, 0);
}
