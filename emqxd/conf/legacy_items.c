/* SPDX-License-Identifier: Apache-2.0 */
/*
 * legacy_items: see legacy_items.h.  What a line says is checked where today's list is.
 */
#include "emqxd/conf/legacy_items.h"
#include "emqxd/conf/legacy.h"
#include "emqxd/conf/names.h"
#include "emqxd/conf/report.h"
#include "ipc/base/num.h"

#include <stdlib.h>

/* One line. */
struct item {
	const struct tree_legacy *line;
	const struct conf_name *name;
	struct slice id, member; /* member: of a subscription, "qos" */
};

static uint64_t
number_of(struct slice id)
{
	uint64_t n;

	return num_parse_u64(id, &n) == EM_OK ? n : UINT64_MAX;
}

/* Numbers by their value, before anything else. */
static int
compare_ids(struct slice a, struct slice b)
{
	uint64_t x = number_of(a), y = number_of(b);
	size_t n = a.n < b.n ? a.n : b.n;
	int order;

	if (x != y)
		return x < y ? -1 : 1;
	order = memcmp(a.p, b.p, n);
	return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static int
compare(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int order = ((int)x->name->how) - ((int)y->name->how);

	if (order == 0)
		order = compare_ids(x->id, y->id);
	return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

static bool
is_same(const struct item *a, const struct item *b)
{
	return a->name->how == b->name->how && compare_ids(a->id, b->id) == 0;
}

static void
refuse(const struct item *i, const char *hint, const char *what, struct conf_report *r)
{
	struct str path = { 0 };

	str_add_escaped(&path, slice_str(i->line->path));
	report_fault(r, i->line->pos, hint, "%s: %s", str_get(&path), what);
	str_fini(&path);
}

static bool
add_text(struct conf_tree *t, struct tree_node *object, const char *member,
    struct slice text, const struct item *i)
{
	struct tree_node *node = tree_node_new(t, TREE_TEXT, text, i->line->pos);

	if (node == NULL)
		return false;
	node->as = i->line->path;
	tree_put(object, slice_str(member), &node);
	return true;
}

/* With the placeholders of today. */
static bool
add_template(struct conf_tree *t, struct tree_node *object, const char *member,
    struct slice text, const struct item *i)
{
	struct str filled = { 0 };
	bool ok;

	legacy_template(text, &filled);
	ok = add_text(t, object, member, str_slice(&filled), i);
	str_fini(&filled);
	return ok;
}

static bool
next_word(struct slice *rest, struct slice *word)
{
	size_t n = 0;

	while (rest->n > 0 && rest->p[0] == ' ')
		*rest = slice_from(*rest, 1);
	while (n < rest->n && rest->p[n] != ' ')
		n++;
	*word = slice_head(*rest, n);
	*rest = slice_from(*rest, n);
	return n > 0;
}

/* "x/# ^x/y/(.+)$ z/y/$1"; of several lines of one name the last. */
static bool
rule(struct conf_tree *t, struct tree_node *object, const struct item *i, size_t n,
    struct conf_report *r)
{
	static const char *const action[] = { [HOW_RULE_ALL] = "all",
		[HOW_RULE_PUBLISH] = "publish",
		[HOW_RULE_SUBSCRIBE] = "subscribe" };
	const struct item *last = &i[n - 1];
	struct slice rest = slice_str(last->line->value), source, re, dest, more;

	if (!next_word(&rest, &source) || !next_word(&rest, &re) ||
	    !next_word(&rest, &dest) || next_word(&rest, &more)) {
		refuse(last, "such as x/# ^x/y/(.+)$ z/y/$1",
		    "a rule is three words: filter, expression, topic", r);
		return true;
	}
	return add_text(t, object, "action", slice_str(action[last->name->how]), last) &&
	       add_text(t, object, "source_topic", source, last) &&
	       add_text(t, object, "re", re, last) &&
	       add_template(t, object, "dest_topic", dest, last);
}

static bool
subscription(struct conf_tree *t, struct tree_node *object, const struct item *i,
    size_t n, struct conf_report *r)
{
	bool has_topic = false, ok = true;

	for (size_t j = 0; j < n && ok; j++) {
		struct slice value = slice_str(i[j].line->value);

		if (slice_eq_str(i[j].member, "topic")) {
			has_topic = true;
			ok = add_template(t, object, "topic", value, &i[j]);
		} else {
			struct str member = { 0 };

			str_add_slice(&member, i[j].member);
			ok = add_text(t, object, str_get(&member), value, &i[j]);
			str_fini(&member);
		}
	}
	if (!has_topic)
		report_warn(r, i[0].line->pos, NULL,
		    "module.subscription.N.%.*s without module.subscription.N.topic",
		    SLICE_FMT(i[0].member));
	return ok && has_topic;
}

/* The list that the items go to, made; NULL: something else is there. */
static struct tree_node *
list_of(struct conf_tree *t, const struct item *i, struct conf_report *r)
{
	struct slice path = slice_str(i->name->to);
	struct tree_node *list = tree_find(t, path), *made;

	if (list != NULL && (list->kind != TREE_ARRAY || list->child.n > 0)) {
		refuse(i, "write all of them there, or none", "today's list is there too",
		    r);
		return NULL;
	}
	made = list = tree_node_new(t, TREE_ARRAY, SLICE_NONE, i->line->pos);
	if (made != NULL && !tree_put_path(t, path, &made))
		list = NULL;
	tree_node_free(&made);
	return list;
}

static void
append(struct conf_tree *t, struct tree_node *list, const struct item *i, size_t n,
    struct conf_report *r)
{
	struct tree_node *object =
	    tree_node_new(t, TREE_OBJECT, SLICE_NONE, i->line->pos);
	bool ok = object != NULL;

	if (ok && i->name->how == HOW_SUBSCRIPTION)
		ok = subscription(t, object, i, n, r);
	else if (ok)
		ok = rule(t, object, i, n, r);
	if (ok && object->child.n > 0)
		tree_append(list, &object);
	tree_node_free(&object);
}

/* All items that go to one list. */
static void
fill(struct conf_tree *t, const struct item *i, size_t n, struct conf_report *r)
{
	struct tree_node *list = list_of(t, i, r);

	for (size_t from = 0, to; list != NULL && from < n; from = to) {
		for (to = from + 1; to < n && is_same(&i[from], &i[to]);)
			to++;
		append(t, list, &i[from], to - from, r);
	}
}

void
legacy_items_settle(struct conf_tree *t, struct conf_report *r)
{
	VEC(struct item) all = { 0 };

	for (size_t i = 0; i < t->legacy.n; i++) {
		const struct tree_legacy *line = &t->legacy.p[i];
		struct name_captures c;
		size_t at = 0;
		const struct conf_name *name =
		    names_find_old(slice_str(line->path), &at, &c);

		if (name->class == NAME_ITEM)
			VEC_ADD(&all, ((struct item){ line, name, c.v[0],
					  c.n > 1 ? c.v[1] : SLICE_NONE }));
	}
	if (all.n > 0)
		qsort(all.p, all.n, sizeof all.p[0], compare);
	for (size_t from = 0, to; from < all.n; from = to) {
		for (to = from + 1;
		     to < all.n && strcmp(all.p[from].name->to, all.p[to].name->to) == 0;)
			to++;
		fill(t, &all.p[from], to - from, r);
	}
	VEC_FINI(&all);
}
