/* SPDX-License-Identifier: Apache-2.0 */
/*
 * road: the one road of a message, whoever sends it: clients, wills, the office,
 * $SYS.  The retained store first (so that the last value a subscriber sees of a
 * topic is the newest), then the router; what reaches nobody is counted.
 *
 * Threads: client workers; the admin thread ($SYS).
 */
#ifndef PUBLISH_ROAD_H
#define PUBLISH_ROAD_H

#include "emqxd/retain/retain.h"
#include "emqxd/router/router.h"

struct road_result {
	unsigned receivers;
	struct worker *is_full; /* pause the publisher for this one; or NULL */
	em_err retained;        /* EM_OK also when the message was not to be retained */
	uint8_t refused;        /* reason code: it went nowhere; 0: it did */
};

/* @wait: who acknowledges only what is on the disk, or NULL. */
struct road_result road_publish(struct message *m, struct message_wait *wait);

#endif
