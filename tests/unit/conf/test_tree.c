/* SPDX-License-Identifier: Apache-2.0 */
/* Paths, members and printing of a tree. */
#include "emqxd/conf/tree.h"
#include "tests/unit/tap.h"

static struct tree_node *
text(struct conf_tree *t, const char *v)
{
	return tree_node_new(t, TREE_TEXT, slice_str(v), (struct tree_pos){ "f", 1, 2 });
}

static bool
put(struct conf_tree *t, const char *path, const char *v)
{
	struct tree_node *node = text(t, v);
	bool ok = tree_put_path(t, slice_str(path), &node);

	tree_node_free(&node);
	return ok;
}

TEST(a_path_may_quote_a_segment)
{
	struct conf_tree t;
	struct tree_node *node;

	tree_init(&t);
	OK(put(&t, "a.\"b.c\".d", "1"));
	node = tree_find(&t, SLICE_LIT("a.\"b.c\""));
	OK(node != NULL);
	EQ(node->kind, TREE_OBJECT);
	STR_EQ(node->name, "b.c");
	OK(tree_find(&t, SLICE_LIT("a.b.c.d")) == NULL);
	tree_fini(&t);
}

TEST(a_path_says_its_segments_as_it_takes_them)
{
	struct str path = { 0 };
	struct slice rest, segment;

	tree_path_add(&path, SLICE_LIT("a"));
	tree_path_add(&path, SLICE_LIT("b.c"));
	tree_path_add(&path, SLICE_LIT(""));
	tree_path_add(&path, SLICE_LIT("d"));
	STR_EQ(str_get(&path), "a.\"b.c\".\"\".d");
	rest = str_slice(&path);
	OK(tree_path_next(&rest, &segment) && slice_eq_str(segment, "a"));
	OK(tree_path_next(&rest, &segment) && slice_eq_str(segment, "b.c"));
	OK(tree_path_next(&rest, &segment) && segment.n == 0);
	OK(tree_path_next(&rest, &segment) && slice_eq_str(segment, "d"));
	OK(!tree_path_next(&rest, &segment));
	str_fini(&path);
}

TEST(a_number_counts_the_items_of_an_array)
{
	struct conf_tree t;
	struct tree_node *array, *item;

	tree_init(&t);
	array = tree_node_new(&t, TREE_ARRAY, SLICE_NONE, (struct tree_pos){ 0 });
	item = tree_node_new(&t, TREE_OBJECT, SLICE_NONE, (struct tree_pos){ 0 });
	tree_append(array, &item);
	item = text(&t, "x");
	tree_append(array, &item);
	OK(tree_put_path(&t, SLICE_LIT("a"), &array));
	OK(put(&t, "a.1.b", "1"));
	OK(put(&t, "a.2", "y"));
	OK(!put(&t, "a.3", "z"));
	OK(!put(&t, "a.0", "z"));
	OK(!put(&t, "a.2.b", "z"));
	STR_EQ(tree_find(&t, SLICE_LIT("a.1.b"))->text, "1");
	STR_EQ(tree_find(&t, SLICE_LIT("a.2"))->text, "y");
	OK(tree_find(&t, SLICE_LIT("a.3")) == NULL);
	tree_fini(&t);
}

TEST(a_copy_stands_alone)
{
	struct conf_tree t;
	struct tree_node *copy;

	tree_init(&t);
	OK(put(&t, "a.b", "1"));
	copy = tree_node_copy(&t, tree_find(&t, SLICE_LIT("a")), 0);
	OK(put(&t, "a", "2"));
	STR_EQ(tree_member(copy, SLICE_LIT("b"))->text, "1");
	tree_node_free(&copy);
	tree_fini(&t);
}

TEST(bytes_are_bounded)
{
	struct conf_tree t;
	char *big = mem_new(TREE_BYTES_MAX);
	struct tree_node *node;

	tree_init(&t);
	memset(big, 'x', TREE_BYTES_MAX);
	node = tree_node_new(
	    &t, TREE_TEXT, slice_of(big, TREE_BYTES_MAX), (struct tree_pos){ 0 });
	OK(node != NULL);
	OK(text(&t, "y") == NULL);
	tree_node_free(&node);
	mem_free(big);
	tree_fini(&t);
}

TEST(a_tree_prints_as_hocon_and_json)
{
	struct conf_tree t;
	struct str out = { 0 };

	tree_init(&t);
	OK(put(&t, "a.b", "1") && put(&t, "a.c d", "x y") && put(&t, "a.e", "007") &&
	    put(&t, "a.f", "true") && put(&t, "a.g", "1.5"));
	tree_print_json(t.root, &out);
	STR_EQ(str_get(&out),
	    "{\"a\":{\"b\":1,\"c d\":\"x y\",\"e\":\"007\",\"f\":true,\"g\":1.5}}");
	str_reset(&out);
	tree_print_hocon(tree_find(&t, SLICE_LIT("a")), 0, &out);
	STR_EQ(str_get(&out), "{\n  b = 1\n  \"c d\" = \"x y\"\n  e = 007\n  f = true\n"
			      "  g = 1.5\n}");
	str_fini(&out);
	tree_fini(&t);
}

TEST(a_place_is_file_line_and_column_or_a_variable)
{
	struct str out = { 0 };

	tree_pos_print((struct tree_pos){ "emqx.conf", 3, 4 }, &out);
	STR_EQ(str_get(&out), "emqx.conf:3:4");
	str_reset(&out);
	tree_pos_print((struct tree_pos){ "EMQX_A", 0, 0 }, &out);
	STR_EQ(str_get(&out), "EMQX_A");
	str_fini(&out);
}
