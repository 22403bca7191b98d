/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link_door: the cluster port.  Whoever comes has LINK_SHAKE and LINK_HELLO_MAX bytes to
 * say who it is; at most LINK_FRESH_MAX do so at a time, and the oldest makes way: who has
 * the cookie needs milliseconds.
 */
#include "emqxd/link/link_inside.h"
#include "emqxd/core/log.h"
#include "emqxd/model/metrics.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_A_TURN 16
#define REST span_ms(100) /* after an accept that failed for want of something */

static void on_door(struct watch *w, uint32_t events);

static void
look(struct link_house *h)
{
	h->door.watch.on_ready = on_door;
	if (loop_watch(h->loop, &h->door.watch, EPOLLIN) != EM_OK)
		LOG(ERROR, "cluster_port_unwatched");
}

static void
on_rested(struct timer *t)
{
	look(LIST_OWNER(t, struct link_house, door.rest));
}

static void
rest(struct link_house *h)
{
	LOG(ERROR, "cluster_no_descriptor");
	loop_unwatch(h->loop, &h->door.watch);
	timer_arm(&h->door.rest, REST, on_rested);
}

static void
make_way(struct link_house *h)
{
	struct link_conn *oldest = LIST_OWNER(h->fresh.next, struct link_conn, fresh);

	link_conn_fail(
	    oldest, EM_BUSY, "%s made way for others that came later", oldest->where);
}

static void
take(struct link_house *h, int fd, const struct sockaddr_storage *ss)
{
	struct net_addr from = addr_of(ss);
	char where[ADDR_TEXT_MAX];

	addr_print(&from, where);
	metric_inc(METRIC_CLUSTER_LINK_ACCEPTED);
	if (h->fresh_n >= LINK_FRESH_MAX)
		make_way(h);
	(void)link_conn_new(h, fd, false, where);
}

static void
on_door(struct watch *w, uint32_t events)
{
	struct link_house *h = LIST_OWNER(w, struct link_house, door.watch);

	(void)events;
	for (unsigned i = 0; i < ACCEPTS_A_TURN; i++) {
		struct sockaddr_storage ss = { 0 };
		socklen_t n = sizeof ss;
		int fd = accept4(
		    w->fd, (struct sockaddr *)&ss, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0)
			take(h, fd, &ss);
		else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			 errno == ENOMEM) {
			rest(h);
			return;
		} else if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

void
link_door_open(struct link_house *h, int fd)
{
	h->door.watch.fd = fd;
	if (fd >= 0)
		look(h);
}

void
link_door_close(struct link_house *h)
{
	timer_cancel(&h->door.rest);
	if (h->door.watch.fd < 0)
		return;
	loop_unwatch(h->loop, &h->door.watch);
	close(h->door.watch.fd);
	h->door.watch.fd = -1;
}
