/* SPDX-License-Identifier: Apache-2.0 */
/* group: see group.h.  systemd's MemoryMax= is the memory.max of the unit's group. */
#include "emqxd/limit/group.h"

#include <inttypes.h>
#include <stdio.h>

/* "max" is none. */
static uint64_t
bytes_in(const char *line)
{
	uint64_t n = 0;

	return sscanf(line, "%" SCNu64, &n) == 1 ? n : 0;
}

uint64_t
group_memory(const char *self, const char *root)
{
	static const struct cgroup_file memory = { .name = "memory.max",
		.name_v1 = "memory.limit_in_bytes",
		.controller_v1 = "memory",
		.bound = bytes_in };

	return cgroup_least(self, root, &memory);
}
