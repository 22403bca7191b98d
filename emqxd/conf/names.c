/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names: see names.h.  The registers are small and read only while a configuration
 * is loaded, so they are searched from the front.
 */
#include "emqxd/conf/names.h"
#include "ipc/base/check.h"

/* What a guard's fault says beside "not built yet". */
#define ACCESS                                                                \
	"access control is not built yet and everybody is let in: bind to a " \
	"private address or put a firewall before it, and take this out"
#define IDENTITY "who a client is cannot be taken from there yet: take this out"
#define BAN "bans are not built yet: block the address in a firewall, and take this out"
#define RATE \
	"limits of this kind are not built yet: limit in a firewall, and take this out"
#define PROXY                                                                     \
	"the PROXY header is not read yet: clients would be cut off, or seem to " \
	"come from the proxy"
#define TLS                                                                      \
	"TLS is not built yet: end it before emqxd (stunnel, HAProxy), and set " \
	"enable = false here"
#define WS "WebSocket is not built yet: set enable = false here"
#define QUIC "QUIC is not built yet: set enable = false here"
#define MEMORY                                                                 \
	"everything lives in memory so far and is gone after a restart: take " \
	"this out only if it may be lost"
#define TRACE "traces write payloads as text so far: take this out, or start no traces"
#define AUDIT "calls of emqx_ctl are logged, but not in an audit log of their own yet"

static const struct conf_name today[] = {
#define KNOWN(pattern_) { .pattern = (pattern_), .class = NAME_KNOWN },
#define GUARD(pattern_, off_, hint_) \
	{ .pattern = (pattern_), .class = NAME_GUARD, .off = (off_), .hint = hint_ },
#define DOOR(pattern_, hint_) \
	{ .pattern = (pattern_), .class = NAME_DOOR, .hint = hint_ },
#include "emqxd/conf/known_5.def"
};

static const struct conf_name old[] = {
#define ALIAS(pattern_, to_, how_) \
	{ .pattern = (pattern_), .class = NAME_ALIAS, .how = HOW_##how_, .to = (to_) },
#define ITEM(pattern_, to_, how_) \
	{ .pattern = (pattern_), .class = NAME_ITEM, .how = HOW_##how_, .to = (to_) },
#define RENAMED(pattern_, to_, how_) \
	{ .pattern = (pattern_),     \
		.class = NAME_ALIAS, \
		.how = HOW_##how_,   \
		.to = (to_),         \
		.is_hocon = true },
#include "emqxd/conf/alias.def"
#include "emqxd/conf/known_4.def"
#undef ALIAS
#undef ITEM
#undef RENAMED
#undef KNOWN
#undef GUARD
#undef DOOR
};

#define TODAY_N (sizeof(today) / sizeof(today[0]))
#define OLD_N (sizeof(old) / sizeof(old[0]))

bool
names_is_choice(struct slice choices, struct slice segment)
{
	while (choices.n > 0) {
		const uint8_t *bar = memchr(choices.p, '|', choices.n);
		size_t n = bar != NULL ? (size_t)(bar - choices.p) : choices.n;

		if (slice_eq(slice_head(choices, n), segment))
			return true;
		choices = slice_from(choices, n + 1);
	}
	return false;
}

static bool
segment_matches(struct slice pattern, struct slice segment, struct name_captures *c)
{
	bool is_free = pattern.n > 0 && pattern.p[0] == '$';
	bool has_choices = pattern.n > 0 && memchr(pattern.p, '|', pattern.n) != NULL;

	if (!is_free && !has_choices)
		return slice_eq(pattern, segment);
	if (has_choices && !names_is_choice(pattern, segment))
		return false;
	if (c != NULL && c->n < NAMES_CAPTURES)
		c->v[c->n++] = segment;
	return true;
}

/* Does the path end where the pattern does (@above: or before)? */
static bool
matches(const char *text, struct slice path, struct name_captures *c, bool above)
{
	struct slice pattern = slice_str(text), want, have;

	if (c != NULL)
		c->n = 0;
	/* most rows fall at their first letter; none starts with a choice */
	if (path.n > 0 && *text != '$' && path.p[0] != (uint8_t)*text && path.p[0] != '"')
		return false;
	while (tree_path_next(&pattern, &want)) {
		if (slice_eq_str(want, "**"))
			return path.n > 0 || above;
		if (!tree_path_next(&path, &have))
			return above;
		if (!segment_matches(want, have, c))
			return false;
	}
	return path.n == 0 && !above;
}

bool
names_match(const char *pattern, struct slice path, struct name_captures *c)
{
	return matches(pattern, path, c, false);
}

bool
names_match_above(const char *pattern, struct slice path)
{
	return matches(pattern, path, NULL, true);
}

void
names_fill(const char *to, const struct name_captures *c, struct str *out)
{
	struct slice rest = slice_str(to), segment;
	size_t i = 0;

	while (tree_path_next(&rest, &segment)) {
		if (segment.n > 0 && segment.p[0] == '$' && i < c->n)
			segment = c->v[i++];
		tree_path_add(out, segment);
	}
}

const struct conf_name *
names_find_today(struct slice path)
{
	for (size_t i = 0; i < TODAY_N; i++) {
		if (names_match(today[i].pattern, path, NULL))
			return &today[i];
	}
	return NULL;
}

const struct conf_name *
names_find_old(struct slice path, size_t *at, struct name_captures *c)
{
	while (*at < OLD_N) {
		const struct conf_name *name = &old[(*at)++];

		if (names_match(name->pattern, path, c))
			return name;
	}
	return NULL;
}

size_t
names_count(void)
{
	return TODAY_N + OLD_N;
}

const struct conf_name *
names_row(size_t i)
{
	CHECK(i < TODAY_N + OLD_N);
	return i < TODAY_N ? &today[i] : &old[i - TODAY_N];
}

bool
names_is_of_today(const struct conf_name *name)
{
	return name >= today && name < today + TODAY_N;
}
