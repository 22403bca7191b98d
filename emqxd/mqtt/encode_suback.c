/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode_suback: SUBACK and UNSUBACK.  To 3.x every refusal is 0x80
 * [MQTT3-3.9.3-2], and an UNSUBACK says nothing but the packet id.
 */
#include "emqxd/mqtt/encode.h"
#include "emqxd/mqtt/encode_part.h"

static size_t
body_size(enum mqtt_type type, const struct mqtt_suback *p, enum mqtt_version v)
{
	size_t codes = type == MQTT_UNSUBACK && v != MQTT_V5 ? 0 : p->codes.n;

	return 2 + encode_part_props(&p->props, v) + codes;
}

static em_err
put(struct wbuf *w, enum mqtt_type type, const struct mqtt_suback *p, enum mqtt_version v)
{
	em_err err = encode_part_head(w, (uint8_t)(type << 4), body_size(type, p, v));

	if (err != EM_OK)
		return err;
	wbuf_u16(w, p->packet_id);
	encode_part_put_props(w, &p->props, v);
	if (v == MQTT_V5) {
		wbuf_bytes(w, p->codes);
		return w->err;
	}
	for (size_t i = 0; type == MQTT_SUBACK && i < p->codes.n; i++)
		wbuf_u8(w, p->codes.p[i] < 0x80 ? p->codes.p[i] : 0x80);
	return w->err;
}

size_t
mqtt_encode_suback_size(const struct mqtt_suback *p, enum mqtt_version v)
{
	return encode_part_total(body_size(MQTT_SUBACK, p, v));
}

em_err
mqtt_encode_suback(struct wbuf *w, const struct mqtt_suback *p, enum mqtt_version v)
{
	return put(w, MQTT_SUBACK, p, v);
}

size_t
mqtt_encode_unsuback_size(const struct mqtt_suback *p, enum mqtt_version v)
{
	return encode_part_total(body_size(MQTT_UNSUBACK, p, v));
}

em_err
mqtt_encode_unsuback(struct wbuf *w, const struct mqtt_suback *p, enum mqtt_version v)
{
	return put(w, MQTT_UNSUBACK, p, v);
}
