/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_conf: store.*: conf_get(CONF_STORE) is a struct store_limits.  EMQX has no such
 * keys: its tables of this kind have no bound but the disk.
 */
#ifndef STORE_STORE_CONF_H
#define STORE_STORE_CONF_H

#include "emqxd/conf/section.h"

struct store_limits {
	uint64_t max_size; /* bytes of the file */
};

extern const struct conf_section store_conf;

#endif
