/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of discovery by etcd: with a double of its JSON gateway, and with a real one. */
#include "emqxd/discover/discover.h"
#include "tests/unit/discover/discover_house.h"
#include "tests/unit/core/http_double.h"

#include <openssl/evp.h>

/* ---- the double: one lease, one key, and what the test adds */

static struct {
	_Atomic bool is_leased, is_written, is_revoked;
	_Atomic unsigned grants, puts, alive;
	const char *more;        /* kvs of others */
	const char *_Atomic raw; /* said instead of everything */
	char put[2048];
} etcd;

static void
add_own_key(struct str *out)
{
	const char *key = strstr(etcd.put, "\"key\":\"") + 7;
	const char *value = strstr(etcd.put, "\"value\":\"") + 9;

	str_addf(out, "{\"key\":\"%.*s\",\"value\":\"%.*s\"}", (int)strcspn(key, "\""),
	    key, (int)strcspn(value, "\""), value);
}

static void
range(struct str *json)
{
	str_add(json, "{\"kvs\":[");
	if (etcd.is_leased && etcd.is_written)
		add_own_key(json);
	if (etcd.more != NULL)
		str_addf(json, "%s%s", etcd.is_leased && etcd.is_written ? "," : "",
		    etcd.more);
	str_add(json, "]}");
}

static bool
answer(void *arg, const char *head, const char *body, struct str *out)
{
	const char *raw = etcd.raw;
	struct str json = { 0 };

	(void)arg;
	if (raw != NULL) {
		str_add(out, raw);
		return true;
	}
	if (strstr(head, "/v3/lease/grant ") != NULL) {
		etcd.grants++;
		etcd.is_leased = strstr(body, "\"TTL\":\"60\"") != NULL;
		str_add(&json, "{\"ID\":\"7587854563\",\"TTL\":\"60\"}");
	} else if (strstr(head, "/v3/lease/keepalive ") != NULL) {
		etcd.alive++;
		str_addf(&json, "{\"result\":{\"ID\":\"7587854563\"%s}}",
		    etcd.is_leased ? ",\"TTL\":\"60\"" : "");
	} else if (strstr(head, "/v3/lease/revoke ") != NULL) {
		etcd.is_revoked = true;
		etcd.is_leased = false;
		str_add(&json, "{}");
	} else if (strstr(head, "/v3/kv/put ") != NULL) {
		etcd.puts++;
		etcd.is_written = strstr(body, "\"lease\":\"7587854563\"") != NULL;
		snprintf(etcd.put, sizeof etcd.put, "%s", body);
		str_add(&json, "{}");
	} else if (strstr(head, "/v3/kv/range ") != NULL) {
		range(&json);
	}
	http_double_answer(out, json.n > 0 ? 200 : 404, str_get(&json));
	str_fini(&json);
	return true;
}

static struct http_double server;
static const char *servers[2] = { NULL, NULL };
static struct found found;

static struct discover_conf
conf_of(unsigned n)
{
	struct discover_conf c = house_conf(DISCOVER_ETCD);

	c.etcd.servers = (struct conf_list){ servers, n };
	c.etcd.prefix = "emqxcl";
	c.etcd.node_ttl = span_s(60);
	return c;
}

static struct discover *
begin(const char *raw, const char *more)
{
	struct discover_conf c = conf_of(1);

	memset(&etcd, 0, sizeof etcd);
	found = (struct found){ 0 };
	etcd.raw = raw;
	etcd.more = more;
	house_open();
	http_double_start(&server, answer, NULL);
	servers[0] = server.url;
	return discover_start(&c, house_on_found, &found);
}

static void
end(struct discover *d)
{
	discover_stop(&d);
	house_close();
	http_double_stop(&server);
}

/* "text" in base64, one of a few at a time. */
static const char *
base64(const char *text)
{
	static char out[8][256];
	static unsigned at;
	char *buf = out[at++ % 8];

	EVP_EncodeBlock((uint8_t *)buf, (const uint8_t *)text, (int)strlen(text));
	return buf;
}

TEST(a_node_registers_itself_under_a_lease_and_finds_itself)
{
	struct discover *d = begin(NULL, NULL);
	char want[512];

	TURN_UNTIL(found.rounds > 0);
	STR_EQ(house_texts(&found.list), "emqx@10.0.0.7:4370");
	snprintf(want, sizeof want, "{\"key\":\"%s\",\"value\":\"%s\",",
	    base64("emqxcl/emqxcl/emqx@10.0.0.7"), base64("emqx@10.0.0.7:4370"));
	OK(strncmp(etcd.put, want, strlen(want)) == 0);
	TURN_UNTIL(found.rounds > 2);
	EQ(etcd.grants, 1);
	EQ(etcd.puts, 1);
	OK(etcd.alive >= 2);
	end(d);
	OK(etcd.is_revoked);
}

TEST(others_are_found_by_their_address_or_by_the_name_of_their_key)
{
	char more[1024];
	struct discover *d;

	snprintf(more, sizeof more,
	    "{\"key\":\"%s\",\"value\":\"%s\"},{\"key\":\"%s\",\"value\":\"%s\"},"
	    "{\"key\":\"%s\"}",
	    base64("emqxcl/emqxcl/a@10.0.0.1"), base64("a@10.0.0.1:5000"),
	    base64("emqxcl/emqxcl/b@10.0.0.2"), base64("1"),
	    base64("emqxcl/emqxcl/c@10.0.0.3"));
	d = begin(NULL, more);
	TURN_UNTIL(found.rounds > 0);
	STR_EQ(house_texts(&found.list),
	    "a@10.0.0.1:5000 b@10.0.0.2:4370 c@10.0.0.3:4370 emqx@10.0.0.7:4370");
	end(d);
}

TEST(a_lease_that_ran_out_and_a_key_that_was_removed_are_made_anew)
{
	struct discover *d = begin(NULL, NULL);

	TURN_UNTIL(found.rounds > 0);
	etcd.is_leased = false;
	TURN_UNTIL(etcd.grants == 2 && etcd.puts == 2);
	etcd.is_written = false;
	TURN_UNTIL(etcd.puts == 3);
	EQ(etcd.grants, 2);
	end(d);
}

TEST(keys_that_are_strange_are_left_out_and_counted)
{
	char more[1024];
	struct discover *d;

	snprintf(more, sizeof more,
	    "{\"key\":\"%s\"},{\"key\":\"!!\"},{\"key\":7},{},3,{\"key\":\"%s\"},"
	    "{\"key\":\"%s\",\"value\":\"%s\"}",
	    base64("other/emqxcl/a@10.0.0.1"), base64("emqxcl/emqxcl/a@b@c"),
	    base64("emqxcl/emqxcl/a\nb"), base64("x@y@z"));
	d = begin(NULL, more);
	TURN_UNTIL(found.rounds > 0);
	EQ(found.list.n, 1);
	EQ(found.list.refused, 7);
	end(d);
}

TEST(bad_answers_are_failures_and_it_goes_on)
{
	static const char *const bad[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{}", "garbage\r\n\r\n",
		"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct discover *d = begin(bad[i], NULL);

		TURN_UNTIL(discover_status_get(d).failed > 0);
		EQ(found.rounds, 0);
		etcd.raw = NULL;
		TURN_UNTIL(found.rounds > 0);
		EQ(found.list.n, 1);
		end(d);
	}
}

TEST(a_server_that_is_not_there_is_passed_over)
{
	struct discover_conf c;
	struct discover *d;

	memset(&etcd, 0, sizeof etcd);
	found = (struct found){ 0 };
	house_open();
	http_double_start(&server, answer, NULL);
	servers[0] = "http://127.0.0.1:1";
	servers[1] = server.url;
	c = conf_of(2);
	d = discover_start(&c, house_on_found, &found);
	TURN_UNTIL(found.rounds > 0);
	EQ(discover_status_get(d).failed, 0);
	end(d);
	OK(etcd.is_revoked);
}

TEST(no_server_is_a_failure_that_says_so)
{
	struct discover_conf c = conf_of(0);
	struct discover *d;

	house_open();
	d = discover_start(&c, house_on_found, &found);
	TURN_UNTIL(discover_status_get(d).failed > 0);
	STR_EQ(discover_status_get(d).why, "cluster.etcd.server names none");
	discover_stop(&d);
	house_close();
}

/* ---- the real one */

struct etcd_process {
	char folder[64], url[64];
	pid_t pid;
};

/* False: somebody took a port. */
static bool
etcd_try(struct etcd_process *p)
{
	char peer[64], cluster[80];
	unsigned port = house_port();

	snprintf(p->url, sizeof p->url, "http://127.0.0.1:%u", port);
	snprintf(peer, sizeof peer, "http://127.0.0.1:%u", house_port());
	snprintf(cluster, sizeof cluster, "default=%s", peer);
	p->pid = house_spawn((char *[]){ "etcd", "--data-dir", p->folder,
	    "--listen-client-urls", p->url, "--advertise-client-urls", p->url,
	    "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
	    "--initial-cluster", cluster, "--unsafe-no-fsync", NULL });
	return house_is_up(p->pid, port);
}

static void
etcd_remove(const struct etcd_process *p)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", p->folder);
	OK(system(command) == 0);
}

static void
etcd_begin(struct etcd_process *p)
{
	for (;;) {
		snprintf(p->folder, sizeof p->folder, "/tmp/test_discover_etcd.XXXXXX");
		OK(mkdtemp(p->folder) != NULL);
		if (etcd_try(p))
			return;
		etcd_remove(p);
	}
}

static void
etcd_end(struct etcd_process *p)
{
	house_end(p->pid);
	etcd_remove(p);
}

TEST(two_nodes_find_each_other_in_a_real_etcd_and_one_that_ends_is_gone)
{
	struct found a = { 0 }, b = { 0 };
	struct discover_conf ca = conf_of(1), cb = conf_of(1);
	struct discover *da, *db;
	struct etcd_process p;

	if (!house_has("etcd"))
		tap_skip("etcd is not installed (packaging/install-deps --all)");
	house_open();
	etcd_begin(&p);
	servers[0] = p.url;
	ca.pace = cb.pace = span_ms(50);
	cb.node = "emqx@10.0.0.1";
	snprintf(cb.me.host, sizeof cb.me.host, "10.0.0.1");
	da = discover_start(&ca, house_on_found, &a);
	TURN_UNTIL(a.rounds > 0); /* it may have taken a while to start */
	db = discover_start(&cb, house_on_found, &b);
	TURN_UNTIL(b.rounds > 0 && a.list.n == 2);
	STR_EQ(house_texts(&b.list), "emqx@10.0.0.1:4370 emqx@10.0.0.7:4370");
	OK(discover_first(&b.list, &cb.me) && !discover_first(&a.list, &ca.me));
	discover_stop(&db);
	TURN_UNTIL(a.list.n == 1); /* its lease is given back */
	TURN_UNTIL(a.unchanged >= 2);
	EQ(discover_status_get(da).why == NULL, 1);
	discover_stop(&da);
	house_close();
	etcd_end(&p);
}
