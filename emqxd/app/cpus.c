/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpus: the mask and the control group.  Only the unified hierarchy (version 2) is asked
 * for cpu.max: Debian 12 mounts no other.
 */
#include "emqxd/app/cpus.h"
#include "emqxd/core/cgroup.h"

#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>

unsigned
cpus_parse_max(const char *text)
{
	uint64_t quota, period, n;

	if (sscanf(text, "%" SCNu64 " %" SCNu64, &quota, &period) != 2 || period == 0)
		return 0; /* "max 100000" */
	n = quota / period;
	return n < 1 ? 1 : n > INT_MAX ? 0 : (unsigned)n;
}

static uint64_t
cpus_in(const char *line)
{
	return cpus_parse_max(line);
}

unsigned
cpus_count(void)
{
	static const struct cgroup_file cpu = { .name = "cpu.max", .bound = cpus_in };
	uint64_t bound = cgroup_least(CGROUP_SELF, CGROUP_ROOT, &cpu);
	unsigned n = 1;
	cpu_set_t set;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
		n = (unsigned)CPU_COUNT(&set);
	return bound > 0 && bound < n ? (unsigned)bound : n;
}
