/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer: a client as the standard has it, 3.1.1 or 5.0, that does something by chance:
 * connects, subscribes, publishes, acknowledges late, stops reading, breaks off, comes
 * back and sends again.  It enters what it does in the ledger.
 */
#ifndef TESTS_SIM_PEER_H
#define TESTS_SIM_PEER_H

#include <stdbool.h>
#include <stdint.h>

struct peer;

/* @number 0..LEDGER_PEERS-1: it is client c0, c1 ... */
struct peer *peer_new(unsigned number, unsigned workers);
void peer_free(struct peer **pp);

/* Anything. */
void peer_act(struct peer *p);
/* From now on it stays connected, reads and acknowledges, and begins nothing. */
void peer_settle(struct peer *p);
/* Something of that; false: there was nothing to do. */
bool peer_settle_step(struct peer *p);
/* Is it connected, and everything that it began finished? */
bool peer_is_done(const struct peer *p);
/* What keeps it from that, in words. */
const char *peer_wants(const struct peer *p);
/* It leaves for good. */
void peer_leave(struct peer *p);
/* When it must say something again (keepalive), ns; INT64_MAX: never. */
int64_t peer_next_ping(const struct peer *p);

#endif
