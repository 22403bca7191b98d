/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode_connect: CONNECT and its answer.
 *
 * The version is read before anything is judged, so that a refusal can be
 * told in the right version.  Protocol names and levels go in pairs:
 * MQIsdp 3, MQTT 4, MQTT 5; bit 0x80 of the level is how a mosquitto bridge
 * names itself.  Without a pair the fault is 0x84.
 */
#include "emqxd/mqtt/decode.h"
#include "emqxd/mqtt/prop.h"
#include "emqxd/mqtt/rule.h"
#include "ipc/base/utf8.h"

enum connect_bit {
	BIT_RESERVED = 0x01,
	BIT_CLEAN = 0x02,
	BIT_WILL = 0x04,
	BIT_WILL_QOS = 0x18,
	BIT_WILL_RETAIN = 0x20,
	BIT_PASSWORD = 0x40,
	BIT_USERNAME = 0x80,
};

static em_err
read_protocol(struct rbuf *r, struct mqtt_connect *out, struct mqtt_fault *fault)
{
	struct slice name = rbuf_bytes16(r);
	unsigned level = rbuf_u8(r);
	unsigned bare = level & 0x7f;

	if (r->err != EM_OK)
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    "[MQTT5-3.1.4-1] CONNECT ends before the protocol level");

	/* How to answer a version that we do not speak: in the one it names. */
	out->version = bare == MQTT_V5 ? MQTT_V5 : MQTT_V311;
	if (slice_eq(name, SLICE_LIT("MQIsdp"))) {
		if (bare != MQTT_V31)
			goto refuse;
		out->version = MQTT_V31;
	} else if (!slice_eq(name, SLICE_LIT("MQTT"))) {
		return rule_broken(fault, REASON_UNSUPPORTED_PROTOCOL_VERSION,
		    "[MQTT5-3.1.2-1] unknown protocol name");
	} else if (level != MQTT_V5 && bare != MQTT_V311) {
		goto refuse;
	}
	out->is_bridge = (level & 0x80) != 0;
	return EM_OK;

refuse:
	return rule_broken(fault, REASON_UNSUPPORTED_PROTOCOL_VERSION,
	    "[MQTT5-3.1.2-2] protocol level that does not go with the name");
}

static em_err
check_bits(unsigned bits, enum mqtt_version v, unsigned flags, struct mqtt_fault *fault)
{
	/* 3.1 leaves open what bits mean that are not used. */
	bool lax = v == MQTT_V31 && (flags & MQTT_STRICT) == 0;
	const char *rule = NULL;

	if ((bits & BIT_RESERVED) != 0 && !lax)
		rule =
		    RULE(v, "-3.1.2-3", "-3.1.2-3", "reserved bit of the connect flags");
	else if ((bits & BIT_WILL) != 0 && (bits & BIT_WILL_QOS) == BIT_WILL_QOS)
		rule = RULE(v, "-3.1.2-14", "-3.1.2-12", "will qos is 3");
	else if ((bits & BIT_WILL) == 0 && (bits & BIT_WILL_QOS) != 0 && !lax)
		rule = RULE(v, "-3.1.2-13", "-3.1.2-11", "will qos without a will");
	else if ((bits & BIT_WILL) == 0 && (bits & BIT_WILL_RETAIN) != 0 && !lax)
		rule = RULE(v, "-3.1.2-15", "-3.1.2-13", "will retain without a will");
	else if (v != MQTT_V5 && (bits & (BIT_USERNAME | BIT_PASSWORD)) == BIT_PASSWORD)
		rule = "[MQTT3-3.1.2-22] password without a user name";

	return rule == NULL ? EM_OK : rule_broken(fault, REASON_MALFORMED_PACKET, rule);
}

static em_err
check_will(const struct mqtt_will *will, enum mqtt_version v, unsigned flags,
    struct mqtt_fault *fault)
{
	switch (rule_topic(will->topic)) {
	case RULE_TOPIC_OK: break;
	case RULE_TOPIC_EMPTY:
		return rule_broken(fault, REASON_TOPIC_NAME_INVALID,
		    RULE(v, "-4.7.3-1", "-4.7.3-1", "empty will topic"));
	case RULE_TOPIC_WILDCARD:
		return rule_broken(fault, REASON_TOPIC_NAME_INVALID,
		    RULE(v, "-3.3.2-2", "-3.3.2-2", "wildcard in the will topic"));
	case RULE_TOPIC_ILL_FORMED:
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    RULE(v, "-3.1.3-10", "-3.1.3-11",
			"will topic is not well-formed UTF-8"));
	}
	if ((flags & MQTT_CHECK_PAYLOAD) != 0 &&
	    PROP_GET(&will->props, PAYLOAD_FORMAT, payload_format, 0) == 1 &&
	    !utf8_is_valid(will->payload))
		return rule_broken(fault, REASON_PAYLOAD_FORMAT_INVALID,
		    "[MQTT5 3.1.3.2.3] will payload is not UTF-8");
	return EM_OK;
}

static em_err
read_will(struct rbuf *r, unsigned bits, unsigned flags, struct mqtt_connect *out,
    struct mqtt_fault *fault)
{
	enum mqtt_version v = out->version;
	struct mqtt_will *will = &out->will;
	em_err err;

	out->has_will = true;
	will->qos = (uint8_t)((bits & BIT_WILL_QOS) >> 3);
	will->retain = (bits & BIT_WILL_RETAIN) != 0;
	if (v == MQTT_V5) {
		err = rule_props(r, 0, flags, &will->props, fault);
		if (err != EM_OK)
			return err;
	}
	will->topic = rbuf_bytes16(r);
	will->payload = rbuf_bytes16(r);
	if (r->err != EM_OK)
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    RULE(v, "-3.1.2-9", "-3.1.2-9", "will flag without a whole will"));
	return check_will(will, v, flags, fault);
}

static em_err
read_login(
    struct rbuf *r, unsigned bits, struct mqtt_connect *out, struct mqtt_fault *fault)
{
	enum mqtt_version v = out->version;
	/* In 3.1 the length of the packet overrules these two flags (3.1 of its text). */
	bool may_lack = v == MQTT_V31;

	if ((bits & BIT_USERNAME) != 0 && !(may_lack && rbuf_left(r) == 0)) {
		out->has_username = true;
		out->username = rbuf_bytes16(r);
		if (r->err != EM_OK)
			return rule_broken(fault, REASON_MALFORMED_PACKET,
			    RULE(v, "-3.1.2-19", "-3.1.2-17",
				"user name flag without a user name"));
		if (!utf8_is_mqtt(out->username))
			return rule_broken(fault, REASON_MALFORMED_PACKET,
			    RULE(v, "-3.1.3-11", "-3.1.3-12",
				"user name is not well-formed UTF-8"));
	}
	if ((bits & BIT_PASSWORD) != 0 && !(may_lack && rbuf_left(r) == 0)) {
		out->has_password = true;
		out->password = rbuf_bytes16(r);
		if (r->err != EM_OK)
			return rule_broken(fault, REASON_MALFORMED_PACKET,
			    RULE(v, "-3.1.2-21", "-3.1.2-19",
				"password flag without a password"));
	}
	if (rbuf_left(r) > 0)
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    RULE(v, "-3.1.2-18", "-3.1.2-16",
			"bytes behind the announced fields"));
	return EM_OK;
}

static em_err
check_client_id(const struct mqtt_connect *c, struct mqtt_fault *fault)
{
	if (c->client_id.n > 0 || c->version == MQTT_V5)
		return EM_OK;
	if (c->version == MQTT_V31)
		return rule_broken(fault, REASON_CLIENT_IDENTIFIER_NOT_VALID,
		    "[MQTT 3.1 3.1] empty client id");
	if (!c->clean_start)
		return rule_broken(fault, REASON_CLIENT_IDENTIFIER_NOT_VALID,
		    "[MQTT3-3.1.3-8] empty client id without clean session");
	return EM_OK;
}

em_err
mqtt_decode_connect(const struct mqtt_frame *f, unsigned flags, struct mqtt_connect *out,
    struct mqtt_fault *fault)
{
	struct rbuf r = rbuf_of(f->body);
	enum mqtt_version v;
	unsigned bits;
	em_err err;

	*out = (struct mqtt_connect){ 0 };
	err = read_protocol(&r, out, fault);
	if (err != EM_OK)
		return err;
	v = out->version;
	err = rule_head(f, 0, v, flags, fault);
	if (err != EM_OK)
		return err;

	bits = rbuf_u8(&r);
	out->keepalive = rbuf_u16(&r);
	if (r.err != EM_OK)
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    RULE(v, "-3.1.4-1", "-3.1.4-1", "CONNECT ends before its payload"));
	err = check_bits(bits, v, flags, fault);
	if (err == EM_OK && v == MQTT_V5)
		err = rule_props(&r, MQTT_CONNECT, flags, &out->props, fault);
	if (err != EM_OK)
		return err;

	out->clean_start = (bits & BIT_CLEAN) != 0;
	out->client_id = rbuf_bytes16(&r);
	if (r.err != EM_OK)
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    RULE(v, "-3.1.3-3", "-3.1.3-3", "no whole client id"));
	if (!utf8_is_mqtt(out->client_id))
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    RULE(
			v, "-3.1.3-4", "-3.1.3-4", "client id is not well-formed UTF-8"));
	if ((bits & BIT_WILL) != 0)
		err = read_will(&r, bits, flags, out, fault);
	if (err == EM_OK)
		err = read_login(&r, bits, out, fault);
	if (err == EM_OK)
		err = check_client_id(out, fault);
	return err;
}

static em_err
decode_connack_v3(struct rbuf *r, enum mqtt_version v, unsigned flags,
    struct mqtt_connack *out, struct mqtt_fault *fault)
{
	if (out->reason > 5)
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    "[MQTT3 3.2.2.3] reserved return code");
	if (v == MQTT_V31)
		out->session_present = false; /* it has no such flag */
	if (rbuf_left(r) > 0 && (flags & MQTT_STRICT) != 0)
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    "[MQTT3 3.2.1] bytes behind the return code");
	return EM_OK;
}

em_err
mqtt_decode_connack(const struct mqtt_frame *f, enum mqtt_version v, unsigned flags,
    struct mqtt_connack *out, struct mqtt_fault *fault)
{
	struct rbuf r = rbuf_of(f->body);
	uint8_t bits = rbuf_u8(&r);
	em_err err = rule_head(f, 0, v, flags, fault);

	out->reason = rbuf_u8(&r);
	out->session_present = (bits & 1) != 0;
	prop_clear(&out->props);
	if (err != EM_OK)
		return err;
	if (r.err != EM_OK)
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    RULE(v, " 3.2.2", " 3.2.2", "CONNACK is too short"));
	if ((bits & 0xfe) != 0 && v != MQTT_V31)
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    RULE(v, " 3.2.2.1", "-3.2.2-1", "reserved acknowledge flags"));

	if (v != MQTT_V5) {
		err = decode_connack_v3(&r, v, flags, out, fault);
	} else if (rbuf_left(&r) == 0 && out->reason == 1) {
		/* A server of 3.x refuses our version in the only way it can. */
		out->reason = REASON_UNSUPPORTED_PROTOCOL_VERSION;
	} else if (!reason_is_allowed(out->reason, MQTT_CONNACK, true)) {
		err = rule_broken(fault, REASON_MALFORMED_PACKET,
		    "[MQTT5-3.2.2-8] reason code that CONNACK does not have");
	} else {
		err = rule_props(
		    &r, MQTT_CONNACK, flags | MQTT_FROM_SERVER, &out->props, fault);
		if (err == EM_OK && rbuf_left(&r) > 0)
			err = rule_broken(fault, REASON_MALFORMED_PACKET,
			    "[MQTT5 3.2.3] CONNACK has no payload");
	}
	if (err == EM_OK && out->session_present && out->reason != 0)
		err = rule_broken(fault, REASON_PROTOCOL_ERROR,
		    RULE(v, "-3.2.2-4", "-3.2.2-6", "refused with session present"));
	return err;
}
