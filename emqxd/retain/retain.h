/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retain: the notice board: the last retained message of each topic
 * [MQTT5-3.3.1-5].
 *
 * One ordered index for the node, in memory: readers free under QSBR, writers under the
 * room's lock.  With retainer.backend.storage_type = disc, the default, each message is
 * a row of the store as well, changed in the order of the index, and comes back from
 * there at boot, and in a cluster from other nodes; $SYS/ has no rows.  A change that the store refuses is taken back here too.  Retained
 * messages are pulled: a session opens a cursor for a filter and asks for the
 * next when its window has room.  A cursor is only the last topic it saw, so
 * anything may change between two steps; the index is in byte order and a wildcard
 * seeks over what cannot match.
 *
 * Store before route, and open the cursor after the route is entered: so the
 * last value a subscriber sees of a topic is the newest.
 *
 * Threads: client workers; the admin thread for counts and lists, for clearing, and for what
 * $SYS keeps.
 */
#ifndef RETAIN_RETAIN_H
#define RETAIN_RETAIN_H

#include "emqxd/core/rate.h"
#include "emqxd/model/message.h"
#include "ipc/base/err.h"

struct retain_limits {
	uint64_t max_messages;  /* 0: no bound */
	uint64_t max_payload;   /* bytes; 0: no bound */
	uint64_t max_bytes;     /* of all, 0: no bound */
	span_t expiry;          /* retainer.msg_expiry_interval; infinite: never */
	span_t expiry_override; /* in place of what the publisher says; infinite: none */
	struct rate delivery_rate, publish_rate;
	bool is_enabled;
	bool is_durable;     /* rows in the store; changes with a restart only */
	bool hides_clearing; /* retainer.stop_publish_clear_msg */
};

void retain_birth(void);
/* After the store's birth, before its recovery, with what is configured. */
void retain_recovers(void);
void retain_death(void);
/* On each client worker: one of them sweeps. */
void retain_worker_birth(void);
void retain_worker_death(void);
void retain_configure(const struct retain_limits *l);

/* Stores the message under its topic, or clears it when the payload is empty.
 * EM_FULL: a bound or the rate is reached; EM_TOOBIG: the payload; EM_STATE: not enabled;
 * EM_NOMEM.  @wait may be NULL. */
EM_MUST_USE em_err retain_store(struct message *m, struct message_wait *wait);
/* Clears the topic; there may be nothing.  EM_NOMEM. */
EM_MUST_USE em_err retain_clear(struct slice topic, struct message_wait *wait);
/* The message of the first topic behind @topic (empty: of the very first), in the order of
 * the topics' levels, with one reference for the caller; its time may be over.  NULL:
 * there is no more. */
struct message *retain_after(struct slice topic);
/* Would a message of this topic have a row? */
bool retain_is_durable(struct slice topic);
/* Shall a message with an empty payload that clears a topic reach nobody? */
bool retain_hides_clearing(void);

/* Can there be a message for the filter?  Of one without wildcards the answer is exact. */
bool retain_may_match(struct slice filter);

struct retain_cursor; /* of one filter, a valid one; the opener's */
struct retain_cursor *retain_open(struct slice filter);
/* The next match, as a kept message (retain set) with one reference for the caller, or
 * NULL: *done true means that there is no more, false "bounded work is over for this turn,
 * ask again". */
struct message *retain_next(struct retain_cursor *c, bool *done);
void retain_close(struct retain_cursor **cp);

/* How many of @want messages may be handed to subscribers now (delivery_rate); what did not
 * go is given back. */
uint32_t retain_may_deliver(uint32_t want);
void retain_not_delivered(uint32_t n);

uint64_t retain_count(void);
/* Without those in $SYS/, which each node has of its own. */
uint64_t retain_count_shared(void);
uint64_t retain_bytes(void);
/* Drops expired ones for a bounded time, from where it stopped last; true: there were many,
 * and more may be due. */
bool retain_sweep(void);

#endif
