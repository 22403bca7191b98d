/* SPDX-License-Identifier: Apache-2.0 */
/* persist: keys that are set in the whole cluster, and their file. */
#include "emqxd/conf/persist.h"
#include "tests/unit/conf/fixture.h"
#include "ipc/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct house {
	char dir[64];
	struct persist *p;
	struct fault f;
	struct str text;
};

static struct house
house_new(void)
{
	struct house h = { .dir = "/tmp/test_persist.XXXXXX" };

	OK(mkdtemp(h.dir) != NULL);
	h.p = persist_new(h.dir, fixture_sections(), FIXTURE_SECTIONS);
	return h;
}

static void
house_free(struct house *h)
{
	char command[128];

	persist_free(&h->p);
	fault_clear(&h->f);
	str_fini(&h->text);
	snprintf(command, sizeof command, "rm -r %s", h->dir);
	EQ(system(command), 0);
}

static em_err
may(struct house *h, const char *path)
{
	fault_clear(&h->f);
	return persist_may_set(h->p, slice_str(path), &h->text, &h->f);
}

static void
put(struct house *h, const char *path, const char *value)
{
	EQ(persist_put(h->p, slice_str(path), slice_str(value)), EM_OK);
}

static void
put_file(const struct house *h, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/configs", h->dir);
	(void)mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/configs/%s", h->dir, name);
	f = fopen(path, "w");
	OK(f != NULL);
	fputs(text, f);
	fclose(f);
}

static bool
has_file(const struct house *h, const char *name)
{
	char path[128];

	snprintf(path, sizeof path, "%s/configs/%s", h->dir, name);
	return access(path, F_OK) == 0;
}

TEST(a_key_that_all_nodes_may_share_is_set)
{
	struct house h = house_new();

	EQ(may(&h, "mqtt.max_inflight"), EM_OK);
	EQ(may(&h, "zones.outdoor.mqtt.max_inflight"), EM_OK);
	EQ(may(&h, "rewrite"), EM_OK);
	EQ(may(&h, "zone.external.max_mqueue_len"), EM_OK);
	STR_EQ(str_get(&h.text), "zones.external.mqtt.max_mqueue_len");
	house_free(&h);
}

TEST(what_is_each_nodes_own_is_read_only)
{
	struct house h = house_new();

	EQ(may(&h, "node.name"), EM_REFUSED);
	STR_EQ(h.f.text, "cannot update read-only key 'node': each node has its own");
	OK(strstr(h.f.hint, "systemctl restart emqxd") != NULL);
	EQ(may(&h, "ctl.read_group"), EM_REFUSED);
	OK(strstr(h.f.hint, "emqx_ctl conf reload") != NULL);
	EQ(may(&h, "ctl.socket"), EM_REFUSED);
	EQ(may(&h, "cluster.discovery_strategy"), EM_REFUSED);
	EQ(may(&h, "listeners.tcp.default.bind"), EM_REFUSED);
	house_free(&h);
}

TEST(what_is_no_key_says_so)
{
	struct house h = house_new();

	EQ(may(&h, "mqtt.max_inflihgt"), EM_NOTFOUND);
	OK(strstr(h.f.hint, "mqtt.max_inflight") != NULL);
	EQ(may(&h, "mqtt"), EM_USAGE);
	EQ(may(&h, "rewrite.1.action"), EM_USAGE);
	EQ(may(&h, ""), EM_NOTFOUND);
	house_free(&h);
}

TEST(a_value_cannot_bring_other_keys_with_it)
{
	struct house h = house_new();

	EQ(persist_value(slice_str("1\nnode.name = x"), &h.text, &h.f), EM_OK);
	STR_EQ(str_get(&h.text), "\"1\\nnode.name = x\"");
	EQ(persist_value(slice_str("{ a = ${mqtt} }"), &h.text, &h.f), EM_MALFORMED);
	fault_clear(&h.f);
	EQ(persist_value(slice_str("[1"), &h.text, &h.f), EM_MALFORMED);
	house_free(&h);
}

TEST(rows_are_written_sorted_and_unread_ones_behind_a_mark)
{
	struct house h = house_new();
	bool is_new;

	put(&h, "mqtt.max_inflight", "64");
	put(&h, "mqtt.idle_timeout", "\"4s\"");
	put(&h, "mqtt.of_tomorrow", "1");
	put(&h, "mqtt.max_qos_allowed", "7");
	EQ(persist_write(h.p, &is_new, &h.f), EM_OK);
	OK(is_new);
	EQ(persist_write(h.p, &is_new, &h.f), EM_OK);
	OK(!is_new);
	EQ(persist_read(h.dir, &h.text, &h.f), EM_OK);
	OK(strstr(str_get(&h.text),
	       "\nmqtt.idle_timeout = \"4s\"\nmqtt.max_inflight = 64\n"
	       "# this version cannot read it: mqtt.max_qos_allowed = 7\n"
	       "# this version cannot read it: mqtt.of_tomorrow = 1\n") != NULL);
	house_free(&h);
}

TEST(a_row_that_is_no_text_is_one_line_of_text_in_the_file)
{
	struct house h = house_new();
	bool is_new;

	put(&h, "mqtt.of_tomorrow", "\xea\n\x1bnode.name = x");
	put(&h, "mqtt.z\nnode.name = x", "\xff");
	EQ(persist_write(h.p, &is_new, &h.f), EM_OK);
	EQ(persist_read(h.dir, &h.text, &h.f), EM_OK);
	OK(strstr(str_get(&h.text),
	       "\n# this version cannot read it: mqtt.of_tomorrow = "
	       "\\xea\\x0a\\x1bnode.name = x\n"
	       "# this version cannot read it: mqtt.z\\x0anode.name = x = \\xff\n") !=
	    NULL);
	house_free(&h);
}

TEST(a_proposed_row_is_printed_and_forgotten)
{
	struct house h = house_new();

	put(&h, "mqtt.max_inflight", "64");
	persist_print_with(
	    h.p, SLICE_LIT("mqtt.max_inflight"), SLICE_LIT("bad"), &h.text);
	OK(strstr(str_get(&h.text), "\nmqtt.max_inflight = bad\n") != NULL);
	persist_print_with(h.p, SLICE_LIT("mqtt.max_inflight"), SLICE_NONE, &h.text);
	OK(strstr(str_get(&h.text), "mqtt.max_inflight") == NULL);
	persist_print_with(h.p, SLICE_LIT("mqtt.x"), SLICE_LIT("1"), &h.text);
	persist_print(h.p, &h.text);
	OK(strstr(str_get(&h.text), "\nmqtt.max_inflight = 64\n") != NULL);
	OK(!persist_has(h.p, SLICE_LIT("mqtt.x")));
	house_free(&h);
}

TEST(a_file_of_another_hand_is_kept_aside)
{
	struct house h = house_new();
	bool is_new;

	put_file(&h, "cluster.hocon", "mqtt { max_inflight = 3 }\n");
	OK(persist_is_foreign(h.p));
	EQ(persist_write(h.p, &is_new, &h.f), EM_OK);
	OK(!is_new);
	OK(persist_is_foreign(h.p));
	put(&h, "mqtt.max_inflight", "64");
	EQ(persist_write(h.p, &is_new, &h.f), EM_OK);
	OK(is_new);
	OK(!persist_is_foreign(h.p));
	OK(has_file(&h, "cluster.hocon.before"));
	house_free(&h);
}

TEST(what_was_set_goes_over_the_file_and_under_the_environment)
{
	char *environ_[] = { (char[]){ "EMQX_MQTT__MAX_AWAITING_REL=7" }, NULL };
	struct conf_load how = { .file = "emqx.conf",
		.text = SLICE_LIT("mqtt.max_inflight = 1\nmqtt.max_awaiting_rel = 1\n"),
		.over = "/x/cluster.hocon",
		.over_text =
		    SLICE_LIT("mqtt.max_inflight = 5\nmqtt.max_awaiting_rel = 5\n"),
		.environ = environ_,
		.section = fixture_sections(),
		.n = FIXTURE_SECTIONS };
	struct conf_report r = { .more = false };
	struct conf_snapshot *s = NULL;
	struct conf_shown v;
	size_t at = 0;

	EQ(conf_load(&how, &s, &r), EM_OK);
	OK(conf_show_next(s, SLICE_LIT("mqtt.max_inflight"), &at, &v));
	STR_EQ(str_get(&v.value), "5");
	STR_EQ(str_get(&v.origin), "cluster");
	conf_shown_fini(&v);
	at = 0;
	OK(conf_show_next(s, SLICE_LIT("mqtt.max_awaiting_rel"), &at, &v));
	STR_EQ(str_get(&v.value), "7");
	STR_EQ(str_get(&v.origin), "EMQX_MQTT__MAX_AWAITING_REL");
	conf_shown_fini(&v);
	conf_snapshot_free(&s);
	conf_report_fini(&r);
}
