/* SPDX-License-Identifier: Apache-2.0 */
/*
 * placeholder: ${clientid} and the like in a text of the configuration, filled in for a
 * client: mountpoints, rewritten topics, subscriptions by the broker.
 *
 *	${clientid} %c		client identifier
 *	${username} %u		user name; one that is not there leaves the text as it stands
 *	${host} ${peerhost}	the client's address
 *	${port}			the listener's port
 *
 * Pure; any thread.
 */
#ifndef MODEL_PLACEHOLDER_H
#define MODEL_PLACEHOLDER_H

#include "emqxd/model/clientinfo.h"
#include "ipc/base/str.h"

/* Are all of its ${...} known?  Else *bad is the first that is not. */
bool placeholder_check(const char *text, struct slice *bad);
/* Adds the text, filled in.  False: something that it names is not there. */
bool placeholder_expand(const char *text, const struct clientinfo *who, struct str *out);

#endif
