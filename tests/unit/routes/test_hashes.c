/* SPDX-License-Identifier: Apache-2.0 */
/* hashes: what is in the table is found, while it is made anew too. */
#include "emqxd/routes/hashes.h"
#include "tests/unit/tap.h"

#define KEYS 5000u

static uint64_t model[KEYS + 1];
static uint64_t dice = 12345;

static uint64_t
chance(uint64_t n)
{
	dice = dice * 6364136223846793005u + 1442695040888963407u;
	return (dice >> 33) % n;
}

static uint64_t
key_of(uint64_t i)
{
	return i * 0x9e3779b97f4a7c15u | 1;
}

static size_t
living(void)
{
	size_t n = 0;

	for (unsigned i = 1; i <= KEYS; i++)
		n += model[i] != 0;
	return n;
}

/* All that there are, each once. */
static void
check_walk(struct hashes *h)
{
	struct hashes_walk w = { 0 };
	struct hashes_cell c;
	size_t n = 0;

	while (hashes_next(h, &w, &c)) {
		if (c.key == 0)
			continue;
		EQ(c.value, hashes_get(h, c.key));
		n++;
	}
	EQ(n, living());
}

TEST(what_was_set_is_found_whatever_was_set_since)
{
	struct hashes h = { 0 };

	for (unsigned round = 0; round < 400; round++) {
		uint64_t most = 1 + chance(KEYS);
		bool grows = chance(2) != 0;

		for (unsigned i = 0; i < 500; i++) {
			uint64_t k = 1 + chance(most);

			model[k] = grows || chance(4) == 0 ? 1 + chance(9) : 0;
			OK(hashes_set(&h, key_of(k), model[k]));
		}
		for (unsigned k = 1; k <= KEYS; k++)
			EQ(hashes_get(&h, key_of(k)), model[k]);
		EQ(h.live, living());
		if (round % 10 == 0)
			check_walk(&h);
	}
	hashes_fini(&h);
	EQ(hashes_get(&h, 1), 0);
}

/* The longest row of cells with a key. */
static size_t
longest(const struct hashes *h)
{
	size_t most = 0, n = 0;

	for (size_t i = 0; i < h->size; i++) {
		n = h->cell[i].key != 0 ? n + 1 : 0;
		most = n > most ? n : most;
	}
	return most;
}

/* Made for the constant that stood alone between a key and its cell: all of one cell. */
static uint64_t
made_for_one_cell(uint64_t i)
{
	uint64_t x = i * 0xf1de83e19937733du;

	return x ^ x >> 32;
}

TEST(keys_that_somebody_chose_do_not_share_a_cell)
{
	struct hashes h = { 0 };

	EQ(0xf1de83e19937733du * 0x9e3779b97f4a7c15u, 1);
	for (uint64_t i = 1; i <= 5000; i++)
		OK(hashes_set(&h, made_for_one_cell(i), 1));
	OK(longest(&h) < 500);
	hashes_fini(&h);
}

TEST(a_table_that_loses_nearly_all_is_small_again)
{
	struct hashes h = { 0 };

	for (uint64_t i = 1; i <= 100000; i++)
		OK(hashes_set(&h, key_of(i), 1));
	for (uint64_t i = 1; i <= 100000; i++)
		OK(hashes_set(&h, key_of(i), 0));
	for (uint64_t i = 200000; i <= 600000; i++) {
		OK(hashes_set(&h, key_of(i), 1));
		OK(hashes_set(&h, key_of(i), 0));
	}
	EQ(h.live, 0);
	OK(h.size <= 4096);
	hashes_fini(&h);
}
