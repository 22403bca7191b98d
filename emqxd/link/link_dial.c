/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link_dial: one attempt to reach an address: its name is looked up (a job: it may take
 * long; LINK_SHAKE), then connect (LINK_CONNECT), then TLS and hello (LINK_SHAKE).
 */
#include "emqxd/link/link_inside.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/metrics.h"
#include "ipc/base/mem.h"
#include "ipc/base/num.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <unistd.h>

/* Travels to a jobs thread and back; lives on when nobody waits for it any more. */
struct lookup {
	struct job job;
	struct letter letter;
	struct worker *home;
	struct link_dial *dial; /* NULL: given up; home's */
	char host[LINK_ADDRESS_MAX + 1], port[8];
	int rc;
	struct sockaddr_storage ss;
	socklen_t n;
};

struct link_dial {
	struct list_node node; /* in the house's */
	struct link_house *house;
	link_dial_fn *fn;
	void *arg;
	enum link_channel channel;
	char group[LINK_GROUP_MAX + 1];
	char address[LINK_ADDRESS_MAX + 1];
	struct timer timer;
	struct link_conn *conn;
	struct lookup *lookup;
	struct fault why; /* known before it began */
};

enum link_channel
link_dial_channel(const struct link_dial *d)
{
	return d->channel;
}

const char *
link_dial_group(const struct link_dial *d)
{
	return d->group;
}

static void
dial_free(struct link_dial *d)
{
	list_del(&d->node);
	timer_cancel(&d->timer);
	if (d->lookup != NULL)
		d->lookup->dial = NULL;
	fault_clear(&d->why);
	mem_free(d);
}

void
link_dial_done(struct link_dial *d, struct link_conn *c, const struct fault *f)
{
	link_dial_fn *fn = d->fn;
	void *arg = d->arg;
	struct fault none = { .err = EM_UNREACHABLE };

	d->conn = NULL;
	if (c == NULL)
		metric_inc(METRIC_CLUSTER_LINK_FAILED);
	list_del(&d->node);
	timer_cancel(&d->timer);
	fn(c, c == NULL && f == NULL ? &none : f, arg);
	dial_free(d);
}

void
link_dial_cancel(struct link_dial **dp)
{
	struct link_dial *d = *dp;

	if (d == NULL)
		return;
	*dp = NULL;
	if (d->conn != NULL) {
		d->conn->dial = NULL;
		link_conn_end(d->conn, EM_CANCELLED, NULL);
	}
	dial_free(d);
}

void
link_dial_cancel_all(struct link_house *h)
{
	while (!list_is_empty(&h->dials)) {
		struct link_dial *d = LIST_OWNER(h->dials.next, struct link_dial, node);

		if (d->conn != NULL)
			link_conn_end(d->conn, EM_CANCELLED, NULL);
		else
			link_dial_done(d, NULL, &(struct fault){ .err = EM_CANCELLED });
	}
}

static void
fail(struct link_dial *d, em_err err, const char *what)
{
	struct fault f = { .err = EM_OK };

	fault_set(&f, err, "%s: %s", d->address, what);
	link_dial_done(d, NULL, &f);
	fault_clear(&f);
}

static void
on_limit(struct timer *t)
{
	struct link_dial *d = LIST_OWNER(t, struct link_dial, timer);

	if (d->conn != NULL)
		link_conn_fail(d->conn, EM_TIMEOUT, "%s does not answer", d->address);
	else
		fail(d, EM_TIMEOUT, "the look-up of its name takes too long");
}

void
link_dial_connected(struct link_dial *d)
{
	timer_arm(&d->timer, LINK_SHAKE, on_limit);
}

static void
connect_to(struct link_dial *d, const struct sockaddr_storage *ss, socklen_t n)
{
	int fd = socket(ss->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		fail(d, EM_UNREACHABLE, strerror(errno));
		return;
	}
	if (connect(fd, (const struct sockaddr *)ss, n) != 0 && errno != EINPROGRESS) {
		int e = errno;

		close(fd);
		fail(d, EM_UNREACHABLE, strerror(e));
		return;
	}
	d->conn = link_conn_new(d->house, fd, true, d->address);
	if (d->conn == NULL) {
		fail(d, EM_UNREACHABLE, "the kernel watches no more sockets");
		return;
	}
	d->conn->dial = d;
	timer_arm(&d->timer, LINK_CONNECT, on_limit);
}

/* ---- the name */

static void
on_looked_up(struct letter *l)
{
	struct lookup *k = LIST_OWNER(l, struct lookup, letter);
	struct link_dial *d = k->dial;

	if (d != NULL) {
		d->lookup = NULL;
		if (k->rc != 0)
			fail(d, EM_UNREACHABLE, gai_strerror(k->rc));
		else
			connect_to(d, &k->ss, k->n);
	}
	mem_free(k);
}

static void
run_lookup(struct job *j)
{
	struct lookup *k = LIST_OWNER(j, struct lookup, job);
	struct addrinfo want = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG };
	struct addrinfo *found = NULL;

	k->rc = getaddrinfo(k->host, k->port, &want, &found);
	if (k->rc == 0) {
		memcpy(&k->ss, found->ai_addr, found->ai_addrlen);
		k->n = found->ai_addrlen;
		freeaddrinfo(found);
	}
	k->letter.open = on_looked_up;
	worker_post(k->home, &k->letter);
}

static void
look_up(struct link_dial *d, size_t host_n)
{
	struct lookup *k = MEM_NEW(struct lookup);

	*k = (struct lookup){ .job.run = run_lookup, .home = worker_self(), .dial = d };
	snprintf(k->host, sizeof k->host, "%.*s", (int)host_n, d->address);
	snprintf(k->port, sizeof k->port, "%.7s", d->address + host_n + 1);
	d->lookup = k;
	jobs_post(&k->job);
}

/* ---- beginning */

static void
begin(struct timer *t)
{
	struct link_dial *d = LIST_OWNER(t, struct link_dial, timer);
	struct sockaddr_storage ss;
	struct net_addr a;
	const char *colon = strrchr(d->address, ':');

	if (d->why.text != NULL) {
		link_dial_done(d, NULL, &d->why);
		return;
	}
	timer_arm(&d->timer, LINK_SHAKE, on_limit);
	if (addr_parse(slice_str(d->address), &a) == EM_OK) {
		socklen_t n = addr_to_sockaddr(&a, &ss);

		connect_to(d, &ss, n);
	} else if (colon == NULL || colon == d->address || colon[1] == '\0')
		fail(d, EM_UNREACHABLE, "this is no host:port");
	else
		look_up(d, (size_t)(colon - d->address));
}

void
link_dial_again(struct link_dial *d)
{
	if (d->conn == NULL || d->conn->step != LINK_CONN_CONNECTING)
		return;
	d->conn->dial = NULL;
	link_conn_end(d->conn, EM_CANCELLED, NULL);
	d->conn = NULL;
	timer_arm(&d->timer, span_ns(0), begin);
}

static struct link_dial *
dial_new(struct link_house *h, const char *address, link_dial_fn *fn, void *arg)
{
	struct link_dial *d = MEM_NEW(struct link_dial);

	*d = (struct link_dial){ .house = h, .fn = fn, .arg = arg };
	snprintf(d->address, sizeof d->address, "%s", address);
	list_push(&h->dials, &d->node);
	timer_arm(&d->timer, span_ns(0), begin);
	return d;
}

struct link_dial *
link_dial_start(struct link_house *h, const char *address, enum link_channel channel,
    const char *group, link_dial_fn *fn, void *arg)
{
	struct link_dial *d = dial_new(h, address, fn, arg);

	d->channel = channel;
	snprintf(d->group, sizeof d->group, "%s", group);
	metric_inc(METRIC_CLUSTER_LINK_DIALLED);
	return d;
}

struct link_dial *
link_dial_refuse(
    struct link_house *h, em_err err, const char *text, link_dial_fn *fn, void *arg)
{
	struct link_dial *d = dial_new(h, "", fn, arg);

	fault_set(&d->why, err, "%s", text);
	return d;
}
