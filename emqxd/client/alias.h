/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alias: topic aliases that a client set [MQTT5-3.3.2.3.4].  One connection's; bounded by
 * mqtt.max_topic_alias.
 */
#ifndef CLIENT_ALIAS_H
#define CLIENT_ALIAS_H

#include "ipc/base/slice.h"

struct alias_in;

void alias_set(struct alias_in **ap, uint16_t alias, struct slice topic);
/* The empty slice: never set.  Valid until that alias is set again. */
struct slice alias_get(const struct alias_in *a, uint16_t alias);
void alias_free(struct alias_in **ap);

#endif
