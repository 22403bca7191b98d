/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode_ack: PUBACK, PUBREC, PUBREL, PUBCOMP, DISCONNECT and AUTH, each in
 * the shortest form that says what is to be said.
 */
#include "emqxd/mqtt/encode.h"
#include "emqxd/mqtt/encode_part.h"

static size_t
ack_body(const struct mqtt_ack *p, enum mqtt_version v)
{
	return 2 + encode_part_tail(p->reason, &p->props, v);
}

size_t
mqtt_encode_ack_size(const struct mqtt_ack *p, enum mqtt_version v)
{
	return encode_part_total(ack_body(p, v));
}

em_err
mqtt_encode_ack(
    struct wbuf *w, enum mqtt_type type, const struct mqtt_ack *p, enum mqtt_version v)
{
	uint8_t first = (uint8_t)(type << 4 | (type == MQTT_PUBREL ? 2 : 0));
	em_err err = encode_part_head(w, first, ack_body(p, v));

	if (err != EM_OK)
		return err;
	wbuf_u16(w, p->packet_id);
	encode_part_put_tail(w, p->reason, &p->props, v);
	return w->err;
}

size_t
mqtt_encode_disconnect_size(const struct mqtt_disconnect *p, enum mqtt_version v)
{
	return encode_part_total(encode_part_tail(p->reason, &p->props, v));
}

em_err
mqtt_encode_disconnect(
    struct wbuf *w, const struct mqtt_disconnect *p, enum mqtt_version v)
{
	size_t body = encode_part_tail(p->reason, &p->props, v);
	em_err err = encode_part_head(w, MQTT_DISCONNECT << 4, body);

	if (err != EM_OK)
		return err;
	encode_part_put_tail(w, p->reason, &p->props, v);
	return w->err;
}

static size_t
auth_body(const struct mqtt_auth *p, enum mqtt_version v)
{
	return v == MQTT_V5 ? encode_part_tail(p->reason, &p->props, v)
			    : ENCODE_PART_TOO_LARGE;
}

size_t
mqtt_encode_auth_size(const struct mqtt_auth *p, enum mqtt_version v)
{
	return encode_part_total(auth_body(p, v));
}

em_err
mqtt_encode_auth(struct wbuf *w, const struct mqtt_auth *p, enum mqtt_version v)
{
	em_err err = encode_part_head(w, MQTT_AUTH << 4, auth_body(p, v));

	if (err != EM_OK)
		return err;
	encode_part_put_tail(w, p->reason, &p->props, v);
	return w->err;
}
