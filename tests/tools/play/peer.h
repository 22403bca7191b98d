/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer: one end of a connection to the broker: bytes out, whole packets in.
 *
 * Every wait has an end: the deadline that the caller names.  While a large
 * packet goes out the socket is read too, so that two who send to each other
 * never stand still.  One thread, blocking by poll.
 */
#ifndef PLAY_PEER_H
#define PLAY_PEER_H

#include "emqxd/mqtt/packet.h"
#include "ipc/base/err.h"
#include "ipc/base/span.h"

struct peer {
	int fd; /* -1: closed by us, or never opened */
	enum mqtt_version version;
	bool is_ended; /* the broker closed, or reset */
	uint8_t *in;
	size_t in_n, in_cap, taken;
	mono_t last_sent;
};

/* How long the broker may take for anything: 5 s, times SLOW of the environment. */
span_t peer_patience(void);

EM_MUST_USE em_err peer_open(
    struct peer *c, const char *host, unsigned port, struct fault *fault);
/* Sends a FIN, or with @reset a RST; whatever was not read is lost. */
void peer_close(struct peer *c, bool reset);
EM_MUST_USE em_err peer_send(struct peer *c, struct slice bytes, struct fault *fault);
/* The next packet, valid until the next call.  EM_TIMEOUT; EM_UNREACHABLE at the
 * end of the stream; EM_MALFORMED when the broker sent what no broker may. */
EM_MUST_USE em_err peer_take(
    struct peer *c, struct mqtt_packet *out, mono_t deadline, struct fault *fault);
/* Waits until one of them has something to take, or has ended: its index, or -1. */
int peer_wait(struct peer *const *peers, size_t n, mono_t deadline);

#endif
