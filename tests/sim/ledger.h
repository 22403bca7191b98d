/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger: what is owed to whom, and what came.  The peers enter what they sent and got;
 * from that it knows, for each message and peer, how often it must have come at least
 * and may have come at most, and in which order.
 *
 * A message must come to a subscription that was granted before it was sent first and
 * not given up before it was acknowledged, unless the subscriber's session ended.  It
 * may come to one that was asked for and not surely gone.
 */
#ifndef TESTS_SIM_LEDGER_H
#define TESTS_SIM_LEDGER_H

#include "ipc/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	LEDGER_PEERS = 6,
	LEDGER_TOPICS = 5 + 2 * LEDGER_PEERS,
	LEDGER_PLAIN = 3,  /* the first topics; then those of groups */
	LEDGER_SHARED = 5, /* up to here; then a retained one and a will's of each peer */
	LEDGER_FILTERS = 8,
};

#define LEDGER_NEVER UINT32_MAX

void ledger_begin(unsigned peers);

const char *ledger_topic(unsigned topic);
static inline unsigned
ledger_retained(unsigned peer)
{
	return LEDGER_SHARED + peer;
}
static inline unsigned
ledger_will_topic(unsigned peer)
{
	return LEDGER_SHARED + LEDGER_PEERS + peer;
}
const char *ledger_filter(unsigned filter);
bool ledger_is_shared(unsigned filter);

/* ---- publishing */
/* A new message is sent for the first time; its number. */
unsigned ledger_publish(unsigned peer, unsigned topic, uint8_t qos);
void ledger_resend(unsigned number);
/* The broker has it (PUBACK, PUBREC). */
void ledger_acked(unsigned number);
/* Wills: with the CONNECT; then exactly one of the others. */
unsigned ledger_will(unsigned peer, uint8_t qos);
void ledger_will_is_due(unsigned number);
void ledger_will_is_void(unsigned number);
/* Not before this time, ns: set when it is known. */
void ledger_will_from(unsigned number, int64_t ns);
uint8_t ledger_qos(unsigned number);
unsigned ledger_topic_of(unsigned number);

/* ---- subscribing */
void ledger_asks(unsigned peer, unsigned filter, uint8_t qos);
void ledger_granted(unsigned peer, unsigned filter);
void ledger_leaves(unsigned peer, unsigned filter);
void ledger_left(unsigned peer, unsigned filter);
bool ledger_is_off(unsigned peer, unsigned filter);
/* Was it asked for, and is not granted yet? */
bool ledger_is_asked(unsigned peer, unsigned filter);
/* The peer's session ends, or begins anew. */
void ledger_session_gone(unsigned peer);

/* ---- receiving */
/* To the application: a QoS 2 message only once. */
void ledger_received(unsigned peer, unsigned number, struct slice topic, uint8_t qos,
    bool dup, int64_t now);
/* Nothing is under way now. */
void ledger_settle(void);
/* All that can come has come. */
void ledger_finish(void);
unsigned ledger_count(void);

#endif
