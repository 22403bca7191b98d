/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alias: topic aliases that a client set [MQTT5-3.3.2.3.4].  One connection's; bounded by
 * mqtt.max_topic_alias and, in bytes, by mqtt.max_packet_size.
 */
#ifndef CLIENT_ALIAS_H
#define CLIENT_ALIAS_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"

struct alias_in;

/* EM_FULL: all topics together would be over @max bytes, or there is no memory. */
EM_MUST_USE em_err alias_set(
    struct alias_in **ap, uint16_t alias, struct slice topic, size_t max);
/* The empty slice: never set.  Valid until that alias is set again. */
struct slice alias_get(const struct alias_in *a, uint16_t alias);
void alias_free(struct alias_in **ap);

#endif
