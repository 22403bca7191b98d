/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topic: names and filters.  Pure.  The UTF-8 was checked by mqtt/.
 * Sources: [MQTT5-4.7], shared subscriptions [MQTT5-4.8.2], EMQX's $queue/ form.
 */
#ifndef MODEL_TOPIC_H
#define MODEL_TOPIC_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"
#include "ipc/base/str.h"

/* A name to publish to: not empty, no + and # (U+0000 was refused before). */
bool topic_name_is_valid(struct slice topic);
/* A filter, without its $share prefix: wildcards alone in their level, # last. */
bool topic_filter_is_valid(struct slice filter);
bool topic_has_wildcard(struct slice filter);
/* Does it begin with $SYS/?  What the broker says of itself is not counted as a message. */
static inline bool
topic_is_sys(struct slice topic)
{
	return topic.n >= 5 && topic.p[0] == '$' && memcmp(topic.p, "$SYS/", 5) == 0;
}
unsigned topic_levels(struct slice topic);

/* Does the filter match the name?  $-topics are not matched by a leading wildcard
 * [MQTT5-4.7.2-1]. */
bool topic_match(struct slice filter, struct slice topic);
/* The same without the rule of the $: for the rest of a filter against the rest of a
 * name, both from the same level on. */
bool topic_match_rest(struct slice filter, struct slice topic);

struct topic_filter {
	struct slice
	    group; /* of $share/group/filter; "$queue" of $queue/filter; empty: not shared */
	struct slice filter; /* what is matched */
};
/* Takes $share/ and $queue/ off and checks both parts; EM_MALFORMED: 0x8F. */
EM_MUST_USE em_err topic_filter_parse(struct slice text, struct topic_filter *out);
/* The other way: adds what the client wrote ("$share/group/filter", "$queue/filter"). */
void topic_filter_print(struct str *s, struct slice group, struct slice filter);

/* The next level of @*rest and moves behind it; false when there is none left.  The
 * empty level behind a last slash is one too: at the end @*rest has p == NULL. */
bool topic_next_level(struct slice *rest, struct slice *level);

#endif
