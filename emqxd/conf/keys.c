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

static void
add(struct keys *k, const char *pattern, struct key_found found)
{
	struct key *key = VEC_PUSH(&k->list);

	key->pattern = pattern;
	key->found = found;
}

static void
add_fields(struct keys *k, const struct conf_section *s, bool overlay)
{
	struct str pattern = { 0 };

	for (size_t i = 0; i < s->n; i++) {
		str_reset(&pattern);
		keys_pattern(s, &s->field[i], overlay, &pattern);
		add(k, conf_pool_text(&k->pool, str_slice(&pattern)),
		    (struct key_found){ s, &s->field[i], NULL });
	}
	str_fini(&pattern);
}

void
keys_init(struct keys *k, const struct conf_section *const *section, size_t n)
{
	*k = (struct keys){ 0 };
	for (size_t i = 0; i < n; i++) {
		add_fields(k, section[i], false);
		if (section[i]->overlay != NULL)
			add_fields(k, section[i], true);
	}
	for (size_t i = 0; i < names_count(); i++)
		add(k, names_row(i)->pattern,
		    (struct key_found){ NULL, NULL, names_row(i) });
}

void
keys_fini(struct keys *k)
{
	VEC_FINI(&k->list);
	conf_pool_fini(&k->pool);
}

static bool
is_of_today(const struct key *key)
{
	return key->found.name == NULL || names_is_of_today(key->found.name);
}

bool
keys_find(const struct keys *k, struct slice path, struct key_found *out)
{
	for (size_t i = 0; i < k->list.n; i++) {
		const struct key *key = &k->list.p[i];

		if (is_of_today(key) && names_match(key->pattern, path, NULL)) {
			*out = key->found;
			return true;
		}
	}
	*out = (struct key_found){ 0 };
	return false;
}

bool
keys_is_above(const struct keys *k, struct slice path, bool old)
{
	for (size_t i = 0; i < k->list.n; i++) {
		const struct key *key = &k->list.p[i];

		if ((old || is_of_today(key)) && names_match_above(key->pattern, path))
			return true;
	}
	return false;
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

static unsigned
count_segments(struct slice path)
{
	struct slice segment;
	unsigned n = 0;

	while (tree_path_next(&path, &segment))
		n++;
	return n;
}

/* How many segments the two share at their beginning, and at their end. */
static void
count_shared(struct slice a, struct slice b, unsigned *head, unsigned *tail)
{
	struct slice x, y;
	bool is_head = true;

	*head = *tail = 0;
	for (struct slice m = a, n = b;
	     is_head && tree_path_next(&m, &x) && tree_path_next(&n, &y);) {
		is_head = slice_eq(x, y);
		*head += is_head;
	}
	/* what is left of the longer goes: then both end together */
	while (count_segments(a) > count_segments(b))
		(void)tree_path_next(&a, &x);
	while (count_segments(b) > count_segments(a))
		(void)tree_path_next(&b, &y);
	while (tree_path_next(&a, &x) && tree_path_next(&b, &y))
		*tail = slice_eq(x, y) ? *tail + 1 : 0;
}

/* A key of another place that ends as the path does: what may be meant by it. */
struct same_end {
	struct str key;
	const struct conf_section *section;
	unsigned rank; /* 0: none yet */
	bool is_one_of_many;
};

/* Two segments at the end say more than one at both ends.  A word alone says something
 * only where one section has it. */
static void
offer_same_end(
    struct same_end *s, struct slice path, const struct key *key, struct slice candidate)
{
	unsigned head, tail, rank;

	count_shared(path, slice_str(key->pattern), &head, &tail);
	rank = tail >= 2 ? 3 : tail == 1 && head >= 1 ? 2 : tail == count_segments(path);
	if (rank == 0 || rank < s->rank)
		return;
	if (rank == s->rank) {
		s->is_one_of_many = s->is_one_of_many || key->found.section != s->section;
		return;
	}
	str_reset(&s->key);
	str_add_slice(&s->key, candidate);
	s->section = key->found.section;
	s->rank = rank;
	s->is_one_of_many = false;
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
			want = there && names_is_choice(want, have)
				   ? have
				   : slice_head(want, (size_t)(bar - want.p));
		} else if (want.n > 0 && want.p[0] == '$' && there) {
			want = have;
		}
		tree_path_add(out, want);
	}
}

bool
keys_nearest(const struct keys *k, struct slice path, struct str *out)
{
	struct str candidate = { 0 };
	struct same_end same_end = { .rank = 0 };
	unsigned best = UINT32_MAX, distance;

	if (path.n > NEAREST_PATH_MAX)
		return false;
	for (size_t i = 0; i < k->list.n; i++) {
		const struct key *key = &k->list.p[i];
		struct slice pattern = slice_str(key->pattern);

		if (strchr(key->pattern, '*') != NULL)
			continue;
		str_reset(&candidate);
		fill_from(pattern, path, &candidate);
		if (edit_is_near(path, str_slice(&candidate), &distance) &&
		    distance < best) {
			best = distance;
			str_reset(out);
			str_add_slice(out, str_slice(&candidate));
		}
		if (key->found.field != NULL)
			offer_same_end(&same_end, path, key, str_slice(&candidate));
	}
	if (best == UINT32_MAX && !(same_end.rank == 1 && same_end.is_one_of_many))
		str_add_slice(out, str_slice(&same_end.key));
	str_fini(&candidate);
	str_fini(&same_end.key);
	return out->n > 0;
}
