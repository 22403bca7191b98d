/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change: the differences between two snapshots.  A struct of a name that only
 * one of them has counts as changed in every field that is not at its default.
 */
#include "emqxd/conf/change.h"
#include "ipc/base/mem.h"
#include "emqxd/conf/snapshot_body.h"

#define MASK "******"

static const void *
find_named(
    const struct conf_snapshot *s, const struct conf_section *section, const char *name)
{
	for (size_t i = 0; i < s->part[section->id].n; i++) {
		const void *object = section_object(s, section, i);

		if (!section_is_gone(s, section, i) &&
		    strcmp(section_name(section, object), name) == 0)
			return object;
	}
	return NULL;
}

static char *
masked(const struct conf_field *f, struct str *text)
{
	char *copy = mem_strdup(f->secret && text->n > 0 ? MASK : str_get(text));

	str_fini(text);
	return copy;
}

/* A field in two snapshots; a or b is NULL where the name is not there. */
struct pair {
	const struct conf_snapshot *before, *after;
	const struct conf_section *section;
	const void *a, *b;
};

static void
compare_field(const struct pair *p, const struct conf_field *f, struct conf_changes *out)
{
	struct str before = { 0 }, after = { 0 }, path = { 0 };
	const struct tree_node *node;
	struct conf_change *c;
	bool shown;

	if (p->a != NULL)
		value_print(f, p->a, &before);
	if (p->b != NULL)
		value_print(f, p->b, &after);
	shown = p->a != NULL &&
		section_shown_path(p->before, p->section, p->a, f, &path, &node);
	if (p->b != NULL)
		shown = section_shown_path(p->after, p->section, p->b, f, &path, &node) ||
			shown;
	if (shown && strcmp(str_get(&before), str_get(&after)) != 0) {
		c = VEC_PUSH(&out->list);
		c->path = str_take(&path);
		c->before = masked(f, &before);
		c->after = masked(f, &after);
		c->id = p->section->id;
		c->reload = p->a == NULL || p->b == NULL ? CONF_LIVE : f->reload;
	}
	str_fini(&before);
	str_fini(&after);
	str_fini(&path);
}

static void
compare(const struct pair *p, struct conf_changes *out)
{
	for (size_t i = 0; i < p->section->n; i++)
		compare_field(p, &p->section->field[i], out);
}

static void
compare_section(struct pair p, struct conf_changes *out)
{
	enum conf_id id = p.section->id;

	for (size_t i = 0; i < p.after->part[id].n; i++) {
		if (section_is_gone(p.after, p.section, i))
			continue;
		p.b = section_object(p.after, p.section, i);
		p.a = find_named(p.before, p.section, section_name(p.section, p.b));
		compare(&p, out);
	}
	p.b = NULL;
	for (size_t i = 0; i < p.before->part[id].n; i++) {
		p.a = section_object(p.before, p.section, i);
		if (!section_is_gone(p.before, p.section, i) &&
		    find_named(p.after, p.section, section_name(p.section, p.a)) == NULL)
			compare(&p, out);
	}
}

void
conf_changes_find(const struct conf_snapshot *before, const struct conf_snapshot *after,
    struct conf_changes *out)
{
	for (size_t i = 0; i < after->sections; i++)
		compare_section(
		    (struct pair){ before, after, after->section[i], NULL, NULL }, out);
}

void
conf_changes_fini(struct conf_changes *c)
{
	for (size_t i = 0; i < c->list.n; i++) {
		mem_free(c->list.p[i].path);
		mem_free(c->list.p[i].before);
		mem_free(c->list.p[i].after);
	}
	VEC_FINI(&c->list);
}

const char *
conf_reload_text(enum conf_reload reload)
{
	switch (reload) {
	case CONF_LIVE: return "at once";
	case CONF_NEW_CONNECTIONS: return "new connections";
	case CONF_LISTENER: return "restart of the listener";
	case CONF_RESTART: return "restart of emqxd";
	}
	UNREACHABLE();
}
