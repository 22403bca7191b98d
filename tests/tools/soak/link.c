/* SPDX-License-Identifier: Apache-2.0 */
/* link: see soak.h. */
#include "tests/tools/soak/soak.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUT_MAX (1u << 28)
#define READ 65536u

static void
give_up(const char *what)
{
	perror(what);
	exit(2);
}

struct link *
link_open(struct soak *s, struct client *c)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(s->port) };
	struct link *l = MEM_NEW(struct link);
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT, .data.ptr = l };
	int one = 1;

	*l = (struct link){ .client = c,
		.version = c->version,
		.out = wbuf_growing(OUT_MAX),
		.since = s->now,
		.is_connecting = true,
		.is_armed = true };
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0 || inet_pton(AF_INET, s->host, &to.sin_addr) != 1)
		give_up("socket");
	setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(l->fd, (const struct sockaddr *)(const void *)&to, sizeof to) != 0 &&
	    errno != EINPROGRESS)
		give_up("connect");
	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, l->fd, &e) != 0)
		give_up("epoll_ctl");
	return l;
}

void
link_cut(struct soak *s, struct link **lp)
{
	struct link *l = *lp;
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	if (!s->is_draining && soak_one_in(s, 2))
		setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(l->fd);
	wbuf_fini(&l->out);
	mem_free(l->in);
	MEM_FREE(*lp);
}

bool
link_flush(struct link *l)
{
	while (l->out_sent < l->out.n) {
		ssize_t n = send(l->fd, l->out.p + l->out_sent, l->out.n - l->out_sent,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == ENOTCONN;
		l->out_sent += (size_t)n;
	}
	l->out.n = l->out_sent = 0;
	return true;
}

bool
link_fill(struct link *l)
{
	ssize_t n;

	if (l->in_cap - l->in_n < READ) {
		l->in_cap = 2 * l->in_cap + 2 * READ;
		l->in = mem_grow(l->in, l->in_cap);
	}
	n = recv(l->fd, l->in + l->in_n, l->in_cap - l->in_n, MSG_DONTWAIT);
	if (n > 0)
		l->in_n += (size_t)n;
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

bool
link_take(struct link *l, size_t *at, struct mqtt_packet *out, const char **wrong)
{
	struct mqtt_frame frame;
	struct mqtt_fault fault;

	*wrong = NULL;
	if (*at >= l->in_n)
		return false;
	switch (mqtt_frame_peek(slice_of(l->in + *at, l->in_n - *at), &frame)) {
	case MQTT_PEEK_MORE: return false;
	case MQTT_PEEK_BAD: *wrong = "a length of five bytes"; return true;
	case MQTT_PEEK_WHOLE: break;
	}
	*at += frame.total;
	if (mqtt_decode(
		&frame, l->version, MQTT_STRICT | MQTT_FROM_SERVER, out, &fault) != EM_OK)
		*wrong = fault.rule;
	return true;
}

void
link_forget(struct link *l, size_t taken)
{
	if (taken > 0 && taken < l->in_n)
		memmove(l->in, l->in + taken, l->in_n - taken);
	l->in_n -= taken;
}
