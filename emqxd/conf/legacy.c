/* SPDX-License-Identifier: Apache-2.0 */
/*
 * legacy: see legacy.h.  A line of 4.x becomes a node of today's tree that remembers
 * the name it was written under; so later layers, faults and `conf show` need to
 * know nothing of 4.x.
 */
#include "emqxd/conf/legacy.h"
#include "ipc/base/num.h"
#include "emqxd/conf/names.h"
#include "emqxd/conf/report.h"

#include <strings.h>

#define ZONE_OF_4X "external"

static bool
is_word(struct slice v, const char *word)
{
	return v.n == strlen(word) && strncasecmp((const char *)v.p, word, v.n) == 0;
}

static bool
is_digits(struct slice v)
{
	uint64_t ignored;

	return num_parse_u64(v, &ignored) == EM_OK;
}

/* keepalive_backoff counts half the interval. */
static bool
doubled(struct slice v, struct str *out)
{
	double backoff;

	if (num_parse_double(v, &backoff) != EM_OK)
		return false;
	str_addf(out, "%g", backoff * 2);
	return true;
}

void
legacy_template(struct slice v, struct str *out)
{
	while (v.n > 0) {
		if (slice_starts(v, SLICE_LIT("%c")) ||
		    slice_starts(v, SLICE_LIT("%u"))) {
			str_add(out, v.p[1] == 'c' ? "${clientid}" : "${username}");
			v = slice_from(v, 2);
		} else {
			str_add_char(out, (char)v.p[0]);
			v = slice_from(v, 1);
		}
	}
}

/* The text that today's key takes; false: none of 4.x's values.  *says false: it says
 * nothing about this key. */
static bool
translate(enum name_how how, struct slice v, struct str *out, bool *says)
{
	const char *word = NULL;
	bool is_zero = is_word(v, "0");

	*says = true;
	switch (how) {
	case HOW_SAME:
	case HOW_PRIORITIES: break;
	case HOW_MILLIS: break; /* as today */
	case HOW_SECONDS:
		str_add_slice(out, v);
		str_add(out, is_digits(v) ? "s" : "");
		return true;
	case HOW_DOUBLED: return doubled(v, out);
	case HOW_ZERO_INFINITY: word = is_zero ? "infinity" : NULL; break;
	case HOW_ZERO_DISABLED: word = is_zero ? "disabled" : NULL; break;
	case HOW_ZERO_MAX: word = is_zero ? "65535" : NULL; break;
	case HOW_HAS_FILE:
	case HOW_HAS_CONSOLE:
		if (!is_word(v, "file") && !is_word(v, "console") && !is_word(v, "both"))
			return false;
		word = is_word(v, "both") ||
			       is_word(v, how == HOW_HAS_FILE ? "file" : "console")
			   ? "true"
			   : "false";
		break;
	case HOW_OFF_INFINITY:
		*says = is_word(v, "off") || is_word(v, "false");
		word = "infinity";
		break;
	case HOW_DISC: word = is_word(v, "disc_only") ? "disc" : NULL; break;
	case HOW_FILE_URL:
		str_add(out, "file://");
		str_add_slice(out, v);
		return true;
	case HOW_TEMPLATE: legacy_template(v, out); return true;
	case HOW_SHARE: word = is_word(v, "hash") ? "hash_clientid" : NULL; break;
	case HOW_RULE_ALL:
	case HOW_RULE_PUBLISH:
	case HOW_RULE_SUBSCRIBE:
	case HOW_SUBSCRIPTION: UNREACHABLE(); /* legacy_items' */
	}
	if (word != NULL)
		str_add(out, word);
	else
		str_add_slice(out, v);
	return true;
}

/* "t/1=10,t/2=8" as an object; "none" as the text "disabled".  NULL: neither. */
static struct tree_node *
priorities(struct conf_tree *t, struct slice v, struct tree_pos pos)
{
	struct tree_node *map;

	if (is_word(v, "none"))
		return tree_node_new(t, TREE_TEXT, SLICE_LIT("disabled"), pos);
	map = tree_node_new(t, TREE_OBJECT, SLICE_NONE, pos);
	while (map != NULL && v.n > 0) {
		const uint8_t *comma = memchr(v.p, ',', v.n);
		struct slice one =
		    slice_head(v, comma != NULL ? (size_t)(comma - v.p) : v.n);
		const uint8_t *equals = one.n > 0 ? memchr(one.p, '=', one.n) : NULL;
		size_t n = equals != NULL ? (size_t)(equals - one.p) : 0;
		struct tree_node *number = NULL;

		if (n > 0)
			number = tree_node_new(t, TREE_TEXT, slice_from(one, n + 1), pos);
		if (number == NULL) {
			tree_node_free(&map);
			return NULL;
		}
		tree_put(map, slice_head(one, n), &number);
		v = slice_from(v, one.n + 1);
	}
	return map;
}

static bool
put(struct conf_tree *t, const struct conf_name *name, const struct name_captures *c,
    struct slice path, struct slice value, struct tree_pos pos)
{
	struct str text = { 0 }, to = { 0 };
	struct tree_node *node = NULL;
	bool says = true, ok = true;

	if (name->how == HOW_PRIORITIES)
		node = priorities(t, value, pos);
	else if (translate(name->how, value, &text, &says) && says)
		node = tree_node_new(t, TREE_TEXT, str_slice(&text), pos);
	if (says)
		ok = node != NULL;
	if (node != NULL) {
		node->as = tree_keep(t, path);
		names_fill(name->to, c, &to);
		ok = tree_put_path(t, str_slice(&to), &node);
	}
	tree_node_free(&node);
	str_fini(&text);
	str_fini(&to);
	return ok;
}

static const char *
expected(enum name_how how)
{
	if (how == HOW_DOUBLED)
		return "a number such as 0.75";
	if (how == HOW_PRIORITIES)
		return "such as topic/1=10,topic/2=8, or none";
	if (how == HOW_HAS_FILE || how == HOW_HAS_CONSOLE)
		return "file, console or both";
	return NULL;
}

void
legacy_put(struct conf_tree *t, struct slice path, struct slice value,
    struct tree_pos pos, struct conf_report *r)
{
	struct name_captures c;
	const struct conf_name *name;
	size_t at = 0;

	while ((name = names_find_old(path, &at, &c)) != NULL) {
		if (name->class != NAME_ALIAS) {
			struct tree_legacy entry = { tree_keep(t, path),
				tree_keep(t, value), pos };

			VEC_ADD(&t->legacy, entry);
			return;
		}
		if (!put(t, name, &c, path, value, pos)) {
			struct str shown = { 0 };

			str_add_escaped(&shown, slice_head(value, 60));
			report_fault(r, pos, expected(name->how),
			    "%s: '%s' is not possible", tree_keep(t, path),
			    str_get(&shown));
			str_fini(&shown);
			return;
		}
	}
}

/* Was anything in this object written under a name of 4.x? */
static const struct tree_node *
find_old(const struct tree_node *node, const char *prefix)
{
	for (size_t i = 0; node != NULL && i < node->child.n; i++) {
		const struct tree_node *child = node->child.p[i];
		const struct tree_node *deep = find_old(child, prefix);

		if (child->as != NULL && strncmp(child->as, prefix, strlen(prefix)) == 0)
			return child;
		if (deep != NULL)
			return deep;
	}
	return NULL;
}

bool
legacy_has_listener(const struct conf_tree *t)
{
	const struct tree_node *tcp = tree_find(t, SLICE_LIT("listeners.tcp"));

	for (size_t i = 0; tcp != NULL && i < tcp->child.n; i++) {
		const struct tree_node *bind =
		    tree_member(tcp->child.p[i], SLICE_LIT("bind"));

		if (bind != NULL && bind->as != NULL)
			return true;
	}
	return false;
}

static void
join_zone(struct conf_tree *t, struct slice listener, const struct tree_node *why)
{
	struct tree_node *zone =
	    tree_node_new(t, TREE_TEXT, SLICE_LIT(ZONE_OF_4X), why->pos);
	struct str path = { 0 };

	if (zone == NULL)
		return;
	zone->as = why->as;
	str_add(&path, "listeners.tcp");
	tree_path_add(&path, listener);
	str_add(&path, ".zone");
	(void)tree_put_path(t, str_slice(&path), &zone);
	tree_node_free(&zone);
	str_fini(&path);
}

/* In 4.x a listener may name a zone that no line sets. */
static void
make_zones(struct conf_tree *t)
{
	const struct tree_node *tcp = tree_find(t, SLICE_LIT("listeners.tcp"));

	for (size_t i = 0; tcp != NULL && i < tcp->child.n; i++) {
		const struct tree_node *zone =
		    tree_member(tcp->child.p[i], SLICE_LIT("zone"));
		struct str path = { 0 };
		struct tree_node *empty;

		if (zone == NULL || zone->kind != TREE_TEXT || zone->as == NULL)
			continue;
		str_add(&path, "zones");
		tree_path_add(&path, slice_str(zone->text));
		str_add(&path, ".mqtt");
		empty = tree_node_new(t, TREE_OBJECT, SLICE_NONE, zone->pos);
		if (empty != NULL)
			(void)tree_put_path(t, str_slice(&path), &empty);
		tree_node_free(&empty);
		str_fini(&path);
	}
}

void
legacy_settle(struct conf_tree *t)
{
	const struct tree_node *zone =
	    find_old(tree_find(t, SLICE_LIT("zones." ZONE_OF_4X)), "zone.");
	const struct tree_node *tcp;

	make_zones(t);
	if (zone == NULL)
		return;
	if (!legacy_has_listener(t) &&
	    tree_find(t, SLICE_LIT("listeners.tcp.default.zone")) == NULL)
		join_zone(t, SLICE_LIT("default"), zone);
	tcp = tree_find(t, SLICE_LIT("listeners.tcp"));
	for (size_t i = 0; tcp != NULL && i < tcp->child.n; i++) {
		const struct tree_node *listener = tcp->child.p[i];

		if (listener->kind == TREE_OBJECT &&
		    tree_member(listener, SLICE_LIT("zone")) == NULL)
			join_zone(t, slice_str(listener->name), zone);
	}
}
