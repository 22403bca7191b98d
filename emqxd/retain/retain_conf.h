/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retain_conf: retainer.*: conf_get(CONF_RETAIN) is a struct retain_limits.
 */
#ifndef RETAIN_RETAIN_CONF_H
#define RETAIN_RETAIN_CONF_H

#include "emqxd/conf/section.h"
#include "emqxd/retain/retain.h"

extern const struct conf_section retain_conf;

#endif
