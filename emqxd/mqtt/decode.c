/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode: any packet, by its type; and which side sends which.
 */
#include "emqxd/mqtt/decode.h"
#include "emqxd/mqtt/rule.h"

#define IN(type_) (1u << MQTT_##type_)
#define BOTH                                                                \
	(IN(PUBLISH) | IN(PUBACK) | IN(PUBREC) | IN(PUBREL) | IN(PUBCOMP) | \
	    IN(DISCONNECT))

static const unsigned client_sends =
    BOTH | IN(CONNECT) | IN(SUBSCRIBE) | IN(UNSUBSCRIBE) | IN(PINGREQ);
static const unsigned server_sends =
    BOTH | IN(CONNACK) | IN(SUBACK) | IN(UNSUBACK) | IN(PINGRESP);

static em_err
check_type(
    enum mqtt_type type, enum mqtt_version v, unsigned flags, struct mqtt_fault *fault)
{
	bool server = (flags & MQTT_FROM_SERVER) != 0;
	unsigned sends = server ? server_sends : client_sends;

	if (v == MQTT_V5)
		sends |= IN(AUTH);
	else if (server)
		sends &= ~IN(DISCONNECT);
	if ((sends & 1u << type) != 0)
		return EM_OK;
	if (type == 0 || (type == MQTT_AUTH && v != MQTT_V5))
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    RULE(v, " 2.2.1", " 2.1.2", "reserved packet type"));
	return rule_broken(fault, REASON_PROTOCOL_ERROR,
	    RULE(v, " 2.2.1", " 2.1.2", "packet type that only the other side sends"));
}

em_err
mqtt_decode(const struct mqtt_frame *f, enum mqtt_version v, unsigned flags,
    struct mqtt_packet *out, struct mqtt_fault *fault)
{
	em_err err = check_type(mqtt_frame_type(f), v, flags, fault);

	out->type = mqtt_frame_type(f);
	out->version = v;
	out->first = f->first;
	if (err != EM_OK)
		return err;
	switch (out->type) {
	case MQTT_CONNECT:
		err = mqtt_decode_connect(f, flags, &out->connect, fault);
		out->version = out->connect.version;
		return err;
	case MQTT_CONNACK: return mqtt_decode_connack(f, v, flags, &out->connack, fault);
	case MQTT_PUBLISH: return mqtt_decode_publish(f, v, flags, &out->publish, fault);
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBREL:
	case MQTT_PUBCOMP: return mqtt_decode_ack(f, v, flags, &out->ack, fault);
	case MQTT_SUBSCRIBE:
		return mqtt_decode_subscribe(f, v, flags, &out->subscribe, fault);
	case MQTT_UNSUBSCRIBE:
		return mqtt_decode_unsubscribe(f, v, flags, &out->unsubscribe, fault);
	case MQTT_SUBACK:
	case MQTT_UNSUBACK: return mqtt_decode_suback(f, v, flags, &out->suback, fault);
	case MQTT_PINGREQ:
	case MQTT_PINGRESP: return mqtt_decode_ping(f, flags, fault);
	case MQTT_DISCONNECT:
		return mqtt_decode_disconnect(f, v, flags, &out->disconnect, fault);
	case MQTT_AUTH: return mqtt_decode_auth(f, v, flags, &out->auth, fault);
	}
	UNREACHABLE();
}
