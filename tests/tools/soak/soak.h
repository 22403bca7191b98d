/* SPDX-License-Identifier: Apache-2.0 */
/*
 * soak: what the parts of the soak share.
 *
 * Publishers and subscribers with kept sessions, in one thread.  Every publisher numbers
 * its messages by QoS from 1 on (topic soak/P/QOS, payload "P QOS NUMBER"), so each
 * receiver can tell for each publisher, topic and QoS what was lost, doubled or out of
 * order.  Connections are cut in the middle of everything: before a packet, behind half
 * of it, behind all of it, by FIN or by RST; and sessions are taken over by a second
 * connection while the first one lives.
 */
#ifndef SOAK_H
#define SOAK_H

#include "emqxd/mqtt/decode.h"
#include "emqxd/mqtt/encode.h"
#include "ipc/base/mem.h"
#include "ipc/base/span.h"
#include "ipc/base/str.h"
#include "ipc/base/vec.h"

#include <netinet/in.h>

#define SOAK_QOS 3
#define SOAK_GROUP 5 /* members of a shared group */

struct soak;

/* ---- link.c: one TCP connection */

struct link {
	int fd;
	struct client *client; /* NULL: left alone, read until the broker closes it */
	enum mqtt_version version;
	struct wbuf out;
	size_t out_sent;
	uint8_t *in;
	size_t in_n, in_cap;
	mono_t since;
	bool is_connecting;
	bool is_armed;      /* EPOLLOUT is asked for */
	bool has_last_word; /* v5: a DISCONNECT came */
};

/* Begins to connect; the epoll set knows it from now on. */
struct link *link_open(struct soak *s, struct client *c);
/* Closes it and frees it; by RST or FIN at random. */
void link_cut(struct soak *s, struct link **lp);
/* Writes what is in ->out as far as the socket takes it; false: the broker closed. */
bool link_flush(struct link *l);
/* Reads once; false: the broker closed. */
bool link_fill(struct link *l);
/* The next whole packet, or false; NULL or what is wrong with it in *wrong. */
bool link_take(struct link *l, size_t *at, struct mqtt_packet *out, const char **wrong);
void link_forget(struct link *l, size_t taken);

/* ---- client.c: what publishers and subscribers have in common */

enum client_state {
	CLIENT_AWAY,
	CLIENT_CONNECTING, /* TCP, then CONNECT is sent */
	CLIENT_WAITS_CONNACK,
	CLIENT_WAITS_SUBACK,
	CLIENT_ON
};

/* Where cuts happen: a packet of this type was received, or is to be sent. */
struct client_cuts {
	uint64_t before[2][16], half[2][16], behind[2][16]; /* [is_sub][type] */
};

struct client {
	struct soak *soak;
	struct link *link;
	unsigned number; /* among its kind */
	enum mqtt_version version;
	enum client_state state;
	bool is_sub, has_session, is_subscribed;
	mono_t due;   /* away: when it comes back */
	mono_t spoke; /* when it sent something last */
	struct publisher *pub;
	struct subscriber *sub;
};

void client_connect(struct client *c);
/* Ends the connection; it comes back after a while. */
void client_cut(struct client *c);
/* Sends a packet, or cuts before, within or behind it; false: it was cut. */
bool client_send(struct client *c, const struct mqtt_packet *p);
void client_readable(struct client *c);
void client_writable(struct client *c);
/* Things that chance brings about: a cut, a take-over, a farewell. */
void client_chance(struct client *c);

/* ---- pub.c, sub.c */

struct under_way {
	uint64_t number;
	uint16_t id;
	uint8_t qos;
	bool is_released; /* its PUBREC came */
};

struct publisher {
	uint64_t sent[SOAK_QOS]; /* the last number */
	uint64_t repeated;       /* QoS 1 that went out more than once */
	uint16_t id;             /* the last one given */
	bool is_ahead;           /* of its receivers: it waits */
	mono_t next_qos0;
	VEC(struct under_way) window;
	VEC(uint64_t) again; /* numbers of QoS 1 that were sent again, once each time */
};

void pub_connected(struct client *c);
bool pub_packet(struct client *c, const struct mqtt_packet *p);
/* Publishes what its window allows. */
void pub_turn(struct client *c);

/* What one receiver has of one publisher's messages of a QoS. */
struct track {
	uint64_t last;      /* number of the newest */
	uint64_t got;       /* first deliveries */
	uint64_t doubled;   /* legitimate repetitions */
	bool is_subscribed; /* to this one */
};

struct subscriber {
	struct track *track; /* [publisher * SOAK_QOS + qos] */
	int group;           /* -1: none */
	VEC(uint16_t) held;  /* QoS 2 ids that await PUBREL */
};

struct seen { /* by number: had the group that one? */
	uint8_t *p;
	size_t n, cap;
};

struct group {
	struct seen *seen; /* [publisher * SOAK_QOS + qos] */
};

void sub_connected(struct client *c);
bool sub_packet(struct client *c, const struct mqtt_packet *p);

/* ---- soak.c */

struct soak {
	const char *host;
	uint16_t port;
	uint64_t seed, seconds, pairs, window, ahead, cut_one_in;
	int epoll_fd;
	mono_t now, end;
	bool is_draining; /* nothing new is published, nothing cut */
	struct client *pubs, *subs;
	struct group *groups;
	unsigned groups_n;
	VEC(struct link *) strays; /* taken over: until the broker closes them */
	struct client_cuts cuts;
	uint64_t takeovers, farewells, received, findings, qos0_lost;
};

uint64_t soak_below(struct soak *s, uint64_t n);
static inline bool
soak_one_in(struct soak *s, uint64_t n)
{
	return soak_below(s, n) == 0;
}
/* Something that must not be. */
void soak_finding(const struct client *c, const char *fmt, ...) EM_PRINTF(2, 3);

#endif
