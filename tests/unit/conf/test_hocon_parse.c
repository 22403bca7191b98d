/* SPDX-License-Identifier: Apache-2.0 */
/* HOCON text to a tree. */
#include "emqxd/conf/hocon_parse.h"
#include "emqxd/conf/load.h"
#include "tests/unit/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct parsed {
	struct conf_tree tree;
	struct conf_report report;
	struct str text; /* the tree as JSON, or the report */
	em_err err;
};

static struct parsed
parse(const char *text)
{
	struct parsed p = { 0 };

	tree_init(&p.tree);
	p.err = hocon_parse_text(&p.tree, "test.conf", slice_str(text), &p.report);
	if (p.err == EM_OK) {
		tree_resolve(&p.tree, NULL, &p.report);
		tree_print_json(p.tree.root, &p.text);
	} else {
		conf_report_print(&p.report, &p.text);
	}
	return p;
}

static void
done(struct parsed *p)
{
	tree_fini(&p->tree);
	conf_report_fini(&p->report);
	str_fini(&p->text);
}

static void
gives(const char *text, const char *json)
{
	struct parsed p = parse(text);

	STR_EQ(str_get(&p.text), json);
	done(&p);
}

static void
refuses(const char *text, const char *what)
{
	struct parsed p = parse(text);

	OK(p.err != EM_OK);
	EQ(p.report.fault.n, 1);
	if (strstr(str_get(&p.text), what) == NULL)
		tap_fail(__FILE__, __LINE__, "'%s' is not in %s", what, str_get(&p.text));
	done(&p);
}

TEST(flat_lines_and_objects_give_the_same_tree)
{
	gives("a.b = 1\na.c = x", "{\"a\":{\"b\":1,\"c\":\"x\"}}");
	gives("a { b = 1, c = x }", "{\"a\":{\"b\":1,\"c\":\"x\"}}");
	gives("a : { \"b\" : 1\n c : x }", "{\"a\":{\"b\":1,\"c\":\"x\"}}");
	gives("{ \"a\": { \"b\": 1, \"c\": \"x\" } }", "{\"a\":{\"b\":1,\"c\":\"x\"}}");
}

TEST(lines_may_end_where_json_lets_them)
{
	gives("{\n\"a\"\n:\n{ \"b\" :\n 1\n,\n\"c\" : [\n1 ,\n2 ]\n}\n}\n",
	    "{\"a\":{\"b\":1,\"c\":[1,2]}}");
	gives("a\n{\n b = 1 }\n", "{\"a\":{\"b\":1}}");
}

TEST(objects_merge_and_everything_else_is_replaced)
{
	gives("a { b = 1, c = 2 }\na { c = 3 }", "{\"a\":{\"b\":1,\"c\":3}}");
	gives("a = [1, 2]\na = [3]", "{\"a\":[3]}");
	gives("a = 1\na.b = 2", "{\"a\":{\"b\":2}}");
	gives("a { b = 1 }\na = null", "{}");
}

TEST(comments_of_both_kinds_are_skipped)
{
	gives(
	    "# one\n// two\na = 1 # three\nb = 2 // four\n## five", "{\"a\":1,\"b\":2}");
}

TEST(a_url_needs_no_quotes)
{
	gives("a = http://127.0.0.1:80/x", "{\"a\":\"http://127.0.0.1:80/x\"}");
}

TEST(addresses_and_node_names_need_no_quotes)
{
	gives("a = 0.0.0.0:1883\nb = emqx@127.0.0.1",
	    "{\"a\":\"0.0.0.0:1883\",\"b\":\"emqx@127.0.0.1\"}");
	gives("l { bind = 127.0.0.1:1883, n = 2 }",
	    "{\"l\":{\"bind\":\"127.0.0.1:1883\",\"n\":2}}");
}

TEST(a_flat_line_may_hold_commas)
{
	gives("a = log,publish\nb = 1,", "{\"a\":\"log,publish\",\"b\":1}");
}

TEST(quoted_texts_have_escapes)
{
	gives("a = \"x\\n\\t\\\"\\\\ \\u00e9 \\ud83d\\ude00\"",
	    "{\"a\":\"x\\n\\t\\\"\\\\ \xc3\xa9 \xf0\x9f\x98\x80\"}");
	refuses("a = \"\\q\"", "test.conf:1:7: unknown escape");
	refuses("a = \"x\\u12\"", "four hexadecimal digits");
	refuses("a = \"x\\u0000\"", "no character");
	refuses("a = \"\\ud800x\"", "no character");
	refuses("a = \"x\nb = 1", "does not end on its line");
}

TEST(raw_texts_run_over_lines)
{
	gives("a = \"\"\"x\n\\y\"z\"\"\"\nb = 1", "{\"a\":\"x\\n\\\\y\\\"z\",\"b\":1}");
	gives("a = \"\"\"x\"\"\"\"", "{\"a\":\"x\\\"\"}");
	refuses("a = \"\"\"x", "does not end");
}

TEST(arrays_take_commas_or_new_lines)
{
	gives("a = [1, two, \"three\"]", "{\"a\":[1,\"two\",\"three\"]}");
	gives("a = [\n1\n2\n]", "{\"a\":[1,2]}");
	gives("a = [{b = 1}, {b = 2}]", "{\"a\":[{\"b\":1},{\"b\":2}]}");
	refuses("a = [1 \"x\" {}", "side by side");
	refuses("a = [1", "a ',' or ']' is missing");
}

TEST(plus_equals_appends)
{
	gives("a += 1\na += 2", "{\"a\":[1,2]}");
	gives("a = [0]\na += {b = 1}", "{\"a\":[0,{\"b\":1}]}");
}

TEST(pieces_of_a_value_are_joined)
{
	gives("a = one two \"three\"", "{\"a\":\"one two three\"}");
	gives("a = {b = 1} {c = 2}", "{\"a\":{\"b\":1,\"c\":2}}");
	gives("a = [1] [2]", "{\"a\":[1,2]}");
}

TEST(a_line_of_4x_has_the_rest_of_its_line_as_value)
{
	struct parsed p = parse("zone.external.mountpoint = a # b, {c} \"d\"  \r\nx = 1");
	const struct tree_node *n =
	    tree_find(&p.tree, SLICE_LIT("zones.external.mqtt.mountpoint"));

	OK(n != NULL);
	STR_EQ(n->text, "a # b, {c} \"d\"");
	STR_EQ(n->as, "zone.external.mountpoint");
	EQ(n->pos.line, 1);
	OK(tree_find(&p.tree, SLICE_LIT("x")) != NULL);
	done(&p);
}

TEST(a_value_of_4x_may_start_with_a_brace)
{
	struct parsed p = parse(
	    "web.hook.rule.client.connect.1 = {\"action\": \"on_client_connect\"}\n");

	EQ(p.err, EM_OK);
	EQ(p.tree.legacy.n, 1);
	STR_EQ(p.tree.legacy.p[0].value, "{\"action\": \"on_client_connect\"}");
	done(&p);
}

TEST(log_file_is_a_text_in_4x_and_an_object_today)
{
	gives("log.file = a.log", "{\"log\":{\"file\":{\"path\":\"a.log\"}}}");
	gives("log.file { path = b.log }", "{\"log\":{\"file\":{\"path\":\"b.log\"}}}");
	gives("log.file = { path = b.log }", "{\"log\":{\"file\":{\"path\":\"b.log\"}}}");
}

TEST(a_name_of_4x_inside_braces_is_hocon)
{
	gives("zone.external { max_inflight = 5 # five\n }",
	    "{\"zones\":{\"external\":{\"mqtt\":{\"max_inflight\":5}}},"
	    "\"zone\":{\"external\":{}}}");
}

TEST(the_old_name_of_a_5x_key_is_hocon)
{
	gives("mqtt.keepalive_backoff = 0.75 # half",
	    "{\"mqtt\":{\"keepalive_multiplier\":1.5}}");
}

TEST(every_fault_has_its_place)
{
	refuses("a = 1\nb 2", "test.conf:2:3: a '=' is missing");
	refuses("a = 1\n  b {\n c = 1\n", "test.conf:2:5: this '{' has no '}'");
	refuses("a = 1 }", "test.conf:1:7: nothing was expected");
	refuses("a =\nb = 1", "test.conf:1:4: a value is missing");
	refuses("= 1", "test.conf:1:1: a key was expected");
	refuses("a = b = c", "holds no '='");
	refuses("a = ${b", "does not end");
}

TEST(what_is_no_utf8_is_refused)
{
	refuses("a = 1\nb = \"\xff\"", "test.conf:2:6: byte 0xff is no text");
}

TEST(a_byte_order_mark_is_skipped)
{
	gives("\xef\xbb\xbf"
	      "a = 1",
	    "{\"a\":1}");
}

TEST(depth_is_bounded)
{
	struct str text = { 0 };

	for (int i = 0; i < 40; i++)
		str_add(&text, "a {");
	refuses(str_get(&text), "nested too deeply");
	str_reset(&text);
	for (int i = 0; i < 40; i++)
		str_add(&text, "a.");
	str_add(&text, "b = 1");
	refuses(str_get(&text), "nested too deeply");
	str_reset(&text);
	str_add(&text, "a = ");
	for (int i = 0; i < 100000; i++)
		str_add(&text, "[");
	refuses(str_get(&text), "nested too deeply");
	str_fini(&text);
}

TEST(the_number_of_values_is_bounded)
{
	struct str text = { 0 };

	str_add(&text, "a = [");
	for (int i = 0; i < 70000; i++)
		str_add(&text, "1,");
	str_add(&text, "]");
	refuses(str_get(&text), "too large");
	str_fini(&text);
}

/* ---- files */

struct folder {
	char path[64];
};

static struct folder
folder(void)
{
	struct folder f = { "/tmp/emqx-conf-XXXXXX" };

	OK(mkdtemp(f.path) != NULL);
	return f;
}

static void
put_file(const struct folder *f, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", f->path, name);
	file = fopen(path, "w");
	OK(file != NULL);
	fputs(text, file);
	fclose(file);
}

static struct parsed
parse_in(const struct folder *f, const char *name)
{
	struct parsed p = { 0 };
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", f->path, name);
	tree_init(&p.tree);
	p.err = hocon_parse_file(&p.tree, path, &p.report);
	if (p.err == EM_OK)
		tree_print_json(p.tree.root, &p.text);
	else
		conf_report_print(&p.report, &p.text);
	return p;
}

static void
remove_folder(struct folder *f)
{
	struct str command = { 0 };

	str_addf(&command, "rm -r '%s'", f->path);
	OK(system(str_get(&command)) == 0);
	str_fini(&command);
}

TEST(include_is_relative_to_its_file_and_takes_patterns)
{
	struct folder f = folder();
	struct parsed p;

	put_file(&f, "emqx.conf",
	    "a = 1\ninclude \"one.conf\"\nb { include required(file(\"two.conf\")) }\n"
	    "include plug*.conf\ninclude none*.conf\n");
	put_file(&f, "one.conf", "a = 2\n");
	put_file(&f, "two.conf", "c = 3\n");
	put_file(&f, "plug1.conf", "d = 4\n");
	put_file(&f, "plug2.conf", "e = 5\n");
	p = parse_in(&f, "emqx.conf");
	STR_EQ(str_get(&p.text), "{\"a\":2,\"b\":{\"c\":3},\"d\":4,\"e\":5}");
	done(&p);
	remove_folder(&f);
}

TEST(include_of_a_file_that_is_not_there_is_a_fault)
{
	struct folder f = folder();
	struct parsed p;

	put_file(&f, "emqx.conf", "\ninclude \"gone.conf\"\n");
	p = parse_in(&f, "emqx.conf");
	OK(p.err != EM_OK);
	OK(strstr(str_get(&p.text), "emqx.conf:2:") != NULL);
	OK(strstr(str_get(&p.text), "gone.conf: not found") != NULL);
	done(&p);
	remove_folder(&f);
}

TEST(a_file_that_includes_itself_is_a_fault)
{
	struct folder f = folder();
	struct parsed p;

	put_file(&f, "emqx.conf", "include \"emqx.conf\"\n");
	p = parse_in(&f, "emqx.conf");
	OK(strstr(str_get(&p.text), "too many files are included") != NULL);
	done(&p);
	remove_folder(&f);
}

TEST(a_pipe_is_read_to_its_end)
{
	struct folder f = { "/dev/fd" };
	struct parsed p;
	int fd[2];
	char name[16];

	OK(pipe(fd) == 0 && write(fd[1], "a = 1\n", 6) == 6 && close(fd[1]) == 0);
	(void)snprintf(name, sizeof name, "%d", fd[0]);
	p = parse_in(&f, name);
	EQ(p.err, EM_OK);
	STR_EQ(str_get(&p.text), "{\"a\":1}");
	close(fd[0]);
	done(&p);
}

TEST(a_pipe_that_nobody_writes_to_is_not_waited_for_for_ever)
{
	struct folder f = folder();
	struct parsed p;
	char path[256];

	(void)snprintf(path, sizeof path, "%s/pipe", f.path);
	OK(mkfifo(path, 0600) == 0);
	p = parse_in(&f, "pipe");
	OK(p.err != EM_OK);
	OK(strstr(str_get(&p.text), "nobody writes to") != NULL);
	done(&p);
	OK(unlink(path) == 0);
	remove_folder(&f);
}

TEST(a_folder_is_no_file)
{
	struct folder f = folder();
	struct parsed p = parse_in(&f, ".");

	OK(p.err != EM_OK);
	OK(strstr(str_get(&p.text), "cannot read") != NULL);
	done(&p);
	remove_folder(&f);
}
