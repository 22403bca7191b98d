/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_double: a small web server on a thread of the test, for those who ask one.  It
 * answers what the test's function writes, byte for byte: so it may be wrong too.
 */
#ifndef TESTS_UNIT_CORE_HTTP_DOUBLE_H
#define TESTS_UNIT_CORE_HTTP_DOUBLE_H

#include "ipc/base/str.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* @head is the request with its headers, @body what came behind them.  What is written to
 * @out is sent as it is; false: the connection stays open, without another byte. */
typedef bool http_double_fn(
    void *arg, const char *head, const char *body, struct str *out);

struct http_double {
	http_double_fn *fn;
	void *arg;
	int fd;
	int held[16];
	unsigned held_n;
	char url[64];
	pthread_t thread;
	_Atomic unsigned requests;
};

/* A well-formed answer. */
static inline void
http_double_answer(struct str *out, int status, const char *json)
{
	str_addf(out,
	    "HTTP/1.1 %d Whatever\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
	    status, strlen(json), json);
}

/* The request, whole; its head ends with a NUL. */
static inline char *
http_double_read(int fd, char *buf, size_t max)
{
	size_t n = 0, want = 0;
	char *body = NULL;
	const char *length;

	for (;;) {
		ssize_t got = recv(fd, buf + n, max - 1 - n, 0);

		if (got <= 0)
			return NULL;
		n += (size_t)got;
		buf[n] = '\0';
		if (body == NULL && (body = strstr(buf, "\r\n\r\n")) != NULL) {
			length = strstr(buf, "Content-Length: ");
			want = length != NULL && length < body
				   ? strtoul(length + 16, NULL, 10)
				   : 0;
			*body = '\0';
			body += 4;
		}
		if (body != NULL && (size_t)(buf + n - body) >= want)
			return body;
	}
}

static inline void
http_double_serve_one(struct http_double *d, int fd)
{
	static char buf[65536];
	struct str out = { 0 };
	char *body = http_double_read(fd, buf, sizeof buf);
	bool is_over = true;

	if (body != NULL) {
		atomic_fetch_add(&d->requests, 1);
		is_over = d->fn(d->arg, buf, body, &out);
	}
	for (size_t n = 0; n < out.n;) {
		ssize_t put = send(fd, out.p + n, out.n - n, MSG_NOSIGNAL);

		if (put <= 0)
			break;
		n += (size_t)put;
	}
	str_fini(&out);
	if (!is_over && d->held_n < 16)
		d->held[d->held_n++] = fd;
	else
		close(fd);
}

static inline void *
http_double_run(void *arg)
{
	struct http_double *d = arg;
	int fd;

	while ((fd = accept(d->fd, NULL, NULL)) >= 0)
		http_double_serve_one(d, fd);
	return NULL;
}

static inline void
http_double_start(struct http_double *d, http_double_fn *fn, void *arg)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof sa;

	*d = (struct http_double){ .fn = fn, .arg = arg };
	d->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(d->fd, (struct sockaddr *)(void *)&sa, sizeof sa) != 0 ||
	    listen(d->fd, 16) != 0 ||
	    getsockname(d->fd, (struct sockaddr *)(void *)&sa, &n) != 0)
		abort();
	snprintf(d->url, sizeof d->url, "http://127.0.0.1:%u", ntohs(sa.sin_port));
	if (pthread_create(&d->thread, NULL, http_double_run, d) != 0)
		abort();
}

static inline void
http_double_stop(struct http_double *d)
{
	shutdown(d->fd, SHUT_RDWR);
	pthread_join(d->thread, NULL);
	close(d->fd);
	while (d->held_n > 0)
		close(d->held[--d->held_n]);
}

#endif
