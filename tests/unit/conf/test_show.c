/* SPDX-License-Identifier: Apache-2.0 */
/* What `conf show` is given. */
#include "tests/unit/conf/fixture.h"

static bool
find(const struct loaded *l, const char *path, struct conf_shown *out)
{
	size_t at = 0;

	while (conf_show_next(l->s, SLICE_NONE, &at, out)) {
		if (strcmp(out->path, path) == 0)
			return true;
		conf_shown_fini(out);
	}
	return false;
}

static void
shows(const struct loaded *l, const char *path, const char *value, const char *origin)
{
	struct conf_shown v;

	if (!find(l, path, &v))
		tap_fail(__FILE__, __LINE__, "%s is not shown", path);
	STR_EQ(str_get(&v.value), value);
	if (strstr(str_get(&v.origin), origin) == NULL)
		tap_fail(
		    __FILE__, __LINE__, "%s is not in %s", origin, str_get(&v.origin));
	EQ(v.is_default, strcmp(origin, "default") == 0);
	conf_shown_fini(&v);
}

TEST(every_value_has_its_origin)
{
	char *const env[] = { (char[]){ "EMQX_MQTT__MAX_INFLIGHT=9" }, NULL };
	struct loaded l = fixture_load("\nmqtt.max_packet_size = 2MB\n"
				       "zone.external.retry_interval = 20s\n",
	    env, NULL);

	shows(&l, "mqtt.max_packet_size", "2MB", ":2:24");
	shows(&l, "mqtt.max_inflight", "9", "EMQX_MQTT__MAX_INFLIGHT");
	shows(&l, "mqtt.idle_timeout", "15s", "default");
	shows(&l, "zones.external.mqtt.retry_interval", "20s",
	    ":3:1 (zone.external.retry_interval)");
	shows(&l, "listeners.tcp.default.bind", "0.0.0.0:1883", "default");
	fixture_free(&l);
}

TEST(of_a_zone_only_what_it_sets_is_shown)
{
	struct loaded l = fixture_takes("zones.a.mqtt.max_inflight = 3\n");
	struct conf_shown v;

	shows(&l, "zones.a.mqtt.max_inflight", "3", ":1:");
	OK(!find(&l, "zones.a.mqtt.idle_timeout", &v));
	OK(!find(&l, "zones.default.mqtt.idle_timeout", &v));
	fixture_free(&l);
}

TEST(a_secret_is_masked)
{
	struct loaded l = fixture_takes("node.cookie = hunter2\n");

	shows(&l, "node.cookie", "******", ":1:");
	fixture_free(&l);
	l = fixture_takes("");
	shows(&l, "node.cookie", "emqxsecretcookie", "default");
	fixture_free(&l);
}

TEST(a_prefix_shows_what_is_under_it)
{
	struct loaded l = fixture_takes("");
	struct conf_shown v;
	size_t at = 0, n = 0;

	while (conf_show_next(l.s, SLICE_LIT("ctl"), &at, &v)) {
		OK(strncmp(v.path, "ctl.", 4) == 0);
		conf_shown_fini(&v);
		n++;
	}
	EQ(n, ctl_conf.n);
	at = n = 0;
	while (conf_show_next(l.s, SLICE_LIT("mqtt.max_in"), &at, &v))
		n++;
	EQ(n, 0);
	at = 0;
	OK(conf_show_next(l.s, SLICE_LIT("mqtt.max_inflight"), &at, &v));
	STR_EQ(v.path, "mqtt.max_inflight");
	conf_shown_fini(&v);
	fixture_free(&l);
}

TEST(every_default_is_shown_as_it_parses_back)
{
	struct loaded l = fixture_takes("");
	struct conf_shown v;
	size_t at = 0;

	while (conf_show_next(l.s, SLICE_NONE, &at, &v)) {
		struct str line = { 0 };
		struct loaded again;

		if (v.value.n > 0 && strcmp(v.path, "ctl.compat") != 0) {
			bool quote =
			    v.field->type == CONF_TEXT || v.field->type == CONF_ADDR;

			str_addf(&line, "%s = %s%s%s", v.path, quote ? "\"" : "",
			    str_get(&v.value), quote ? "\"" : "");
			again = fixture_takes(str_get(&line));
			shows(&again, v.path, str_get(&v.value), ":1:");
			fixture_free(&again);
		}
		str_fini(&line);
		conf_shown_fini(&v);
	}
	fixture_free(&l);
}

TEST(a_removed_listener_is_not_shown)
{
	struct loaded a = fixture_takes("listeners.tcp.x.bind = 1884\n");
	struct loaded b = fixture_load("", NULL, a.s);
	struct conf_shown v;

	OK(!find(&b, "listeners.tcp.x.bind", &v));
	fixture_free(&a);
	fixture_free(&b);
}

TEST(the_docs_name_every_field)
{
	struct str out = { 0 };

	conf_docs_mdoc(fixture_sections(), FIXTURE_SECTIONS, &out);
	for (size_t i = 0; i < FIXTURE_SECTIONS; i++)
		for (size_t j = 0; j < fixture_sections()[i]->n; j++)
			OK(strstr(str_get(&out), fixture_sections()[i]->field[j].path) !=
			    NULL);
	OK(strstr(str_get(&out), "allow_anonymous") != NULL);
	str_fini(&out);
}
