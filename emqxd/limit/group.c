/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group: see group.h.
 *
 * The bound stands in our group or in any above it: the least counts.  In a container
 * the path that the kernel names may be the host's and not be there; its parents are
 * asked all the same, at last the root, which is the container's own.  systemd's
 * MemoryMax= is the memory.max of the unit's group.
 */
#include "emqxd/limit/group.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* 0: no such file, or "max". */
static uint64_t
number_in(const char *path)
{
	FILE *f = fopen(path, "re");
	uint64_t n = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%" SCNu64, &n) != 1)
		n = 0;
	fclose(f);
	return n;
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a == 0 || (b > 0 && b < a) ? b : a;
}

/* @group, which is cut on the way, and all above it. */
static uint64_t
least_upwards(const char *root, char *group, const char *file)
{
	char path[2 * PATH_MAX];
	uint64_t n = 0;
	char *end;

	for (;;) {
		snprintf(path, sizeof path, "%s%s/%s", root, group, file);
		n = least(n, number_in(path));
		end = strrchr(group, '/');
		if (end == NULL)
			return n;
		*end = '\0';
	}
}

/* "4:cpu,memory:/path": is the memory's hierarchy of version 1 this one? */
static bool
is_memory(const char *controllers, const char *end)
{
	static const char name[] = "memory";
	const size_t n = sizeof name - 1;

	for (const char *p = controllers; p < end; p += strcspn(p, ",:") + 1)
		if (strcspn(p, ",:") == n && strncmp(p, name, n) == 0)
			return true;
	return false;
}

uint64_t
group_memory(const char *self, const char *root)
{
	char line[PATH_MAX], v1[PATH_MAX];
	FILE *f = fopen(self, "re");
	uint64_t n = 0;

	if (f == NULL)
		return 0;
	snprintf(v1, sizeof v1, "%s/memory", root);
	while (fgets(line, sizeof line, f) != NULL) {
		char *controllers = strchr(line, ':');
		char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;

		if (group == NULL)
			continue;
		group[1 + strcspn(group + 1, "\n")] = '\0';
		if (strncmp(line, "0::", 3) == 0)
			n = least(n, least_upwards(root, group + 1, "memory.max"));
		else if (is_memory(controllers + 1, group))
			n = least(
			    n, least_upwards(v1, group + 1, "memory.limit_in_bytes"));
	}
	fclose(f);
	return n;
}
