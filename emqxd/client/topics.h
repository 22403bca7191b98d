/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topics: what happens to a client's topics between the packets and the broker.  On the
 * way in they are rewritten (rewrite), then the mountpoint of the listener or zone goes in
 * front; on the way out it is taken off.  A channel that has none of it carries neither
 * CHANNEL_TOPICS nor CHANNEL_MOUNTED and pays nothing.
 *
 * Only inside client/; client workers.
 */
#ifndef CLIENT_TOPICS_H
#define CLIENT_TOPICS_H

#include "emqxd/client/channel.h"
#include "emqxd/model/clientinfo.h"

enum topics_use { TOPICS_PUBLISH = 1, TOPICS_SUBSCRIBE = 2 };

/* The mountpoint of a client that comes, filled in; in the worker's memory until the next
 * client comes.  False: it is none: a name in it has a wildcard, or it is too long. */
bool topics_mountpoint(
    const struct conn *c, const struct clientinfo *who, struct slice *out);
/* Sets the channel's flags; it has its session. */
void topics_start(struct channel *ch);
/* The will's topic as it will be published; in the worker's memory until the next call.
 * Empty: it cannot be one. */
struct slice topics_will(
    const struct clientinfo *who, struct slice mountpoint, struct slice topic);
/* For a channel with CHANNEL_TOPICS, and for any session: *topic becomes the broker's, in the worker's memory
 * until the next call.  The filter of a shared subscription is given without its prefix.
 * False: what a rule made of it is no topic, or too long. */
bool topics_in(struct session *s, enum topics_use use, struct slice *topic);
/* The same without rules: the mountpoint alone; also for who has none. */
bool topics_mount(struct session *s, struct slice *filter);
/* For a channel with CHANNEL_MOUNTED: the topic as the client knows it. */
struct slice topics_out(const struct session *s, struct slice topic);

#endif
