/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discover: where other nodes of the cluster may be.
 *
 * What lives here: the strategies (cluster.discovery_strategy): a list that is written
 * down, DNS, multicast, etcd, Kubernetes.  Each yields addresses, again and again, and
 * nothing else: who is there, who it is and whether one joins is decided elsewhere
 * (link, join).  manual and singleton yield none.  Two of them also say where this node is:
 * multicast announces it, in etcd it is registered under a lease while it lives.
 *
 * Happy path: discover_start() copies what it needs; rounds follow each other, each on
 * a jobs thread (static, dns, etcd, k8s: they block) or by datagrams on the caller's loop
 * (mcast); what a round found is told on the caller's thread.
 *
 * What may go wrong: everything outside.  A bad answer (cut, huge, slow, no JSON, refused)
 * is said once in the log, counted, and tried again after 1 s, 2 s, ... a minute; what was
 * found before stays valid for the caller.  An address that is none is left out, one of more
 * than DISCOVER_MAX too: the lowest stay, so that all nodes keep the same.
 *
 * One thread, the caller's, which has a loop.
 */
#ifndef DISCOVER_DISCOVER_H
#define DISCOVER_DISCOVER_H

#include "emqxd/conf/value.h"
#include "ipc/base/err.h"
#include "ipc/base/slice.h"
#include "ipc/base/span.h"

/* ---- addresses: pure */

#define DISCOVER_MAX 64
#define DISCOVER_NAME_MAX 64
#define DISCOVER_HOST_MAX 253
/* "name@host:port" or "name@[::1]:port". */
#define DISCOVER_TEXT_MAX (DISCOVER_NAME_MAX + DISCOVER_HOST_MAX + 12)

/* Only letters, digits, '.', '-' and '_' (':' in an IPv6 host): fit for a log. */
struct discover_addr {
	char name[DISCOVER_NAME_MAX + 1]; /* what stands before the @ */
	char host[DISCOVER_HOST_MAX + 1]; /* lower case; an IP as inet_ntop() prints it */
	uint16_t port;
	bool is_me; /* this machine has that IP, and the port is ours */
};

/* In order, no two with the same host and port. */
struct discover_list {
	struct discover_addr item[DISCOVER_MAX];
	unsigned n;
	unsigned refused; /* were no addresses, or beyond DISCOVER_MAX */
};

/* Takes "name@host", "name@host:port", "host", with the name and the port of @usual where
 * there is none; an IPv6 host has brackets when a port follows.  Where the port of @usual is
 * 4370 plus the number at the end of its name, so is that of others: emqx2 has 4372.
 * EM_MALFORMED. */
EM_MUST_USE em_err discover_addr_parse(
    struct slice text, const struct discover_addr *usual, struct discover_addr *out);
/* Returns @buf. */
const char *discover_addr_print(
    const struct discover_addr *a, char buf[DISCOVER_TEXT_MAX]);
/* IPs by number, IPv4 first; then names; then by port.  0: the same host and port. */
int discover_addr_cmp(const struct discover_addr *a, const struct discover_addr *b);
/* Puts it where it belongs; false: it is there, or there is no room for one so high. */
bool discover_add(struct discover_list *list, const struct discover_addr *a);
/* Is this node the one that the others join, when nobody is a cluster yet?  The lowest
 * address is; where this node is not among them, it waits for whoever is. */
bool discover_first(const struct discover_list *list, const struct discover_addr *mine);

/* ---- strategies */

enum discover_strategy {
	DISCOVER_MANUAL,
	DISCOVER_SINGLETON,
	DISCOVER_STATIC,
	DISCOVER_DNS,
	DISCOVER_MCAST,
	DISCOVER_ETCD,
	DISCOVER_K8S
};
/* As the configuration calls it. */
const char *discover_strategy_name(enum discover_strategy strategy);
enum discover_record { DISCOVER_A, DISCOVER_AAAA, DISCOVER_SRV };
enum discover_kind { DISCOVER_IP, DISCOVER_POD, DISCOVER_HOSTNAME };

/* What discover_start() is told; texts are copied, NULL is as good as "". */
struct discover_conf {
	enum discover_strategy strategy;
	const char *cluster;     /* cluster.name */
	const char *node;        /* node.name, "emqx@127.0.0.1" */
	const char *secret;      /* node.cookie */
	struct discover_addr me; /* where others reach this node; its name and port are
				  * those of addresses that come without */
	struct conf_list seeds;  /* cluster.static.seeds */
	struct {
		const char *name;
		enum discover_record type;
		const char *server; /* "127.0.0.1:53"; "": the system's */
	} dns;
	struct {
		const char *addr;       /* an IPv4 group */
		struct conf_list ports; /* listens at the first it gets, sends to all */
		const char *iface;      /* an IPv4 address of this machine, "0.0.0.0" */
		uint8_t ttl;
		bool loop;
		uint32_t sndbuf, recbuf; /* bytes; 0: the system's */
	} mcast;
	struct {
		struct conf_list servers; /* URLs */
		const char *prefix;
		span_t node_ttl; /* at least 5 s */
		const char *cacert, *cert, *key;
		bool is_lenient;
	} etcd;
	struct {
		const char *apiserver;
		const char *service_name;
		enum discover_kind address_type;
		const char *namespace;
		const char *suffix;
		const char *account; /* folder with token and ca.crt; "": the usual one */
	} k8s;
	span_t pace; /* 0: a second; tests have shorter ones */
};

struct discover;

/* A round went well: what it found, which may be nothing.  @unchanged: so many rounds
 * before it found the same.  @list is good during the call, in which discover_stop() is
 * allowed. */
typedef void discover_found_fn(
    void *arg, const struct discover_list *list, unsigned unchanged);

/* Never fails: what cannot be done now is tried again.  @on_found is called from the loop,
 * never from here.  NULL: the strategy yields nothing (manual, singleton). */
struct discover *discover_start(
    const struct discover_conf *conf, discover_found_fn *on_found, void *arg);
/* Nothing is told any more.  A lease is given back by a job: before jobs_stop(). */
void discover_stop(struct discover **dp);
/* The next round begins now. */
void discover_again(struct discover *d);

struct discover_status {
	uint64_t rounds, failed; /* of them */
	uint64_t refused;        /* datagrams that were not for us, or no addresses */
	unsigned found;          /* by the last that went well */
	const char *why; /* the last one failed; NULL: it did not; until the next */
};
struct discover_status discover_status_get(const struct discover *d);

#endif
