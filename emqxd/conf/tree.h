/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree: configuration text as objects, arrays and texts, each with the place that
 * it came from.  Objects merge, everything else is replaced by what comes later.
 *
 * A text is what stood in the file; only a field knows whether it is a number.
 * References (${a.b}) stay in the tree until tree_resolve().
 *
 * Every node belongs to its parent, the root to the tree; file names to the tree.
 * Bounds: depth, nodes and bytes, because an include or a reference can multiply.
 */
#ifndef CONF_TREE_H
#define CONF_TREE_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"
#include "ipc/base/str.h"
#include "ipc/base/vec.h"

#define TREE_DEPTH_MAX 32
#define TREE_NODES_MAX 65536
#define TREE_BYTES_MAX (16u << 20)

struct conf_report;

enum tree_kind {
	TREE_OBJECT,
	TREE_ARRAY,
	TREE_TEXT, /* bare or quoted */
	TREE_NULL, /* null: as if it were not there */
	TREE_JOIN, /* parts that become one value when references are resolved */
	TREE_REF,  /* a reference; its text is the path, "" is the value before */
};

struct tree_pos {
	const char *file; /* the tree's; or the name of a variable, with line 0 */
	uint32_t line, col;
};

struct tree_node {
	enum tree_kind kind;
	bool is_optional;  /* of a reference: ${?a} */
	bool is_quoted;    /* of a text */
	bool is_resolving; /* to see a circle */
	char *name;        /* in an object; else NULL */
	char *text;        /* of a text or reference */
	const char *as; /* the tree's: the 4.x name that it was written under, or NULL */
	struct tree_pos pos;
	struct tree_pos key;      /* where its name stands; line 0: nowhere of its own */
	struct tree_node *before; /* what a join stands in place of, or NULL */
	VEC(struct tree_node *) child;
};

/* A key of 4.x that has no place in today's tree. */
struct tree_legacy {
	const char *path;  /* the tree's */
	const char *value; /* the tree's */
	struct tree_pos pos;
};

struct conf_tree {
	struct tree_node *root;
	VEC(char *) text; /* texts that live as long as the tree */
	VEC(struct tree_legacy) legacy;
	size_t nodes, bytes;
};

void tree_init(struct conf_tree *t);
void tree_fini(struct conf_tree *t);
/* A copy that lives as long as the tree. */
const char *tree_keep(struct conf_tree *t, struct slice s);

/* A node that has no parent yet; NULL when a bound is reached. */
struct tree_node *tree_node_new(
    struct conf_tree *t, enum tree_kind kind, struct slice text, struct tree_pos pos);
/* A deep copy; NULL when a bound is reached. */
struct tree_node *tree_node_copy(
    struct conf_tree *t, const struct tree_node *node, unsigned depth);
void tree_node_free(struct tree_node **np);
/* Appends to an array or a join. */
void tree_append(struct tree_node *list, struct tree_node **np);

/* One member of an object, or NULL. */
struct tree_node *tree_member(const struct tree_node *object, struct slice name);
/* Puts @np there: an object over an object merges, anything else replaces. */
void tree_put(struct tree_node *object, struct slice name, struct tree_node **np);
/* The object under @name, made (or put in place of another kind) when it is not there;
 * NULL when a bound is reached. */
struct tree_node *tree_object_at(struct conf_tree *t, struct tree_node *object,
    struct slice name, struct tree_pos pos);

/* By dotted path; a segment may be quoted, a number counts an array's items from 1.
 * NULL: not there. */
struct tree_node *tree_find(const struct conf_tree *t, struct slice path);
/* Puts at a dotted path, making what is missing; false when a bound is reached. */
bool tree_put_path(struct conf_tree *t, struct slice path, struct tree_node **np);
/* Cuts the first segment off a dotted path (quotes taken off). False at the end. */
bool tree_path_next(struct slice *rest, struct slice *segment);
/* Adds a segment with its dot, quoted if it must be. */
void tree_path_add(struct str *path, struct slice segment);

/* Makes the parts of a join one value, in place; a join with a reference is left as it
 * is.  False: they do not fit (*why). */
EM_MUST_USE bool tree_join(struct conf_tree *t, struct tree_node *join, const char **why);
/* Replaces references by what they name: a path of the tree, else an environment
 * variable.  Faults are reported. */
void tree_resolve(struct conf_tree *t, char *const *environ, struct conf_report *r);

/* "emqx.conf:12:3" or the variable's name. */
void tree_pos_print(struct tree_pos pos, struct str *out);
/* The node as HOCON (one line a member, indented) or as JSON on one line. */
void tree_print_hocon(const struct tree_node *node, unsigned indent, struct str *out);
void tree_print_json(const struct tree_node *node, struct str *out);

#endif
