/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discover_etcd: nodes that are registered in etcd, by its JSON gateway (v3, so etcd 3.4
 * and later).
 *
 * Each node holds a lease of cluster.etcd.node_ttl and, under it, the key
 * PREFIX/CLUSTER/NODE with its address.  A round keeps the lease alive (or takes a new one
 * and writes the key), then lists PREFIX/CLUSTER/.  A node that dies is gone after
 * node_ttl; one that ends gives its lease back.  No locks: nothing here decides anything.
 *
 * The servers are tried in order, beginning with the one that answered last.
 */
#include "emqxd/discover/discover_round.h"
#include "emqxd/core/http.h"
#include "ipc/base/num.h"

#include <cjson/cJSON.h>
#include <openssl/evp.h>

enum {
	LIST_MAX = 4 * DISCOVER_MAX, /* keys that are asked for */
	KEY_MAX = 1024,
	VALUE_MAX = 1024
};
#define LEAVE_LIMIT span_s(1)

/* ---- calls */

static const char *
server_of(const struct discover_round *r, unsigned i)
{
	return r->conf->etcd.servers.item[i];
}

static em_err
call_server(struct discover_round *r, unsigned server, const char *path,
    const struct str *body, span_t limit, struct str *answer)
{
	const struct discover_conf *c = r->conf;
	struct slice base = slice_str(server_of(r, server));
	struct str url = { 0 };
	em_err err;

	if (base.n > 0 && base.p[base.n - 1] == '/')
		base.n--;
	str_add_slice(&url, base);
	str_addf(&url, "/v3/%s", path);
	err = http_run(&(struct http_call){ .url = str_get(&url),
			   .body = str_slice(body),
			   .cacert = c->etcd.cacert,
			   .cert = c->etcd.cert,
			   .key = c->etcd.key,
			   .is_lenient = c->etcd.is_lenient,
			   .timeout = limit,
			   .max = DISCOVER_ANSWER_MAX,
			   .is_cancelled = r->is_cancelled },
	    answer, &r->fault);
	str_fini(&url);
	return err;
}

/* Of the server that answered last; of another when it does not.  NULL: the fault says
 * why; *err, too. */
static cJSON *
call(struct discover_round *r, const char *path, const struct str *body, em_err *err)
{
	unsigned n = (unsigned)r->conf->etcd.servers.n;
	struct str answer = { 0 };
	cJSON *json = NULL;

	*err = EM_CANCELLED;
	for (unsigned i = 0; i < n && !atomic_load(r->is_cancelled); i++) {
		*err = call_server(
		    r, r->lease.server % n, path, body, DISCOVER_CALL_LIMIT, &answer);
		if (*err == EM_OK || *err == EM_NOTFOUND)
			break;
		r->lease.server = (r->lease.server + 1) % n;
	}
	if (*err == EM_OK) {
		json = discover_round_json(
		    r, server_of(r, r->lease.server), str_slice(&answer));
		*err = json != NULL ? EM_OK : EM_MALFORMED;
	}
	str_fini(&answer);
	return json;
}

/* ---- its JSON: bytes are base64, numbers of 64 bits are texts */

static void
add_base64(struct str *out, struct slice bytes)
{
	uint8_t text[(KEY_MAX + 2) / 3 * 4 + 1];
	int n;

	CHECK(bytes.n <= KEY_MAX);
	n = EVP_EncodeBlock(text, bytes.p, (int)bytes.n);
	str_add_bytes(out, text, (size_t)n);
}

/* False: it is none, or longer than @max. */
static bool
read_base64(const char *text, struct str *out)
{
	uint8_t bytes[VALUE_MAX + 3];
	size_t n = strlen(text);
	int got;

	str_reset(out);
	if (n % 4 != 0 || n / 4 * 3 > VALUE_MAX)
		return false;
	got = EVP_DecodeBlock(bytes, (const uint8_t *)text, (int)n);
	if (got < 0)
		return false;
	for (size_t i = n; i > 0 && text[i - 1] == '='; i--)
		got--; /* what pads counts as zeros there */
	if (got > 0)
		str_add_bytes(out, bytes, (size_t)got);
	return true;
}

static int64_t
number_of(const cJSON *object, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, key);
	int64_t n;

	if (!cJSON_IsString(v) || num_parse_i64(slice_str(v->valuestring), &n) != EM_OK)
		return 0;
	return n;
}

static void
add_folder(const struct discover_conf *c, struct str *out)
{
	str_addf(out, "%s/%s/", c->etcd.prefix, c->cluster);
}

/* ---- the lease and the key */

static em_err
take_lease(struct discover_round *r)
{
	struct str body = { 0 };
	struct slice host;
	cJSON *json;
	em_err err;

	str_addf(
	    &body, "{\"TTL\":\"%lld\"}", (long long)span_to_s(r->conf->etcd.node_ttl));
	json = call(r, "lease/grant", &body, &err);
	r->lease.id = number_of(json, "ID");
	host = http_host(server_of(r, r->lease.server)); /* no password of the URL */
	if (json != NULL && r->lease.id == 0)
		err = fault_set(&r->fault, EM_MALFORMED, "%.*s: the answer has no lease",
		    SLICE_FMT(host));
	cJSON_Delete(json);
	str_fini(&body);
	return err;
}

static em_err
write_key(struct discover_round *r)
{
	struct str key = { 0 }, body = { 0 };
	char address[DISCOVER_TEXT_MAX];
	cJSON *json;
	em_err err;

	add_folder(r->conf, &key);
	str_add(&key, r->conf->node);
	str_add(&body, "{\"key\":\"");
	add_base64(&body, str_slice(&key));
	str_add(&body, "\",\"value\":\"");
	add_base64(&body, slice_str(discover_addr_print(&r->conf->me, address)));
	str_addf(&body, "\",\"lease\":\"%lld\"}", (long long)r->lease.id);
	json = call(r, "kv/put", &body, &err);
	if (err != EM_OK)
		r->lease.id = 0; /* it ran out, or its server is gone: a new one */
	cJSON_Delete(json);
	str_fini(&key);
	str_fini(&body);
	return err;
}

/* True: the lease lives. */
static bool
keep_alive(struct discover_round *r, em_err *err)
{
	struct str body = { 0 };
	int64_t ttl;
	cJSON *json;

	str_addf(&body, "{\"ID\":\"%lld\"}", (long long)r->lease.id);
	json = call(r, "lease/keepalive", &body, err);
	ttl = number_of(cJSON_GetObjectItemCaseSensitive(json, "result"), "TTL");
	cJSON_Delete(json);
	str_fini(&body);
	if (*err == EM_NOTFOUND)
		*err = EM_OK;
	if (*err == EM_OK && ttl <= 0)
		r->lease.id = 0;
	return *err == EM_OK && ttl > 0;
}

static em_err
stand_in(struct discover_round *r)
{
	em_err err = EM_OK;

	if (r->lease.id != 0 && (keep_alive(r, &err) || err != EM_OK))
		return err;
	err = take_lease(r);
	return err == EM_OK ? write_key(r) : err;
}

/* ---- who is there */

/* What a key stands for: the address that it holds, or else the node that it names. */
static void
add_node(
    struct discover_round *r, struct slice folder, const cJSON *kv, bool *is_me_there)
{
	const cJSON *k = cJSON_GetObjectItemCaseSensitive(kv, "key");
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(kv, "value");
	struct str key = { 0 }, value = { 0 };
	struct discover_addr a;
	struct slice node;

	if (!cJSON_IsString(k) || !read_base64(k->valuestring, &key) ||
	    !slice_starts(str_slice(&key), folder)) {
		r->list.refused++;
		str_fini(&key);
		return;
	}
	node = slice_from(str_slice(&key), folder.n);
	if (slice_eq_str(node, r->conf->node))
		*is_me_there = true;
	if (cJSON_IsString(v) && read_base64(v->valuestring, &value) &&
	    memchr(str_get(&value), '@', value.n) != NULL &&
	    discover_addr_parse(str_slice(&value), &r->conf->me, &a) == EM_OK)
		(void)discover_add(&r->list, &a);
	else
		discover_round_add(r, node);
	str_fini(&key);
	str_fini(&value);
}

static em_err
list_nodes(struct discover_round *r, bool *is_me_there)
{
	struct str folder = { 0 }, body = { 0 };
	const cJSON *kv, *kvs;
	cJSON *json;
	em_err err;

	add_folder(r->conf, &folder);
	str_add(&body, "{\"key\":\"");
	add_base64(&body, str_slice(&folder));
	folder.p[folder.n - 1]++; /* the first key behind all that begin so */
	str_add(&body, "\",\"range_end\":\"");
	add_base64(&body, str_slice(&folder));
	folder.p[folder.n - 1]--;
	str_addf(&body, "\",\"limit\":\"%d\"}", LIST_MAX);
	json = call(r, "kv/range", &body, &err);
	kvs = cJSON_GetObjectItemCaseSensitive(json, "kvs");
	cJSON_ArrayForEach(kv, kvs)
	{
		add_node(r, str_slice(&folder), kv, is_me_there);
	}
	cJSON_Delete(json);
	str_fini(&body);
	str_fini(&folder);
	return err;
}

em_err
discover_etcd_look(struct discover_round *r)
{
	const struct discover_conf *c = r->conf;
	bool is_me_there = false;
	em_err err;

	if (c->etcd.servers.n == 0)
		return fault_set(&r->fault, EM_USAGE, "cluster.etcd.server names none");
	if (strlen(c->etcd.prefix) + strlen(c->cluster) + strlen(c->node) + 2 > KEY_MAX)
		return fault_set(&r->fault, EM_TOOBIG, "cluster.etcd.prefix is too long");
	err = stand_in(r);
	if (err == EM_OK)
		err = list_nodes(r, &is_me_there);
	if (err == EM_OK && !is_me_there) /* somebody removed it */
		err = write_key(r);
	return err;
}

void
discover_etcd_leave(struct discover_round *r)
{
	struct str body = { 0 }, answer = { 0 };
	em_err err;

	if (r->lease.id == 0)
		return;
	str_addf(&body, "{\"ID\":\"%lld\"}", (long long)r->lease.id);
	err =
	    call_server(r, r->lease.server, "lease/revoke", &body, LEAVE_LIMIT, &answer);
	(void)err; /* it runs out by itself */
	r->lease.id = 0;
	str_fini(&body);
	str_fini(&answer);
}
