/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree: see tree.h.  Members of an object are a plain array: configurations are
 * small, and their order is worth keeping.
 */
#include "emqxd/conf/tree.h"
#include "ipc/base/mem.h"
#include "ipc/base/num.h"

void
tree_init(struct conf_tree *t)
{
	*t = (struct conf_tree){ 0 };
	t->root = tree_node_new(t, TREE_OBJECT, SLICE_NONE, (struct tree_pos){ 0 });
}

void
tree_fini(struct conf_tree *t)
{
	tree_node_free(&t->root);
	for (size_t i = 0; i < t->text.n; i++)
		mem_free(t->text.p[i]);
	VEC_FINI(&t->text);
	VEC_FINI(&t->legacy);
	t->nodes = t->bytes = 0;
}

const char *
tree_keep(struct conf_tree *t, struct slice s)
{
	char *copy = mem_dup(s.p, s.n);

	VEC_ADD(&t->text, copy);
	return copy;
}

struct tree_node *
tree_node_new(
    struct conf_tree *t, enum tree_kind kind, struct slice text, struct tree_pos pos)
{
	struct tree_node *node;

	if (t->nodes >= TREE_NODES_MAX || text.n > TREE_BYTES_MAX - t->bytes)
		return NULL;
	t->nodes++;
	t->bytes += text.n;
	node = MEM_NEW(struct tree_node);
	node->kind = kind;
	node->pos = pos;
	if (kind == TREE_TEXT || kind == TREE_REF)
		node->text = mem_dup(text.p, text.n);
	return node;
}

struct tree_node *
tree_node_copy(struct conf_tree *t, const struct tree_node *node, unsigned depth)
{
	struct tree_node *copy;

	if (depth > TREE_DEPTH_MAX)
		return NULL;
	copy = tree_node_new(t, node->kind, slice_str(node->text), node->pos);
	if (copy == NULL)
		return NULL;
	copy->is_optional = node->is_optional;
	copy->is_quoted = node->is_quoted;
	copy->as = node->as;
	copy->name = mem_strdup(node->name);
	for (size_t i = 0; i < node->child.n; i++) {
		struct tree_node *child = tree_node_copy(t, node->child.p[i], depth + 1);

		if (child == NULL) {
			tree_node_free(&copy);
			return NULL;
		}
		VEC_ADD(&copy->child, child);
	}
	return copy;
}

void
tree_node_free(struct tree_node **np)
{
	struct tree_node *node = *np;

	*np = NULL;
	while (node != NULL) {
		struct tree_node *before = node->before;

		for (size_t i = 0; i < node->child.n; i++)
			tree_node_free(&node->child.p[i]);
		VEC_FINI(&node->child);
		mem_free(node->name);
		mem_free(node->text);
		mem_free(node);
		node = before; /* a file may stack thousands of these: no recursion */
	}
}

void
tree_append(struct tree_node *list, struct tree_node **np)
{
	CHECK(list->kind == TREE_ARRAY || list->kind == TREE_JOIN);
	VEC_ADD(&list->child, *np);
	*np = NULL;
}

static bool
find_member(const struct tree_node *object, struct slice name, size_t *at)
{
	for (size_t i = 0; i < object->child.n; i++) {
		if (slice_eq_str(name, object->child.p[i]->name)) {
			*at = i;
			return true;
		}
	}
	return false;
}

struct tree_node *
tree_member(const struct tree_node *object, struct slice name)
{
	size_t at;

	if (object->kind != TREE_OBJECT || !find_member(object, name, &at))
		return NULL;
	return object->child.p[at];
}

static void
merge(struct tree_node *into, struct tree_node **np)
{
	struct tree_node *from = *np;

	for (size_t i = 0; i < from->child.n; i++)
		tree_put(into, slice_str(from->child.p[i]->name), &from->child.p[i]);
	from->child.n = 0;
	tree_node_free(np);
}

void
tree_put(struct tree_node *object, struct slice name, struct tree_node **np)
{
	struct tree_node *node = *np, *old;
	size_t at;

	CHECK(object->kind == TREE_OBJECT);
	*np = NULL;
	if (!find_member(object, name, &at)) {
		if (node->name == NULL)
			node->name = mem_dup(name.p, name.n);
		VEC_ADD(&object->child, node);
		return;
	}
	old = object->child.p[at];
	if (old->kind == TREE_OBJECT && node->kind == TREE_OBJECT) {
		merge(old, &node);
		return;
	}
	if (node->name == NULL)
		node->name = mem_dup(name.p, name.n);
	object->child.p[at] = node;
	if (node->kind == TREE_JOIN)
		node->before = old;
	else
		tree_node_free(&old);
}

struct tree_node *
tree_object_at(
    struct conf_tree *t, struct tree_node *object, struct slice name, struct tree_pos pos)
{
	struct tree_node *node = tree_member(object, name), *made;

	if (node != NULL && node->kind == TREE_OBJECT)
		return node;
	made = node = tree_node_new(t, TREE_OBJECT, SLICE_NONE, pos);
	if (made != NULL)
		tree_put(object, name, &made);
	return node;
}

bool
tree_path_next(struct slice *rest, struct slice *segment)
{
	bool quoted;
	size_t n = 0;

	if (rest->n == 0)
		return false;
	quoted = rest->p[0] == '"';
	if (quoted) {
		*rest = slice_from(*rest, 1);
		while (n < rest->n && rest->p[n] != '"')
			n++;
	} else {
		while (n < rest->n && rest->p[n] != '.')
			n++;
	}
	*segment = slice_head(*rest, n);
	*rest = slice_from(*rest, n + quoted);
	if (rest->n > 0 && rest->p[0] == '.')
		*rest = slice_from(*rest, 1);
	return true;
}

void
tree_path_add(struct str *path, struct slice segment)
{
	bool quote = segment.n == 0;

	for (size_t i = 0; i < segment.n && !quote; i++)
		quote = memchr(".\"{}[]=:, ", segment.p[i], 11) != NULL;
	if (path->n > 0)
		str_add_char(path, '.');
	if (quote)
		str_add_char(path, '"');
	str_add_slice(path, segment);
	if (quote)
		str_add_char(path, '"');
}

static bool
item_number(const struct tree_node *array, struct slice segment, size_t *at)
{
	uint64_t i;

	if (num_parse_u64(segment, &i) != EM_OK || i < 1 || i > array->child.n)
		return false;
	*at = (size_t)i - 1;
	return true;
}

struct tree_node *
tree_find(const struct conf_tree *t, struct slice path)
{
	struct tree_node *node = t->root;
	struct slice segment;
	size_t at;

	while (node != NULL && tree_path_next(&path, &segment)) {
		if (node->kind != TREE_ARRAY)
			node = tree_member(node, segment);
		else
			node = item_number(node, segment, &at) ? node->child.p[at] : NULL;
	}
	return node;
}

/* One step down towards a place to put something: an array that is there is entered by
 * number, anything else becomes an object. */
static struct tree_node *
descend(struct conf_tree *t, struct tree_node *node, struct slice segment,
    struct tree_pos pos)
{
	struct tree_node *child;
	size_t at;

	if (node->kind == TREE_ARRAY) {
		if (!item_number(node, segment, &at))
			return NULL;
		child = node->child.p[at];
		return child->kind == TREE_OBJECT ? child : NULL;
	}
	child = tree_member(node, segment);
	if (child != NULL && child->kind == TREE_ARRAY)
		return child;
	return tree_object_at(t, node, segment, pos);
}

bool
tree_put_path(struct conf_tree *t, struct slice path, struct tree_node **np)
{
	struct tree_node *node = t->root;
	struct slice segment = SLICE_NONE;
	size_t at;

	if (!tree_path_next(&path, &segment))
		return false;
	for (unsigned depth = 1; path.n > 0; depth++) {
		node = descend(t, node, segment, (*np)->pos);
		if (node == NULL || depth >= TREE_DEPTH_MAX)
			return false;
		(void)tree_path_next(&path, &segment);
	}
	if (node->kind == TREE_OBJECT) {
		tree_put(node, segment, np);
		return true;
	}
	if (!item_number(node, segment, &at))
		return false;
	tree_node_free(&node->child.p[at]);
	node->child.p[at] = *np;
	*np = NULL;
	return true;
}

void
tree_pos_print(struct tree_pos pos, struct str *out)
{
	str_add_escaped(out, slice_str(pos.file));
	if (pos.line > 0)
		str_addf(out, ":%u:%u", pos.line, pos.col);
}

static void
add_indent(struct str *out, unsigned indent)
{
	for (unsigned i = 0; i < indent; i++)
		str_add(out, "  ");
}

static bool
is_bare(const struct tree_node *node)
{
	const char *p = node->text;

	if (node->is_quoted || *p == '\0')
		return false;
	for (; *p != '\0'; p++) {
		if ((*p < 'a' || *p > 'z') && (*p < 'A' || *p > 'Z') &&
		    (*p < '0' || *p > '9') && strchr("_-.%/", *p) == NULL)
			return false;
	}
	return true;
}

static void
print_text(const struct tree_node *node, struct str *out)
{
	if (is_bare(node)) {
		str_add(out, node->text);
		return;
	}
	str_add_char(out, '"');
	str_add_json(out, slice_str(node->text));
	str_add_char(out, '"');
}

void
tree_print_hocon(const struct tree_node *node, unsigned indent, struct str *out)
{
	struct str key = { 0 };

	switch (node->kind) {
	case TREE_OBJECT:
		str_add(out, "{\n");
		for (size_t i = 0; i < node->child.n; i++) {
			str_reset(&key);
			tree_path_add(&key, slice_str(node->child.p[i]->name));
			add_indent(out, indent + 1);
			str_addf(out, "%s = ", str_get(&key));
			tree_print_hocon(node->child.p[i], indent + 1, out);
			str_add_char(out, '\n');
		}
		add_indent(out, indent);
		str_add_char(out, '}');
		break;
	case TREE_ARRAY:
		str_add_char(out, '[');
		for (size_t i = 0; i < node->child.n; i++) {
			str_add(out, i > 0 ? ", " : "");
			tree_print_hocon(node->child.p[i], indent + 1, out);
		}
		str_add_char(out, ']');
		break;
	case TREE_TEXT: print_text(node, out); break;
	case TREE_NULL:
	case TREE_JOIN:
	case TREE_REF: str_add(out, "null"); break;
	}
	str_fini(&key);
}

static bool
is_json_literal(const struct tree_node *node)
{
	double ignored;
	const char *p = node->text;

	if (node->is_quoted)
		return false;
	if (strcmp(p, "true") == 0 || strcmp(p, "false") == 0)
		return true;
	if (*p == '-')
		p++;
	if (*p < '0' || *p > '9' || (p[0] == '0' && p[1] >= '0' && p[1] <= '9') ||
	    p[strlen(p) - 1] == '.' || strpbrk(p, "xX") != NULL)
		return false;
	return num_parse_double(slice_str(node->text), &ignored) == EM_OK;
}

void
tree_print_json(const struct tree_node *node, struct str *out)
{
	const char *open = node->kind == TREE_OBJECT ? "{" : "[";
	const char *shut = node->kind == TREE_OBJECT ? "}" : "]";

	switch (node->kind) {
	case TREE_OBJECT:
	case TREE_ARRAY:
		str_add(out, open);
		for (size_t i = 0; i < node->child.n; i++) {
			str_add(out, i > 0 ? "," : "");
			if (node->kind == TREE_OBJECT) {
				str_add_char(out, '"');
				str_add_json(out, slice_str(node->child.p[i]->name));
				str_add(out, "\":");
			}
			tree_print_json(node->child.p[i], out);
		}
		str_add(out, shut);
		break;
	case TREE_TEXT:
		if (is_json_literal(node)) {
			str_add(out, node->text);
			break;
		}
		str_add_char(out, '"');
		str_add_json(out, slice_str(node->text));
		str_add_char(out, '"');
		break;
	case TREE_NULL:
	case TREE_JOIN:
	case TREE_REF: str_add(out, "null"); break;
	}
}
