/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discover: rounds, one after the other; see discover.h.
 *
 * A round is begun by the timer.  Of mcast it is an announcement and a look at who was
 * heard; of the others a job, which is given the object's round and gives it back by a
 * letter.  While a job is under way the object stays, whatever its owner does.
 */
#include "emqxd/discover/discover_round.h"
#include "emqxd/core/http.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/log.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/rand.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#define DISCOVER_MAGIC 0xd15c0fe2u

enum {
	FIRST_ROUNDS = 5,  /* that found the same, or something else: a second apart */
	FAST_ROUNDS = 17,  /* that went well, at first: 5 s apart */
	FAST_PACES = 5,    /* in seconds; tests have shorter ones */
	SLOW_PACES = 30,   /* later */
	RETRY_MAX = 60,    /* after failures: 1, 2, 4, ... */
	HEARD_PACES = 100, /* so long a node is there that announced itself */
};

struct discover {
	uint32_t magic;
	struct discover_conf conf;
	struct conf_pool pool; /* of the conf's texts */
	discover_found_fn *on_found;
	void *arg;
	struct worker *home;
	struct timer timer;
	struct job job;
	struct letter letter;
	em_err err; /* of the job's round */
	struct discover_round round;
	struct discover_mcast *mcast;
	struct discover_list found; /* by the last round that went well */
	unsigned unchanged;
	unsigned failed_in_row;
	uint64_t rounds, failed, refused;
	char *why; /* the last round failed */
	bool is_odd_told;
	bool is_busy;    /* the round is the job's */
	bool is_calling; /* on_found runs */
	bool is_over;    /* its owner has gone */
	_Atomic bool is_cancelled;
};

/* ---- what strategies share */

void
discover_round_add(struct discover_round *r, struct slice text)
{
	struct discover_addr a;

	if (discover_addr_parse(text, &r->conf->me, &a) == EM_OK)
		(void)discover_add(&r->list, &a);
	else
		r->list.refused++;
}

void
discover_round_add_host(struct discover_round *r, const char *host, uint16_t port)
{
	struct discover_addr usual = r->conf->me, a;

	usual.port = port;
	/* A colon is of an IPv6 address here, an @ of nothing. */
	if (port > 0 && strchr(host, '@') == NULL && strchr(host, '[') == NULL &&
	    discover_addr_parse(slice_str(host), &usual, &a) == EM_OK && a.port == port)
		(void)discover_add(&r->list, &a);
	else
		r->list.refused++;
}

struct cJSON *
discover_round_json(struct discover_round *r, const char *url, struct slice s)
{
	cJSON *json = cJSON_ParseWithLength(s.n > 0 ? (const char *)s.p : "", s.n);
	struct slice host = http_host(url);

	if (cJSON_IsObject(json))
		return json;
	cJSON_Delete(json);
	fault_set(&r->fault, EM_MALFORMED, "%.*s: the answer is no JSON object",
	    SLICE_FMT(host));
	return NULL;
}

static void
mark_ip(
    struct discover_list *list, const struct discover_addr *me, const struct ifaddrs *i)
{
	char text[INET6_ADDRSTRLEN];
	const void *sa = i->ifa_addr, *ip;

	if (sa == NULL ||
	    (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
		return;
	ip = i->ifa_addr->sa_family == AF_INET
		 ? (const void *)&((const struct sockaddr_in *)sa)->sin_addr
		 : (const void *)&((const struct sockaddr_in6 *)sa)->sin6_addr;
	if (inet_ntop(i->ifa_addr->sa_family, ip, text, sizeof text) == NULL)
		return;
	for (unsigned n = 0; n < list->n; n++)
		if (list->item[n].port == me->port &&
		    strcmp(list->item[n].host, text) == 0)
			list->item[n].is_me = true;
}

/* Which of them is this node, which may be known by a name. */
static void
mark_mine(struct discover_list *list, const struct discover_addr *me)
{
	struct ifaddrs *all = NULL;

	for (unsigned i = 0; i < list->n; i++)
		if (discover_addr_cmp(&list->item[i], me) == 0)
			list->item[i].is_me = true;
	if (getifaddrs(&all) != 0)
		return;
	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next)
		mark_ip(list, me, i);
	freeifaddrs(all);
}

/* ---- the owner's copy of what it was told */

static void
keep_text(struct discover *d, const char **text)
{
	*text = conf_pool_text(&d->pool, slice_str(*text));
}

static void
keep_list(struct discover *d, struct conf_list *list)
{
	const char **item = conf_pool_array(&d->pool, list->n, sizeof *item);

	for (size_t i = 0; i < list->n; i++) {
		item[i] = list->item[i];
		keep_text(d, &item[i]);
	}
	list->item = item;
}

static void
keep_conf(struct discover *d, const struct discover_conf *from)
{
	struct discover_conf *c = &d->conf;
	const char **texts[] = { &c->cluster, &c->node, &c->secret, &c->dns.name,
		&c->dns.server, &c->mcast.addr, &c->mcast.iface, &c->etcd.prefix,
		&c->etcd.cacert, &c->etcd.cert, &c->etcd.key, &c->k8s.apiserver,
		&c->k8s.service_name, &c->k8s.namespace, &c->k8s.suffix,
		&c->k8s.account };

	*c = *from;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		keep_text(d, texts[i]);
	keep_list(d, &c->seeds);
	keep_list(d, &c->mcast.ports);
	keep_list(d, &c->etcd.servers);
	if (c->pace.ns <= 0)
		c->pace = span_s(1);
}

static void
bury(struct discover *d)
{
	fault_clear(&d->round.fault);
	mem_free(d->why);
	conf_pool_fini(&d->pool);
	d->magic = 0;
	mem_free(d);
}

/* ---- rounds */

const char *
discover_strategy_name(enum discover_strategy strategy)
{
	static const char *const names[] = { "manual", "singleton", "static", "dns",
		"mcast", "etcd", "k8s" };

	return names[strategy];
}

static const char *
strategy_name(const struct discover *d)
{
	return discover_strategy_name(d->conf.strategy);
}

static discover_look_fn *
look_of(const struct discover *d)
{
	static discover_look_fn *const looks[] = {
		[DISCOVER_STATIC] = discover_static_look,
		[DISCOVER_DNS] = discover_dns_look,
		[DISCOVER_ETCD] = discover_etcd_look,
		[DISCOVER_K8S] = discover_k8s_look,
	};

	return looks[d->conf.strategy];
}

static span_t
paces(const struct discover *d, int64_t n)
{
	return span_ns(d->conf.pace.ns * n);
}

static bool
are_same(const struct discover_list *a, const struct discover_list *b)
{
	if (a->n != b->n)
		return false;
	for (unsigned i = 0; i < a->n; i++)
		if (discover_addr_cmp(&a->item[i], &b->item[i]) != 0 ||
		    strcmp(a->item[i].name, b->item[i].name) != 0)
			return false;
	return true;
}

/* A little more or less, so that nodes that started together do not ask together. */
static span_t
blur(span_t d)
{
	return span_ns(d.ns - d.ns / 10 + (int64_t)rand_below((uint64_t)d.ns / 5 + 1));
}

static span_t
pause_after_success(const struct discover *d)
{
	int64_t n = d->unchanged < FIRST_ROUNDS ? 1
		    : d->rounds < FAST_ROUNDS   ? FAST_PACES
						: SLOW_PACES;
	span_t pause = paces(d, n);

	if (d->conf.strategy == DISCOVER_ETCD && pause.ns > d->conf.etcd.node_ttl.ns / 3)
		pause = span_ns(d->conf.etcd.node_ttl.ns / 3);
	return blur(pause);
}

static span_t
pause_after_failure(const struct discover *d)
{
	unsigned n = d->failed_in_row - 1;
	int64_t wait = n < 6 ? INT64_C(1) << n : RETRY_MAX;

	return blur(paces(d, wait));
}

static void
succeed(struct discover *d, const struct discover_list *list)
{
	bool is_same = d->rounds > d->failed && are_same(&d->found, list);

	d->rounds++;
	d->refused += list->refused;
	d->unchanged = is_same ? d->unchanged + 1 : 0;
	d->found = *list;
	d->failed_in_row = 0;
	if (!is_same || d->why != NULL)
		LOG(INFO, "discovery_found", "strategy", strategy_name(d), "addresses",
		    list->n);
	MEM_FREE(d->why);
	if (list->refused > 0 && !d->is_odd_told) {
		d->is_odd_told = true;
		LOG(WARN, "discovery_addresses_left_out", "strategy", strategy_name(d),
		    "count", list->refused, "why",
		    "they are no addresses, or more than are taken", "most",
		    (unsigned)DISCOVER_MAX);
	}
}

/* The same reason again is not said again. */
static void
fail(struct discover *d, const struct fault *f)
{
	const char *why = f->text != NULL ? f->text : err_text(f->err);

	d->rounds++;
	d->failed++;
	d->failed_in_row++;
	if (d->why == NULL || strcmp(d->why, why) != 0)
		LOG(WARN, "discovery_failed", "strategy", strategy_name(d), "why", why,
		    "hint", f->hint != NULL ? f->hint : "it is tried again");
	mem_free(d->why);
	d->why = mem_strdup(why);
}

static void begin_round(struct timer *t);
static void run_last(struct job *j);

/* Its owner has gone, and no job has it: the end, or a last job when there is a lease. */
static void
depart(struct discover *d)
{
	if (d->round.lease.id == 0) {
		bury(d);
		return;
	}
	d->job.run = run_last;
	jobs_post(&d->job);
}

/* True: the owner has ended it in its callback. */
static bool
tell(struct discover *d)
{
	d->is_calling = true;
	d->on_found(d->arg, &d->found, d->unchanged);
	d->is_calling = false;
	return d->is_over;
}

static void
end_round(
    struct discover *d, em_err err, const struct discover_list *list, struct fault *f)
{
	if (err == EM_OK)
		succeed(d, list);
	else
		fail(d, f);
	fault_clear(f);
	timer_arm(&d->timer,
	    err == EM_OK ? pause_after_success(d) : pause_after_failure(d), begin_round);
	if (err == EM_OK && tell(d))
		depart(d);
}

/* ---- by jobs */

static void
on_job_over(struct letter *l)
{
	struct discover *d = LIST_OWNER(l, struct discover, letter);
	struct discover_list *list;

	CHECK_OBJ(d, DISCOVER_MAGIC);
	d->is_busy = false;
	if (d->is_over) { /* there may be no jobs any more: a lease runs out by itself */
		bury(d);
		return;
	}
	list = mem_new(sizeof *list);
	*list = d->round.list;
	end_round(d, d->err, list, &d->round.fault);
	mem_free(list);
}

static void
run_round(struct job *j)
{
	struct discover *d = LIST_OWNER(j, struct discover, job);

	d->err = look_of(d)(&d->round);
	if (d->err == EM_OK)
		mark_mine(&d->round.list, &d->conf.me);
	d->round.fault.err = d->err;
	if (atomic_load(&d->is_cancelled)) {
		d->round.is_cancelled = NULL; /* the last call has its own short limit */
		discover_etcd_leave(&d->round);
	}
	d->letter.open = on_job_over;
	worker_post(d->home, &d->letter);
}

/* After its owner has gone: nobody waits for an answer. */
static void
run_last(struct job *j)
{
	struct discover *d = LIST_OWNER(j, struct discover, job);

	d->round.is_cancelled = NULL;
	discover_etcd_leave(&d->round);
	bury(d);
}

/* ---- by datagrams */

static void
on_heard(void *arg)
{
	struct discover *d = arg;

	timer_arm(&d->timer, span_ms(0), begin_round);
}

static void
round_mcast(struct discover *d)
{
	struct discover_list *list = mem_new(sizeof *list);
	struct fault f = { 0 };
	em_err err = EM_OK;

	if (d->mcast == NULL)
		d->mcast = discover_mcast_open(&d->conf, on_heard, d, &f);
	if (d->mcast != NULL) {
		discover_mcast_list(d->mcast, paces(d, HEARD_PACES), list);
		mark_mine(list, &d->conf.me);
		err = discover_mcast_announce(d->mcast, list->n <= 1, &f);
	} else {
		err = f.err;
	}
	end_round(d, err, list, &f);
	mem_free(list);
}

static void
begin_round(struct timer *t)
{
	struct discover *d = LIST_OWNER(t, struct discover, timer);

	CHECK_OBJ(d, DISCOVER_MAGIC);
	if (d->conf.strategy == DISCOVER_MCAST) {
		round_mcast(d);
		return;
	}
	CHECK(!d->is_busy);
	d->is_busy = true;
	d->round.list.n = d->round.list.refused = 0;
	d->job.run = run_round;
	jobs_post(&d->job);
}

/* ---- the owner's */

struct discover *
discover_start(const struct discover_conf *conf, discover_found_fn *on_found, void *arg)
{
	struct discover *d;

	CHECK(on_found != NULL);
	if (conf->strategy == DISCOVER_MANUAL || conf->strategy == DISCOVER_SINGLETON)
		return NULL;
	d = MEM_NEW(struct discover);
	d->magic = DISCOVER_MAGIC;
	d->on_found = on_found;
	d->arg = arg;
	d->home = worker_self();
	keep_conf(d, conf);
	d->round.conf = &d->conf;
	d->round.is_cancelled = &d->is_cancelled;
	timer_arm(&d->timer, span_ms(0), begin_round);
	return d;
}

void
discover_stop(struct discover **dp)
{
	struct discover *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	CHECK_OBJ(d, DISCOVER_MAGIC);
	CHECK(d->home == worker_self() && !d->is_over);
	d->is_over = true;
	atomic_store(&d->is_cancelled, true);
	timer_cancel(&d->timer);
	discover_mcast_close(&d->mcast);
	if (!d->is_busy && !d->is_calling) /* else whoever comes back does it */
		depart(d);
}

void
discover_again(struct discover *d)
{
	if (d == NULL || d->is_busy)
		return; /* it is under way */
	d->failed_in_row = 0;
	timer_arm(&d->timer, span_ms(0), begin_round);
}

struct discover_status
discover_status_get(const struct discover *d)
{
	if (d == NULL)
		return (struct discover_status){ 0 };
	return (struct discover_status){ .rounds = d->rounds,
		.failed = d->failed,
		.refused = d->refused + discover_mcast_refused(d->mcast),
		.found = d->found.n,
		.why = d->why };
}
