/* SPDX-License-Identifier: Apache-2.0 */
/*
 * promise: what a CONNACK says the server will take.  It holds for that connection
 * [MQTT5-3.2.2-12], whatever a reload changes meanwhile: so each set of promises that was
 * ever made stands once in the node's table, and a channel has its number.
 *
 * A node makes as many sets as its zones had different settings; the table is bounded, and
 * a channel beyond it follows its zone as it is now.  Client workers.
 */
#ifndef CLIENT_PROMISE_H
#define CLIENT_PROMISE_H

#include "emqxd/model/zone.h"

#include <stdatomic.h>

struct promise {
	uint32_t max_packet_size, max_awaiting_rel; /* as in the zone */
	uint16_t max_topic_alias;
	uint8_t max_qos;
	bool retain_available;
};

#define PROMISES_MAX 1024u
#define PROMISE_NONE UINT16_MAX

struct promises {
	atomic_flag is_changing;
	_Atomic uint32_t n;
	struct promise set[PROMISES_MAX];
};

/* What the zone promises now. */
struct promise promise_of(const struct zone *zone);
/* Its number, found or made; PROMISE_NONE: the table is full. */
uint16_t promise_make(struct promises *all, const struct zone *zone);

#endif
