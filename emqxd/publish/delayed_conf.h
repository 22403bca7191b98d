/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delayed_conf: delayed.*: conf_get(CONF_DELAYED) is a struct delayed_limits.
 */
#ifndef PUBLISH_DELAYED_CONF_H
#define PUBLISH_DELAYED_CONF_H

#include "emqxd/conf/section.h"
#include "emqxd/publish/delayed.h"

extern const struct conf_section delayed_conf;

#endif
