/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump: a packet as one readable line, in the shape of EMQX's traces:
 * PUBLISH(Q1, R0, D0, Topic=t/1, PacketId=7, Payload(text)=hello).
 * What a peer chose is escaped; passwords are never shown.
 */
#ifndef MQTT_DUMP_H
#define MQTT_DUMP_H

#include "emqxd/mqtt/packet.h"
#include "ipc/base/str.h"

enum mqtt_dump_payload {
	MQTT_DUMP_TEXT, /* as text where it is UTF-8, else hex */
	MQTT_DUMP_HEX,
	MQTT_DUMP_HIDDEN,
};

/* "PUBLISH"; "RESERVED" for a type that is none. */
const char *mqtt_dump_type(unsigned type);
/* Adds the whole line, without newline. */
void mqtt_dump(
    struct str *out, const struct mqtt_packet *p, enum mqtt_dump_payload payload);
/* Adds "hello", "FFFE0001" or "******": over 1024 bytes the first 100 and
 * "...(N bytes)".  Gives the kind that it became: "text", "hex", "hidden". */
const char *mqtt_dump_payload(
    struct str *out, struct slice payload, enum mqtt_dump_payload how);

#endif
