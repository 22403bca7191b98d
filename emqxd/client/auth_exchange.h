/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_exchange: AUTH packets: enhanced authentication before CONNACK, and again on a live
 * connection.  What a method means is access/authn.h's.
 *
 * Before CONNACK the connection's owner is the exchange, which keeps the CONNECT; what is
 * left of mqtt.idle_timeout is its time.  Then connect_accept() goes on as if the CONNECT
 * had just come.  Only inside client/.
 */
#ifndef CLIENT_AUTH_EXCHANGE_H
#define CLIENT_AUTH_EXCHANGE_H

#include "emqxd/client/channel.h"

struct authn_exchange;

/* Whom a CONNECT came from, for CONNACK and the channel.  A view. */
struct auth_result {
	struct slice method, data; /* for CONNACK */
	struct slice identity;
	bool is_superuser;
};

/* What a channel keeps whose CONNECT named a method. */
struct auth_state {
	struct str method, identity;
	struct authn_exchange *again; /* while it authenticates again */
};
/* For the channel; gone with it. */
void auth_exchange_drop(struct auth_state **sp);
void auth_exchange_keep(struct auth_state **sp, const struct auth_result *r);

/* The CONNECT @p, of which @f is the frame, names a method: the exchange begins, or it is
 * refused. */
void auth_exchange_start(struct conn *c, const struct mqtt_connect *p,
    const struct mqtt_frame *f, bool assigned);
/* An AUTH of a channel. */
void auth_exchange_on_packet(struct channel *ch, const struct mqtt_frame *f);

#endif
