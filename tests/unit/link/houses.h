/* SPDX-License-Identifier: Apache-2.0 */
/*
 * houses: several nodes' links on one thread, over the loopback and ports that the kernel
 * gives.  A test turns the loop until what it waits for has come about.
 */
#ifndef TESTS_UNIT_LINK_HOUSES_H
#define TESTS_UNIT_LINK_HOUSES_H

#include "emqxd/link/link.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/worker.h"
#include "ipc/base/str.h"
#include "tests/unit/tap.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#define HOUSES_LIMIT span_s(20) /* a test that waits so long has failed */

struct home {
	struct link_house *house;
	char name[32], address[32];
	struct str events; /* "b:ctl_up " */
};

static inline int
houses_listen(char address[32])
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t n = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	OK(fd >= 0 && bind(fd, (struct sockaddr *)&in, n) == 0 && listen(fd, 64) == 0);
	OK(getsockname(fd, (struct sockaddr *)&in, &n) == 0);
	snprintf(address, 32, "127.0.0.1:%u", ntohs(in.sin_port));
	return fd;
}

static inline const char *
houses_event(enum link_event e)
{
	static const char *const names[] = { "ctl_up", "ctl_down", "data_up", "data_down",
		"reachable", "unreachable", "guest_gone" };

	return names[e];
}

static inline void
houses_on_event(struct link_peer *p, enum link_event e, void *arg)
{
	struct home *h = arg;

	str_addf(&h->events, "%s:%s ", link_peer_name(p), houses_event(e));
}

/* Acts as the link thread. */
static inline void
houses_begin(void)
{
	worker_init(1);
	worker_act_as(worker_link());
}

static inline void
houses_end(void)
{
	worker_act_as(worker_main());
	worker_fini();
}

/* The usual settings; a test changes what it is about. */
static inline struct link_house_conf
houses_conf(struct home *h, const char *name, uint64_t site)
{
	snprintf(h->name, sizeof h->name, "%s", name);
	return (struct link_house_conf){ .name = h->name,
		.cluster = "c",
		.cookie = "secret",
		.product = "1.0",
		.advertise = "127.0.0.1:1",
		.site = site,
		.incarnation = 1000 + site,
		.table = 7,
		.buffer = 1 << 20,
		.door = houses_listen(h->address) };
}

static inline void
houses_open(struct home *h, const struct link_house_conf *conf)
{
	h->house = link_house_new(conf);
	link_on_peer(h->house, houses_on_event, h);
}

static inline void
houses_new(struct home *h, const char *name, uint64_t site)
{
	struct link_house_conf conf = houses_conf(h, name, site);

	houses_open(h, &conf);
}

static inline void
houses_free(struct home *h)
{
	link_house_free(&h->house);
	str_fini(&h->events);
}

/* @at has @of as a member. */
static inline struct link_peer *
houses_know(struct home *at, const struct home *of)
{
	struct link_peer *p = NULL;

	OK(link_peer_add(at->house, slice_str(of->name), slice_str(of->address), 0,
	       NODES_MAX, &p) == EM_OK);
	return p;
}

static inline void
houses_turn(void)
{
	loop_turn(worker_self()->loop);
}

/* Turns until the expression holds. */
#define HOUSES_UNTIL(e_)                                                       \
	do {                                                                   \
		mono_t until_ = mono_add(span_mono_now(), HOUSES_LIMIT);       \
		while (!(e_)) {                                                \
			OK("waits for " #e_ &&span_mono_now().ns < until_.ns); \
			houses_turn();                                         \
		}                                                              \
	} while (0)

static inline bool
houses_is_up(const struct link_peer *p)
{
	struct link_peer_info i;

	link_peer_info(p, &i);
	return i.is_reachable && i.is_up_to[1] && i.is_up_from[1] && i.has_clock;
}

static inline bool
houses_has(const struct home *h, const char *event)
{
	return strstr(str_get(&h->events), event) != NULL;
}

#endif
