/* SPDX-License-Identifier: Apache-2.0 */
/* What lines of 4.x say today. */
#include "emqxd/conf/hocon_parse.h"
#include "tests/unit/conf/fixture.h"

TEST(a_zone_of_4x_is_a_zone_of_today)
{
	struct loaded l = fixture_load("zone.outdoor.max_mqueue_len = 0\n"
				       "zone.outdoor.max_inflight = 0\n"
				       "zone.outdoor.retry_interval = 30\n"
				       "zone.outdoor.await_rel_timeout = 300s\n"
				       "zone.outdoor.idle_timeout = 1500\n"
				       "zone.outdoor.keepalive_backoff = 0.75\n"
				       "zone.outdoor.server_keepalive = 0\n"
				       "zone.outdoor.max_subscriptions = 0\n"
				       "zone.outdoor.upgrade_qos = on\n"
				       "zone.outdoor.mqueue_priorities = t/1=10,t/2=8\n"
				       "zone.outdoor.mqueue_default_priority = highest\n",
	    NULL, NULL);
	const struct zone *z;
	int64_t v = 0;

	OK(l.err == EM_OK);
	z = fixture_zone(&l, "outdoor");
	EQ(z->max_mqueue_len, ZONE_UNLIMITED);
	EQ(z->max_inflight, 65535);
	EQ(span_to_s(z->retry_interval), 30);
	EQ(span_to_s(z->await_rel_timeout), 300);
	EQ(span_to_ms(z->idle_timeout), 1500);
	EQ(z->keepalive_multiplier, 1500);
	EQ(z->server_keepalive, 0);
	EQ(z->max_subscriptions, ZONE_UNLIMITED);
	OK(z->upgrade_qos);
	OK(conf_map_find(&z->mqueue_priorities, SLICE_LIT("t/1"), &v));
	EQ(v, 10);
	OK(z->mqueue_default_highest);
	EQ(fixture_zone(&l, "default")->max_mqueue_len, 1000);
	fixture_free(&l);
}

TEST(placeholders_of_4x_are_those_of_today)
{
	struct conf_report r = { 0 };
	struct conf_tree t;

	tree_init(&t);
	OK(hocon_parse_text(
	       &t, "t", SLICE_LIT("zone.a.mountpoint = dev/%c/%u/100%"), &r) == EM_OK);
	STR_EQ(tree_find(&t, SLICE_LIT("zones.a.mqtt.mountpoint"))->text,
	    "dev/${clientid}/${username}/100%");
	tree_fini(&t);
	conf_report_fini(&r);
}

TEST(retry_interval_0_of_4x_is_never)
{
	struct loaded l = fixture_takes("zone.external.retry_interval = 0\n"
					"zone.external.mqueue_priorities = none\n");

	OK(span_is_infinite(fixture_zone(&l, "external")->retry_interval));
	EQ(fixture_zone(&l, "external")->mqueue_priorities.n, 0);
	fixture_free(&l);
}

TEST(a_listener_of_4x_is_there_alone)
{
	struct loaded l = fixture_takes("listener.tcp.external = 0.0.0.0:1884\n"
					"listener.tcp.external.max_connections = 100\n"
					"listener.tcp.external.backlog = 512\n"
					"listener.tcp.external.send_timeout = 5s\n");
	const struct listener_conf *c = fixture_listener(&l, "tcp:external");

	OK(c != NULL);
	OK(fixture_listener(&l, "tcp:default") == NULL);
	EQ(c->bind.port, 1884);
	EQ(c->max_connections, 100);
	EQ(c->tcp.backlog, 512);
	EQ(span_to_s(c->tcp.send_timeout), 5);
	STR_EQ(c->zone, "default");
	fixture_free(&l);
}

TEST(the_zone_external_is_that_of_listeners_that_name_none)
{
	struct loaded l = fixture_takes("zone.external.max_mqueue_len = 7\n");
	const struct listener_conf *c = fixture_listener(&l, "tcp:default");

	STR_EQ(c->zone, "external");
	STR_EQ(fixture_zone(&l, "external")->name, "external");
	EQ(fixture_zone(&l, "external")->max_mqueue_len, 7);
	fixture_free(&l);

	l = fixture_takes("zone.external.max_mqueue_len = 7\n"
			  "listeners.tcp.default.zone = default\n"
			  "listeners.tcp.other.bind = 1884\n");
	STR_EQ(fixture_listener(&l, "tcp:default")->zone, "default");
	STR_EQ(fixture_listener(&l, "tcp:other")->zone, "external");
	fixture_free(&l);
}

TEST(a_listener_of_4x_may_name_a_zone_that_no_line_sets)
{
	struct loaded l = fixture_takes("listener.tcp.internal = 127.0.0.1:11883\n"
					"listener.tcp.internal.zone = internal\n");

	STR_EQ(fixture_listener(&l, "tcp:internal")->zone, "internal");
	EQ(fixture_zone(&l, "internal")->max_inflight, 32);
	fixture_free(&l);
}

TEST(log_to_names_both_sinks)
{
	struct loaded l = fixture_takes("log.to = console\nlog.level = debug\n");

	OK(fixture_core(&l)->console.enable);
	OK(!fixture_core(&l)->file.enable);
	EQ(fixture_core(&l)->console.level, fixture_core(&l)->file.level);
	fixture_free(&l);
	l = fixture_takes("log.to = both\nlog.dir = /tmp/l\nlog.file = e.log\n"
			  "log.rotation = off\n");
	OK(fixture_core(&l)->file.enable);
	STR_EQ(fixture_core(&l)->log_path, "/tmp/l/e.log");
	EQ(fixture_core(&l)->log_rotation_size, UINT64_MAX);
	fixture_free(&l);
	fixture_refuses("log.to = syslog", 1, "file, console or both");
}

TEST(log_rotation_on_says_nothing)
{
	struct loaded l = fixture_takes("log.rotation = on\n");

	EQ(fixture_core(&l)->log_rotation_size, 50 << 20);
	fixture_free(&l);
}

TEST(hash_is_hash_clientid)
{
	struct loaded l = fixture_takes("broker.shared_subscription_strategy = hash\n");

	EQ(fixture_zone(&l, "default")->shared_subscription_strategy,
	    SHARE_HASH_CLIENTID);
	fixture_free(&l);
}

TEST(the_later_line_wins_whatever_its_generation)
{
	struct loaded l = fixture_takes("zone.a.max_inflight = 5\n"
					"zones.a.mqtt.max_inflight = 6\n");

	EQ(fixture_zone(&l, "a")->max_inflight, 6);
	fixture_free(&l);
	l = fixture_takes("zones.a.mqtt.max_inflight = 6\nzone.a.max_inflight = 5\n");
	EQ(fixture_zone(&l, "a")->max_inflight, 5);
	fixture_free(&l);
}

TEST(a_wrong_value_is_said_under_the_name_that_was_written)
{
	fixture_refuses("\nzone.external.max_inflight = 70000\n", 1,
	    ":2:1: zone.external.max_inflight (zones.external.mqtt.max_inflight): "
	    "'70000'");
	fixture_refuses(
	    "zone.external.keepalive_backoff = x", 1, "a number such as 0.75");
	fixture_refuses("zone.external.mqueue_priorities = x", 1, "topic/1=10,topic/2=8");
}

TEST(nested_lines_of_4x_are_the_same)
{
	struct loaded l = fixture_takes("zone { external { max_inflight = 9 } }\n");

	EQ(fixture_zone(&l, "external")->max_inflight, 9);
	fixture_free(&l);
}

TEST(rules_of_4x_are_rewrite_rules_in_their_order)
{
	struct loaded l =
	    fixture_takes("module.rewrite.sub.rule.1 = y/+/z/# ^y/(.+)/z/(.+)$ y/z/$2\n"
			  "module.rewrite.pub.rule.10 = a/#  ^a/(.*)$  late/$1\n"
			  "module.rewrite.pub.rule.2 = x/# ^x/y/(.+)$ z/%c/$1\n"
			  "module.rewrite.pub.rule.2 = x/# ^x/y/(.+)$ z/%u/$1\n"
			  "module.rewrite.rule.1 = x/# ^x/y/(.+)$ all/$1\n");
	size_t n;
	const struct rewrite_rule *r = conf_snapshot_get(l.s, CONF_REWRITE, &n);

	EQ(n, 4);
	EQ(r[0].action, TOPICS_PUBLISH | TOPICS_SUBSCRIBE);
	STR_EQ(r[0].dest_topic, "all/$1");
	EQ(r[1].action, TOPICS_PUBLISH);
	STR_EQ(r[1].source_topic, "x/#");
	STR_EQ(r[1].re, "^x/y/(.+)$");
	STR_EQ(r[1].dest_topic, "z/${username}/$1");
	STR_EQ(r[2].dest_topic, "late/$1");
	EQ(r[3].action, TOPICS_SUBSCRIBE);
	STR_EQ(r[3].source_topic, "y/+/z/#");
	EQ(conf_ignored_count(l.s), 0);
	fixture_free(&l);
}

TEST(subscriptions_of_4x_are_auto_subscribe_topics)
{
	struct loaded l = fixture_load("module.subscription.2.topic = second\n"
				       "module.subscription.1.topic = connected/%c/%u\n"
				       "module.subscription.1.qos = 1\n"
				       "module.subscription.1.nl = 1\n"
				       "module.subscription.1.rap = 1\n"
				       "module.subscription.1.rh = 2\n"
				       "module.subscription.3.qos = 1\n",
	    NULL, NULL);
	size_t n;
	const struct auto_topic *a;

	OK(l.err == EM_OK);
	a = conf_snapshot_get(l.s, CONF_AUTO_SUBSCRIBE, &n);
	EQ(n, 2);
	STR_EQ(a[0].topic, "connected/${clientid}/${username}");
	EQ(a[0].qos, 1);
	EQ(a[0].no_local, 1);
	EQ(a[0].retain_as_published, 1);
	EQ(a[0].retain_handling, 2);
	STR_EQ(a[1].topic, "second");
	EQ(a[1].qos, 0);
	OK(strstr(str_get(&l.text), "warning: emqx.conf:7:1: module.subscription.N.qos "
				    "without module.subscription.N.topic") != NULL);
	fixture_free(&l);
}

TEST(what_an_item_of_4x_cannot_be_is_told_at_its_line)
{
	fixture_refuses("module.rewrite.pub.rule.1 = x/# ^x/y/(.+)$\n", 1,
	    "emqx.conf:1:1: module.rewrite.pub.rule.1: a rule is three words");
	fixture_refuses("module.rewrite.pub.rule.1 = x/# ( z\n", 1,
	    "emqx.conf:1:1: rewrite.1.re (module.rewrite.pub.rule.1): ");
	fixture_refuses("module.subscription.1.topic = a/#/b\n", 1,
	    "auto_subscribe.topics.1.topic (module.subscription.1.topic): ");
	fixture_refuses("module.subscription.1.topic = a\n"
			"module.subscription.1.qos = 3\n",
	    1,
	    "emqx.conf:2:1: module.subscription.1.qos (auto_subscribe.topics.1.qos): ");
	fixture_refuses("module.rewrite.rule.1 = x/# ^x$ z\n"
			"rewrite = [{source_topic = a, dest_topic = b}]\n",
	    1, "module.rewrite.rule.1: today's list is there too");
}

TEST(a_variable_sets_an_item_of_4x)
{
	char *const environ_[] = { "EMQX_MODULE__REWRITE__PUB__RULE__1=a ^a$ of_env",
		NULL };
	struct loaded l =
	    fixture_load("module.rewrite.pub.rule.1 = a ^a$ of_file\n", environ_, NULL);
	size_t n;
	const struct rewrite_rule *r;

	OK(l.err == EM_OK);
	r = conf_snapshot_get(l.s, CONF_REWRITE, &n);
	EQ(n, 1);
	STR_EQ(r[0].dest_topic, "of_env");
	fixture_free(&l);
}
