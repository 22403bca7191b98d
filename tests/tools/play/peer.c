/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer: sockets and the cutting of packets.
 */
#include "tests/tools/play/peer.h"
#include "emqxd/mqtt/decode.h"
#include "ipc/base/mem.h"
#include "ipc/base/num.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PEERS_MAX = 64 };

span_t
peer_patience(void)
{
	uint64_t slow = 1;

	if (num_parse_u64(slice_str(getenv("SLOW")), &slow) != EM_OK || slow == 0)
		slow = 1;
	return span_s(5 * (int64_t)slow);
}

em_err
peer_open(struct peer *c, const char *host, unsigned port, struct fault *fault)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port) };
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	c->is_ended = false;
	c->in_n = c->taken = 0;
	c->last_sent = span_mono_now();
	if (c->fd < 0 || inet_pton(AF_INET, host, &to.sin_addr) != 1 ||
	    connect(c->fd, (const struct sockaddr *)(const void *)&to, sizeof to) != 0) {
		em_err err = err_from_errno(errno);

		peer_close(c, false);
		return fault_set(
		    fault, err, "connecting to %s:%u: %s", host, port, err_text(err));
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	return EM_OK;
}

void
peer_close(struct peer *c, bool reset)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (c->fd >= 0 && reset)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	MEM_FREE(c->in);
	c->in_n = c->in_cap = c->taken = 0;
}

/* Reads what is there.  A reset is an end like a FIN: the broker may close with
 * bytes of ours unread. */
static void
fill(struct peer *c)
{
	const size_t room = 65536;
	ssize_t got;

	if (c->taken > 0) {
		memmove(c->in, c->in + c->taken, c->in_n - c->taken);
		c->in_n -= c->taken;
		c->taken = 0;
	}
	if (c->in_cap - c->in_n < room) {
		c->in_cap = c->in_n + 2 * room + c->in_n / 2;
		c->in = mem_grow(c->in, c->in_cap);
	}
	got = recv(c->fd, c->in + c->in_n, c->in_cap - c->in_n, 0);
	if (got > 0)
		c->in_n += (size_t)got;
	else if (got == 0 || (errno != EAGAIN && errno != EINTR))
		c->is_ended = true;
}

static int
millis_to(mono_t deadline)
{
	int64_t ms = span_to_ms(mono_since(deadline, span_mono_now()));

	return ms < 0 ? 0 : ms > 1000000 ? 1000000 : (int)ms + 1;
}

em_err
peer_send(struct peer *c, struct slice bytes, struct fault *fault)
{
	mono_t deadline = mono_add(span_mono_now(), peer_patience());

	while (bytes.n > 0) {
		ssize_t n = send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
		struct pollfd p = { .fd = c->fd, .events = POLLIN | POLLOUT };

		if (n >= 0) {
			bytes = slice_from(bytes, (size_t)n);
			continue;
		}
		if (errno != EAGAIN && errno != EINTR) {
			em_err err = err_from_errno(errno);

			return fault_set(fault, err, "sending: %s", err_text(err));
		}
		if (c->is_ended)
			p.events = POLLOUT;
		if (poll(&p, 1, millis_to(deadline)) == 0)
			return fault_set(fault, EM_TIMEOUT, "the broker does not read");
		if ((p.revents & POLLIN) != 0)
			fill(c);
	}
	c->last_sent = span_mono_now();
	return EM_OK;
}

/* A whole packet in what was read? */
static em_err
cut(struct peer *c, struct mqtt_packet *out, struct fault *fault)
{
	struct slice in = { c->in + c->taken, c->in_n - c->taken };
	struct mqtt_frame frame;
	struct mqtt_fault broken = { 0, "" };
	enum mqtt_peek peek;

	if (in.n == 0)
		return EM_AGAIN;
	peek = mqtt_frame_peek(in, &frame);
	if (peek == MQTT_PEEK_MORE)
		return EM_AGAIN;
	if (peek == MQTT_PEEK_BAD)
		return fault_set(fault, EM_MALFORMED, "the broker sent no packet");
	c->taken += frame.total;
	if (mqtt_decode(&frame, c->version, MQTT_STRICT | MQTT_FROM_SERVER, out,
		&broken) != EM_OK)
		return fault_set(fault, EM_MALFORMED,
		    "the broker sent a packet that it may not send: %s", broken.rule);
	return EM_OK;
}

em_err
peer_take(struct peer *c, struct mqtt_packet *out, mono_t deadline, struct fault *fault)
{
	for (;;) {
		em_err err = c->in_n > c->taken ? cut(c, out, fault) : EM_AGAIN;
		struct pollfd p = { .fd = c->fd, .events = POLLIN };

		if (err != EM_AGAIN)
			return err;
		if (c->fd < 0)
			return fault_set(fault, EM_STATE, "the connection is not open");
		if (c->is_ended)
			return fault_set(
			    fault, EM_UNREACHABLE, "the broker closed the connection");
		if (poll(&p, 1, millis_to(deadline)) == 0)
			return fault_set(fault, EM_TIMEOUT, "nothing came");
		fill(c);
	}
}

int
peer_wait(struct peer *const *peers, size_t n, mono_t deadline)
{
	struct pollfd p[PEERS_MAX];

	CHECK(n <= PEERS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (peers[i]->in_n > peers[i]->taken || peers[i]->is_ended)
			return (int)i;
		p[i] = (struct pollfd){ .fd = peers[i]->fd, .events = POLLIN };
	}
	if (poll(p, n, millis_to(deadline)) <= 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (p[i].revents != 0)
			return (int)i;
	}
	return -1;
}
