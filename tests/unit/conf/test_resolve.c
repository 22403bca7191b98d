/* SPDX-License-Identifier: Apache-2.0 */
/* References of a tree. */
#include "emqxd/conf/hocon_parse.h"
#include "emqxd/conf/load.h"
#include "tests/unit/tap.h"

static char home[] = "HOME=/home/emqx", name[] = "NODE=n1";
static char *const environment[] = { home, name, NULL };

static void
gives(const char *text, const char *json, size_t faults)
{
	struct conf_tree t;
	struct conf_report r = { 0 };
	struct str out = { 0 };

	tree_init(&t);
	OK(hocon_parse_text(&t, "test.conf", slice_str(text), &r) == EM_OK);
	tree_resolve(&t, environment, &r);
	tree_print_json(t.root, &out);
	STR_EQ(str_get(&out), json);
	EQ(r.fault.n, faults);
	tree_fini(&t);
	conf_report_fini(&r);
	str_fini(&out);
}

TEST(a_reference_is_the_value_it_names)
{
	gives("a = 1\nb = ${a}", "{\"a\":1,\"b\":\"1\"}", 0);
	gives("b = ${a.c}\na { c = [1] }", "{\"b\":[1],\"a\":{\"c\":[1]}}", 0);
	gives("a = x\nb = /${a}/y", "{\"a\":\"x\",\"b\":\"/x/y\"}", 0);
}

TEST(a_reference_of_a_reference_is_resolved)
{
	gives("a = ${b}\nb = ${c}\nc = x", "{\"a\":\"x\",\"b\":\"x\",\"c\":\"x\"}", 0);
}

TEST(a_path_may_lead_through_a_join)
{
	gives("a = ${b.c}\nb = ${d} {e = 1}\nd { c = 2 }",
	    "{\"a\":\"2\",\"b\":{\"c\":2,\"e\":1},\"d\":{\"c\":2}}", 0);
}

TEST(what_no_key_has_the_environment_may_have)
{
	gives("a = ${HOME}/data", "{\"a\":\"/home/emqx/data\"}", 0);
	gives("a = ${NODE}@${?HOST}", "{\"a\":\"n1@\"}", 0);
}

TEST(an_optional_reference_leaves_the_value_before)
{
	gives("a = 1\na = ${?NOTHING}", "{\"a\":1}", 0);
	gives("a = 1\na = ${?NODE}", "{\"a\":\"n1\"}", 0);
	gives("a = ${?NOTHING}", "{}", 0);
}

TEST(a_reference_to_itself_is_the_value_before)
{
	gives("p = a\np = ${p}:b\np = ${p}:c", "{\"p\":\"a:b:c\"}", 0);
}

TEST(objects_and_references_merge)
{
	gives("base { x = 1, y = 2 }\na = ${base} { y = 3 }",
	    "{\"base\":{\"x\":1,\"y\":2},\"a\":{\"x\":1,\"y\":3}}", 0);
}

TEST(a_circle_is_a_fault)
{
	gives("a = ${b}\nb = ${a}\nc = 1", "{\"c\":1}", 1);
	gives("a { b = ${a} }\nc = 1", "{\"a\":{},\"c\":1}", 1);
	gives("a = ${a}", "{}", 1);
}

TEST(a_reference_to_nothing_is_a_fault)
{
	gives("a = ${nothing}\nb = 1", "{\"b\":1}", 1);
}

TEST(copies_of_copies_are_bounded)
{
	struct conf_tree t;
	struct conf_report r = { 0 };
	struct str text = { 0 };

	str_add(&text, "a0 = [1,1,1,1,1,1,1,1,1,1]\n");
	for (int i = 1; i < 20; i++)
		str_addf(&text, "a%d = [${a%d},${a%d},${a%d},${a%d}]\n", i, i - 1, i - 1,
		    i - 1, i - 1);
	tree_init(&t);
	OK(hocon_parse_text(&t, "test.conf", str_slice(&text), &r) == EM_OK);
	tree_resolve(&t, NULL, &r);
	OK(r.fault.n > 0);
	OK(strstr(r.fault.p[0].text, "too large") != NULL);
	OK(t.nodes <= TREE_NODES_MAX);
	tree_fini(&t);
	conf_report_fini(&r);
	str_fini(&text);
}
