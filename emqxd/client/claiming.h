/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claiming: a connection whose CONNECT is good, while other nodes are asked for the
 * session of its client (session/claim.h).
 *
 * It is not read meanwhile, has no keepalive and no idle time: how long it takes is
 * bounded by who is asked.  The CONNECT's bytes are kept, and read again when the answer
 * is there; the connection may have ended by then.  CONNECTs of one client id wait in
 * their order.
 *
 * Only inside client/; client workers.
 */
#ifndef CLIENT_CLAIMING_H
#define CLIENT_CLAIMING_H

#include "emqxd/client/channel.h"

/* Takes the connection; connect_accept() goes on with it, or it is refused. */
void claiming_start(
    struct conn *c, const struct mqtt_connect *p, const struct connect_how *how);

#endif
