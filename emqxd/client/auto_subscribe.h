/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auto_subscribe: subscriptions that the broker makes for a client when it has connected
 * (auto_subscribe.topics[]).  They are like its own, but rights and rewriting do not count
 * and the client gets no SUBACK.
 *
 * Only inside client/; client workers.
 */
#ifndef CLIENT_AUTO_SUBSCRIBE_H
#define CLIENT_AUTO_SUBSCRIBE_H

#include "emqxd/client/channel.h"
#include "emqxd/conf/section.h"

struct auto_topic {
	const char *name; /* "1", "2": its place in the list */
	const char *topic;
	uint8_t qos, retain_handling, retain_as_published, no_local;
};

extern const struct conf_section auto_subscribe_conf;

void auto_subscribe_run(struct channel *ch);

#endif
