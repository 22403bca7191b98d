/* SPDX-License-Identifier: Apache-2.0 */
/*
 * section: paths and places of a section's structs, and what settle() may ask.
 */
#include "emqxd/conf/report.h"
#include "emqxd/conf/snapshot_body.h"

bool
section_is_array(const struct conf_section *s)
{
	return s->overlay != NULL || strstr(s->path, "$name") != NULL;
}

const void *
section_object(
    const struct conf_snapshot *s, const struct conf_section *section, size_t i)
{
	const struct conf_part *part = &s->part[section->id];

	CHECK(i < part->n);
	return (const char *)part->first + i * section->size;
}

bool
section_is_gone(
    const struct conf_snapshot *s, const struct conf_section *section, size_t i)
{
	const bool *gone = s->gone[section->id];

	return gone != NULL && gone[i];
}

const char *
section_name(const struct conf_section *s, const void *object)
{
	const char *name;

	if (!section_is_array(s))
		return "";
	memcpy(&name, (const char *)object + s->name_at, sizeof(name));
	return s->name_prefix != NULL ? name + strlen(s->name_prefix) : name;
}

void
section_path(const struct conf_section *s, const void *object, const struct conf_field *f,
    struct str *path, struct str *below)
{
	struct name_captures c = { .n = 1 };
	struct str pattern = { 0 };

	c.v[0] = slice_str(section_name(s, object));
	str_reset(path);
	str_reset(below);
	keys_pattern(s, f, s->overlay != NULL, &pattern);
	names_fill(str_get(&pattern), &c, path);
	if (s->overlay != NULL)
		keys_pattern(s, f, false, below);
	str_fini(&pattern);
}

void
section_own_path(const struct conf_section *s, const void *object, struct str *path)
{
	struct name_captures c = { .n = 1 };

	c.v[0] = slice_str(section_name(s, object));
	names_fill(s->path, &c, path);
}

bool
section_shown_path(const struct conf_snapshot *s, const struct conf_section *section,
    const void *object, const struct conf_field *f, struct str *path,
    const struct tree_node **node)
{
	struct str below = { 0 };
	bool is_set;

	section_path(section, object, f, path, &below);
	*node = tree_find(&s->tree, str_slice(path));
	is_set = *node != NULL;
	if (below.n > 0 && !is_set) {
		str_reset(path);
		str_add_slice(path, str_slice(&below));
		*node = tree_find(&s->tree, str_slice(path));
	}
	str_fini(&below);
	return is_set || section->overlay == NULL || object == s->part[section->id].first;
}

const void *
conf_settling_get(const struct conf_settling *in, enum conf_id id, size_t *n)
{
	*n = in->snapshot->part[id].n;
	return in->snapshot->part[id].first;
}

const char *
conf_settling_text(struct conf_settling *in, struct slice s)
{
	return conf_pool_text(&in->snapshot->pool, s);
}

void
conf_settling_fault(
    struct conf_settling *in, const char *path, const char *hint, const char *fmt, ...)
{
	const struct conf_field field = { .path = path };
	struct str full = { 0 }, text = { 0 };
	const struct tree_node *node;
	va_list ap;

	(void)section_shown_path(
	    in->snapshot, in->section, in->self, &field, &full, &node);
	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	if (node != NULL && node->as != NULL) {
		str_addf(&full, " (");
		str_add_escaped(&full, slice_str(node->as));
		str_add_char(&full, ')');
	}
	report_fault(in->report, node != NULL ? node->pos : (struct tree_pos){ 0 }, hint,
	    "%s: %s", str_get(&full), str_get(&text));
	str_fini(&full);
	str_fini(&text);
}
