/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys_payload: the JSON of client events and alarms, with EMQX's keys.  Pure but for the
 * time of day, which is the turn's.
 */
#ifndef MODULES_SYS_PAYLOAD_H
#define MODULES_SYS_PAYLOAD_H

#include "emqxd/core/alarm.h"
#include "emqxd/model/clientinfo.h"
#include "emqxd/model/end.h"
#include "emqxd/model/subopts.h"
#include "ipc/base/str.h"

void sys_payload_connected(const struct clientinfo *who, struct str *out);
void sys_payload_disconnected(
    const struct clientinfo *who, end_reason why, struct str *out);
void sys_payload_subscribed(const struct clientinfo *who, struct slice filter,
    const struct subopts *opts, struct str *out);
void sys_payload_unsubscribed(
    const struct clientinfo *who, struct slice filter, struct str *out);
void sys_payload_alarm(const struct alarm *a, struct str *out);

#endif
