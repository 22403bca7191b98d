/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reason: the reason codes of MQTT 5.0; reason.def says everything about each.
 */
#ifndef MQTT_REASON_H
#define MQTT_REASON_H

#include "emqxd/mqtt/packet.h"

enum mqtt_reason {
#define REASON(name_, value_, ...) REASON_##name_ = (value_),
#include "emqxd/mqtt/reason.def"
#undef REASON
};

/* "packet_too_large"; "unknown" for a value that the standard does not have. */
const char *reason_name(uint8_t reason);
/* "Packet too large" */
const char *reason_text(uint8_t reason);
/* May a packet of @type carry it, sent by a server or by a client? */
bool reason_is_allowed(uint8_t reason, enum mqtt_type type, bool from_server);
/* Return code of a 3.x CONNACK; 0 for an error that no return code fits: the
 * connection is closed without CONNACK [MQTT3-3.2.2-6]. */
uint8_t reason_to_v3(uint8_t reason);

#endif
