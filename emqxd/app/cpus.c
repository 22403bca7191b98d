/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpus: the mask and the control group.
 *
 * cpu.max stands in our group or in any above it; the least counts.  Only the
 * unified hierarchy (version 2) is asked: Debian 12 mounts no other.
 */
#include "emqxd/app/cpus.h"

#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define CGROUP_ROOT "/sys/fs/cgroup"

unsigned
cpus_parse_max(const char *text)
{
	uint64_t quota, period, n;

	if (sscanf(text, "%" SCNu64 " %" SCNu64, &quota, &period) != 2 || period == 0)
		return 0; /* "max 100000" */
	n = quota / period;
	return n < 1 ? 1 : n > INT_MAX ? 0 : (unsigned)n;
}

/* The first line of a file. */
static bool
read_line(const char *path, char *buf, int n)
{
	FILE *f = fopen(path, "re");
	bool ok;

	if (f == NULL)
		return false;
	ok = fgets(buf, n, f) != NULL;
	fclose(f);
	return ok;
}

static unsigned
least(unsigned a, unsigned b)
{
	return a == 0 || (b > 0 && b < a) ? b : a;
}

/* 0: no bound. */
static unsigned
count_of_cgroup(void)
{
	char line[PATH_MAX], path[PATH_MAX + 64];
	unsigned n = 0;
	char *group, *end;

	/* "0::/system.slice/emqxd.service" */
	if (!read_line("/proc/self/cgroup", line, sizeof line) ||
	    strncmp(line, "0::/", 4) != 0)
		return 0;
	group = line + 3;
	group[strcspn(group, "\n")] = '\0';
	for (;;) {
		char text[64];

		snprintf(path, sizeof path, CGROUP_ROOT "%s/cpu.max", group);
		if (read_line(path, text, sizeof text))
			n = least(n, cpus_parse_max(text));
		end = strrchr(group, '/');
		if (end == NULL)
			return n;
		*end = '\0';
	}
}

unsigned
cpus_count(void)
{
	unsigned bound = count_of_cgroup(), n = 1;
	cpu_set_t set;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
		n = (unsigned)CPU_COUNT(&set);
	return bound > 0 && bound < n ? bound : n;
}
