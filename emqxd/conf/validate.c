/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validate: a tree to the structs of its sections.
 *
 * First every key of the tree is looked up: a field's, one of the register, or a
 * fault.  Then every field is read, from the tree or from its default.  Then the
 * sections settle what hangs together.  All faults are found in one pass, so that
 * nobody mends a file line by line.
 */
#include "emqxd/conf/legacy.h"
#include "emqxd/conf/legacy_items.h"
#include "emqxd/conf/report.h"
#include "emqxd/conf/snapshot_body.h"
#include "ipc/base/num.h"

#include <strings.h>

#include <stdio.h>

#define NAME_MAX_BYTES 64

struct validator {
	struct conf_snapshot *s;
	struct conf_report *report;
	const struct keys *keys;
	const struct conf_snapshot *before;
};

/* ---- what a guard asks for */

static bool
is_one_of(const char *choices, struct slice v)
{
	struct slice rest = slice_str(choices);

	for (;;) {
		const uint8_t *bar = rest.n > 0 ? memchr(rest.p, '|', rest.n) : NULL;
		size_t n = bar != NULL ? (size_t)(bar - rest.p) : rest.n;

		if (n == v.n && (n == 0 || strncasecmp((const char *)rest.p,
					       (const char *)v.p, n) == 0))
			return true;
		if (bar == NULL)
			return false;
		rest = slice_from(rest, n + 1);
	}
}

static bool
is_off(const struct tree_node *object)
{
	const struct tree_node *enable;

	if (object->kind != TREE_OBJECT)
		return false;
	enable = tree_member(object, SLICE_LIT("enable"));
	return enable != NULL && enable->kind == TREE_TEXT &&
	       is_one_of("false|off", slice_str(enable->text));
}

static bool
is_all_off(const struct tree_node *node)
{
	if (node->kind == TREE_TEXT)
		return *node->text == '\0';
	if (is_off(node))
		return true;
	for (size_t i = 0; i < node->child.n; i++) {
		if (!is_off(node->child.p[i]))
			return false;
	}
	return true;
}

static void
text_of(const struct tree_node *node, struct str *out)
{
	if (node->kind == TREE_TEXT)
		str_add(out, node->text);
	for (size_t i = 0; i < node->child.n; i++) {
		str_add(out, i > 0 ? "," : "");
		text_of(node->child.p[i], out);
	}
}

static bool
asks_for_nothing(const struct conf_name *guard, const struct tree_node *node)
{
	struct str text = { 0 };
	bool nothing;

	if (strcmp(guard->off, "[off]") == 0)
		return is_all_off(node);
	text_of(node, &text);
	nothing = is_one_of(guard->off, str_slice(&text));
	str_fini(&text);
	return nothing;
}

static bool
takes_words(const struct conf_name *guard)
{
	return guard->off != NULL && *guard->off != '\0' && *guard->off != '[';
}

/* A value is shown only where it is a word: others may be secrets. */
static void
refuse(struct validator *v, struct tree_pos pos, const struct conf_name *guard,
    const char *path, const char *as, const char *value)
{
	bool is_word = value != NULL && takes_words(guard);
	struct str text = { 0 };

	str_add_escaped(&text, slice_str(as != NULL ? as : path));
	if (is_word) {
		str_add(&text, " = ");
		str_add_escaped(&text, slice_head(slice_str(value), 60));
	}
	if (as != NULL) {
		str_add(&text, " (");
		str_add_escaped(&text, slice_str(path));
		str_add_char(&text, ')');
	}
	report_fault(v->report, pos, guard->hint, "not built yet: %s", str_get(&text));
	str_fini(&text);
}

static void
ignore(struct validator *v, const char *path, struct tree_pos pos, const char *value,
    bool is_so_anyway)
{
	struct str origin = { 0 };
	struct conf_ignored entry;

	tree_pos_print(pos, &origin);
	entry.path = conf_pool_text(&v->s->pool, slice_str(path));
	entry.origin = conf_pool_text(&v->s->pool, str_slice(&origin));
	entry.value = conf_pool_text(&v->s->pool, slice_str(value));
	entry.is_so_anyway = is_so_anyway;
	VEC_ADD(&v->s->ignored, entry);
	str_fini(&origin);
}

/* ---- keys */

/* Some line of 4.x that only describes a listener does not open it. */
static bool
opens(const struct tree_node *door)
{
	const struct tree_node *bind = tree_member(door, SLICE_LIT("bind"));

	if (door->kind != TREE_OBJECT || is_off(door))
		return false;
	return bind != NULL || door->child.n == 0 || door->child.p[0]->as == NULL;
}

static void
named(struct validator *v, const struct conf_name *name, const struct tree_node *node,
    const char *path)
{
	bool is_guard = name->class == NAME_GUARD;
	const char *text = node->kind == TREE_TEXT ? node->text : NULL;

	if (is_guard && !asks_for_nothing(name, node))
		refuse(v, node->pos, name, path, node->as, text);
	else
		ignore(v, node->as != NULL ? node->as : path, node->pos,
		    is_guard && text != NULL && takes_words(name) ? text : "", is_guard);
}

static struct tree_pos
key_pos(const struct tree_node *node)
{
	return node->key.line > 0 ? node->key : node->pos;
}

static void
group_as_value(struct validator *v, const struct tree_node *node, struct slice path)
{
	struct str shown = { 0 }, hint = { 0 };

	str_add_escaped(&shown, slice_head(path, 200));
	str_addf(&hint, "write %s.KEY = VALUE, or %s { KEY = VALUE }", str_get(&shown),
	    str_get(&shown));
	report_fault(v->report, key_pos(node), str_get(&hint),
	    "%s is a group of keys and has no value itself", str_get(&shown));
	str_fini(&shown);
	str_fini(&hint);
}

static void
unknown(struct validator *v, const struct tree_node *node, struct slice path)
{
	struct str shown = { 0 }, nearest = { 0 }, hint = { 0 };

	if (v->report->fault.n >= CONF_NOTES_MAX) {
		v->report->more = true;
		return;
	}
	str_add_escaped(&shown, slice_head(path, 200));
	if (keys_nearest(v->keys, path, &nearest)) {
		str_add(&hint, "did you mean ");
		str_add_escaped(&hint, str_slice(&nearest));
		str_add_char(&hint, '?');
	} else {
		str_add(&hint, "man 5 emqx.conf lists all keys");
	}
	report_fault(
	    v->report, key_pos(node), str_get(&hint), "unknown key %s", str_get(&shown));
	str_fini(&shown);
	str_fini(&nearest);
	str_fini(&hint);
}

/* Does a list of a section's structs stand there? */
static bool
takes_list(const struct validator *v, struct slice path)
{
	for (size_t i = 0; i < v->s->sections; i++) {
		const struct conf_section *s = v->s->section[i];

		if (s->is_list && path.n + strlen(".$name") == strlen(s->path) &&
		    slice_starts(slice_str(s->path), path))
			return true;
	}
	return false;
}

/* An object where a list of them is expected; numbers for names are a list's. */
static bool
is_lone_item(const struct tree_node *node)
{
	uint64_t ignored;

	return node->kind == TREE_OBJECT && node->child.n > 0 &&
	       num_parse_u64(slice_str(node->child.p[0]->name), &ignored) != EM_OK;
}

static void look(struct validator *v, const struct tree_node *node, struct str *path);

static void
look_at_items(struct validator *v, const struct tree_node *node, struct str *path)
{
	size_t n = path->n;

	for (size_t i = 0; i < node->child.n; i++) {
		str_addf(path, ".%zu", i + 1);
		look(v, node->child.p[i], path);
		str_cut(path, n);
	}
}

/* Looks at the node and, when it is no value, at what is in it.  @path is as before at
 * the end. */
static void
look(struct validator *v, const struct tree_node *node, struct str *path)
{
	struct key_found found;
	size_t n = path->n;
	bool is_key = n > 0 && keys_find(v->keys, str_slice(path), &found);
	bool is_rest =
	    is_key && found.name != NULL && strchr(found.name->pattern, '*') != NULL;

	if (is_key && found.name != NULL && found.name->class == NAME_DOOR) {
		if (opens(node))
			refuse(v, node->pos, found.name, str_get(path), NULL, NULL);
		is_key = false;
	}
	if (is_key && (!is_rest || node->kind != TREE_OBJECT || node->child.n == 0)) {
		if (found.name != NULL)
			named(v, found.name, node, str_get(path));
		return;
	}
	if (takes_list(v, str_slice(path)) && node->kind == TREE_ARRAY) {
		look_at_items(v, node, path);
		return;
	}
	if (takes_list(v, str_slice(path)) && is_lone_item(node)) {
		report_fault(v->report, node->pos, "put [ and ] around it",
		    "%s is a list of objects", str_get(path));
		return;
	}
	if (node->kind != TREE_OBJECT) {
		if (keys_is_above(v->keys, str_slice(path), false))
			group_as_value(v, node, str_slice(path));
		else
			unknown(v, node, str_slice(path));
		return;
	}
	if (node->child.n == 0 && n > 0 && !keys_is_above(v->keys, str_slice(path), true))
		unknown(v, node, str_slice(path));
	for (size_t i = 0; i < node->child.n; i++) {
		tree_path_add(path, slice_str(node->child.p[i]->name));
		look(v, node->child.p[i], path);
		str_cut(path, n);
	}
}

static void
look_at_legacy(struct validator *v)
{
	for (size_t i = 0; i < v->s->tree.legacy.n; i++) {
		const struct tree_legacy *old = &v->s->tree.legacy.p[i];
		const struct conf_name *name;
		size_t at = 0;

		name = names_find_old(slice_str(old->path), &at, NULL);
		CHECK(name != NULL);
		if (name->class == NAME_ITEM)
			continue; /* it is in the tree */
		if (name->class == NAME_GUARD &&
		    !is_one_of(name->off, slice_str(old->value)))
			refuse(v, old->pos, name, old->path, NULL, old->value);
		else
			ignore(v, old->path, old->pos,
			    name->class == NAME_GUARD && takes_words(name) ? old->value
									   : "",
			    name->class == NAME_GUARD);
	}
}

static void
warn_ignored(struct validator *v)
{
	struct str list = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < v->s->ignored.n; i++) {
		const struct conf_ignored *k = &v->s->ignored.p[i];

		if (k->is_so_anyway || n++ >= 5)
			continue;
		str_add(&list, list.n > 0 ? ", " : "");
		str_add_escaped(&list, slice_str(k->path));
	}
	if (n > 0)
		report_warn(v->report, (struct tree_pos){ 0 },
		    "emqx_ctl conf show --ignored",
		    "%zu key%s of EMQX mean%s nothing here: %s%s", n, n > 1 ? "s" : "",
		    n > 1 ? "" : "s", str_get(&list), n > 5 ? ", ..." : "");
	str_fini(&list);
}

/* ---- values */

static void
wrong_value(struct validator *v, const struct tree_node *node, const struct conf_field *f,
    const char *path, const struct str *why)
{
	struct str name = { 0 }, hint = { 0 };

	if (node->as != NULL) {
		str_add_escaped(&name, slice_str(node->as));
		str_addf(&name, " (%s)", path);
	} else {
		str_add_escaped(&name, slice_str(path));
	}
	str_addf(&hint, "%s", f->help);
	if (f->def != NULL && *f->def != '\0')
		str_addf(&hint, "; default %s", f->def);
	report_fault(
	    v->report, node->pos, str_get(&hint), "%s: %s", str_get(&name), str_get(why));
	str_fini(&name);
	str_fini(&hint);
}

static void
fill_default(struct validator *v, const struct conf_field *f, void *object)
{
	struct str why = { 0 };
	bool ok = f->def == NULL ||
		  value_read_text(f, slice_str(f->def), &v->s->pool, object, &why);

	CHECK(ok);
	str_fini(&why);
}

/* The value is another than before: what if its room does nothing with it yet? */
static void
unbuilt(struct validator *v, const struct tree_node *node, const struct conf_field *f,
    const char *path, const struct str *value)
{
	struct str name = { 0 }, shown = { 0 };

	str_add_escaped(&name, slice_str(node->as != NULL ? node->as : path));
	str_add_escaped(&shown, slice_head(str_slice(value), 60));
	if (f->built == CONF_IGNORED)
		ignore(
		    v, str_get(&name), node->pos, f->secret ? "" : str_get(value), false);
	else
		report_fault(v->report, node->pos, "take this out until it is",
		    "not built yet: %s = %s", str_get(&name), str_get(&shown));
	str_fini(&name);
	str_fini(&shown);
}

/* Reads what stands in the tree under the path into the member; nothing there: as it
 * was.  @is_own: it is said of this struct, not of all of an overlaid section. */
static void
fill(struct validator *v, const struct conf_field *f, struct slice path, void *object,
    bool is_own)
{
	const struct tree_node *node = tree_find(&v->s->tree, path);
	struct str why = { 0 }, shown = { 0 }, before = { 0 }, after = { 0 };

	if (node == NULL)
		return;
	str_add_slice(&shown, path);
	value_print(f, object, &before);
	if (value_read(f, node, &v->s->pool, object, &why))
		value_print(f, object, &after);
	else if (is_own)
		wrong_value(v, node, f, str_get(&shown), &why);
	if (is_own && why.n == 0 && f->built != CONF_BUILT &&
	    strcmp(str_get(&before), str_get(&after)) != 0)
		unbuilt(v, node, f, str_get(&shown), &after);
	str_fini(&why);
	str_fini(&shown);
	str_fini(&before);
	str_fini(&after);
}

static void
fill_struct(struct validator *v, const struct conf_section *s, void *object)
{
	struct str path = { 0 }, below = { 0 };
	bool is_first = object == v->s->structs[s->id];

	for (size_t i = 0; i < s->n; i++) {
		const struct conf_field *f = &s->field[i];

		fill_default(v, f, object);
		section_path(s, object, f, &path, &below);
		if (below.n > 0)
			fill(v, f, str_slice(&below), object, is_first);
		fill(v, f, str_slice(&path), object, true);
	}
	str_fini(&path);
	str_fini(&below);
}

/* ---- names */

struct names {
	VEC(const char *) list; /* the pool's */
};

static void
add_name(struct validator *v, struct names *names, const char *prefix, struct slice name)
{
	struct str full = { 0 };

	str_add(&full, prefix != NULL ? prefix : "");
	str_add_slice(&full, name);
	for (size_t i = 0; i < names->list.n; i++) {
		if (strcmp(names->list.p[i], str_get(&full)) == 0) {
			str_fini(&full);
			return;
		}
	}
	VEC_ADD(&names->list, conf_pool_text(&v->s->pool, str_slice(&full)));
	str_fini(&full);
}

static bool
is_name(const char *name)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789_-";
	size_t n = strlen(name);

	return n > 0 && n <= NAME_MAX_BYTES && strspn(name, ok) == n;
}

/* The object whose members are the names: what stands before $name. */
static const struct tree_node *
names_parent(const struct validator *v, const struct conf_section *s)
{
	const char *path = s->overlay != NULL ? s->overlay : s->path;
	const char *dollar = strstr(path, ".$name");

	CHECK(dollar != NULL);
	return tree_find(&v->s->tree, slice_of(path, (size_t)(dollar - path)));
}

static bool
is_born(const struct validator *v, const struct conf_section *s)
{
	return s->born != NULL &&
	       (s->overlay != NULL || !legacy_has_listener(&v->s->tree));
}

/* One for each item, in order. */
static void
number_items(struct validator *v, const struct tree_node *list, struct names *names)
{
	char number[24];

	for (size_t i = 0; i < list->child.n; i++) {
		snprintf(number, sizeof number, "%zu", i + 1);
		if (list->child.p[i]->kind == TREE_OBJECT) /* else look() has said so */
			add_name(v, names, NULL, slice_str(number));
	}
}

static void
find_names(struct validator *v, const struct conf_section *s, struct names *names)
{
	const struct tree_node *parent = names_parent(v, s);
	size_t before = v->before != NULL && !s->is_list ? v->before->part[s->id].n : 0;

	if (parent != NULL && parent->kind == TREE_ARRAY) {
		if (s->is_list)
			number_items(v, parent, names);
		return;
	}

	for (size_t i = 0; i < before; i++)
		add_name(v, names, s->name_prefix,
		    slice_str(section_name(s, section_object(v->before, s, i))));
	if (is_born(v, s))
		add_name(v, names, s->name_prefix, slice_str(s->born));
	for (size_t i = 0; parent != NULL && i < parent->child.n; i++) {
		const struct tree_node *child = parent->child.p[i];

		if (child->kind != TREE_OBJECT)
			continue; /* look() has said so */
		if (is_name(child->name))
			add_name(v, names, s->name_prefix, slice_str(child->name));
		else
			report_fault(v->report, child->pos,
			    "letters, digits, '_' and '-', at most 64",
			    "this name is not possible");
	}
}

/* A name of before that nothing names any more. */
static bool
is_gone(const struct validator *v, const struct conf_section *s, const char *name)
{
	const struct tree_node *parent = names_parent(v, s), *there;

	if (s->is_list || (is_born(v, s) && strcmp(name, s->born) == 0))
		return false;
	there = parent != NULL ? tree_member(parent, slice_str(name)) : NULL;
	return there == NULL || there->kind != TREE_OBJECT;
}

/* What is gone is as it was, but off: no default may make something new of it.  Printed
 * and read again, so that its texts are this snapshot's. */
static void
keep_gone(struct validator *v, const struct conf_section *s, size_t i, char *object)
{
	const void *old = section_object(v->before, s, i);
	const bool on = true;

	for (size_t j = 0; j < s->n; j++) {
		struct str text = { 0 }, why = { 0 };

		value_print(&s->field[j], old, &text);
		if (!value_read_text(
			&s->field[j], str_slice(&text), &v->s->pool, object, &why))
			fill_default(v, &s->field[j], object); /* it was unset */
		str_fini(&text);
		str_fini(&why);
	}
	memset(object + s->enable_at, 0, sizeof(bool));
	memcpy(object + s->gone_at, &on, sizeof(on));
}

static void
fill_named(struct validator *v, const struct conf_section *s, size_t i, const char *name)
{
	char *object = v->s->structs[s->id] + i * s->size;
	bool gone;

	memcpy(object + s->name_at, &name, sizeof(name));
	gone = is_gone(v, s, section_name(s, object));
	v->s->gone[s->id][i] = gone;
	if (gone && s->gone_at > 0)
		keep_gone(v, s, i, object);
	else
		fill_struct(v, s, object);
}

static void
fill_section(struct validator *v, const struct conf_section *s)
{
	struct names names = { 0 };
	struct conf_part *part = &v->s->part[s->id];
	bool array = section_is_array(s);

	if (array)
		find_names(v, s, &names);
	part->n = array ? names.list.n : 1;
	v->s->structs[s->id] = conf_pool_array(&v->s->pool, part->n, s->size);
	part->first = v->s->structs[s->id];
	if (!array)
		fill_struct(v, s, v->s->structs[s->id]);
	else
		v->s->gone[s->id] = conf_pool_array(&v->s->pool, part->n, sizeof(bool));
	for (size_t i = 0; i < names.list.n; i++)
		fill_named(v, s, i, names.list.p[i]);
	VEC_FINI(&names.list);
}

static void
settle_section(struct validator *v, const struct conf_section *s)
{
	struct conf_settling in = { v->s, v->report, s, NULL };

	for (size_t i = 0; i < v->s->part[s->id].n; i++) {
		char *object = v->s->structs[s->id] + i * s->size;

		in.self = object;
		s->settle(object, &in);
	}
}

void
validate(struct conf_snapshot *s, const struct conf_snapshot *before,
    const struct keys *keys, struct conf_report *r)
{
	struct validator v = { s, r, keys, before };
	struct str path = { 0 };

	legacy_settle(&s->tree);
	legacy_items_settle(&s->tree, r);
	look(&v, s->tree.root, &path);
	look_at_legacy(&v);
	for (size_t i = 0; i < s->sections; i++)
		fill_section(&v, s->section[i]);
	for (size_t i = 0; i < s->sections; i++) {
		if (s->section[i]->settle != NULL)
			settle_section(&v, s->section[i]);
	}
	warn_ignored(&v);
	str_fini(&path);
}
