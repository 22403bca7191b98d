/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mq: what the bulk clients mqpub and mqsub share: arguments, a connection, and
 * messages that can be told from each other: number i of a run has a size and bytes
 * that follow from i, so that a receiver needs no copy to compare with.
 *
 *	-h ADDRESS  -p PORT  -V 3.1|3.1.1|5  -i CLIENTID  -t TOPIC  -q QOS
 *	-n COUNT    messages, numbered from 0
 *	-s MIN:MAX  sizes in bytes: few are large, the last one is the largest
 *	-w SECONDS  give up after (60)
 */
#ifndef MQ_H
#define MQ_H

#include "emqxd/mqtt/decode.h"
#include "emqxd/mqtt/encode.h"
#include "ipc/base/mem.h"
#include "ipc/base/num.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MQ_NUMBER 10 /* bytes that hold a message's number, where it has so many */

struct mq {
	const char *host, *id, *topic;
	uint64_t port, qos, count, min, max, patience;
	enum mqtt_version version;
	int fd;
	uint8_t *in; /* read and not yet taken: in[taken..in_n) */
	size_t in_n, in_cap, taken;
	uint16_t receive_max; /* the broker's */
};

EM_NORETURN static inline void
mq_die(const struct mq *m, const char *what)
{
	fprintf(stderr, "%s: %s\n", m->id, what);
	exit(1);
}

/* ---- the messages of a run */

static inline size_t
mq_size(const struct mq *m, uint64_t i)
{
	const uint64_t steps = 1000;
	uint64_t x = i + 1 == m->count ? steps : i * 7919 % steps;

	/* with the cube of x most are small */
	return (size_t)(m->min + (m->max - m->min) * x / steps * x / steps * x / steps);
}

/* Fills @p with message @i; room for m->max bytes. */
static inline struct slice
mq_payload(const struct mq *m, uint64_t i, uint8_t *p)
{
	size_t n = mq_size(m, i);
	char number[MQ_NUMBER + 12];

	snprintf(number, sizeof number, "%0*llu", MQ_NUMBER, (unsigned long long)i);
	memset(p, 'a' + (int)(i % 26), n);
	memcpy(p, number, n < MQ_NUMBER ? n : MQ_NUMBER);
	return slice_of(p, n);
}

/* ---- arguments */

static inline bool
mq_read_option(struct mq *m, char option, const char *value)
{
	const char *colon = strchr(value, ':');
	struct slice text = slice_str(value);
	struct slice min = { text.p, colon != NULL ? (size_t)(colon - value) : text.n };

	switch (option) {
	case 'h': m->host = value; return true;
	case 'i': m->id = value; return true;
	case 't': m->topic = value; return true;
	case 'p': return num_parse_u64(text, &m->port) == EM_OK;
	case 'q': return num_parse_u64(text, &m->qos) == EM_OK && m->qos <= 2;
	case 'n': return num_parse_u64(text, &m->count) == EM_OK;
	case 'w': return num_parse_u64(text, &m->patience) == EM_OK;
	case 's':
		return num_parse_u64(min, &m->min) == EM_OK &&
		       num_parse_u64(colon != NULL ? slice_str(colon + 1) : min,
			   &m->max) == EM_OK &&
		       m->min <= m->max && m->max <= MQTT_LEN_MAX / 2;
	case 'V':
		m->version = strcmp(value, "3.1") == 0     ? MQTT_V31
			     : strcmp(value, "3.1.1") == 0 ? MQTT_V311
							   : MQTT_V5;
		return true;
	}
	return false;
}

/* ---- the connection: sends whole, reads what there is */

static inline void
mq_send(struct mq *m, struct slice bytes)
{
	while (bytes.n > 0) {
		ssize_t n = send(m->fd, bytes.p, bytes.n, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			mq_die(m, "the broker closed while something was sent");
		bytes = slice_from(bytes, n > 0 ? (size_t)n : 0);
	}
}

/* Reads once; with MSG_DONTWAIT it may find nothing. */
static inline void
mq_fill(struct mq *m, int flags)
{
	ssize_t n;

	if (m->taken > 0)
		memmove(m->in, m->in + m->taken, m->in_n - m->taken);
	m->in_n -= m->taken;
	m->taken = 0;
	if (m->in_cap - m->in_n < 65536) {
		m->in_cap = 2 * m->in_cap + 131072;
		m->in = mem_grow(m->in, m->in_cap);
	}
	n = recv(m->fd, m->in + m->in_n, m->in_cap - m->in_n, flags);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		mq_die(m, "the broker closed the connection");
	m->in_n += n > 0 ? (size_t)n : 0;
}

/* A whole packet out of what was read; its slices are good until the next fill. */
static inline bool
mq_take(struct mq *m, struct mqtt_packet *out)
{
	struct slice in = slice_from(slice_of(m->in, m->in_n), m->taken);
	struct mqtt_frame frame;
	struct mqtt_fault fault;

	if (in.n == 0 || mqtt_frame_peek(in, &frame) != MQTT_PEEK_WHOLE)
		return false;
	m->taken += frame.total;
	if (mqtt_decode(
		&frame, m->version, MQTT_STRICT | MQTT_FROM_SERVER, out, &fault) != EM_OK)
		mq_die(m, fault.rule);
	return true;
}

static inline void
mq_await(struct mq *m, enum mqtt_type type, struct mqtt_packet *out)
{
	while (!mq_take(m, out))
		mq_fill(m, 0);
	if (out->type != type)
		mq_die(m, "the broker answered with another packet");
}

static inline void
mq_open_socket(struct mq *m)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)m->port) };
	int one = 1;

	m->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (inet_pton(AF_INET, m->host, &to.sin_addr) != 1 ||
	    connect(m->fd, (const struct sockaddr *)(const void *)&to, sizeof to) != 0)
		mq_die(m, strerror(errno));
	setsockopt(m->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	alarm((unsigned)m->patience);
}

static inline void
mq_send_packet(struct mq *m, const struct mqtt_packet *packet)
{
	struct wbuf out = wbuf_growing(MQTT_LEN_MAX);

	if (mqtt_encode(&out, packet) != EM_OK)
		mq_die(m, "a packet that cannot be");
	mq_send(m, wbuf_slice(&out));
	wbuf_fini(&out);
}

/* Reads the arguments, connects with a clean start and no keep alive. */
static inline void
mq_open(struct mq *m, int argc, char **argv, const char *more, bool *is_more)
{
	struct mqtt_packet p = { .type = MQTT_CONNECT };
	int c;
	char options[40];

	*m = (struct mq){ .host = "127.0.0.1",
		.id = argv[0],
		.topic = "mq",
		.count = 1000,
		.version = MQTT_V5,
		.patience = 60 };
	snprintf(options, sizeof options, "h:p:V:i:t:q:n:s:w:%s", more);
	while ((c = getopt(argc, argv, options)) != -1) {
		if (c == more[0])
			*is_more = true;
		else if (c == '?' || !mq_read_option(m, (char)c, optarg))
			mq_die(m, "wrong arguments, see tests/tools/mq.h");
	}
	mq_open_socket(m);
	p.version = p.connect.version = m->version;
	p.connect.clean_start = true;
	p.connect.client_id = slice_str(m->id);
	mq_send_packet(m, &p);
	mq_await(m, MQTT_CONNACK, &p);
	if (p.connack.reason != 0)
		mq_die(m, "refused");
	m->receive_max = 65535;
	if (m->version == MQTT_V5 &&
	    (p.connack.props.set & MQTT_PROP_BIT(MQTT_PROP_RECEIVE_MAX)) != 0)
		m->receive_max = p.connack.props.receive_max;
}

static inline void
mq_close(struct mq *m)
{
	struct mqtt_packet p = { .type = MQTT_DISCONNECT, .version = m->version };

	mq_send_packet(m, &p);
	close(m->fd);
	MEM_FREE(m->in);
}

#endif
