/* SPDX-License-Identifier: Apache-2.0 */
/* A gate lets a period's worth through, then as many as the pace allows. */
#include "emqxd/core/rate.h"
#include "tests/unit/tap.h"

static mono_t
at_ms(int64_t ms)
{
	return mono_add((mono_t){ INT64_C(1) << 40 }, span_ms(ms));
}

TEST(without_a_bound_all_go)
{
	struct rate_gate g = { 0 };

	EQ(rate_take(&g, 1000000, at_ms(0)), 1000000);
	rate_configure(&g, (struct rate){ 0, span_ms(1000) });
	EQ(rate_take(&g, UINT32_MAX, at_ms(0)), UINT32_MAX);
	rate_configure(&g, (struct rate){ UINT64_MAX, span_ms(1000) });
	EQ(rate_take(&g, 7, at_ms(0)), 7);
}

TEST(a_period_s_worth_at_once_then_by_the_clock)
{
	struct rate_gate g = { 0 };

	rate_configure(&g, (struct rate){ 100, span_ms(1000) });
	EQ(rate_take(&g, 1000, at_ms(0)), 100);
	EQ(rate_take(&g, 1, at_ms(0)), 0);
	EQ(rate_take(&g, 1, at_ms(9)), 0);
	EQ(rate_take(&g, 5, at_ms(10)), 1);
	EQ(rate_take(&g, 1000, at_ms(510)), 50);
	/* Rest is not saved beyond one period. */
	EQ(rate_take(&g, 1000, at_ms(60000)), 100);
}

TEST(what_did_not_go_may_go_later)
{
	struct rate_gate g = { 0 };

	rate_configure(&g, (struct rate){ 10, span_ms(1000) });
	EQ(rate_take(&g, 10, at_ms(0)), 10);
	rate_give_back(&g, 4);
	EQ(rate_take(&g, 10, at_ms(0)), 4);
}

TEST(another_rate_is_in_force_at_once)
{
	struct rate_gate g = { 0 };

	rate_configure(&g, (struct rate){ 1, span_ms(60000) });
	EQ(rate_take(&g, 9, at_ms(0)), 1);
	EQ(rate_take(&g, 9, at_ms(1000)), 0);
	rate_configure(&g, (struct rate){ 0, span_ms(1000) });
	EQ(rate_take(&g, 9, at_ms(1000)), 9);
}
