/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode: any packet, by its type.
 */
#include "emqxd/mqtt/encode.h"
#include "emqxd/mqtt/encode_part.h"

size_t
mqtt_encode_size(const struct mqtt_packet *p)
{
	enum mqtt_version v = p->version;

	switch (p->type) {
	case MQTT_CONNECT: return mqtt_encode_connect_size(&p->connect);
	case MQTT_CONNACK: return mqtt_encode_connack_size(&p->connack, v);
	case MQTT_PUBLISH: return mqtt_encode_publish_whole_size(&p->publish, v);
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBREL:
	case MQTT_PUBCOMP: return mqtt_encode_ack_size(&p->ack, v);
	case MQTT_SUBSCRIBE: return mqtt_encode_subscribe_size(&p->subscribe, v);
	case MQTT_SUBACK: return mqtt_encode_suback_size(&p->suback, v);
	case MQTT_UNSUBSCRIBE: return mqtt_encode_unsubscribe_size(&p->unsubscribe, v);
	case MQTT_UNSUBACK: return mqtt_encode_unsuback_size(&p->suback, v);
	case MQTT_PINGREQ:
	case MQTT_PINGRESP: return encode_part_total(0);
	case MQTT_DISCONNECT: return mqtt_encode_disconnect_size(&p->disconnect, v);
	case MQTT_AUTH: return mqtt_encode_auth_size(&p->auth, v);
	}
	UNREACHABLE();
}

em_err
mqtt_encode(struct wbuf *w, const struct mqtt_packet *p)
{
	enum mqtt_version v = p->version;

	switch (p->type) {
	case MQTT_CONNECT: return mqtt_encode_connect(w, &p->connect);
	case MQTT_CONNACK: return mqtt_encode_connack(w, &p->connack, v);
	case MQTT_PUBLISH: return mqtt_encode_publish_whole(w, &p->publish, v);
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBREL:
	case MQTT_PUBCOMP: return mqtt_encode_ack(w, p->type, &p->ack, v);
	case MQTT_SUBSCRIBE: return mqtt_encode_subscribe(w, &p->subscribe, v);
	case MQTT_SUBACK: return mqtt_encode_suback(w, &p->suback, v);
	case MQTT_UNSUBSCRIBE: return mqtt_encode_unsubscribe(w, &p->unsubscribe, v);
	case MQTT_UNSUBACK: return mqtt_encode_unsuback(w, &p->suback, v);
	case MQTT_PINGREQ:
	case MQTT_PINGRESP: return encode_part_head(w, (uint8_t)(p->type << 4), 0);
	case MQTT_DISCONNECT: return mqtt_encode_disconnect(w, &p->disconnect, v);
	case MQTT_AUTH: return mqtt_encode_auth(w, &p->auth, v);
	}
	UNREACHABLE();
}
