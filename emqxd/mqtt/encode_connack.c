/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode_connack: CONNACK.  A 3.x client is told one of five return codes; an
 * error that none of them fits is not told at all [MQTT3-3.2.2-6].  A refusal
 * never says "session present" [MQTT5-3.2.2-6].
 */
#include "emqxd/mqtt/encode.h"
#include "emqxd/mqtt/encode_part.h"
#include "emqxd/mqtt/reason.h"

/* The code on the wire; false when this version has none for it. */
static bool
find_code(uint8_t reason, enum mqtt_version v, uint8_t *code)
{
	*code = reason;
	if (reason == REASON_SUCCESS)
		return true;
	if (v == MQTT_V5)
		return reason >= REASON_UNSPECIFIED_ERROR;
	if (reason > 5)
		*code = reason_to_v3(reason);
	return *code != 0;
}

static size_t
connack_body(const struct mqtt_connack *p, enum mqtt_version v)
{
	uint8_t code;

	if (!find_code(p->reason, v, &code))
		return ENCODE_PART_TOO_LARGE;
	return 2 + encode_part_props(&p->props, v);
}

size_t
mqtt_encode_connack_size(const struct mqtt_connack *p, enum mqtt_version v)
{
	return encode_part_total(connack_body(p, v));
}

em_err
mqtt_encode_connack(struct wbuf *w, const struct mqtt_connack *p, enum mqtt_version v)
{
	em_err err = encode_part_head(w, MQTT_CONNACK << 4, connack_body(p, v));
	bool present = p->session_present && p->reason == 0 && v != MQTT_V31;
	uint8_t code;

	if (err != EM_OK)
		return err;
	find_code(p->reason, v, &code);
	wbuf_u8(w, present ? 1 : 0);
	wbuf_u8(w, code);
	encode_part_put_props(w, &p->props, v);
	return w->err;
}
