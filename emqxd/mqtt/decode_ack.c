/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode_ack: the short packets: PUBACK, PUBREC, PUBREL, PUBCOMP, the pings,
 * DISCONNECT and AUTH.
 *
 * Those of v5 end in a tail that may be left out: a reason code, then
 * properties.
 */
#include "emqxd/mqtt/decode.h"
#include "emqxd/mqtt/prop.h"
#include "emqxd/mqtt/rule.h"

/* The tail: reason 0 and no properties where it is left out. */
static em_err
read_tail(struct rbuf *r, enum mqtt_type type, unsigned flags, uint8_t *reason,
    struct mqtt_props *props, struct mqtt_fault *fault)
{
	em_err err;

	*reason = rbuf_left(r) > 0 ? rbuf_u8(r) : 0;
	prop_clear(props);
	if (rbuf_left(r) == 0)
		return EM_OK;
	err = rule_props(r, type, flags, props, fault);
	if (err == EM_OK && rbuf_left(r) > 0)
		err = rule_broken(fault, REASON_MALFORMED_PACKET,
		    "[MQTT5 2.2.2] bytes behind the properties");
	return err;
}

static bool
reason_fits(uint8_t reason, enum mqtt_type type, unsigned flags)
{
	return reason_is_allowed(reason, type, (flags & MQTT_FROM_SERVER) != 0);
}

static const char *
wrong_reason(enum mqtt_type type)
{
	if (type == MQTT_PUBACK)
		return "[MQTT5-3.4.2-1] reason code that PUBACK does not have";
	if (type == MQTT_PUBREC)
		return "[MQTT5-3.5.2-1] reason code that PUBREC does not have";
	if (type == MQTT_PUBREL)
		return "[MQTT5-3.6.2-1] reason code that PUBREL does not have";
	return "[MQTT5-3.7.2-1] reason code that PUBCOMP does not have";
}

static em_err
decode_ack_long(const struct mqtt_frame *f, enum mqtt_version v, unsigned flags,
    struct mqtt_ack *out, struct mqtt_fault *fault)
{
	enum mqtt_type type = mqtt_frame_type(f);
	struct rbuf r = rbuf_of(f->body);
	bool strict = (flags & MQTT_STRICT) != 0;
	em_err err = rule_head(f, type == MQTT_PUBREL ? 2 : 0, v, flags, fault);

	if (err != EM_OK)
		return err;
	out->packet_id = rbuf_u16(&r);
	out->reason = 0;
	prop_clear(&out->props);
	if (r.err != EM_OK)
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    RULE(v, " 2.3.1", " 2.2.1", "acknowledgement without a packet id"));
	if (strict && out->packet_id == 0)
		return rule_broken(fault, REASON_PROTOCOL_ERROR,
		    RULE(v, "-2.3.1-1", "-2.2.1-3", "packet id is 0"));
	if (v != MQTT_V5) {
		if (strict && rbuf_left(&r) > 0)
			return rule_broken(fault, REASON_MALFORMED_PACKET,
			    "[MQTT3 3.4.1] bytes behind the packet id");
		return EM_OK;
	}
	err = read_tail(&r, type, flags, &out->reason, &out->props, fault);
	if (err == EM_OK && strict && !reason_fits(out->reason, type, flags))
		err = rule_broken(fault, REASON_MALFORMED_PACKET, wrong_reason(type));
	return err;
}

em_err
mqtt_decode_ack(const struct mqtt_frame *f, enum mqtt_version v, unsigned flags,
    struct mqtt_ack *out, struct mqtt_fault *fault)
{
	unsigned want = mqtt_frame_type(f) == MQTT_PUBREL ? 2 : 0;

	if (EM_LIKELY(f->body.n == 2 && (f->first & 15u) == want && !f->overlong)) {
		out->packet_id = (uint16_t)(f->body.p[0] << 8 | f->body.p[1]);
		out->reason = 0;
		prop_clear(&out->props);
		if (EM_LIKELY(out->packet_id != 0))
			return EM_OK;
	}
	return decode_ack_long(f, v, flags, out, fault);
}

em_err
mqtt_decode_ping(const struct mqtt_frame *f, unsigned flags, struct mqtt_fault *fault)
{
	em_err err = rule_head(f, 0, MQTT_V5, flags, fault);

	if (err == EM_OK && f->body.n > 0 && (flags & MQTT_STRICT) != 0)
		err = rule_broken(
		    fault, REASON_MALFORMED_PACKET, "[MQTT5 3.12.1] ping with a body");
	return err;
}

em_err
mqtt_decode_disconnect(const struct mqtt_frame *f, enum mqtt_version v, unsigned flags,
    struct mqtt_disconnect *out, struct mqtt_fault *fault)
{
	struct rbuf r = rbuf_of(f->body);
	em_err err = rule_head(f, 0, v, flags, fault);

	out->reason = 0;
	prop_clear(&out->props);
	if (err != EM_OK)
		return err;
	if (v != MQTT_V5) {
		if (f->body.n > 0 && (flags & MQTT_STRICT) != 0)
			return rule_broken(fault, REASON_MALFORMED_PACKET,
			    "[MQTT3 3.14.1] DISCONNECT with a body");
		return EM_OK;
	}
	err = read_tail(&r, MQTT_DISCONNECT, flags, &out->reason, &out->props, fault);
	if (err == EM_OK && !reason_fits(out->reason, MQTT_DISCONNECT, flags))
		err = rule_broken(fault, REASON_MALFORMED_PACKET,
		    "[MQTT5-3.14.2-1] reason code that this side's DISCONNECT does not "
		    "have");
	return err;
}

em_err
mqtt_decode_auth(const struct mqtt_frame *f, enum mqtt_version v, unsigned flags,
    struct mqtt_auth *out, struct mqtt_fault *fault)
{
	struct rbuf r = rbuf_of(f->body);
	em_err err;

	out->reason = 0;
	prop_clear(&out->props);
	if (v != MQTT_V5)
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    "[MQTT3 2.2.1] packet type 15 is reserved");
	err = rule_head(f, 0, v, flags, fault);
	if (err == EM_OK)
		err = read_tail(&r, MQTT_AUTH, flags, &out->reason, &out->props, fault);
	if (err != EM_OK)
		return err;
	if (!reason_fits(out->reason, MQTT_AUTH, flags))
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    "[MQTT5-3.15.2-1] reason code that this side's AUTH does not have");
	/* A method is a must, yet a body may be left out whole (3.15.2.1). */
	if (f->body.n > 0 && !prop_has(&out->props, MQTT_PROP_AUTH_METHOD))
		return rule_broken(fault, REASON_PROTOCOL_ERROR,
		    "[MQTT5 3.15.2.2.2] AUTH without an authentication method");
	return EM_OK;
}
