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
enum placeholder_result {
	PLACEHOLDER_FILLED,
	PLACEHOLDER_MISSING, /* something that it names is not there, and stands as it is */
	PLACEHOLDER_WILD /* a name that the client chose has + or #: it would reach into
			      * what is others' */
};
/* Adds the text, filled in. */
enum placeholder_result placeholder_expand(
    const char *text, const struct clientinfo *who, struct str *out);

#endif
