/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clientinfo: who a client is, for those who are told of it: hooks, access rules,
 * placeholders.  A view: its slices are good for the call.
 */
#ifndef MODEL_CLIENTINFO_H
#define MODEL_CLIENTINFO_H

#include "emqxd/model/addr.h"
#include "ipc/base/span.h"

struct clientinfo {
	struct slice clientid;
	struct slice username; /* see has_username */
	struct net_addr peer;  /* family 0: not known (the client is away) */
	const char *listener;  /* "tcp:default"; NULL while away */
	uint16_t sockport;     /* of the listener; 0 while away */
	uint16_t zone;
	uint16_t keepalive;  /* seconds, in force */
	uint32_t expiry;     /* of its session: seconds, UINT32_MAX for ever */
	wall_t connected_at; /* of this, or the last, connection */
	uint8_t version;     /* 3, 4, 5 */
	bool has_username, clean_start;
	bool is_superuser; /* of the users that authentication knows */
};

#endif
