/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pending: acknowledgements of PUBLISH that wait: PUBACK and PUBREC are sent in the order
 * of their messages [MQTT5-4.6.0-2], [MQTT5-4.6.0-3], and one whose message must be on
 * the disk first holds up those behind it.
 *
 * A channel's queue is in its extra; CHANNEL_ACKS_WAIT says that there is one.  It has
 * at most the Receive Maximum that the zone announces: a client that sends more than
 * that unacknowledged is not read until some are gone.
 *
 * Only inside client/; client workers.
 */
#ifndef CLIENT_PENDING_H
#define CLIENT_PENDING_H

#include "emqxd/client/channel.h"

struct pending;

struct pending_queue {
	struct pending *first, *last;
	unsigned n;
};

/* A place at the end of the channel's queue. */
struct pending *pending_open(struct channel *ch, uint16_t id, uint8_t qos);
/* The code that it will be acknowledged with, if nothing goes wrong. */
void pending_code(struct pending *p, uint8_t code);
/* It is known: sends what has no longer to wait.  @p is gone. */
void pending_due(struct pending *p);
/* The same as message_wait's done(): @arg is the pending; with an error it is refused.  Also
 * when the channel, or the thread's room, is no more. */
void pending_done(void *arg, em_err err);
/* The channel ends: what is on its way finds nobody. */
void pending_leave(struct channel *ch);
/* May the connection be read, as far as its acknowledgements go? */
bool pending_may_read(const struct channel *ch);

#endif
