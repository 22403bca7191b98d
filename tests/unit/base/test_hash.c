/* SPDX-License-Identifier: Apache-2.0 */
/* siphash as published, and the map under load. */
#include "ipc/base/hash.h"
#include "ipc/base/mem.h"
#include "ipc/base/rand.h"
#include "tests/unit/tap.h"

#include <pthread.h>
#include <stdio.h>

/* Appendix A of the siphash paper and its reference code: key 00..0f, input 00, 01, ... */
TEST(siphash_gives_the_published_vectors)
{
	static const uint64_t want[] = {
		0x726fdb47dd0e0e31,
		0x74f839c593dc67fd,
		0x0d6c8009d9a94f5a,
		0x85676696d7fb7e2d,
		0xcf2794e0277187b7,
		0x18765564cd99a68d,
		0xcbc9466e58fee3ce,
		0xab0200f58b01d137,
		0x93f5f5799a932462,
		0x9e0082df0ba9e4b0,
		0x7a5dbbc594ddb9f3,
		0xf4b32f46226bada7,
		0x751e8fbc860ee5fb,
		0x14ea5627c0843d90,
		0xf723ca908e7af2ee,
		0xa129ca6149be45e5,
	};
	const uint64_t k0 = 0x0706050403020100, k1 = 0x0f0e0d0c0b0a0908;
	uint8_t in[63];

	for (uint8_t i = 0; i < sizeof in; i++)
		in[i] = i;
	for (size_t n = 0; n < sizeof want / sizeof want[0]; n++)
		OK(hash_sip24(slice_of(in, n), k0, k1) == want[n]);
	OK(hash_sip24(slice_of(in, 63), k0, k1) == 0x958a324ceb064572);
	OK(hash_sip24(SLICE_NONE, k0, k1) == want[0]);
}

static void *
hash_it(void *arg)
{
	uint64_t *out = arg;

	*out = hash_bytes(SLICE_LIT("sensor-17"));
	return NULL;
}

/* First of those that use the key, so that the threads meet while it is made. */
TEST(all_threads_hash_alike_with_a_key_made_once)
{
	uint64_t got[4];
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		OK(pthread_create(&t[i], NULL, hash_it, &got[i]) == 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 4; i++)
		OK(got[i] == hash_bytes(SLICE_LIT("sensor-17")));
	OK(got[0] != hash_sip24(SLICE_LIT("sensor-17"), 0, 0));
}

TEST(a_seeded_key_gives_the_same_hashes_each_time)
{
	hash_seed(1, 2);
	OK(hash_bytes(SLICE_LIT("a")) == hash_sip24(SLICE_LIT("a"), 1, 2));
	hash_seed(3, 4);
	OK(hash_bytes(SLICE_LIT("a")) == hash_sip24(SLICE_LIT("a"), 3, 4));
}

TEST(an_empty_map_has_nothing)
{
	struct map m = { 0 };
	size_t at = 0;
	struct slice k;
	void *v;

	OK(map_find(&m, SLICE_LIT("a")) == NULL);
	OK(map_take(&m, SLICE_LIT("a")) == NULL);
	OK(!map_next(&m, &at, &k, &v));
	map_fini(&m);
}

TEST(put_replaces_and_tells_what_was_there)
{
	struct map m = { 0 };
	int one, two;

	OK(map_put(&m, SLICE_LIT("k"), &one) == NULL);
	OK(map_put(&m, SLICE_LIT("k"), &two) == &one);
	EQ(m.n, 1);
	OK(map_find(&m, SLICE_LIT("k")) == &two);
	OK(map_take(&m, SLICE_LIT("k")) == &two);
	OK(map_take(&m, SLICE_LIT("k")) == NULL);
	EQ(m.n, 0);
	map_fini(&m);
}

TEST(keys_are_copied_and_may_be_any_bytes)
{
	struct map m = { 0 };
	char key[3] = { 'a', '\0', 'b' };
	int one, two, three;

	map_put(&m, slice_of(key, 3), &one);
	map_put(&m, slice_of(key, 2), &two);
	map_put(&m, SLICE_NONE, &three);
	memset(key, 'x', sizeof key);
	OK(map_find(&m, SLICE_LIT("a\0b")) == &one);
	OK(map_find(&m, SLICE_LIT("a\0")) == &two);
	OK(map_find(&m, SLICE_LIT("a")) == NULL);
	OK(map_find(&m, SLICE_LIT("")) == &three);
	map_fini(&m);
	EQ(m.n, 0);
}

enum { MANY = 100000 };

static struct slice
key_of(int i, char *buf, size_t n)
{
	return slice_of(buf, (size_t)snprintf(buf, n, "client-%d", i));
}

TEST(a_map_holds_100k_entries_and_gives_back_what_was_not_taken)
{
	struct map m = { 0 };
	int *value = mem_new_array(MANY, sizeof *value);
	char buf[32];

	for (int i = 0; i < MANY; i++)
		OK(map_put(&m, key_of(i, buf, sizeof buf), &value[i]) == NULL);
	EQ(m.n, MANY);
	for (int i = 0; i < MANY; i++)
		OK(map_find(&m, key_of(i, buf, sizeof buf)) == &value[i]);
	for (int i = 0; i < MANY; i += 2)
		OK(map_take(&m, key_of(i, buf, sizeof buf)) == &value[i]);
	EQ(m.n, MANY / 2);
	for (int i = 0; i < MANY; i++)
		OK(map_find(&m, key_of(i, buf, sizeof buf)) ==
		    (i % 2 ? &value[i] : NULL));
	for (int i = 1; i < MANY; i += 2)
		OK(map_take(&m, key_of(i, buf, sizeof buf)) == &value[i]);
	EQ(m.n, 0);
	map_fini(&m);
	mem_free(value);
}

TEST(iteration_sees_each_entry_once)
{
	struct map m = { 0 };
	int seen[1000] = { 0 };
	size_t at = 0, n = 0;
	struct slice k;
	char buf[32];
	void *v;

	for (int i = 0; i < 1000; i++)
		map_put(&m, key_of(i, buf, sizeof buf), &seen[i]);
	while (map_next(&m, &at, &k, &v)) {
		int *slot = v;

		OK(slice_eq(k, key_of((int)(slot - seen), buf, sizeof buf)));
		(*slot)++;
		n++;
	}
	EQ(n, 1000);
	for (int i = 0; i < 1000; i++)
		EQ(seen[i], 1);
	map_fini(&m);
}

/* A small key space and a full table: chains wrap around and are cut anywhere. */
TEST(a_map_agrees_with_an_array_after_any_mix_of_puts_and_takes)
{
	enum { KEYS = 48 };
	static char value[KEYS][2];
	void *want[KEYS] = { NULL };
	struct map m = { 0 };
	size_t n = 0;

	rand_seed(5);
	for (int round = 0; round < 100000; round++) {
		size_t i = (size_t)rand_below(KEYS);
		uint8_t key = (uint8_t)i;
		struct slice k = slice_of(&key, 1);
		void *v = value[i] + rand_below(2);

		if (rand_below(2) == 0) {
			OK(map_put(&m, k, v) == want[i]);
			n += want[i] == NULL;
			want[i] = v;
		} else {
			OK(map_take(&m, k) == want[i]);
			n -= want[i] != NULL;
			want[i] = NULL;
		}
		EQ(m.n, n);
		key = (uint8_t)rand_below(KEYS);
		OK(map_find(&m, k) == want[key]);
	}
	map_fini(&m);
}
