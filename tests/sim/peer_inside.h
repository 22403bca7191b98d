/* SPDX-License-Identifier: Apache-2.0 */
/* peer_inside: what peer.c and peer_hear.c share. */
#ifndef TESTS_SIM_PEER_INSIDE_H
#define TESTS_SIM_PEER_INSIDE_H

#include "tests/sim/ledger.h"
#include "tests/sim/wire.h"
#include "emqxd/mqtt/packet.h"

enum { PEER_OUTS = 5, PEER_IDS = 512 };

enum peer_state { PEER_AWAY, PEER_CONNECTING, PEER_ON, PEER_LEAVING };

struct peer_out { /* a message of QoS 1 or 2 that it sent */
	unsigned number;
	uint16_t id;
	uint8_t qos;
	bool is_released; /* PUBREC came */
};

struct peer_ack {
	enum mqtt_type type;
	uint16_t id;
};

struct peer {
	unsigned number, workers;
	enum mqtt_version version;
	bool is_kept, is_settling, is_deaf, was_deaf, is_greeted, has_will;
	bool was_sent_away; /* the broker said DISCONNECT, maybe before it heard ours */
	bool knows_session; /* it had a CONNACK of this session */
	uint8_t retained_qos, filter_qos[LEDGER_FILTERS];
	uint16_t window, keepalive, last_id, asked_id;
	unsigned asked_filter, will, will_delay;
	enum peer_state state;
	struct wire *wire;
	struct wire_queue in; /* of packets that are not whole */
	int64_t said;         /* ns: when it sent last */
	struct peer_out out[PEER_OUTS];
	unsigned outs;
	struct peer_ack ack[PEER_IDS];
	unsigned acks;
	struct {
		uint16_t id;
		unsigned number;
	} two[PEER_IDS]; /* QoS 2 messages that came and were not released */
	unsigned twos;
	unsigned under_way; /* that came on this connection and were not acknowledged */
	uint8_t id_state[UINT16_MAX + 1]; /* on this connection: QoS, while in use */
};

/* peer.c */
void peer_say(struct peer *p, struct mqtt_packet packet);
void peer_say_ack(struct peer *p, enum mqtt_type type, uint16_t id);
void peer_resend(struct peer *p);
void peer_part(struct peer *p, bool is_will_due);
bool peer_read_payload(struct slice payload, unsigned *number);

/* peer_hear.c: takes some of what came, or all; false: there was nothing. */
bool peer_hear(struct peer *p, bool all);
/* An acknowledgement is sent: what that frees. */
void peer_acked(struct peer *p, enum mqtt_type type, uint16_t id);

#endif
