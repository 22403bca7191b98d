/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode: whole frames to packets, as strict as the standard demands of a
 * receiver; what only the sender is forbidden is refused with MQTT_STRICT.
 *
 * Every function gives EM_OK, or EM_MALFORMED and fills @fault.  @out then
 * holds nothing to rely on, but of a CONNECT: version (0 while unknown).
 * No decoder looks at the type in the first byte; mqtt_decode does.
 */
#ifndef MQTT_DECODE_H
#define MQTT_DECODE_H

#include "emqxd/mqtt/frame.h"
#include "ipc/base/err.h"

enum mqtt_decode_flag {
	MQTT_STRICT = 1,        /* refuse also what only the sender is forbidden */
	MQTT_FROM_SERVER = 2,   /* we are the client */
	MQTT_CHECK_PAYLOAD = 4, /* a payload said to be UTF-8 must be so (0x99) */
};

EM_MUST_USE em_err mqtt_decode_connect(const struct mqtt_frame *f, unsigned flags,
    struct mqtt_connect *out, struct mqtt_fault *fault);
EM_MUST_USE em_err mqtt_decode_connack(const struct mqtt_frame *f, enum mqtt_version v,
    unsigned flags, struct mqtt_connack *out, struct mqtt_fault *fault);
EM_MUST_USE em_err mqtt_decode_publish(const struct mqtt_frame *f, enum mqtt_version v,
    unsigned flags, struct mqtt_publish *out, struct mqtt_fault *fault);
/* PUBACK, PUBREC, PUBREL, PUBCOMP */
EM_MUST_USE em_err mqtt_decode_ack(const struct mqtt_frame *f, enum mqtt_version v,
    unsigned flags, struct mqtt_ack *out, struct mqtt_fault *fault);
EM_MUST_USE em_err mqtt_decode_subscribe(const struct mqtt_frame *f, enum mqtt_version v,
    unsigned flags, struct mqtt_subscribe *out, struct mqtt_fault *fault);
EM_MUST_USE em_err mqtt_decode_unsubscribe(const struct mqtt_frame *f,
    enum mqtt_version v, unsigned flags, struct mqtt_unsubscribe *out,
    struct mqtt_fault *fault);
/* SUBACK, UNSUBACK */
EM_MUST_USE em_err mqtt_decode_suback(const struct mqtt_frame *f, enum mqtt_version v,
    unsigned flags, struct mqtt_suback *out, struct mqtt_fault *fault);
/* PINGREQ, PINGRESP */
EM_MUST_USE em_err mqtt_decode_ping(
    const struct mqtt_frame *f, unsigned flags, struct mqtt_fault *fault);
EM_MUST_USE em_err mqtt_decode_disconnect(const struct mqtt_frame *f, enum mqtt_version v,
    unsigned flags, struct mqtt_disconnect *out, struct mqtt_fault *fault);
EM_MUST_USE em_err mqtt_decode_auth(const struct mqtt_frame *f, enum mqtt_version v,
    unsigned flags, struct mqtt_auth *out, struct mqtt_fault *fault);

/* Any packet: also refuses unknown types and those that this side never sends
 * (0x82).  @v is not looked at for CONNECT. */
EM_MUST_USE em_err mqtt_decode(const struct mqtt_frame *f, enum mqtt_version v,
    unsigned flags, struct mqtt_packet *out, struct mqtt_fault *fault);

#endif
