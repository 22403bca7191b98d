/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve: references of a tree become what they name.
 *
 * Happy path: every join's references are replaced by copies of their targets,
 * then the parts become one value.  A target that is a join itself is resolved
 * first.  A reference to what it stands in itself means the value before
 * (path = ${path}":/x"); without one it is a circle.
 */
#include "emqxd/conf/report.h"
#include "emqxd/conf/tree.h"
#include "ipc/base/mem.h"

#define RESOLVE_DEPTH_MAX 64

struct resolver {
	struct conf_tree *tree;
	struct conf_report *report;
	char *const *environ;
	unsigned depth;
};

static bool resolve(struct resolver *v, struct tree_node *node);

/* ---- parts to one value */

static bool
is_all(const struct tree_node *join, enum tree_kind kind)
{
	for (size_t i = 0; i < join->child.n; i++) {
		if (join->child.p[i]->kind != kind)
			return false;
	}
	return true;
}

static bool
has_ref(const struct tree_node *join)
{
	for (size_t i = 0; i < join->child.n; i++) {
		if (join->child.p[i]->kind == TREE_REF)
			return true;
	}
	return false;
}

/* Blanks between two containers are no text of theirs. */
static void
drop_blank_parts(struct tree_node *join)
{
	bool has_container = false;
	size_t n = 0;

	for (size_t i = 0; i < join->child.n; i++)
		has_container = has_container || join->child.p[i]->kind == TREE_OBJECT ||
				join->child.p[i]->kind == TREE_ARRAY;
	for (size_t i = 0; i < join->child.n; i++) {
		struct tree_node *part = join->child.p[i];

		if (has_container && part->kind == TREE_TEXT && !part->is_quoted &&
		    part->text[strspn(part->text, " \t\r\f\v")] == '\0')
			tree_node_free(&part);
		else
			join->child.p[n++] = part;
	}
	join->child.n = n;
}

/* The join takes the only part's place, under its own name. */
static void
become(struct tree_node *join, struct tree_node *part)
{
	VEC_FINI(&join->child);
	mem_free(join->text);
	join->kind = part->kind;
	join->text = part->text;
	join->is_quoted = part->is_quoted;
	join->child.p = part->child.p;
	join->child.n = part->child.n;
	join->child.cap = part->child.cap;
	part->text = NULL;
	part->child.p = NULL;
	part->child.n = part->child.cap = 0;
	tree_node_free(&part);
}

static bool
join_texts(struct conf_tree *t, struct tree_node *join)
{
	struct str text = { 0 };
	bool ok;

	for (size_t i = 0; i < join->child.n; i++) {
		str_add(&text, join->child.p[i]->text);
		tree_node_free(&join->child.p[i]);
	}
	VEC_FINI(&join->child);
	ok = text.n <= TREE_BYTES_MAX - t->bytes;
	t->bytes += ok ? text.n : 0;
	join->kind = TREE_TEXT;
	join->is_quoted = true;
	join->text = str_take(&text);
	return ok;
}

/* Objects merge into the first, arrays follow one another. */
static void
join_containers(struct tree_node *join)
{
	struct tree_node *first = join->child.p[0];

	for (size_t i = 1; i < join->child.n; i++) {
		struct tree_node *part = join->child.p[i];

		for (size_t j = 0; j < part->child.n; j++) {
			if (first->kind == TREE_ARRAY)
				VEC_ADD(&first->child, part->child.p[j]);
			else
				tree_put(first, slice_str(part->child.p[j]->name),
				    &part->child.p[j]);
		}
		part->child.n = 0;
		tree_node_free(&part);
	}
	become(join, first);
}

bool
tree_join(struct conf_tree *t, struct tree_node *join, const char **why)
{
	CHECK(join->kind == TREE_JOIN);
	drop_blank_parts(join);
	if (join->child.n == 0) {
		*why = "a value is missing";
		return false;
	}
	if (has_ref(join))
		return true;
	if (join->child.n == 1) {
		become(join, join->child.p[0]);
		if (join->kind == TREE_TEXT && !join->is_quoted &&
		    strcmp(join->text, "null") == 0)
			join->kind = TREE_NULL;
		return true;
	}
	if (is_all(join, TREE_TEXT)) {
		*why = "the configuration is too large";
		return join_texts(t, join);
	}
	if (is_all(join, TREE_OBJECT) || is_all(join, TREE_ARRAY)) {
		join_containers(join);
		return true;
	}
	*why = "an object, a list and a text cannot stand side by side";
	return false;
}

/* ---- references */

static bool
fail(struct resolver *v, const struct tree_node *ref, const char *what)
{
	struct str path = { 0 };

	str_add_escaped(&path, slice_str(ref->text));
	report_fault(v->report, ref->pos, NULL, "${%s}: %s", str_get(&path), what);
	str_fini(&path);
	return false;
}

/* Finds like tree_find(), but resolves the joins on its way. */
static bool
find_target(struct resolver *v, struct slice path, struct tree_node **out)
{
	struct tree_node *node = v->tree->root;
	struct slice segment;

	while (node != NULL && tree_path_next(&path, &segment)) {
		if (node->kind == TREE_JOIN && !node->is_resolving && !resolve(v, node))
			return false;
		node = tree_member(node, segment);
	}
	*out = node;
	return true;
}

static const char *
variable(const struct resolver *v, const char *name)
{
	size_t n = strlen(name);

	for (char *const *e = v->environ; e != NULL && *e != NULL; e++) {
		if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
			return *e + n + 1;
	}
	return NULL;
}

/* What the reference names, resolved, or NULL; false after a fault. */
static bool
target_of(struct resolver *v, struct tree_node *join, const struct tree_node *ref,
    struct tree_node **out)
{
	struct tree_node *target = NULL;
	bool itself = false;

	*out = NULL;
	if (*ref->text == '\0')
		target = join; /* of +=: what was there before */
	else if (!find_target(v, slice_str(ref->text), &target))
		return false;
	if (target == NULL)
		return true;
	while (target != NULL && target->is_resolving) {
		itself = itself || target == join;
		target = target->before;
	}
	if (target == NULL)
		return itself || fail(v, ref, "the reference leads back to itself");
	*out = target;
	return resolve(v, target);
}

/* A copy of what the reference names; NULL with true: nothing, and that may be. */
static bool
replacement(struct resolver *v, struct tree_node *join, const struct tree_node *ref,
    struct tree_node **out)
{
	struct tree_node *target;
	const char *text;

	*out = NULL;
	if (!target_of(v, join, ref, &target))
		return false;
	if (target != NULL && target->kind == TREE_NULL)
		target = NULL;
	text = target == NULL && *ref->text != '\0' ? variable(v, ref->text) : NULL;
	if (target != NULL)
		*out = tree_node_copy(v->tree, target, 0);
	else if (text != NULL)
		*out = tree_node_new(v->tree, TREE_TEXT, slice_str(text), ref->pos);
	else if (ref->is_optional)
		return true;
	else
		return fail(v, ref, "there is no such key and no such variable");
	if (*out == NULL)
		return fail(v, ref, "the configuration is too large");
	if ((*out)->kind == TREE_TEXT)
		(*out)->is_quoted = true; /* its blanks are its own */
	return true;
}

static bool
replace_refs(struct resolver *v, struct tree_node *join)
{
	size_t n = 0;
	bool ok = true;

	for (size_t i = 0; i < join->child.n; i++) {
		struct tree_node *part = join->child.p[i], *new = part;

		if (ok && part->kind == TREE_REF) {
			ok = replacement(v, join, part, &new);
			tree_node_free(&part);
		} else if (ok) {
			ok = resolve(v, part);
		}
		if (new != NULL)
			join->child.p[n++] = new;
	}
	join->child.n = n;
	return ok;
}

/* Nothing was named: the value before stays. */
static bool
settle_for_before(struct resolver *v, struct tree_node *join)
{
	struct tree_node *before = join->before;

	join->before = NULL;
	if (before == NULL) {
		join->kind = TREE_NULL;
		return true;
	}
	if (!resolve(v, before)) {
		tree_node_free(&before);
		return false;
	}
	join->pos = before->pos;
	join->as = before->as;
	become(join, before);
	return true;
}

static bool
resolve_join(struct resolver *v, struct tree_node *join)
{
	const char *why = NULL;

	if (!replace_refs(v, join))
		return false;
	drop_blank_parts(join);
	if (join->child.n == 0)
		return settle_for_before(v, join);
	if (!tree_join(v->tree, join, &why)) {
		report_fault(v->report, join->pos, NULL, "%s", why);
		return false;
	}
	tree_node_free(&join->before);
	return true;
}

static bool
resolve_children(struct resolver *v, struct tree_node *node)
{
	bool ok = true;
	size_t n = 0;

	for (size_t i = 0; i < node->child.n; i++)
		ok = resolve(v, node->child.p[i]) && ok;
	for (size_t i = 0; i < node->child.n; i++) {
		struct tree_node *child = node->child.p[i];

		if (child->kind == TREE_NULL && !child->is_resolving)
			tree_node_free(&child);
		else
			node->child.p[n++] = child;
	}
	node->child.n = n;
	return ok;
}

static bool
resolve(struct resolver *v, struct tree_node *node)
{
	bool ok = true;

	if (v->report->fault.n >= CONF_NOTES_MAX)
		return false;
	if (v->depth >= RESOLVE_DEPTH_MAX) {
		report_fault(v->report, node->pos, NULL, "references lead too deep");
		return false;
	}
	v->depth++;
	node->is_resolving = true;
	if (node->kind == TREE_JOIN && !resolve_join(v, node)) {
		node->kind = TREE_NULL; /* said: not to be said again as a wrong value */
		ok = false;
	}
	if (node->kind == TREE_OBJECT || node->kind == TREE_ARRAY)
		ok = resolve_children(v, node) && ok;
	node->is_resolving = false;
	v->depth--;
	return ok;
}

void
tree_resolve(struct conf_tree *t, char *const *environ, struct conf_report *r)
{
	struct resolver v = { .tree = t, .report = r, .environ = environ };

	(void)resolve(&v, t->root);
}
