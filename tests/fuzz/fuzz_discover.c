/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_discover: what a name server, etcd, a Kubernetes API or a list says of where nodes
 * are.  The first byte chooses; answers come in their order, each u16 length, body, and the
 * last one again and again.  What is found is an address fit for a log, and read again it
 * is the same one.
 */
#include "emqxd/core/http.h"
#include "emqxd/discover/discover_round.h"
#include "ipc/base/check.h"
#include "ipc/base/rbuf.h"

#include <resolv.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice rest, last;

static struct slice
next_answer(void)
{
	struct rbuf r = rbuf_of(rest);
	struct slice s = rbuf_bytes16(&r);

	if (r.err == EM_OK) {
		rest = rbuf_rest(&r);
		last = s;
	}
	return last;
}

/* ---- in the place of the network */

em_err
http_run(const struct http_call *c, struct str *answer, struct fault *f)
{
	struct slice s = next_answer();

	CHECK(c->max == DISCOVER_ANSWER_MAX && c->timeout.ns > 0);
	if (s.n > 0 && s.p[0] == 1)
		return fault_set(f, EM_UNREACHABLE, "%s is not there", c->url);
	str_add_bytes(answer, (const char *)s.p, s.n);
	return EM_OK;
}

struct slice
http_host(const char *url)
{
	return slice_str(url);
}

int
res_nsearch(res_state state, const char *name, int class, int type, unsigned char *answer,
    int max)
{
	struct slice s = next_answer();

	(void)state;
	(void)name;
	(void)class;
	(void)type;
	if (s.n > 0)
		memcpy(answer, s.p, s.n <= (size_t)max ? s.n : (size_t)max);
	return (int)s.n;
}

/* ---- what is found */

static void
check(const struct discover_round *r)
{
	const struct discover_list *list = &r->list;

	CHECK(list->n <= DISCOVER_MAX);
	for (unsigned i = 0; i < list->n; i++) {
		struct discover_addr again;
		char text[DISCOVER_TEXT_MAX];

		discover_addr_print(&list->item[i], text);
		for (const char *p = text; *p != '\0'; p++)
			CHECK(*p > ' ' && *p < 127 && *p != '"');
		CHECK(
		    discover_addr_parse(slice_str(text), &r->conf->me, &again) == EM_OK);
		CHECK(discover_addr_cmp(&again, &list->item[i]) == 0);
		CHECK(
		    i == 0 || discover_addr_cmp(&list->item[i - 1], &list->item[i]) < 0);
	}
}

static void
look(struct discover_conf *c, discover_look_fn *fn)
{
	static const _Atomic bool never = false;
	struct discover_round r = { .conf = c, .is_cancelled = &never };
	em_err err = fn(&r);

	CHECK((err == EM_OK) == (r.fault.err == EM_OK) || err == EM_OK);
	check(&r);
	fault_clear(&r.fault);
	if (fn == discover_etcd_look)
		discover_etcd_leave(&r);
	fault_clear(&r.fault);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *servers[] = { "http://a:1", "http://b:2/" };
	struct discover_conf c = { .cluster = "c",
		.node = "emqx@10.0.0.1",
		.secret = "secret",
		.me = { .name = "emqx", .host = "10.0.0.1", .port = 4370 },
		.dns = { .name = "_emqx._tcp.example", .server = "127.0.0.1:53" },
		.etcd = { .servers = { .item = servers, .n = 2 },
		    .prefix = "emqxcl",
		    .node_ttl = span_s(60) },
		.k8s = { .apiserver = "http://k:1",
		    .service_name = "emqx",
		    .namespace = "default",
		    .suffix = "svc.cluster.local",
		    .account = "/nonexistent" } };
	char text[1024];
	const char *seed = text;

	if (size < 1)
		return 0;
	rest = slice_of(data + 1, size - 1);
	last = SLICE_LIT("");
	switch (data[0] % 4) {
	case 0:
		c.dns.type = (enum discover_record)(data[0] / 4 % 3);
		look(&c, discover_dns_look);
		break;
	case 1: look(&c, discover_etcd_look); break;
	case 2:
		c.k8s.address_type = (enum discover_kind)(data[0] / 4 % 3);
		look(&c, discover_k8s_look);
		break;
	default:
		snprintf(text, sizeof text, "%.*s", SLICE_FMT(rest));
		c.seeds = (struct conf_list){ .item = &seed, .n = 1 };
		look(&c, discover_static_look);
		break;
	}
	return 0;
}
