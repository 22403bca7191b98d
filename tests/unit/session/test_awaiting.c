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

TEST(thousands_wait_and_go_in_any_order)
{
	struct awaiting *a = NULL;

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 1; i <= 60000; i++)
			EQ(awaiting_add(&a, (uint16_t)i, UINT32_MAX, now), EM_OK);
		EQ(awaiting_add(&a, 59999, UINT32_MAX, now), EM_EXISTS);
		for (unsigned i = 1; i <= 60000; i += 2)
			EQ(awaiting_del(&a, (uint16_t)i), EM_OK);
		EQ(awaiting_del(&a, 1), EM_NOTFOUND);
		EQ(awaiting_count(a), 30000);
		for (unsigned i = 2; i <= 60000; i += 2)
			EQ(awaiting_del(&a, (uint16_t)i), EM_OK);
		OK(a == NULL);
	}
}

TEST(the_newest_may_go_first_and_its_place_is_used_again)
{
	struct awaiting *a = NULL;
	mono_t later = mono_add(now, span_s(10));

	for (unsigned i = 1; i <= 60000; i++)
		EQ(awaiting_add(&a, (uint16_t)i, UINT32_MAX, now), EM_OK);
	for (unsigned i = 60000; i > 2; i--)
		EQ(awaiting_del(&a, (uint16_t)i), EM_OK);
	EQ(awaiting_add(&a, 7, UINT32_MAX, later), EM_OK);
	EQ(awaiting_del(&a, 1), EM_OK);
	EQ(awaiting_del(&a, 3), EM_NOTFOUND);
	EQ(awaiting_expire(&a, span_s(5), mono_add(now, span_s(12))), 1);
	EQ(awaiting_count(a), 1);
	EQ(awaiting_del(&a, 7), EM_OK);
	OK(a == NULL);
}

TEST(it_is_known_when_the_oldest_is_over)
{
	struct awaiting *a = NULL;
	mono_t due;

	EQ(awaiting_due(a, span_s(300)).ns, INT64_MAX);
	EQ(awaiting_add(&a, 1, 10, now), EM_OK);
	EQ(awaiting_add(&a, 2, 10, mono_add(now, span_s(5))), EM_OK);
	due = awaiting_due(a, span_s(300));
	EQ(awaiting_expire(&a, span_s(300), mono_add(due, span_ns(-1))), 0);
	EQ(awaiting_expire(&a, span_s(300), due), 1);
	EQ(awaiting_due(a, SPAN_INFINITE).ns, INT64_MAX);
	awaiting_free(&a);
}
