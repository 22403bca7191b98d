/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns, and what holds for every row of the registers. */
#include "emqxd/conf/keys.h"
#include "tests/unit/conf/fixture.h"

static bool
matches(const char *pattern, const char *path)
{
	struct name_captures c;

	return names_match(pattern, slice_str(path), &c);
}

TEST(a_pattern_has_free_segments_choices_and_a_rest)
{
	OK(matches("a.$name.b", "a.x.b"));
	OK(!matches("a.$name.b", "a.x.c"));
	OK(!matches("a.$name.b", "a.x"));
	OK(!matches("a.$name", "a.x.b"));
	OK(matches("a.ws|wss.b", "a.wss.b"));
	OK(matches("a.ws|wss.b", "a.ws.b"));
	OK(!matches("a.ws|wss.b", "a.w.b"));
	OK(matches("a.**", "a.b"));
	OK(matches("a.**", "a.b.c"));
	OK(!matches("a.**", "a"));
	OK(names_match_above("a.b.c", SLICE_LIT("a.b")));
	OK(names_match_above("a.**", SLICE_LIT("a")));
	OK(!names_match_above("a.b", SLICE_LIT("a.b")));
}

TEST(captures_fill_the_key_of_today)
{
	struct name_captures c;
	struct str out = { 0 };

	OK(names_match(
	    "listener.tcp|ssl.$name.zone", SLICE_LIT("listener.ssl.x.zone"), &c));
	names_fill("listeners.$type.$name.zone", &c, &out);
	STR_EQ(str_get(&out), "listeners.ssl.x.zone");
	str_fini(&out);
}

TEST(every_row_is_well_formed)
{
	for (size_t i = 0; i < names_count(); i++) {
		const struct conf_name *name = names_row(i);

		OK(*name->pattern != '\0');
		EQ(name->class == NAME_ALIAS || name->class == NAME_ITEM,
		    name->to != NULL);
		EQ(name->class == NAME_GUARD, name->off != NULL);
		if (name->class == NAME_GUARD || name->class == NAME_DOOR)
			OK(name->hint != NULL);
	}
}

/* $name and choices replaced by something that matches. */
static void
example(const char *pattern, struct str *out)
{
	struct slice rest = slice_str(pattern), segment;

	str_reset(out);
	while (tree_path_next(&rest, &segment)) {
		const uint8_t *bar = memchr(segment.p, '|', segment.n);

		if (bar != NULL)
			segment = slice_head(segment, (size_t)(bar - segment.p));
		if (segment.p[0] == '$' || segment.p[0] == '*')
			segment = SLICE_LIT("x");
		tree_path_add(out, segment);
	}
}

TEST(every_alias_leads_to_a_key)
{
	struct keys keys;
	struct str path = { 0 }, to = { 0 };

	keys_init(&keys, fixture_sections(), FIXTURE_SECTIONS);
	for (size_t i = 0; i < names_count(); i++) {
		const struct conf_name *name = names_row(i);
		struct name_captures c;
		struct key_found found;

		if (name->class != NAME_ALIAS)
			continue;
		example(name->pattern, &path);
		OK(names_match(name->pattern, str_slice(&path), &c));
		str_reset(&to);
		names_fill(name->to, &c, &to);
		if (!keys_find(&keys, str_slice(&to), &found))
			tap_fail(__FILE__, __LINE__, "%s leads to %s, which is no key",
			    name->pattern, str_get(&to));
	}
	keys_fini(&keys);
	str_fini(&path);
	str_fini(&to);
}

TEST(no_name_of_4x_is_a_key_of_today)
{
	struct keys keys;
	struct str path = { 0 };

	keys_init(&keys, fixture_sections(), FIXTURE_SECTIONS);
	for (size_t i = 0; i < names_count(); i++) {
		const struct conf_name *name = names_row(i);
		struct key_found found;

		if (names_is_of_today(name))
			continue;
		example(name->pattern, &path);
		if (keys_find(&keys, str_slice(&path), &found) &&
		    (found.name == NULL || strchr(found.name->pattern, '*') == NULL))
			tap_fail(
			    __FILE__, __LINE__, "%s is a key of today", name->pattern);
	}
	keys_fini(&keys);
	str_fini(&path);
}

TEST(no_field_is_in_the_register_too)
{
	struct str path = { 0 }, pattern = { 0 };

	for (size_t i = 0; i < FIXTURE_SECTIONS; i++) {
		const struct conf_section *s = fixture_sections()[i];

		for (size_t j = 0; j < s->n; j++) {
			str_reset(&pattern);
			keys_pattern(s, &s->field[j], false, &pattern);
			example(str_get(&pattern), &path);
			if (names_find_today(str_slice(&path)) != NULL)
				tap_fail(__FILE__, __LINE__, "%s", str_get(&pattern));
		}
	}
	str_fini(&path);
	str_fini(&pattern);
}

TEST(the_nearest_key_is_found)
{
	struct keys keys;
	static const char *const cases[][2] = {
		{ "mqtt.max_inflite", "mqtt.max_inflight" },
		{ "mqt.max_inflight", "mqtt.max_inflight" },
		{ "max_mqueue_len", "mqtt.max_mqueue_len" },
		{ "zones.out.mqtt.max_mqeue_len", "zones.out.mqtt.max_mqueue_len" },
		{ "listeners.tcp.default.bnd", "listeners.tcp.default.bind" },
		{ "listeners.wss.x.acceptor", "listeners.wss.x.acceptors" },
		{ "zone.external.max_mqueue_length", "zone.external.max_mqueue_len" },
		{ "zones.s.retainer.enable", "retainer.enable" },
		{ "module.delayed.enable", "delayed.enable" },
		{ "retainer.backend.enable", "retainer.enable" },
		{ "max_retained_messages", "retainer.backend.max_retained_messages" },
	};
	struct str out = { 0 };

	keys_init(&keys, fixture_sections(), FIXTURE_SECTIONS);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		str_reset(&out);
		OK(keys_nearest(&keys, slice_str(cases[i][0]), &out));
		STR_EQ(str_get(&out), cases[i][1]);
	}
	str_reset(&out);
	OK(!keys_nearest(&keys, SLICE_LIT("completely.other.thing"), &out));
	OK(!keys_nearest(&keys, SLICE_LIT("delayed_publish.enable"), &out));
	OK(!keys_nearest(&keys, SLICE_LIT("other.enable"), &out));
	OK(!keys_nearest(&keys, SLICE_LIT("enable"), &out));
	keys_fini(&keys);
	str_fini(&out);
}
