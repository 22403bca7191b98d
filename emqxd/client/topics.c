/* SPDX-License-Identifier: Apache-2.0 */
/* topics: see topics.h. */
#include "emqxd/client/topics.h"
#include "emqxd/client/extra.h"
#include "emqxd/client/rewrite.h"
#include "emqxd/model/placeholder.h"
#include "emqxd/model/topic.h"
#include "emqxd/net/listener.h"
#include "emqxd/net/listener_conf.h"
#include "emqxd/publish/delayed.h"

#define TOPIC_MAX 65535u

void
topics_start(struct channel *ch, const struct clientinfo *who)
{
	const char *mountpoint = listener_settings(ch->conn->listener)->mountpoint;

	if (rewrite_rules() != NULL)
		ch->flags |= CHANNEL_TOPICS;
	if (mountpoint[0] == '\0')
		return;
	(void)placeholder_expand(mountpoint, who, &extra_of(&ch->extra)->mountpoint);
	ch->flags |= CHANNEL_TOPICS | CHANNEL_MOUNTED;
}

static struct slice
mountpoint_of(const struct channel *ch)
{
	return (ch->flags & CHANNEL_MOUNTED) != 0 ? str_slice(&ch->extra->mountpoint)
						  : SLICE_NONE;
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
	return is_good(use, *topic);
}

struct slice
topics_will(const struct conn *c, const struct clientinfo *who, struct slice topic)
{
	const char *text = listener_settings(c->listener)->mountpoint;
	struct slice changed = topic;
	struct str mountpoint = { 0 };

	if (text[0] == '\0' && rewrite_rules() == NULL)
		return topic;
	(void)placeholder_expand(text, who, &mountpoint);
	if (!change(str_slice(&mountpoint), who, TOPICS_PUBLISH, &changed))
		changed = SLICE_NONE;
	str_fini(&mountpoint);
	return changed;
}

bool
topics_in(struct channel *ch, enum topics_use use, struct slice *topic)
{
	struct clientinfo who = session_info(ch->session);

	return change(mountpoint_of(ch), &who, use, topic);
}

bool
topics_mount(struct channel *ch, struct slice *filter)
{
	struct str *topic = &client_worker()->topic;

	str_reset(topic);
	str_add_slice(topic, mountpoint_of(ch));
	str_add_slice(topic, *filter);
	*filter = str_slice(topic);
	return is_good(TOPICS_SUBSCRIBE, *filter);
}

struct slice
topics_out(const struct channel *ch, struct slice topic)
{
	struct slice mountpoint = mountpoint_of(ch);

	return slice_starts(topic, mountpoint) ? slice_from(topic, mountpoint.n) : topic;
}
