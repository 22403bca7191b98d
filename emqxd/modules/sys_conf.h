/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys_conf: sys_topics.*: conf_get(CONF_SYS_TOPICS) is a struct sys_topics_conf; alarm.*:
 * conf_get(CONF_ALARM) is a struct alarm_limits.
 */
#ifndef MODULES_SYS_CONF_H
#define MODULES_SYS_CONF_H

#include "emqxd/conf/section.h"
#include "emqxd/core/alarm.h"
#include "emqxd/modules/sys_topics.h"

extern const struct conf_section sys_topics_conf, sys_alarm_conf;

#endif
