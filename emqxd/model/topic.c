/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topic: what a name and a filter are, and when they match [MQTT5-4.7].
 *
 * Levels are what stands between slashes; any of them may be empty, so "/a" has
 * two and "a" and "a/" are different names.  Matching walks both texts once,
 * without splitting them.
 */
#include "emqxd/model/topic.h"

bool
topic_next_level(struct slice *rest, struct slice *level)
{
	const uint8_t *slash;

	if (rest->p == NULL)
		return false;
	slash = memchr(rest->p, '/', rest->n);
	if (slash == NULL) {
		*level = *rest;
		*rest = SLICE_NONE;
		return true;
	}
	*level = slice_head(*rest, (size_t)(slash - rest->p));
	*rest = slice_from(*rest, level->n + 1);
	return true;
}

static bool
has_byte(struct slice s, int c)
{
	return s.n > 0 && memchr(s.p, c, s.n) != NULL;
}

bool
topic_has_wildcard(struct slice filter)
{
	return has_byte(filter, '+') || has_byte(filter, '#');
}

bool
topic_name_is_valid(struct slice topic)
{
	return topic.n > 0 && !topic_has_wildcard(topic);
}

bool
topic_filter_is_valid(struct slice filter)
{
	struct slice rest = filter, level;

	if (filter.n == 0)
		return false;
	while (topic_next_level(&rest, &level)) {
		if (level.n > 1 && topic_has_wildcard(level))
			return false; /* [MQTT5-4.7.1-1], [MQTT5-4.7.1-2] */
		if (level.n == 1 && level.p[0] == '#' && rest.p != NULL)
			return false;
	}
	return true;
}

unsigned
topic_levels(struct slice topic)
{
	unsigned n = topic.n > 0;

	for (size_t i = 0; i < topic.n; i++)
		n += topic.p[i] == '/';
	return n;
}

/* Where the level that begins at @i ends. */
static size_t
level_end(struct slice s, size_t i)
{
	while (i < s.n && s.p[i] != '/')
		i++;
	return i;
}

bool
topic_match_rest(struct slice filter, struct slice topic)
{
	size_t f = 0, t = 0;

	for (;;) {
		size_t fe = level_end(filter, f), te = level_end(topic, t);

		if (fe - f == 1 && filter.p[f] == '#')
			return true;
		if (!(fe - f == 1 && filter.p[f] == '+') &&
		    !slice_eq(
			slice_of(filter.p + f, fe - f), slice_of(topic.p + t, te - t)))
			return false;
		if (fe == filter.n)
			return te == topic.n;
		f = fe + 1;
		if (te == topic.n) /* "a/#" matches its parent "a" too */
			return filter.n - f == 1 && filter.p[f] == '#';
		t = te + 1;
	}
}

bool
topic_match(struct slice filter, struct slice topic)
{
	if (filter.n == 0 || topic.n == 0)
		return false;
	if (topic.p[0] == '$' && (filter.p[0] == '+' || filter.p[0] == '#'))
		return false;
	return topic_match_rest(filter, topic);
}

#define SHARE SLICE_LIT("$share/")
#define QUEUE SLICE_LIT("$queue/")

static bool
is_shared_text(struct slice s)
{
	return slice_starts(s, SHARE) || slice_starts(s, QUEUE);
}

em_err
topic_filter_parse(struct slice text, struct topic_filter *out)
{
	struct topic_filter f = { SLICE_NONE, text };

	*out = (struct topic_filter){ SLICE_NONE, SLICE_NONE };
	if (slice_starts(text, QUEUE)) {
		f.group = slice_head(text, QUEUE.n - 1);
		f.filter = slice_from(text, QUEUE.n);
	} else if (slice_starts(text, SHARE)) {
		f.filter = slice_from(text, SHARE.n);
		if (!topic_next_level(&f.filter, &f.group))
			return EM_MALFORMED;
		if (f.group.n == 0 || topic_has_wildcard(f.group))
			return EM_MALFORMED; /* [MQTT5-4.8.2-1], [MQTT5-4.8.2-2] */
	}
	if (!topic_filter_is_valid(f.filter))
		return EM_MALFORMED;
	if (f.group.n > 0 && is_shared_text(f.filter))
		return EM_MALFORMED; /* a share of a share would match nothing */
	*out = f;
	return EM_OK;
}

void
topic_filter_print(struct str *s, struct slice group, struct slice filter)
{
	if (slice_eq_str(group, "$queue")) {
		str_add(s, "$queue/");
	} else if (group.n > 0) {
		str_add(s, "$share/");
		str_add_slice(s, group);
		str_add_char(s, '/');
	}
	str_add_slice(s, filter);
}
