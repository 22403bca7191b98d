/* SPDX-License-Identifier: Apache-2.0 */
/* quota: how many sessions there may be. */
#include "emqxd/limit/quota.h"
#include "emqxd/core/worker.h"
#include "tests/unit/tap.h"

TEST(there_is_no_quota_unless_one_is_set)
{
	worker_init(1);
	EQ(quota_ask(UINT64_MAX - 1), QUOTA_OPEN); /* not born */
	quota_birth();
	EQ(quota_ask(UINT64_MAX - 1), QUOTA_OPEN);
	OK(!quota_is_on());
	quota_set_max(2);
	OK(quota_is_on());
	EQ(quota_ask(1), QUOTA_OPEN);
	EQ(quota_ask(2), QUOTA_REACHED);
	quota_set_max(QUOTA_NONE);
	EQ(quota_ask(2), QUOTA_OPEN);
}

TEST(sessions_of_other_nodes_count)
{
	quota_set_max(10);
	quota_set_elsewhere(9);
	EQ(quota_ask(0), QUOTA_OPEN);
	EQ(quota_ask(1), QUOTA_REACHED);
	quota_set_elsewhere(0);
	EQ(quota_ask(1), QUOTA_OPEN);
}

TEST(closed_is_closed_however_few_there_are)
{
	quota_close(true);
	EQ(quota_ask(0), QUOTA_CLOSED);
	quota_close(false);
	EQ(quota_ask(0), QUOTA_OPEN);
	quota_death();
	worker_fini();
}
