/* SPDX-License-Identifier: Apache-2.0 */
/* group: how much memory the control groups grant that the process is in. */
#ifndef LIMIT_GROUP_H
#define LIMIT_GROUP_H

#include "emqxd/core/cgroup.h"

/* The least bound of the groups named in the file @self and of all above them, whose
 * folders stand below @root; 0: none.  Reads files: not on a worker's busy path. */
uint64_t group_memory(const char *self, const char *root);

#endif
