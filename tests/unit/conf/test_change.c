/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two snapshots. */
#include "emqxd/conf/change.h"
#include "tests/unit/conf/fixture.h"

static struct conf_changes
changes(const char *before, const char *after)
{
	struct loaded a = fixture_load(before, NULL, NULL);
	struct loaded b = fixture_load(after, NULL, a.s);
	struct conf_changes c = { 0 };

	OK(a.err == EM_OK && b.err == EM_OK);
	conf_changes_find(a.s, b.s, &c);
	fixture_free(&a);
	fixture_free(&b);
	return c;
}

static const struct conf_change *
find(const struct conf_changes *c, const char *path)
{
	for (size_t i = 0; i < c->list.n; i++)
		if (strcmp(c->list.p[i].path, path) == 0)
			return &c->list.p[i];
	tap_fail(__FILE__, __LINE__, "%s has not changed", path);
}

TEST(the_same_text_changes_nothing)
{
	struct conf_changes c =
	    changes("mqtt.max_inflight = 5\n", "mqtt.max_inflight = 5\n");

	EQ(c.list.n, 0);
	conf_changes_fini(&c);
	c = changes("", "mqtt.max_inflight = 32\n"); /* the default */
	EQ(c.list.n, 0);
	conf_changes_fini(&c);
}

TEST(a_change_says_path_values_and_what_it_takes)
{
	struct conf_changes c = changes("", "mqtt.max_inflight = 5\nnode.workers = 2\n"
					    "listeners.tcp.default.bind = 1884\n"
					    "log.console.level = debug\n");

	EQ(c.list.n, 4);
	STR_EQ(find(&c, "mqtt.max_inflight")->before, "32");
	STR_EQ(find(&c, "mqtt.max_inflight")->after, "5");
	EQ(find(&c, "mqtt.max_inflight")->reload, CONF_NEW_CONNECTIONS);
	EQ(find(&c, "node.workers")->reload, CONF_RESTART);
	EQ(find(&c, "listeners.tcp.default.bind")->reload, CONF_LISTENER);
	EQ(find(&c, "listeners.tcp.default.bind")->id, CONF_LISTENERS);
	EQ(find(&c, "log.console.level")->reload, CONF_LIVE);
	conf_changes_fini(&c);
}

TEST(a_zone_that_follows_the_default_is_no_change_of_its_own)
{
	struct conf_changes c = changes("zones.a.mqtt.max_inflight = 3\n",
	    "zones.a.mqtt.max_inflight = 4\nmqtt.idle_timeout = 1s\n");

	EQ(c.list.n, 2);
	STR_EQ(find(&c, "zones.a.mqtt.max_inflight")->after, "4");
	STR_EQ(find(&c, "mqtt.idle_timeout")->before, "15s");
	conf_changes_fini(&c);
}

TEST(an_override_that_goes_is_a_change)
{
	struct conf_changes c = changes("zones.a.mqtt.max_inflight = 3\n", "");

	EQ(c.list.n, 1);
	EQ(strcmp(c.list.p[0].before, "3"), 0);
	conf_changes_fini(&c);
}

TEST(a_listener_that_comes_or_goes_is_a_change_at_once)
{
	struct conf_changes c = changes("", "listeners.tcp.x.bind = 1884\n");

	EQ(c.list.n, 1);
	STR_EQ(c.list.p[0].path, "listeners.tcp.x");
	STR_EQ(c.list.p[0].owner, "tcp:x");
	STR_EQ(c.list.p[0].before, "");
	STR_EQ(c.list.p[0].after, "{ bind = :1884 }");
	EQ(c.list.p[0].reload, CONF_LIVE);
	conf_changes_fini(&c);
	c = changes("listeners.tcp.x { bind = 1884, tcp_options.backlog = 7 }\n", "");
	EQ(c.list.n, 1);
	STR_EQ(c.list.p[0].before, "{ bind = :1884, tcp_options.backlog = 7 }");
	STR_EQ(c.list.p[0].after, "");
	conf_changes_fini(&c);
}

TEST(an_item_that_comes_or_goes_is_one_change)
{
	struct conf_changes c =
	    changes("rewrite = [{source_topic = a, dest_topic = b}]\n",
		"rewrite = [{source_topic = a, dest_topic = c}, "
		"{source_topic = d, dest_topic = e}]\n");

	EQ(c.list.n, 2);
	STR_EQ(find(&c, "rewrite.1.dest_topic")->after, "c");
	STR_EQ(find(&c, "rewrite.2")->after, "{ source_topic = d, dest_topic = e }");
	conf_changes_fini(&c);
}

static void
reloads_to(struct loaded *from, struct loaded *to, struct conf_changes *c)
{
	OK(from->err == EM_OK && to->err == EM_OK);
	conf_changes_find(from->s, to->s, c);
}

/* What waits is told again, from the value that is in force, until it is that again. */
TEST(what_waits_for_a_restart_is_told_at_every_reload)
{
	struct loaded a = fixture_load("", NULL, NULL);
	struct loaded b = fixture_load("node.workers = 1\n", NULL, a.s);
	struct loaded c = fixture_load("node.workers = 2\n", NULL, b.s);
	struct loaded d = fixture_load("node.workers = 2\n", NULL, c.s);
	struct loaded e = fixture_load("", NULL, d.s);
	struct loaded f = fixture_load("", NULL, e.s);
	struct conf_changes changes[5] = { 0 };

	reloads_to(&a, &b, &changes[0]);
	reloads_to(&b, &c, &changes[1]);
	reloads_to(&c, &d, &changes[2]);
	for (unsigned i = 0; i < 3; i++) {
		EQ(changes[i].list.n, 1);
		STR_EQ(changes[i].list.p[0].before, "auto");
		STR_EQ(changes[i].list.p[0].after, i == 0 ? "1" : "2");
		EQ(changes[i].list.p[0].reload, CONF_RESTART);
	}
	reloads_to(&d, &e, &changes[3]);
	EQ(changes[3].list.n, 1);
	STR_EQ(changes[3].list.p[0].after, "auto");
	EQ(changes[3].list.p[0].reload, CONF_LIVE);
	reloads_to(&e, &f, &changes[4]);
	EQ(changes[4].list.n, 0);
	for (unsigned i = 0; i < 5; i++)
		conf_changes_fini(&changes[i]);
	fixture_free(&a);
	fixture_free(&b);
	fixture_free(&c);
	fixture_free(&d);
	fixture_free(&e);
	fixture_free(&f);
}

TEST(secrets_are_masked)
{
	struct conf_changes c = changes("node.cookie = one\n", "node.cookie = two\n");

	EQ(c.list.n, 1);
	STR_EQ(c.list.p[0].before, "******");
	STR_EQ(c.list.p[0].after, "******");
	conf_changes_fini(&c);
}

TEST(every_reload_class_has_words)
{
	STR_EQ(conf_reload_text(CONF_LIVE), "at once");
	STR_EQ(conf_reload_text(CONF_RESTART), "restart of emqxd");
}
