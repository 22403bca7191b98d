/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show: a snapshot as paths and values, in the order of the tables.
 *
 * A place is a number: section by section, struct by struct, field by field; so
 * whoever lists may stop anywhere and go on in another turn.  Of the structs that
 * an overlay made only what the overlay sets is shown: the rest is said already.
 */
#include "emqxd/conf/load.h"
#include "emqxd/conf/snapshot_body.h"

#include <stdio.h>

#define MASK "******"

struct place {
	const struct conf_section *section;
	size_t number; /* of the struct in the section */
	const void *object;
	const struct conf_field *field;
};

static bool
place_at(const struct conf_snapshot *s, size_t at, struct place *out)
{
	for (size_t i = 0; i < s->sections; i++) {
		const struct conf_section *section = s->section[i];
		size_t n = s->part[section->id].n * section->n;

		if (at < n) {
			out->section = section;
			out->number = at / section->n;
			out->object = section_object(s, section, out->number);
			out->field = &section->field[at % section->n];
			return true;
		}
		at -= n;
	}
	return false;
}

static bool
is_under(struct slice path, struct slice prefix)
{
	if (prefix.n == 0)
		return true;
	return slice_starts(path, prefix) &&
	       (path.n == prefix.n || path.p[prefix.n] == '.');
}

/* "auto (1 after a restart)": the value is the one in force. */
static void
add_pending(
    const struct conf_pending *w, const struct conf_field *field, struct str *value)
{
	str_reset(value);
	str_addf(value, "%s (%s after %s%s)",
	    *w->in_force != '\0' ? w->in_force : "unset",
	    *w->want != '\0' ? w->want : "unset",
	    field->reload == CONF_LISTENER ? "emqx_ctl listeners restart " : "a restart",
	    field->reload == CONF_LISTENER ? w->owner : "");
}

static bool
is_over(const struct conf_snapshot *s, const struct tree_node *node)
{
	return s->over != NULL && node->pos.file != NULL &&
	       strcmp(node->pos.file, s->over) == 0;
}

static void
describe(const struct conf_snapshot *s, const struct place *p,
    const struct tree_node *node, const struct str *path, struct conf_shown *out)
{
	const struct conf_pending *waits = snapshot_pending(s, str_get(path));
	bool is_open; /* what the manual says is no secret */

	*out = (struct conf_shown){ .field = p->field };
	snprintf(out->path, sizeof(out->path), "%s", str_get(path));
	out->is_default = node == NULL;
	out->is_secret = p->field->secret;
	value_print(p->field, p->object, &out->value);
	if (waits != NULL)
		add_pending(waits, p->field, &out->value);
	is_open =
	    p->field->def != NULL && strcmp(str_get(&out->value), p->field->def) == 0;
	if (out->is_secret && out->value.n > 0 && !is_open) {
		str_reset(&out->value);
		str_add(&out->value, MASK);
	}
	if (node == NULL)
		str_add(&out->origin, "default");
	else if (is_over(s, node))
		str_add(&out->origin, "cluster");
	else
		tree_pos_print(node->pos, &out->origin);
	if (node != NULL && node->as != NULL) {
		str_add(&out->origin, " (");
		str_add_escaped(&out->origin, slice_str(node->as));
		str_add_char(&out->origin, ')');
	}
}

bool
conf_show_next(const struct conf_snapshot *s, struct slice prefix, size_t *at,
    struct conf_shown *out)
{
	const struct tree_node *node;
	struct str path = { 0 };
	struct place p;
	bool found = false;

	while (!found && place_at(s, *at, &p)) {
		++*at;
		found =
		    !section_is_gone(s, p.section, p.number) &&
		    section_shown_path(s, p.section, p.object, p.field, &path, &node) &&
		    is_under(str_slice(&path), prefix);
	}
	if (found)
		describe(s, &p, node, &path, out);
	str_fini(&path);
	return found;
}

void
conf_shown_fini(struct conf_shown *v)
{
	str_fini(&v->value);
	str_fini(&v->origin);
}

bool
conf_show_alias(struct slice old, struct str *today, struct str *wide)
{
	struct name_captures c;
	size_t at = 0;
	const struct conf_name *name = names_find_old(old, &at, &c);
	struct slice rest, segment;

	if (name == NULL || name->class != NAME_ALIAS)
		return false;
	str_reset(today);
	str_reset(wide);
	names_fill(name->to, &c, today);
	rest = str_slice(today);
	if (slice_starts(rest, SLICE_LIT("zones.")) && tree_path_next(&rest, &segment) &&
	    tree_path_next(&rest, &segment))
		str_add_slice(wide, rest);
	return true;
}

size_t
conf_ignored_count(const struct conf_snapshot *s)
{
	return s->ignored.n;
}

struct conf_ignored
conf_ignored_get(const struct conf_snapshot *s, size_t i)
{
	CHECK(i < s->ignored.n);
	return s->ignored.p[i];
}
