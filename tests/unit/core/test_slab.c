/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of the slab. */
#include "emqxd/core/slab.h"
#include "ipc/base/rand.h"
#include "tests/unit/tap.h"

#include <pthread.h>

#define N 20000

static void *object[N];
static size_t size[N];

static void
fill(unsigned i)
{
	size[i] = 1 + rand_below(SLAB_MAX);
	object[i] = slab_new(size[i]);
	memset(object[i], (int)(i & 255), size[i]);
}

static bool
is_whole(unsigned i)
{
	const unsigned char *p = object[i];

	for (size_t k = 0; k < size[i]; k += 97)
		if (p[k] != (i & 255))
			return false;
	return p[size[i] - 1] == (i & 255);
}

TEST(objects_of_all_sizes_do_not_touch_each_other)
{
	rand_seed(1);
	for (unsigned i = 0; i < N; i++)
		fill(i);
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < N; i++)
			if (rand_below(2) == 0) {
				OK(is_whole(i));
				slab_free(object[i], size[i]);
				fill(i);
			}
	for (unsigned i = 0; i < N; i++) {
		OK(is_whole(i));
		slab_free(object[i], size[i]);
	}
}

TEST(empty_pages_go_back)
{
	uint64_t held, used, before;

	slab_usage(&before, &used);
	for (unsigned i = 0; i < N; i++)
		object[i] = slab_new(4000);
	slab_usage(&held, &used);
	for (unsigned i = 0; i < N; i++)
		slab_free(object[i], 4000);
	slab_usage(&held, &used);
	OK(held <= before + (3 << 20)); /* but for what is kept for the next burst */
	EQ(used, 0);
}

static void *
free_all(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < N; i++)
		slab_free(object[i], 64);
	return NULL;
}

TEST(what_another_thread_frees_comes_home)
{
	uint64_t held, used, again;
	pthread_t t;

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < N; i++)
			object[i] = slab_new(64);
		slab_usage(&held, &used);
		OK(pthread_create(&t, NULL, free_all, NULL) == 0);
		pthread_join(t, NULL);
		while (slab_turn())
			;
	}
	slab_usage(&again, &used);
	OK(again <= held);
	EQ(used, 0);
}

TEST(a_resized_object_keeps_its_bytes)
{
	char *p = slab_new(10);

	memcpy(p, "123456789", 10);
	p = slab_resize(p, 10, 5000);
	STR_EQ(p, "123456789");
	p = slab_resize(p, 5000, 100000);
	STR_EQ(p, "123456789");
	p = slab_resize(p, 100000, 10);
	STR_EQ(p, "123456789");
	slab_free(p, 10);
	slab_free(NULL, 3);
}
