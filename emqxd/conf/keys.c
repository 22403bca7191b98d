/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys: see keys.h.
 */
#include "emqxd/conf/keys.h"
#include "ipc/base/edit.h"
#include "ipc/base/num.h"

#define NEAREST_PATH_MAX 160

void
keys_pattern(const struct conf_section *s, const struct conf_field *f, bool overlay,
    struct str *out)
{
	const char *path = overlay ? s->overlay : s->path;

	str_add(out, path);
	if (*path != '\0')
		str_add_char(out, '.');
	str_add(out, f->path);
}

/* One pattern after the other: fields, then their overlays, then the register. */
struct walk {
	const struct keys *keys;
	size_t section, field, name;
	bool overlay;
	struct str pattern;
	struct key_found found;
};

static bool
next_field(struct walk *w)
{
	for (; w->section < w->keys->n; w->section++, w->field = 0, w->overlay = false) {
		const struct conf_section *s = w->keys->section[w->section];

		if (w->field == s->n && !w->overlay && s->overlay != NULL) {
			w->overlay = true;
			w->field = 0;
		}
		if (w->field == s->n)
			continue;
		w->found = (struct key_found){ s, &s->field[w->field], NULL };
		keys_pattern(s, &s->field[w->field++], w->overlay, &w->pattern);
		return true;
	}
	return false;
}

static bool
next(struct walk *w)
{
	str_reset(&w->pattern);
	if (next_field(w))
		return true;
	if (w->name == names_count())
		return false;
	w->found = (struct key_found){ NULL, NULL, names_row(w->name++) };
	str_add(&w->pattern, w->found.name->pattern);
	return true;
}

bool
keys_find(const struct keys *k, struct slice path, struct key_found *out)
{
	struct walk w = { .keys = k };
	bool found = false;

	*out = (struct key_found){ 0 };
	while (!found && next(&w)) {
		found = names_match(str_get(&w.pattern), path, NULL) &&
			(w.found.name == NULL || names_is_of_today(w.found.name));
	}
	if (found)
		*out = w.found;
	str_fini(&w.pattern);
	return found;
}

bool
keys_is_above(const struct keys *k, struct slice path, bool old)
{
	struct walk w = { .keys = k };
	bool found = false;

	while (!found && next(&w)) {
		found = names_match_above(str_get(&w.pattern), path) &&
			(w.found.name == NULL || old || names_is_of_today(w.found.name));
	}
	str_fini(&w.pattern);
	return found;
}

/* Does the rest of a path go on inside the value of that key? */
static bool
goes_inside(const struct key_found *found, struct slice rest)
{
	struct slice segment;
	uint64_t number;

	if (found->field != NULL && found->field->type == CONF_MAP)
		return tree_path_next(&rest, &segment) && rest.n == 0;
	return tree_path_next(&rest, &segment) &&
	       num_parse_u64(segment, &number) == EM_OK;
}

bool
keys_is_known(const struct keys *k, struct slice path)
{
	struct slice rest = path, segment;
	struct key_found found;

	while (tree_path_next(&rest, &segment)) {
		size_t n = path.n - rest.n - (rest.n > 0); /* without the dot behind it */

		if (keys_find(k, slice_head(path, n), &found) &&
		    (rest.n == 0 || goes_inside(&found, rest)))
			return true;
	}
	return keys_is_above(k, path, false);
}

static struct slice
last_segment(struct slice path)
{
	struct slice segment = SLICE_NONE;

	while (tree_path_next(&path, &segment))
		;
	return segment;
}

/* The pattern with the path's own segments where any may stand. */
static void
fill_from(struct slice pattern, struct slice path, struct str *out)
{
	struct slice want, have = SLICE_NONE;

	while (tree_path_next(&pattern, &want)) {
		bool there = tree_path_next(&path, &have);
		const uint8_t *bar = memchr(want.p, '|', want.n);

		if (bar != NULL) {
			struct str one = { 0 };

			str_add_slice(&one, want);
			if (there && names_match(str_get(&one), have, NULL))
				want = have;
			else
				want = slice_head(want, (size_t)(bar - want.p));
			str_fini(&one);
		} else if (want.n > 0 && want.p[0] == '$' && there) {
			want = have;
		}
		tree_path_add(out, want);
	}
}

bool
keys_nearest(const struct keys *k, struct slice path, struct str *out)
{
	struct walk w = { .keys = k };
	struct str candidate = { 0 }, same_end = { 0 };
	struct slice end = last_segment(path);
	unsigned best = UINT32_MAX, distance;

	if (path.n > NEAREST_PATH_MAX)
		return false;
	while (next(&w)) {
		struct slice pattern = str_slice(&w.pattern);

		if (strchr(str_get(&w.pattern), '*') != NULL)
			continue;
		str_reset(&candidate);
		fill_from(pattern, path, &candidate);
		if (edit_is_near(path, str_slice(&candidate), &distance) &&
		    distance < best) {
			best = distance;
			str_reset(out);
			str_add_slice(out, str_slice(&candidate));
		}
		if (same_end.n == 0 && w.found.field != NULL &&
		    slice_eq(last_segment(pattern), end))
			str_add_slice(&same_end, str_slice(&candidate));
	}
	if (best == UINT32_MAX)
		str_add_slice(out, str_slice(&same_end));
	str_fini(&w.pattern);
	str_fini(&candidate);
	str_fini(&same_end);
	return out->n > 0;
}
