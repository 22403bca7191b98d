/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discover_dns: the addresses of a name: A, AAAA or SRV records.
 *
 * A and AAAA are asked as everyone on this machine asks, by getaddrinfo(): /etc/hosts
 * and what nsswitch.conf names count.  SRV records, and all of them when a server is
 * named, are asked by the resolver of libc directly.  Either way with short times: two
 * seconds, twice.
 *
 * The port of an SRV record counts when the name says what for ("_emqx._tcp.example.org").
 * Kubernetes answers a bare name with a record for every port of the service: then each
 * host is taken once, at our own port.
 */
#include "emqxd/discover/discover_round.h"
#include "ipc/base/mem.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>

enum { TRY_S = 2, TRIES = 2, RECORDS_MAX = 1024 };

/* @state's times and, when one is named, its server.  IPv4 only: that is what a
 * resolver's state has room for. */
static em_err
set_resolver(struct __res_state *state, const char *server, struct fault *f)
{
	struct discover_addr a;
	struct sockaddr_in sa = { .sin_family = AF_INET };

	state->retrans = TRY_S;
	state->retry = TRIES;
	if (server == NULL || server[0] == '\0')
		return EM_OK;
	if (discover_addr_parse(slice_str(server),
		&(struct discover_addr){ .name = "dns", .port = 53 }, &a) != EM_OK ||
	    inet_pton(AF_INET, a.host, &sa.sin_addr) != 1)
		return fault_set(f, EM_USAGE,
		    "cluster.dns.server: %s is no IPv4 address with a port", server);
	sa.sin_port = htons(a.port);
	state->nsaddr_list[0] = sa;
	state->nscount = 1;
	return EM_OK;
}

static const char *
record_name(enum discover_record type)
{
	static const char *const names[] = { "A", "AAAA", "SRV" };

	return names[type];
}

static em_err
find_none(struct discover_round *r, em_err err, const char *why)
{
	return fault_set(&r->fault, err, "%s has no %s record: %s", r->conf->dns.name,
	    record_name(r->conf->dns.type), why);
}

static void
add_ip(struct discover_round *r, int family, const void *ip)
{
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(family, ip, text, sizeof text) != NULL)
		discover_round_add_host(r, text, r->conf->me.port);
}

/* ---- the system's way */

static em_err
look_like_everyone(struct discover_round *r)
{
	bool is_v6 = r->conf->dns.type == DISCOVER_AAAA;
	struct addrinfo want = { .ai_family = is_v6 ? AF_INET6 : AF_INET,
		.ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	int rc = getaddrinfo(r->conf->dns.name, NULL, &want, &found);

	if (rc != 0)
		return find_none(
		    r, rc == EAI_AGAIN ? EM_AGAIN : EM_NOTFOUND, gai_strerror(rc));
	for (const struct addrinfo *i = found; i != NULL; i = i->ai_next) {
		const void *sa = i->ai_addr;

		if (is_v6)
			add_ip(
			    r, AF_INET6, &((const struct sockaddr_in6 *)sa)->sin6_addr);
		else
			add_ip(r, AF_INET, &((const struct sockaddr_in *)sa)->sin_addr);
	}
	freeaddrinfo(found);
	return EM_OK;
}

/* ---- the resolver's way */

static void
add_srv(struct discover_round *r, const ns_msg *msg, const ns_rr *rr)
{
	bool has_service = r->conf->dns.name[0] == '_';
	const uint8_t *data = ns_rr_rdata(*rr);
	char host[NS_MAXDNAME];
	uint16_t port = r->conf->me.port;

	if (ns_rr_rdlen(*rr) < 7 || dn_expand(ns_msg_base(*msg), ns_msg_end(*msg),
					data + 6, host, sizeof host) < 0) {
		r->list.refused++;
		return;
	}
	if (has_service)
		port = (uint16_t)ns_get16(data + 4);
	if (host[0] != '\0') /* "." says that there is none */
		discover_round_add_host(r, host, port);
}

static void
add_record(struct discover_round *r, const ns_msg *msg, const ns_rr *rr, int type)
{
	if (ns_rr_class(*rr) != ns_c_in || (int)ns_rr_type(*rr) != type)
		return; /* an alias on the way */
	if (type == ns_t_srv)
		add_srv(r, msg, rr);
	else if (type == ns_t_a && ns_rr_rdlen(*rr) == 4)
		add_ip(r, AF_INET, ns_rr_rdata(*rr));
	else if (type == ns_t_aaaa && ns_rr_rdlen(*rr) == 16)
		add_ip(r, AF_INET6, ns_rr_rdata(*rr));
	else
		r->list.refused++;
}

static em_err
read_answer(struct discover_round *r, const uint8_t *answer, int n, int type)
{
	ns_msg msg;
	ns_rr rr;

	if (ns_initparse(answer, n, &msg) < 0)
		return find_none(r, EM_MALFORMED, "the answer is malformed");
	for (int i = 0; i < ns_msg_count(msg, ns_s_an) && i < RECORDS_MAX; i++) {
		if (ns_parserr(&msg, ns_s_an, i, &rr) < 0)
			return find_none(r, EM_MALFORMED, "the answer is malformed");
		add_record(r, &msg, &rr, type);
	}
	return r->list.n > 0 ? EM_OK : find_none(r, EM_NOTFOUND, "the answer is empty");
}

static em_err
ask(struct discover_round *r, struct __res_state *state)
{
	static const int types[] = { ns_t_a, ns_t_aaaa, ns_t_srv };
	int type = types[r->conf->dns.type], n;
	uint8_t *answer = mem_new(NS_MAXMSG);
	em_err err;

	n = res_nsearch(state, r->conf->dns.name, ns_c_in, type, answer, NS_MAXMSG);
	if (n < 0)
		err =
		    find_none(r, state->res_h_errno == TRY_AGAIN ? EM_AGAIN : EM_NOTFOUND,
			hstrerror(state->res_h_errno));
	else
		err = read_answer(r, answer, n < NS_MAXMSG ? n : NS_MAXMSG, type);
	mem_free(answer);
	return err;
}

em_err
discover_dns_look(struct discover_round *r)
{
	const struct discover_conf *c = r->conf;
	struct __res_state own = { 0 };
	em_err err;

	if (c->dns.type != DISCOVER_SRV && c->dns.server[0] == '\0') {
		/* This thread's resolver, as getaddrinfo() finds it. */
		if (res_init() == 0)
			(void)set_resolver(&_res, "", NULL);
		err = look_like_everyone(r);
		(void)res_init();
		return err;
	}
	if (res_ninit(&own) != 0)
		return fault_set(&r->fault, EM_IO, "/etc/resolv.conf cannot be read");
	err = set_resolver(&own, c->dns.server, &r->fault);
	if (err == EM_OK)
		err = ask(r, &own);
	res_nclose(&own);
	return err;
}
