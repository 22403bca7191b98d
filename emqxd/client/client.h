/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client: one live client: the rules of MQTT between packets and the session.
 *
 * What lives here: the state of a connection that speaks MQTT (channel.h), the
 * lobby before CONNECT, a file for each kind of packet, and the way out.  What does
 * not: bytes of packets (mqtt/), sockets (net/), what a client is owed (session/).
 *
 * Called by net/ (client_conn_ops) and by session/ (client_session_sink), which get
 * these tables at birth.  Every call runs on the connection's home worker.
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include "emqxd/net/conn.h"
#include "emqxd/session/session.h"

const struct conn_ops *client_conn_ops(void);
const struct session_sink *client_session_sink(void);

/* Subscribes, and unsubscribes, as if the client had asked, connected or away: with the
 * limits of its zone, $exclusive/, the rules of rewrite and its mountpoint, but for the
 * access rules.  The code that SUBACK, UNSUBACK would carry, or CLIENT_LATER: other nodes
 * are asked, and done() follows.  At the session's home. */
#define CLIENT_LATER 0x7f /* no code of MQTT */
typedef void client_given_fn(void *arg, em_err err);
uint8_t client_subscribe(struct session *s, struct slice filter, uint8_t qos,
    client_given_fn *done, void *arg);
/* The code for what done() or session_subscribe() says. */
uint8_t client_code_of(em_err err, uint8_t granted);
uint8_t client_unsubscribe(struct session *s, struct slice filter);

/* On main: rules that all workers read. */
void client_birth(void);
void client_configure(void);
void client_death(void);
void client_worker_birth(void);
void client_worker_death(void);

#endif
