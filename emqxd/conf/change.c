/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change: the differences between two snapshots.  A struct of a name that only one of
 * them has is one change; a zone, whose fields stand in for others, one in every field that
 * it sets.
 *
 * What is compared is what was written, but a value that needs a restart is not in
 * force until then: from reload to reload the new snapshot is told what is.
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
	const struct conf_snapshot *before;
	struct conf_snapshot *after;
	const struct conf_section *section;
	const void *a, *b;
};

static const char *
owner_of(const struct pair *p)
{
	const char *object = p->b != NULL ? p->b : p->a, *name = "";

	CHECK(object != NULL);
	if (section_is_array(p->section))
		memcpy(&name, object + p->section->name_at, sizeof(name));
	return name;
}

static void
wait_for(struct conf_snapshot *s, const struct conf_change *c)
{
	struct conf_pending *w = VEC_PUSH(&s->pending);

	*w = (struct conf_pending){ .path = conf_pool_text(&s->pool, slice_str(c->path)),
		.in_force = conf_pool_text(&s->pool, slice_str(c->before)),
		.want = conf_pool_text(&s->pool, slice_str(c->after)),
		.owner = conf_pool_text(&s->pool, slice_str(c->owner)),
		.id = c->id,
		.reload = c->reload };
}

/* What was in force before is what started, whatever files said meanwhile; and who goes
 * back to it waits for nothing. */
static void
settle_restart(const struct pair *p, struct conf_change *c)
{
	const struct conf_pending *old = snapshot_pending(p->before, c->path);

	if (old != NULL) {
		mem_free(c->before);
		c->before = mem_strdup(old->in_force);
	}
	if (strcmp(c->before, c->after) == 0)
		c->reload = CONF_LIVE;
	else
		wait_for(p->after, c);
}

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
		*c = (struct conf_change){ .path = str_take(&path) };
		c->before = masked(f, &before);
		c->after = masked(f, &after);
		c->owner = mem_strdup(owner_of(p));
		c->id = p->section->id;
		c->reload = p->a == NULL || p->b == NULL ? CONF_LIVE : f->reload;
		if (!f->secret &&
		    (c->reload == CONF_RESTART || c->reload == CONF_LISTENER))
			settle_restart(p, c);
	}
	str_fini(&before);
	str_fini(&after);
	str_fini(&path);
}

/* Such as "{ bind = :1884, zone = z }": what was written in a struct. */
static char *
written(
    const struct conf_snapshot *s, const struct conf_section *section, const void *object)
{
	struct str all = { 0 }, path = { 0 }, value = { 0 };
	const struct tree_node *node;

	for (size_t i = 0; i < section->n; i++) {
		const struct conf_field *f = &section->field[i];

		(void)section_shown_path(s, section, object, f, &path, &node);
		if (node == NULL)
			continue;
		value_print(f, object, &value);
		str_addf(&all, "%s%s = %s", all.n == 0 ? "{ " : ", ", f->path,
		    f->secret && value.n > 0 ? MASK : str_get(&value));
		str_reset(&value);
	}
	str_add(&all, all.n == 0 ? "{}" : " }");
	str_fini(&path);
	str_fini(&value);
	return str_take(&all);
}

/* It came, or it went. */
static void
compare_whole(const struct pair *p, struct conf_changes *out)
{
	const void *object = p->b != NULL ? p->b : p->a;
	struct conf_change *c = VEC_PUSH(&out->list);
	struct str path = { 0 };

	section_own_path(p->section, object, &path);
	*c = (struct conf_change){ .path = str_take(&path),
		.before =
		    p->a != NULL ? written(p->before, p->section, p->a) : mem_strdup(""),
		.after =
		    p->b != NULL ? written(p->after, p->section, p->b) : mem_strdup(""),
		.owner = mem_strdup(owner_of(p)),
		.id = p->section->id,
		.reload = CONF_LIVE };
}

static void
compare(const struct pair *p, struct conf_changes *out)
{
	if ((p->a == NULL || p->b == NULL) && p->section->overlay == NULL) {
		compare_whole(p, out);
		return;
	}
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

/* The path itself, or all of the struct that it is in. */
static bool
has_path(const struct conf_changes *c, const char *path)
{
	for (size_t i = 0; i < c->list.n; i++) {
		size_t n = strlen(c->list.p[i].path);

		if (strncmp(c->list.p[i].path, path, n) == 0 &&
		    (path[n] == '\0' || path[n] == '.'))
			return true;
	}
	return false;
}

/* The file says the same as at the reload before, but it is not in force yet. */
static void
go_on_waiting(const struct conf_snapshot *before, struct conf_snapshot *after,
    struct conf_changes *out)
{
	for (size_t i = 0; i < before->pending.n; i++) {
		const struct conf_pending *old = &before->pending.p[i];
		struct conf_change *c;

		if (atomic_load(&old->is_over) || has_path(out, old->path))
			continue;
		c = VEC_PUSH(&out->list);
		*c = (struct conf_change){ .path = mem_strdup(old->path),
			.before = mem_strdup(old->in_force),
			.after = mem_strdup(old->want),
			.owner = mem_strdup(old->owner),
			.id = old->id,
			.reload = old->reload };
		wait_for(after, c);
	}
}

void
conf_changes_find(const struct conf_snapshot *before, struct conf_snapshot *after,
    struct conf_changes *out)
{
	for (size_t i = 0; i < after->sections; i++)
		compare_section(
		    (struct pair){ before, after, after->section[i], NULL, NULL }, out);
	go_on_waiting(before, after, out);
}

void
conf_changes_fini(struct conf_changes *c)
{
	for (size_t i = 0; i < c->list.n; i++) {
		mem_free(c->list.p[i].path);
		mem_free(c->list.p[i].before);
		mem_free(c->list.p[i].after);
		mem_free(c->list.p[i].owner);
		mem_free(c->list.p[i].failure);
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
