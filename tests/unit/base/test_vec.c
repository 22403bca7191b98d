/* SPDX-License-Identifier: Apache-2.0 */
/* Growing arrays, and the intrusive list beside them. */
#include "ipc/base/vec.h"
#include "tests/unit/tap.h"

#include <stdint.h>

TEST(a_vec_keeps_what_was_added_in_order)
{
	VEC(uint32_t) v = { 0 };

	for (uint32_t i = 0; i < 1000; i++)
		VEC_ADD(&v, i * 3);
	EQ(v.n, 1000);
	OK(v.cap >= 1000 && v.cap <= 2000);
	for (uint32_t i = 0; i < 1000; i++)
		EQ(v.p[i], i * 3);
	VEC_FINI(&v);
	OK(v.p == NULL && v.n == 0 && v.cap == 0);
}

TEST(push_gives_the_address_of_the_new_element)
{
	struct pair {
		int a;
		const char *b;
	};
	VEC(struct pair) v = { 0 };

	*VEC_PUSH(&v) = (struct pair){ 1, "one" };
	*VEC_PUSH(&v) = (struct pair){ 2, "two" };
	EQ(v.n, 2);
	EQ(v.p[1].a, 2);
	STR_EQ(v.p[0].b, "one");
	VEC_FINI(&v);
}

TEST(a_vec_that_was_emptied_by_hand_reuses_its_room)
{
	VEC(char) v = { 0 };
	size_t cap;

	VEC_ADD(&v, 'a');
	cap = v.cap;
	v.n = 0;
	VEC_ADD(&v, 'b');
	EQ(v.cap, cap);
	EQ(v.p[0], 'b');
	VEC_FINI(&v);
}
