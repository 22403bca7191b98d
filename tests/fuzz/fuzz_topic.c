/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_topic: a filter and a name, taken apart at the first line end.  Matching agrees
 * with the definition written by levels; what is valid stays valid in other forms.
 */
#include "emqxd/model/topic.h"
#include "ipc/base/check.h"
#include "ipc/base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The definition: level by level. */
static bool
match_plain(struct slice filter, struct slice topic)
{
	struct slice f, t;

	while (topic_next_level(&filter, &f)) {
		if (slice_eq_str(f, "#"))
			return true;
		if (!topic_next_level(&topic, &t))
			return false;
		if (!slice_eq_str(f, "+") && !slice_eq(f, t))
			return false;
		if (topic.p == NULL && slice_eq_str(filter, "#"))
			return true;
	}
	return topic.p == NULL;
}

static void
try_match(struct slice filter, struct slice topic)
{
	bool hidden = topic.n > 0 && topic.p[0] == '$' && filter.n > 0 &&
		      (filter.p[0] == '+' || filter.p[0] == '#');
	bool plain = match_plain(filter, topic);

	CHECK(topic_match(filter, topic) == (plain && !hidden));
	CHECK(topic_match_rest(filter, topic) == plain);
}

static void
try_levels(struct slice s)
{
	struct slice rest = s, level;
	struct str again = { 0 };
	unsigned n = 0;

	while (topic_next_level(&rest, &level)) {
		if (n++ > 0)
			str_add_char(&again, '/');
		CHECK(level.n == 0 || memchr(level.p, '/', level.n) == NULL);
		str_add_slice(&again, level);
	}
	CHECK(n == topic_levels(s) || s.n == 0);
	CHECK(slice_eq(str_slice(&again), s));
	str_fini(&again);
}

static void
try_parse(struct slice text)
{
	struct topic_filter f, again;
	struct str shared = { 0 };

	if (topic_filter_parse(text, &f) != EM_OK) {
		CHECK(f.group.n == 0 && f.filter.n == 0);
		return;
	}
	CHECK(topic_filter_is_valid(f.filter));
	CHECK(f.group.n == 0 || topic_name_is_valid(f.group));
	if (f.group.n > 0)
		return;
	CHECK(slice_eq(f.filter, text));
	str_add(&shared, "$share/g/");
	str_add_slice(&shared, text);
	CHECK(topic_filter_parse(str_slice(&shared), &again) == EM_OK);
	CHECK(slice_eq_str(again.group, "g") && slice_eq(again.filter, text));
	str_fini(&shared);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice all = slice_of(data, size);
	const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
	struct slice filter = end != NULL ? slice_head(all, (size_t)(end - data)) : all;
	struct slice topic = slice_from(all, filter.n + 1);

	try_levels(filter);
	try_parse(filter);
	if (topic_filter_is_valid(filter) && topic_name_is_valid(topic))
		try_match(filter, topic);
	if (topic_name_is_valid(topic))
		CHECK(topic_match(topic, topic));
	return 0;
}
