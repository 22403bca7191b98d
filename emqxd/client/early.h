/* SPDX-License-Identifier: Apache-2.0 */
/*
 * early: what connections without a session have in common while something is waited for
 * between CONNECT and CONNACK: an authentication (auth_exchange.h), another node
 * (claiming.h).  They have walked home, nothing of theirs waits to be written, and their end
 * is nobody's loss.  For struct conn_ops; the home worker.
 */
#ifndef CLIENT_EARLY_H
#define CLIENT_EARLY_H

#include "emqxd/client/channel.h"

void early_on_started(struct conn *c);
void early_on_writable(struct conn *c);
/* CONNACK was it, if anything. */
void early_on_last_word(struct conn *c, end_reason why, const char *detail);
/* The log's line and the trace's; the connection has no owner any more. */
void early_ended(struct conn *c, end_reason why, end_side side, const char *detail);

#endif
