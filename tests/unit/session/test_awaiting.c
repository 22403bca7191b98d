/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of QoS 2 ids that wait for their PUBREL. */
#include "emqxd/session/awaiting.h"
#include "tests/unit/tap.h"

static const mono_t now = { INT64_C(1000000000000) };

TEST(an_id_waits_once)
{
	struct awaiting *a = NULL;

	EQ(awaiting_add(&a, 7, 10, now), EM_OK);
	EQ(awaiting_add(&a, 7, 10, now), EM_EXISTS);
	EQ(awaiting_del(&a, 7), EM_OK);
	OK(a == NULL);
	EQ(awaiting_del(&a, 7), EM_NOTFOUND);
}

TEST(no_more_than_the_bound_wait)
{
	struct awaiting *a = NULL;

	for (uint16_t i = 1; i <= 100; i++)
		EQ(awaiting_add(&a, i, 100, now), EM_OK);
	EQ(awaiting_add(&a, 101, 100, now), EM_FULL);
	EQ(awaiting_add(&a, 50, 100, now), EM_EXISTS);
	EQ(awaiting_del(&a, 50), EM_OK);
	EQ(awaiting_add(&a, 101, 100, now), EM_OK);
	EQ(awaiting_count(a), 100);
	awaiting_free(&a);
	EQ(awaiting_count(a), 0);
}

TEST(old_ones_are_forgotten)
{
	struct awaiting *a = NULL;

	EQ(awaiting_add(&a, 1, 10, now), EM_OK);
	EQ(awaiting_add(&a, 2, 10, mono_add(now, span_s(200))), EM_OK);
	EQ(awaiting_expire(&a, span_s(300), mono_add(now, span_s(100))), 0);
	EQ(awaiting_expire(&a, span_s(300), mono_add(now, span_s(400))), 1);
	EQ(awaiting_del(&a, 2), EM_OK);
	EQ(awaiting_expire(&a, SPAN_INFINITE, now), 0);
}
