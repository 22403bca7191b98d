/* SPDX-License-Identifier: Apache-2.0 */
/* topics: see topics.h. */
#include "emqxd/client/topics.h"
#include "emqxd/client/rewrite.h"
#include "emqxd/model/placeholder.h"
#include "emqxd/model/topic.h"
#include "emqxd/net/listener.h"
#include "emqxd/net/listener_conf.h"
#include "emqxd/publish/delayed.h"

#define TOPIC_MAX 65535u

bool
topics_mountpoint(const struct conn *c, const struct clientinfo *who, struct slice *out)
{
	struct str *text = &client_worker()->mountpoint;

	str_reset(text);
	if (placeholder_expand(listener_settings(c->listener)->mountpoint, who, text) ==
		PLACEHOLDER_WILD ||
	    text->n > TOPIC_MAX)
		return false;
	*out = str_slice(text);
	return true;
}

void
topics_start(struct channel *ch)
{
	if (rewrite_rules() != NULL)
		ch->flags |= CHANNEL_TOPICS;
	if (session_mountpoint(ch->session).n > 0)
		ch->flags |= CHANNEL_TOPICS | CHANNEL_MOUNTED;
}

/* Bytes in front that say what shall be done with the topic behind them. */
static size_t
prefix_of(struct slice topic)
{
	const uint8_t *slash;

	if (topic.n == 0 || topic.p[0] != '$' || !delayed_is_asked(topic))
		return 0;
	slash = memchr(topic.p, '/', topic.n);
	slash = memchr(slash + 1, '/', topic.n - (size_t)(slash + 1 - topic.p));
	return slash != NULL ? (size_t)(slash + 1 - topic.p) : 0;
}

/* Whether it may be one: valid, and short enough. */
static bool
is_good(enum topics_use use, struct slice topic)
{
	return topic.n > 0 && topic.n <= TOPIC_MAX &&
	       (use == TOPICS_PUBLISH ? topic_name_is_valid(topic)
				      : topic_filter_is_valid(topic));
}

static bool
change(struct slice mountpoint, const struct clientinfo *who, enum topics_use use,
    struct slice *topic)
{
	struct client_worker *w = client_worker();
	size_t prefix = use == TOPICS_PUBLISH ? prefix_of(*topic) : 0;
	struct slice inner = slice_from(*topic, prefix);

	str_reset(&w->rewritten);
	if (rewrite_apply(who, use, inner, &w->rewritten))
		inner = str_slice(&w->rewritten);
	str_reset(&w->topic);
	str_add_slice(&w->topic, slice_head(*topic, prefix));
	str_add_slice(&w->topic, mountpoint);
	str_add_slice(&w->topic, inner);
	*topic = str_slice(&w->topic);
	return inner.n > 0 && is_good(use, *topic);
}

struct slice
topics_will(const struct clientinfo *who, struct slice mountpoint, struct slice topic)
{
	struct slice changed = topic;

	if (mountpoint.n == 0 && rewrite_rules() == NULL)
		return topic;
	return change(mountpoint, who, TOPICS_PUBLISH, &changed) ? changed : SLICE_NONE;
}

bool
topics_in(struct session *s, enum topics_use use, struct slice *topic)
{
	struct clientinfo who = session_info(s);

	return change(session_mountpoint(s), &who, use, topic);
}

bool
topics_mount(struct session *s, struct slice *filter)
{
	struct str *topic = &client_worker()->topic;

	str_reset(topic);
	str_add_slice(topic, session_mountpoint(s));
	str_add_slice(topic, *filter);
	*filter = str_slice(topic);
	return is_good(TOPICS_SUBSCRIBE, *filter);
}

struct slice
topics_out(const struct session *s, struct slice topic)
{
	struct slice mountpoint = session_mountpoint(s);

	return slice_starts(topic, mountpoint) ? slice_from(topic, mountpoint.n) : topic;
}
