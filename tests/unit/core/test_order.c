/* SPDX-License-Identifier: Apache-2.0 */
/* order: keys in their order, against a sorted array. */
#include "emqxd/core/order.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/rand.h"
#include "tests/unit/tap.h"

#include <stdio.h>
#include <stdlib.h>

struct thing {
	int number;
	struct order_node node;
};

static struct thing *
add(struct order *o, const char *key, int number)
{
	struct slice s = slice_str(key);
	unsigned height = order_height();
	struct thing *t = mem_new(sizeof *t + order_room(height, s.n));

	t->number = number;
	order_node_init(&t->node, height, s);
	order_add(o, &t->node);
	return t;
}

static void
del(struct order *o, struct thing *t)
{
	order_del(o, &t->node);
	mem_free(t);
}

static const char *
key_of(struct order_node *n)
{
	static char text[64];

	snprintf(text, sizeof text, "%.*s", n != NULL ? (int)n->n : 1,
	    n != NULL ? (const char *)order_key(n).p : "-");
	return text;
}

TEST(keys_stand_in_byte_order)
{
	struct order o = { .levels = 0 };
	struct thing *b = add(&o, "b", 1), *a = add(&o, "a", 2), *ab = add(&o, "ab", 3),
		     *empty = add(&o, "", 4), *high = add(&o, "\xff", 5);

	STR_EQ(key_of(order_seek(&o, SLICE_NONE)), "");
	OK(order_next(&empty->node) == &a->node);
	OK(order_next(&a->node) == &ab->node);
	OK(order_next(&ab->node) == &b->node);
	OK(order_next(&b->node) == &high->node);
	OK(order_next(&high->node) == NULL);
	STR_EQ(key_of(order_seek(&o, slice_str("aa"))), "ab");
	STR_EQ(key_of(order_seek(&o, slice_str("ab"))), "ab");
	STR_EQ(key_of(order_seek(&o, slice_str("abc"))), "b");
	OK(order_seek(&o, slice_str("\xff\x01")) == NULL);
	OK(order_find(&o, slice_str("ab")) == &ab->node);
	OK(order_find(&o, slice_str("aa")) == NULL);
	OK(order_find(&o, SLICE_NONE) == &empty->node);
	del(&o, ab);
	OK(order_next(&a->node) == &b->node);
	OK(order_find(&o, slice_str("ab")) == NULL);
	del(&o, a);
	del(&o, b);
	del(&o, empty);
	del(&o, high);
	OK(order_seek(&o, SLICE_NONE) == NULL);
}

#define KEYS 2000
static struct thing *things[KEYS];

TEST(it_holds_what_a_sorted_array_holds)
{
	struct order o = { .levels = 0 };
	char text[16];

	rand_seed(3);
	for (int round = 0; round < 20000; round++) {
		int i = (int)rand_below(KEYS), want = i;
		struct order_node *n;

		snprintf(text, sizeof text, "k%05d", i);
		if (things[i] == NULL)
			things[i] = add(&o, text, i);
		else {
			del(&o, things[i]);
			things[i] = NULL;
		}
		while (want < KEYS && things[want] == NULL)
			want++;
		n = order_seek(&o, slice_str(text));
		if (want == KEYS)
			OK(n == NULL);
		else
			EQ(LIST_OWNER(n, struct thing, node)->number, want);
	}
	for (int i = 0; i < KEYS; i++)
		if (things[i] != NULL)
			del(&o, things[i]);
	OK(order_seek(&o, SLICE_NONE) == NULL);
}

TEST(a_quarter_of_the_towers_reach_the_next_level)
{
	unsigned count[ORDER_LEVELS + 1] = { 0 };

	rand_seed(4);
	for (int i = 0; i < 100000; i++)
		count[order_height()]++;
	EQ(count[0], 0);
	OK(count[1] > 74000 && count[1] < 76000);
	OK(count[2] > 18000 && count[2] < 19500);
}
