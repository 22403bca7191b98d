/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discover_round: what discover.c and its strategies tell each other.
 *
 * A round of static, dns, etcd and k8s is one function that may block: it runs on a
 * jobs thread, for one round at a time, and touches what it is given and nothing else.
 * It adds what it finds to the list, or says why it did not.
 */
#ifndef DISCOVER_DISCOVER_ROUND_H
#define DISCOVER_DISCOVER_ROUND_H

#include "emqxd/discover/discover.h"

#include <stdatomic.h>

struct cJSON;

#define DISCOVER_ANSWER_MAX (1u << 20) /* bytes */
#define DISCOVER_CALL_LIMIT span_s(5)  /* one call of a web service */

/* Of etcd, kept between rounds. */
struct discover_lease {
	int64_t id;      /* 0: none */
	unsigned server; /* that answered last */
};

struct discover_round {
	const struct discover_conf *conf;
	const _Atomic bool *is_cancelled;
	struct discover_lease lease;
	struct discover_list list;
	struct fault fault;
};

typedef em_err discover_look_fn(struct discover_round *r);
discover_look_fn discover_static_look, discover_dns_look, discover_etcd_look,
    discover_k8s_look;
/* Gives the lease back; says nothing when it cannot. */
void discover_etcd_leave(struct discover_round *r);

/* Adds an address that came as text; one that is none is counted. */
void discover_round_add(struct discover_round *r, struct slice text);
/* The same of a host, by our own name, at a port. */
void discover_round_add_host(struct discover_round *r, const char *host, uint16_t port);
/* An answer of the server at @url as JSON, to be freed; NULL: it is none, and the fault is
 * set. */
struct cJSON *discover_round_json(
    struct discover_round *r, const char *url, struct slice s);

/* ---- mcast, on the loop */

struct discover_mcast;
typedef void discover_heard_fn(void *arg);

/* @on_heard: somebody new is there.  NULL: @f says why not. */
struct discover_mcast *discover_mcast_open(const struct discover_conf *conf,
    discover_heard_fn *on_heard, void *arg, struct fault *f);
void discover_mcast_close(struct discover_mcast **mp);
/* Says where we are, and asks the others when @ask. */
EM_MUST_USE em_err discover_mcast_announce(
    struct discover_mcast *m, bool ask, struct fault *f);
/* Who was heard since @keep ago, and this node. */
void discover_mcast_list(
    struct discover_mcast *m, span_t keep, struct discover_list *list);
uint64_t discover_mcast_refused(const struct discover_mcast *m);

#endif
