/* SPDX-License-Identifier: Apache-2.0 */
/* How many CPUs are ours. */
#include "emqxd/app/cpus.h"
#include "tests/unit/tap.h"

TEST(cpu_max_grants_whole_cpus)
{
	EQ(cpus_parse_max("max 100000\n"), 0);
	EQ(cpus_parse_max("200000 100000\n"), 2);
	EQ(cpus_parse_max("150000 100000\n"), 1);
	EQ(cpus_parse_max("50000 100000\n"), 1);
	EQ(cpus_parse_max("100000 0\n"), 0);
	EQ(cpus_parse_max(""), 0);
}

TEST(there_is_at_least_one)
{
	OK(cpus_count() >= 1);
}
