/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys_topics: what the broker says of itself below $SYS/brokers: which nodes there are,
 * version, uptime and time, statistics and metrics at intervals; clients that come, go,
 * subscribe and unsubscribe as they do; alarms.  Names and payloads are EMQX's.
 *
 * Intervals run on the admin thread.  Client events are collected on the client's worker
 * and published at the end of its turn, since a hook may run where nothing can be
 * published; of a turn at most SYS_EVENTS_MAX, more are counted as dropped.
 *
 * A $SYS message has QoS 0, is in no count of messages, and, where it is retained, in
 * memory only; version and sysdescr of the other nodes are kept on each, as EMQX's
 * replicated table does, and at the next interval forgotten with the member.
 */
#ifndef MODULES_SYS_TOPICS_H
#define MODULES_SYS_TOPICS_H

#include "ipc/base/err.h"
#include "ipc/base/span.h"

#include <stdbool.h>

struct sys_topics_conf {
	span_t interval, heartbeat; /* infinite: off */
	bool connected, disconnected, subscribed, unsubscribed;
};

/* @node: its name, copied; @version is constant.  On main, as death and configure. */
void sys_topics_birth(const char *node, const char *version);
void sys_topics_death(void);
void sys_topics_configure(const struct sys_topics_conf *c);
/* On client workers and the admin thread. */
void sys_topics_worker_birth(void);
void sys_topics_worker_death(void);

#endif
