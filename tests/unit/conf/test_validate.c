/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused, what is accepted, and what is ignored. */
#include "tests/unit/conf/fixture.h"

TEST(without_a_file_everything_has_its_default)
{
	struct loaded l = fixture_load(NULL, NULL, NULL);
	const struct zone *z;
	const struct listener_conf *c;
	const struct retain_limits *r;
	const struct ctl_conf *ctl;

	OK(l.err == EM_OK);
	z = fixture_zone(&l, "default");
	EQ(span_to_s(z->idle_timeout), 15);
	EQ(z->max_packet_size, 1 << 20);
	EQ(z->max_inflight, 32);
	EQ(z->keepalive_multiplier, 1500);
	EQ(span_to_s(z->session_expiry_interval), 7200);
	OK(span_is_infinite(z->retry_interval));
	OK(z->strict_mode);
	STR_EQ(z->response_information, "");
	c = fixture_listener(&l, "tcp:default");
	OK(c->enable);
	STR_EQ(c->bind.host, "0.0.0.0");
	EQ(c->bind.port, 1883);
	EQ(c->max_connections, LISTENER_UNLIMITED);
	EQ(c->high_watermark, 1 << 20);
	r = conf_snapshot_get(l.s, CONF_RETAIN, NULL);
	OK(r->is_enabled && span_is_infinite(r->expiry));
	EQ(r->max_payload, 1 << 20);
	ctl = conf_snapshot_get(l.s, CONF_CTL, NULL);
	STR_EQ(ctl->socket, "/run/emqxd/ctl.sock");
	EQ(ctl->mode, 0660);
	STR_EQ(fixture_core(&l)->node_name, "emqx@127.0.0.1");
	EQ(fixture_core(&l)->workers, 0);
	fixture_free(&l);
}

TEST(all_faults_are_listed_in_the_order_of_the_file)
{
	struct loaded l = fixture_load("mqtt.max_inflight = 0\n"
				       "mqtt.max_inflite = 1\n"
				       "authorization.no_match = deny\n"
				       "allow_anonymous = false\n"
				       "mqtt.retain_available = perhaps\n"
				       "listeners.tcp.default.zone = nowhere\n",
	    NULL, NULL);

	EQ(l.report.fault.n, 6);
	for (size_t i = 0; i < l.report.fault.n; i++)
		EQ(l.report.fault.p[i].line, i + 1);
	OK(strstr(l.report.fault.p[1].hint, "mqtt.max_inflight") != NULL);
	fixture_free(&l);
}

TEST(a_zone_overrides_and_the_rest_is_the_defaults)
{
	struct loaded l =
	    fixture_takes("mqtt { max_inflight = 10, max_mqueue_len = 20 }\n"
			  "zones.a.mqtt.max_inflight = 11\n"
			  "zones.default.mqtt.max_mqueue_len = 21\n"
			  "listeners.tcp.default.zone = a\n");

	EQ(fixture_zone(&l, "a")->max_inflight, 11);
	EQ(fixture_zone(&l, "a")->max_mqueue_len, 20);
	EQ(fixture_zone(&l, "default")->max_inflight, 10);
	EQ(fixture_zone(&l, "default")->max_mqueue_len, 21);
	EQ(fixture_listener(&l, "tcp:default")->zone_number, 1);
	fixture_free(&l);
}

TEST(a_listener_takes_from_its_zone_what_it_does_not_say)
{
	struct loaded l = fixture_takes("mqtt.max_outq_bytes = 2MB\n"
					"listeners.tcp.a { bind = 1884\n"
					"  tcp_options.high_watermark = 64KB }\n");

	EQ(fixture_listener(&l, "tcp:default")->high_watermark, 2 << 20);
	EQ(fixture_listener(&l, "tcp:a")->high_watermark, 64 << 10);
	fixture_free(&l);
}

/* ---- fields whose room does not do yet what they say */

struct toy {
	uint32_t done, listed, refused;
	const char *name;
};

static const struct conf_field toy_fields[] = {
	{ .path = "done", CONF_MEMBER(struct toy, done), .type = CONF_INT, .help = "x" },
	{ .path = "listed",
	    CONF_MEMBER(struct toy, listed),
	    .type = CONF_INT,
	    .def = "7",
	    .built = CONF_IGNORED,
	    .help = "x" },
	{ .path = "refused",
	    CONF_MEMBER(struct toy, refused),
	    .type = CONF_INT,
	    .def = "8",
	    .built = CONF_REFUSED,
	    .help = "x" },
};
static const struct conf_section toy_section = { .id = CONF_ZONES,
	.path = "toy",
	.overlay = "toys.$name.toy",
	.field = toy_fields,
	.n = 3,
	.size = sizeof(struct toy),
	.name_at = offsetof(struct toy, name),
	.born = "default" };

static struct loaded
load_toy(const char *text)
{
	static const struct conf_section *const sections[] = { &toy_section };
	struct loaded l = { 0 };
	struct conf_load how = {
		.file = "t", .text = slice_str(text), .section = sections, .n = 1
	};

	l.err = conf_load(&how, &l.s, &l.report);
	conf_report_print(&l.report, &l.text);
	return l;
}

TEST(a_field_that_is_not_built_takes_its_default)
{
	struct loaded l = load_toy("toy { done = 1, listed = 7, refused = 8 }");

	EQ(l.err, EM_OK);
	EQ(conf_ignored_count(l.s), 0);
	fixture_free(&l);
}

TEST(another_value_of_it_is_listed_or_refused_once)
{
	struct loaded l = load_toy("toy.listed = 1\ntoys.a.toy.done = 1\n"
				   "toys.b.toy.done = 2\n");

	EQ(l.err, EM_OK);
	EQ(conf_ignored_count(l.s), 1);
	STR_EQ(conf_ignored_get(l.s, 0).path, "toy.listed");
	EQ(l.report.warning.n, 1);
	fixture_free(&l);
	l = load_toy("toy.refused = 1\ntoys.a.toy.done = 1\n");
	EQ(l.report.fault.n, 1);
	OK(strstr(str_get(&l.text), "t:1:15: not built yet: toy.refused = 1") != NULL);
	fixture_free(&l);
	l = load_toy("toys.a.toy.refused = 1\n");
	EQ(l.report.fault.n, 1);
	fixture_free(&l);
}

TEST(a_wrong_value_of_all_zones_is_said_once)
{
	struct loaded l = load_toy("toy.done = x\ntoys.a.toy.listed = 7\n");

	EQ(l.report.fault.n, 1);
	fixture_free(&l);
}

TEST(tcp_keepalive_is_three_numbers_or_none)
{
	struct loaded l = fixture_takes("listeners.tcp.default.tcp_options.keepalive = "
					"\"240, 30,5\"\n");

	EQ(fixture_listener(&l, "tcp:default")->tcp.keepalive_idle, 240);
	EQ(fixture_listener(&l, "tcp:default")->tcp.keepalive_probes, 5);
	fixture_free(&l);
	fixture_refuses(
	    "listeners.tcp.default.tcp_options.keepalive = 240", 1, "three numbers");
	fixture_refuses(
	    "listeners.tcp.default.tcp_options.keepalive = 1,2,3,4", 1, "three numbers");
}

/* ---- guards */

TEST(a_guard_that_is_not_built_stops_the_start)
{
	static const char *const lines[] = {
		"acl_nomatch = deny",
		"allow_anonymous = false",
		"allow_anonymous = false_quick_deny",
		"acl_file = etc/acl.conf",
		"acl_deny_action = disconnect",
		"authorization.no_match = deny",
		"authorization.sources = [{type = file}]",
		"authorization.sources += {type = file}",
		"authentication = [{mechanism = jwt}]",
		"authentication = [{ mechanism = scram, backend = redis }]",
		"listeners.tcp.default.authentication = [{mechanism = jwt}]",
		"listeners.tcp.default.access_rules = [\"deny all\"]",
		"listeners.tcp.default.proxy_protocol = true",
		"listeners.tcp.default.max_conn_rate = \"1000/s\"",
		"listeners.tcp.default.messages_rate = \"10/s\"",
		"listener.tcp.external.access.1 = deny all",
		"listener.tcp.external.max_conn_rate = 1000\n"
		"listener.tcp.external = 1884",
		"listener.tcp.external.rate_limit = 1024,4096\n"
		"listener.tcp.external = 1884",
		"durable_sessions.enable = true",
		"zones.a.durable_sessions.enable = on",
		"listeners.ssl.default.bind = 8883",
		"listeners.wss.default { }",
		"listeners.ws.default.enable = true",
		"listeners.quic.default.enable = true",
		"listener.ssl.external = 8883",
		"listener.ws.external = 8083",
		"flapping_detect.enable = true",
		"zone.external.enable_flapping_detect = on",
		"zone.external.enable_acl = on",
		"zone.external.enable_ban = on",
		"zone.external.allow_anonymous = false",
		"zone.external.acl_nomatch = deny",
		"zone.external.rate_limit.conn_messages_in = 100,10s",
		"zone.external.quota.conn_messages_routing = 100,1s",
		"mqtt.peer_cert_as_username = cn",
		"mqtt.clientid_override = \"coalesce(username,clientid)\"",
		"banned.bootstrap_file = x.csv",
		"psk_authentication.enable = true",
		"psk.file.path = etc/psk.txt",
		"limiter.max_conn.rate = 10",
		"auth.http.auth_req.url = http://127.0.0.1/auth",
		"auth.user.1.password = public",
		"exhook.servers = [{name = a}]",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct loaded l = fixture_load(lines[i], NULL, NULL);

		if (l.report.fault.n != 1 ||
		    strstr(l.report.fault.p[0].text, "not built yet") == NULL)
			tap_fail(
			    __FILE__, __LINE__, "%s: %s", lines[i], str_get(&l.text));
		OK(l.report.fault.p[0].hint != NULL);
		EQ(l.report.fault.p[0].line, 1);
		fixture_free(&l);
	}
}

TEST(an_object_where_a_list_is_expected_is_told_so)
{
	struct loaded l =
	    fixture_load("authentication { mechanism = scram }", NULL, NULL);

	EQ(l.report.fault.n, 1);
	OK(strstr(str_get(&l.text), "authentication is a list of objects") != NULL);
	fixture_free(&l);
}

TEST(a_guard_that_asks_for_nothing_is_accepted)
{
	static const char *const lines[] = {
		"acl_nomatch = allow",
		"allow_anonymous = true",
		"authorization.no_match = allow",
		"authorization { no_match = allow, deny_action = ignore, sources = [] }",
		"authentication = []",
		"authentication = [{mechanism = jwt, enable = false}]",
		"listeners.tcp.default.enable_authn = true",
		"listeners.tcp.default.access_rules = [\"allow all\"]",
		"listener.tcp.external.access.1 = allow all",
		"listeners.tcp.default.proxy_protocol = false",
		("listener.tcp.external.proxy_protocol = off\n"
		 "listener.tcp.external = 1884"),
		"listeners.tcp.default.max_conn_rate = infinity",
		"durable_sessions.enable = false",
		"retainer.backend.storage_type = ram",
		"retainer.storage_type = ram",
		"listeners.ssl.default.enable = false",
		"listeners.wss.default { enable = false, bind = 8084 }",
		"listener.ssl.external.acceptors = 16",
		"flapping_detect.enable = false",
		"zone.external.enable_acl = off",
		"mqtt.peer_cert_as_username = disabled",
		"overload_protection { enable = false, backoff_delay = 1 }",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct loaded l = fixture_load(lines[i], NULL, NULL);

		if (l.err != EM_OK)
			tap_fail(
			    __FILE__, __LINE__, "%s: %s", lines[i], str_get(&l.text));
		fixture_free(&l);
	}
}

TEST(a_guards_secret_is_not_printed)
{
	struct loaded l = fixture_load("auth.jwt.secret = emqxsecret\n", NULL, NULL);

	EQ(l.report.fault.n, 1);
	OK(strstr(str_get(&l.text), "emqxsecret") == NULL);
	fixture_free(&l);
}

TEST(a_session_may_stay_for_ever)
{
	struct loaded l = fixture_takes("mqtt.session_expiry_interval = infinity\n");

	OK(span_is_infinite(fixture_zone(&l, "default")->session_expiry_interval));
	fixture_free(&l);
}

/* ---- known, without meaning */

TEST(keys_of_the_retainer_that_mean_nothing_here_are_known)
{
	struct loaded l =
	    fixture_load("retainer.backend.index_specs = [[1, 2, 3], [1, 3]]\n"
			 "retainer.flow_control { batch_read_number = 0\n"
			 "batch_deliver_number = 0\n"
			 "batch_deliver_limiter = batch }\n",
		NULL, NULL);

	EQ(l.err, EM_OK);
	EQ(conf_ignored_count(l.s), 4);
	fixture_free(&l);
}

TEST(known_keys_get_one_warning_and_are_listed)
{
	struct loaded l =
	    fixture_load("rpc.mode = async\nnode.process_limit = 2048\n"
			 "sysmon { os { cpu_high_watermark = 80% } }\n"
			 "node.async_threads = 4\ncluster.proto_dist = inet_tcp\n"
			 "dashboard { listeners.http.bind = 18083 }\n",
		NULL, NULL);

	EQ(l.err, EM_OK);
	EQ(l.report.warning.n, 1);
	OK(strstr(l.report.warning.p[0].text, "6 keys") != NULL);
	EQ(conf_ignored_count(l.s), 6);
	STR_EQ(conf_ignored_get(l.s, 0).path, "rpc.mode");
	OK(strstr(conf_ignored_get(l.s, 0).origin, ":1:12") != NULL);
	fixture_free(&l);
}

TEST(an_unknown_key_is_a_fault_with_the_nearest)
{
	fixture_refuses("mqtt { max_inflite = 1 }", 1, "did you mean mqtt.max_inflight?");
	fixture_refuses("foo { bar { baz = 1 } }", 1, "unknown key foo.bar.baz");
	fixture_refuses("foo {}", 1, "unknown key foo");
	fixture_refuses("foo = bar", 1, "emqx.conf:1:1: unknown key foo");
	fixture_refuses("mqtt = 5", 1, "1:1: mqtt is a group of keys");
	fixture_refuses("zone.external.nothing_like = 1", 1, "unknown key");
}

TEST(names_have_letters_digits_and_dashes)
{
	fixture_refuses("listeners.tcp.\"a b\".bind = 1", 1, "this name is not possible");
	fixture_refuses(
	    "zones.\"\".mqtt.max_inflight = 1", 1, "this is no name of a key");
}

TEST(bytes_of_the_file_are_escaped_in_faults)
{
	fixture_refuses("mqtt.\"\\u001b[31m\" = 1", 1, "\\x1b[31m");
}

TEST(a_node_name_is_fit_for_topics)
{
	fixture_refuses("node.name = \"a/b\"", 1, "node.name");
	fixture_refuses("node.name = \"\"", 1, "node.name");
}

TEST(a_thousand_faults_are_not_all_listed)
{
	struct str text = { 0 };
	struct loaded l;

	for (int i = 0; i < 1000; i++)
		str_addf(&text, "unknown%d = 1\n", i);
	l = fixture_load(str_get(&text), NULL, NULL);
	OK(l.report.fault.n <= 200);
	OK(l.report.more);
	str_fini(&text);
	fixture_free(&l);
}

/* ---- over a reload */

TEST(a_zones_number_stays_over_a_reload)
{
	struct loaded a = fixture_takes("zones.a.mqtt.max_inflight = 1\n"
					"zones.b.mqtt.max_inflight = 2\n");
	struct loaded b = fixture_load("zones.c.mqtt.max_inflight = 3\n"
				       "zones.b.mqtt.max_inflight = 4\n"
				       "mqtt.max_inflight = 9\n",
	    NULL, a.s);
	const struct zone *z;
	size_t n;

	z = conf_snapshot_get(b.s, CONF_ZONES, &n);
	EQ(n, 4);
	STR_EQ(z[1].name, "a");
	EQ(z[1].max_inflight, 9); /* gone: as the default's */
	STR_EQ(z[2].name, "b");
	EQ(z[2].max_inflight, 4);
	STR_EQ(z[3].name, "c");
	fixture_free(&a);
	fixture_free(&b);
}

static void
passes(const char *text)
{
	struct loaded l = fixture_takes(text);

	fixture_free(&l);
}

TEST(two_listeners_on_one_address_are_refused)
{
	fixture_refuses("listeners.tcp.b.bind = 1883", 1,
	    "listeners tcp:default and tcp:b are on one address");
	fixture_refuses("listeners.tcp.b.bind = \"127.0.0.1:1883\"", 1, "one address");
	fixture_refuses("listeners.tcp.default.bind = \"localhost:1\"\n"
			"listeners.tcp.b.bind = \"127.0.0.1:1\"",
	    1, "one address");
	passes("listeners.tcp.b.bind = 1884");
	passes("listeners.tcp.default.bind = 0\nlisteners.tcp.b.bind = 0");
	passes("listeners.tcp.b { bind = 1883, enable = false }");
}

TEST(a_size_out_of_range_is_told_as_a_size)
{
	fixture_refuses("mqtt.max_packet_size = 999GB", 1, "268435460 (256MB)");
}

TEST(a_removed_listener_keeps_its_place_and_is_not_enabled)
{
	struct loaded a = fixture_takes("listeners.tcp.x.bind = 1884\n");
	struct loaded b = fixture_load("listeners.tcp.y.bind = 1885\n", NULL, a.s);
	struct loaded c = fixture_load("listeners.tcp.x.bind = 1886\n", NULL, b.s);
	const struct listener_conf *l;
	size_t n;

	l = conf_snapshot_get(b.s, CONF_LISTENERS, &n);
	EQ(n, 3);
	STR_EQ(l[1].name, "tcp:x");
	OK(!l[1].enable && l[1].is_removed);
	EQ(l[1].bind.port, 1884); /* not a default's */
	OK(l[2].enable && !l[2].is_removed);
	l = conf_snapshot_get(c.s, CONF_LISTENERS, &n);
	EQ(n, 3);
	OK(l[1].enable);
	EQ(l[1].bind.port, 1886);
	OK(!l[2].enable);
	fixture_free(&a);
	fixture_free(&b);
	fixture_free(&c);
}
