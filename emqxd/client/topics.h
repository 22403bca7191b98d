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

/* Sets the channel's flags and its mountpoint, for a client that comes. */
void topics_start(struct channel *ch, const struct clientinfo *who);
/* The will's topic as it will be published; in the worker's memory until the next call.
 * Empty: it cannot be one. */
struct slice topics_will(
    const struct conn *c, const struct clientinfo *who, struct slice topic);
/* For a channel with CHANNEL_TOPICS: *topic becomes the broker's, in the worker's memory
 * until the next call.  The filter of a shared subscription is given without its prefix.
 * False: what a rule made of it is no topic, or too long. */
bool topics_in(struct channel *ch, enum topics_use use, struct slice *topic);
/* The same without rules: the mountpoint alone; also for a channel without one. */
bool topics_mount(struct channel *ch, struct slice *filter);
/* For a channel with CHANNEL_MOUNTED: the topic as the client knows it. */
struct slice topics_out(const struct channel *ch, struct slice topic);

#endif
