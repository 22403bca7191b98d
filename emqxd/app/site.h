/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site: who this node is for others, whatever its name: a random number, kept in the
 * daemon's folder (node.data_dir/site) from its first start on.
 *
 * A copy of the folder is the same site: two daemons with it would each take the other
 * for itself.
 */
#ifndef APP_SITE_H
#define APP_SITE_H

#include "ipc/base/err.h"

#include <stdint.h>

/* Never 0.  EM_MALFORMED: the file is none of ours. */
EM_MUST_USE em_err site_open(const char *dir, uint64_t *site, struct fault *f);

#endif
