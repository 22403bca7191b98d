/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alias: topic aliases of one connection [MQTT5-3.3.2.3.4].
 *
 * Those that the client set, bounded by mqtt.max_topic_alias and, in bytes, by
 * mqtt.max_packet_size; and those that we set, at most as many as the client takes
 * (Topic Alias Maximum), as mqtt.max_topic_alias says, and as ALIAS_OUT_MAX.  When they
 * are used up the one that was not used for the longest time is set anew.
 */
#ifndef CLIENT_ALIAS_H
#define CLIENT_ALIAS_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"

#include <stdbool.h>

struct alias_in;

/* EM_FULL: all topics together would be over @max bytes, or there is no memory. */
EM_MUST_USE em_err alias_set(
    struct alias_in **ap, uint16_t alias, struct slice topic, size_t max);
/* The empty slice: never set.  Valid until that alias is set again. */
struct slice alias_get(const struct alias_in *a, uint16_t alias);
void alias_free(struct alias_in **ap);

struct alias_out;

#define ALIAS_OUT_MAX 1024u
#define ALIAS_OUT_TOPIC 256u /* bytes; a longer topic goes without */

/* For a client that takes @max of them, at least 1. */
struct alias_out *alias_out_new(uint16_t max);
/* The alias for a topic; *is_known: the client has it, and the topic may be left out.  0:
 * go without.  Not known yet: alias_out_set() once the packet has gone. */
uint16_t alias_out_find(struct alias_out *a, struct slice topic, bool *is_known);
void alias_out_set(struct alias_out *a, uint16_t alias, struct slice topic);
void alias_out_free(struct alias_out **ap);

#endif
