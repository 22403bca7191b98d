/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup: what the control groups grant that the process is in.  A bound stands in our
 * group or in any above it: the least counts.  In a container the path that the kernel
 * names may be the host's and not be there; its parents are asked all the same, at last
 * the root, which is the container's own.
 *
 * Reads files: not on a worker's busy path.  Any thread.
 */
#ifndef CORE_CGROUP_H
#define CORE_CGROUP_H

#include <stdint.h>

#define CGROUP_SELF "/proc/self/cgroup"
#define CGROUP_ROOT "/sys/fs/cgroup"

struct cgroup_file {
	const char *name; /* "memory.max" */
	/* The same in version 1, and the controller there; NULL: that is not asked. */
	const char *name_v1, *controller_v1;
	/* What the first line of the file grants; 0: no bound. */
	uint64_t (*bound)(const char *line);
};

/* The least bound of the groups named in the file @self and of all above them, whose
 * folders stand below @root; 0: none. */
uint64_t cgroup_least(const char *self, const char *root, const struct cgroup_file *f);

#endif
