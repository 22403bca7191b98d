/* SPDX-License-Identifier: Apache-2.0 */
/*
 * million: makes many kept sessions with a queued message each, all of which expire at
 * the same time.
 *
 *	million HOST PORT make N SECONDS	N clients connect, subscribe to a topic of their
 *						own and go; their sessions end SECONDS after
 *						the start
 *	million HOST PORT publish N		a message of QoS 1 to each of the topics
 *	million idle SECONDS			what an empty loop sees on this machine: the
 *						longest time between two looks at the clock,
 *						in microseconds; the least that a turn of a
 *						worker may be said to have taken
 *
 * Plain sockets, MQTT 5; the packets are written by hand.  Says how long it took; status
 * 1 when an answer is not what it should be.
 */
#include "ipc/base/num.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { AT_ONCE = 400, WINDOW = 2000 };

static struct sockaddr_in to = { .sin_family = AF_INET };
static double began;

static void
die(const char *what)
{
	fprintf(stderr, "million: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double
read_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

static int
dial(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct linger at_once = { 1, 0 };

	/* No TIME_WAIT: there are fewer ports than clients. */
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)(const void *)&to, sizeof to) != 0)
		die("connect");
	return fd;
}

static void
put(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t did = send(fd, p, n, MSG_NOSIGNAL);

		if (did <= 0)
			die("send");
		p += did;
		n -= (size_t)did;
	}
}

static size_t
u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
	return 4;
}

/* CONNECT with a session that ends at that second, SUBSCRIBE, DISCONNECT. */
static void
say_all(int fd, unsigned long i, double end)
{
	static const uint8_t protocol[] = { 0, 4, 'M', 'Q', 'T', 'T', 5, 0, 0, 0, 5, 17 };
	uint8_t p[128];
	char id[16];
	size_t n = 2, len = (size_t)snprintf(id, sizeof id, "m%lu", i), at;
	double left = end - now();

	p[0] = 0x10;
	memcpy(p + n, protocol, sizeof protocol);
	n += sizeof protocol;
	n += u32(p + n, left > 1 ? (uint32_t)left : 1);
	p[n++] = 0;
	p[n++] = (uint8_t)len;
	memcpy(p + n, id, len);
	n += len;
	p[1] = (uint8_t)(n - 2);
	at = n;
	p[n++] = 0x82;
	p[n++] = (uint8_t)(2 + 1 + 2 + 2 + len + 1);
	p[n++] = 0;
	p[n++] = 1;
	p[n++] = 0;
	p[n++] = 0;
	p[n++] = (uint8_t)(2 + len);
	p[n++] = 'm';
	p[n++] = '/';
	memcpy(p + n, id, len);
	n += len;
	p[n++] = 1;
	if (n - at != (size_t)p[at + 1] + 2)
		die("own packet");
	p[n++] = 0xe0;
	p[n++] = 0;
	put(fd, p, n);
}

/* A client's end: everything was answered and the broker has closed. */
static bool
is_over(int fd)
{
	uint8_t p[512];
	ssize_t n = recv(fd, p, sizeof p, 0);

	if (n > 0)
		return false;
	if (n < 0 && errno != ECONNRESET)
		die("recv");
	close(fd);
	return true;
}

static void
make(unsigned long count, double seconds)
{
	struct epoll_event ready[AT_ONCE], e = { .events = EPOLLIN };
	int epoll = epoll_create1(0);
	unsigned long begun = 0, over = 0;

	while (over < count) {
		int n;

		while (begun < count && begun - over < AT_ONCE) {
			e.data.fd = dial();
			epoll_ctl(epoll, EPOLL_CTL_ADD, e.data.fd, &e);
			say_all(e.data.fd, begun++, began + seconds);
		}
		n = epoll_wait(epoll, ready, AT_ONCE, 30000);
		if (n <= 0)
			die("nothing comes");
		for (int i = 0; i < n; i++)
			over += is_over(ready[i].data.fd);
	}
	close(epoll);
}

/* Bytes of PUBACKs, four each with a code behind or not. */
static unsigned long
acks(int fd)
{
	static uint8_t in[65536];
	static size_t have;
	ssize_t n = recv(fd, in + have, sizeof in - have, 0);
	unsigned long acked = 0;
	size_t at = 0;

	if (n <= 0)
		die("recv");
	have += (size_t)n;
	while (have - at >= 2 && have - at >= 2u + in[at + 1]) {
		if (in[at] >> 4 == 4) {
			if (in[at + 1] > 2 && in[at + 4] != 0)
				die("a message that nobody queued");
			acked++;
		}
		at += 2u + in[at + 1];
	}
	memmove(in, in + at, have - at);
	have -= at;
	return acked;
}

static void
publish(unsigned long count)
{
	static const uint8_t hello[] = { 0x10, 16, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 0,
		0, 0, 3, 'p', 'u', 'b' };
	unsigned long sent = 0, acked = 0;
	int fd = dial();

	put(fd, hello, sizeof hello);
	while (acked < count) {
		while (sent < count && sent - acked < WINDOW) {
			uint8_t p[64];
			char topic[24];
			size_t n = 4;
			size_t len =
			    (size_t)snprintf(topic, sizeof topic, "m/m%lu", sent);
			uint16_t id = (uint16_t)(1 + sent % 60000);

			p[0] = 0x32;
			p[2] = 0;
			p[3] = (uint8_t)len;
			memcpy(p + n, topic, len);
			n += len;
			p[n++] = (uint8_t)(id >> 8);
			p[n++] = (uint8_t)id;
			p[n++] = 0;
			memcpy(p + n, "a message", 9);
			n += 9;
			p[1] = (uint8_t)(n - 2);
			put(fd, p, n);
			sent++;
		}
		acked += acks(fd);
	}
	close(fd);
}

/* As the broker measures its turns: without the time in which we waited for a CPU.  A host
 * that lets this machine wait is not seen by either clock. */
static void
idle(double seconds)
{
	double last = now(), cpu = read_clock(CLOCK_THREAD_CPUTIME_ID), longest = 0;
	double start = last;

	while (last < start + seconds) {
		double t = now(), did = read_clock(CLOCK_THREAD_CPUTIME_ID);
		double gap = did - cpu < t - last ? did - cpu : t - last;

		if (gap > longest)
			longest = gap;
		last = t;
		cpu = did;
	}
	printf("%.0f\n", longest * 1e6);
}

int
main(int argc, char **argv)
{
	uint64_t port, count, seconds = 0;
	bool makes = argc == 6 && strcmp(argv[3], "make") == 0;

	if (argc == 3 && strcmp(argv[1], "idle") == 0 &&
	    num_parse_u64(slice_str(argv[2]), &seconds) == EM_OK) {
		idle((double)seconds);
		return 0;
	}
	if ((!makes && !(argc == 5 && strcmp(argv[3], "publish") == 0)) ||
	    inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 ||
	    num_parse_u64(slice_str(argv[2]), &port) != EM_OK || port > UINT16_MAX ||
	    num_parse_u64(slice_str(argv[4]), &count) != EM_OK ||
	    (makes && num_parse_u64(slice_str(argv[5]), &seconds) != EM_OK)) {
		fputs("usage: million HOST PORT make N SECONDS | publish N\n"
		      "       million idle SECONDS\n",
		    stderr);
		return 2;
	}
	to.sin_port = htons((uint16_t)port);
	began = now();
	if (makes)
		make(count, (double)seconds);
	else
		publish(count);
	printf("%s %llu in %.1f s\n", argv[3], (unsigned long long)count, now() - began);
	return 0;
}
