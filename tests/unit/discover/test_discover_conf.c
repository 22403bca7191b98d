/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of the keys of discovery, and of what is made of them. */
#include "emqxd/discover/discover_conf.h"
#include "emqxd/conf/load.h"
#include "tests/unit/tap.h"

struct loaded {
	em_err err;
	struct conf_snapshot *s;
	struct conf_report report;
	struct str text;
};

static struct loaded
load(const char *text)
{
	static const struct conf_section *const sections[] = { &discover_conf };
	struct loaded l = { 0 };
	struct conf_load how = {
		.file = "emqx.conf", .text = slice_str(text), .section = sections, .n = 1
	};

	l.err = conf_load(&how, &l.s, &l.report);
	conf_report_print(&l.report, &l.text);
	return l;
}

static void
unload(struct loaded *l)
{
	conf_snapshot_free(&l->s);
	conf_report_fini(&l->report);
	str_fini(&l->text);
}

static const struct discover_self self = { .cluster = "emqxcl",
	.node = "emqx1@node1.example.org",
	.secret = "tasty",
	.advertised = "10.0.0.1:4371" };

static void
refuses(const char *text, const char *why)
{
	struct loaded l = load(text);

	OK(l.err != EM_OK);
	if (strstr(str_get(&l.text), why) == NULL)
		tap_fail(__FILE__, __LINE__, "'%s' is not in: %s", why, str_get(&l.text));
	unload(&l);
}

TEST(nothing_is_looked_for_unless_asked)
{
	struct loaded l = load("");
	struct discover_conf c;

	STR_EQ(str_get(&l.text), "");
	OK(discover_conf_of(conf_snapshot_get(l.s, CONF_DISCOVERY, NULL), &self, &c) ==
	    EM_OK);
	EQ(c.strategy, DISCOVER_MANUAL);
	unload(&l);
}

TEST(this_node_is_its_name_at_the_place_that_it_advertises)
{
	struct loaded l = load("");
	struct discover_self wrong = self;
	struct discover_conf c;
	char text[DISCOVER_TEXT_MAX];

	OK(discover_conf_of(conf_snapshot_get(l.s, CONF_DISCOVERY, NULL), &self, &c) ==
	    EM_OK);
	STR_EQ(discover_addr_print(&c.me, text), "emqx1@10.0.0.1:4371");
	wrong.node = "no node";
	OK(discover_conf_of(conf_snapshot_get(l.s, CONF_DISCOVERY, NULL), &wrong, &c) ==
	    EM_MALFORMED);
	unload(&l);
}

TEST(keys_of_every_strategy_reach_it)
{
	struct loaded l =
	    load("cluster { discovery_strategy = k8s\n"
		 "static.seeds = [\"emqx@10.0.0.1\", \"emqx@10.0.0.2:4370\"]\n"
		 "dns { name = \"nodes.test\", record_type = srv, server = "
		 "\"127.0.0.1:5353\" }\n"
		 "mcast { ports = \"4369,4370\", ttl = 3, loop = off, iface = "
		 "\"127.0.0.1\" }\n"
		 "etcd { server = \"http://a:2379,http://b:2379\", node_ttl = 10s\n"
		 "  ssl_options { cacertfile = \"ca.pem\", verify = verify_none } }\n"
		 "k8s { service_name = s, namespace = n, address_type = hostname } }\n");
	struct discover_conf c;

	STR_EQ(str_get(&l.text), "");
	OK(discover_conf_of(conf_snapshot_get(l.s, CONF_DISCOVERY, NULL), &self, &c) ==
	    EM_OK);
	EQ(c.strategy, DISCOVER_K8S);
	EQ(c.seeds.n, 2);
	STR_EQ(c.dns.server, "127.0.0.1:5353");
	EQ(c.dns.type, DISCOVER_SRV);
	EQ(c.mcast.ports.n, 2);
	STR_EQ(c.mcast.ports.item[1], "4370");
	OK(c.mcast.ttl == 3 && !c.mcast.loop && c.mcast.recbuf == 16384);
	STR_EQ(c.mcast.addr, "239.192.0.1");
	EQ(c.etcd.servers.n, 2);
	EQ(span_to_s(c.etcd.node_ttl), 10);
	OK(c.etcd.is_lenient);
	STR_EQ(c.etcd.cacert, "ca.pem");
	STR_EQ(c.k8s.apiserver, "https://kubernetes.default.svc:443");
	EQ(c.k8s.address_type, DISCOVER_HOSTNAME);
	STR_EQ(c.k8s.suffix, "pod.local");
	unload(&l);
}

TEST(what_a_strategy_cannot_do_without_is_asked_for)
{
	refuses(
	    "cluster.discovery_strategy = static", "discovery_strategy static needs it");
	refuses("cluster.discovery_strategy = etcd", "discovery_strategy etcd needs it");
	refuses("cluster { discovery_strategy = dns, dns.name = \"\" }",
	    "discovery_strategy dns needs it");
	refuses("cluster.static.seeds = [\"emqx@10.0.0.1\", \"a b\"]",
	    "number 2 is no address of a node");
	refuses("cluster.discovery_strategy = consul", "discovery_strategy");
}
