/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extra: what few channels need beside struct channel: made on first use, and gone with
 * the channel.
 */
#ifndef CLIENT_EXTRA_H
#define CLIENT_EXTRA_H

#include "emqxd/client/alias.h"
#include "emqxd/client/auth_exchange.h"
#include "emqxd/client/pending.h"

struct channel_extra {
	struct alias_in *alias_in;    /* topic aliases of the client */
	struct alias_out *alias_out;  /* and ours, of a 5.0 client that takes them */
	struct auth_state *auth;      /* of one whose CONNECT named a method */
	struct pending_queue pending; /* acknowledgements that wait */
	struct subscribe_rest *subscribing; /* a packet that is not over, or NULL */
	struct subscribe_settle
	    *settling; /* whose answer waits for other nodes, or NULL */
	struct subscribe_claim *claiming; /* a filter that one client may have, or NULL */
};

/* Makes it. */
struct channel_extra *extra_of(struct channel_extra **ep);
void extra_free(struct channel_extra **ep);

#endif
