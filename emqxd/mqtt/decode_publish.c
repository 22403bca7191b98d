/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode_publish: the packet that a broker spends its life with.
 *
 * Happy path: topic, packet id, no properties, payload; one look at the topic,
 * eight bytes at a time; one branch for all that may be wrong.  Why it was
 * wrong is found out afterwards, in explain().
 */
#include "emqxd/mqtt/decode.h"
#include "emqxd/mqtt/prop.h"
#include "emqxd/mqtt/rule.h"
#include "ipc/base/utf8.h"

/* Finds the rule that a PUBLISH broke; EM_OK if it broke none after all. */
static em_err
explain(const struct mqtt_frame *f, enum mqtt_version v, unsigned flags,
    const struct rbuf *r, const struct mqtt_publish *p, struct mqtt_fault *fault)
{
	bool strict = (flags & MQTT_STRICT) != 0;

	if (r->err != EM_OK)
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    RULE(v, " 3.3.2", " 3.3.2", "PUBLISH ends inside its header"));
	if (p->qos == 3)
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    RULE(v, "-3.3.1-4", "-3.3.1-4", "qos is 3"));
	if (p->qos > 0 && p->packet_id == 0)
		return rule_broken(fault, REASON_PROTOCOL_ERROR,
		    RULE(v, "-2.3.1-1", "-2.2.1-3", "packet id is 0"));
	if (strict && p->qos == 0 && p->dup)
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    RULE(v, "-3.3.1-2", "-3.3.1-2", "dup with qos 0"));
	if (strict && f->overlong)
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    RULE(v, " 2.2.3", "-1.5.5-1", "remaining length is not minimal"));

	switch (rule_topic(p->topic)) {
	case RULE_TOPIC_OK: break;
	case RULE_TOPIC_EMPTY:
		if (prop_has(&p->props, MQTT_PROP_TOPIC_ALIAS))
			break;
		return rule_broken(fault, REASON_PROTOCOL_ERROR,
		    RULE(v, "-4.7.3-1", "-4.7.3-1", "empty topic"));
	case RULE_TOPIC_WILDCARD:
		return rule_broken(fault, REASON_TOPIC_NAME_INVALID,
		    RULE(v, "-3.3.2-2", "-3.3.2-2", "wildcard in the topic"));
	case RULE_TOPIC_ILL_FORMED:
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    RULE(v, "-3.3.2-1", "-3.3.2-1", "topic is not well-formed UTF-8"));
	}
	return EM_OK;
}

static em_err
read_props(
    struct rbuf *r, unsigned flags, struct mqtt_publish *out, struct mqtt_fault *fault)
{
	em_err err = rule_props(r, MQTT_PUBLISH, flags, &out->props, fault);

	if (err != EM_OK || (flags & MQTT_CHECK_PAYLOAD) == 0)
		return err;
	if (PROP_GET(&out->props, PAYLOAD_FORMAT, payload_format, 0) == 1 &&
	    !utf8_is_valid(slice_of(r->p, rbuf_left(r))))
		return rule_broken(fault, REASON_PAYLOAD_FORMAT_INVALID,
		    "[MQTT5 3.3.2.3.2] payload is not UTF-8");
	return EM_OK;
}

em_err
mqtt_decode_publish(const struct mqtt_frame *f, enum mqtt_version v, unsigned flags,
    struct mqtt_publish *out, struct mqtt_fault *fault)
{
	struct rbuf r = rbuf_of(f->body);
	unsigned qos = f->first >> 1 & 3u;
	em_err err;

	out->topic = rbuf_bytes16(&r);
	out->packet_id = qos > 0 ? rbuf_u16(&r) : 0;
	out->qos = (uint8_t)qos;
	out->dup = (f->first & 8) != 0;
	out->retain = (f->first & 1) != 0;
	prop_clear(&out->props);
	if (v == MQTT_V5) {
		if (EM_LIKELY(rbuf_left(&r) > 0 && *r.p == 0)) {
			r.p++; /* no properties */
		} else if (r.err == EM_OK) {
			err = read_props(&r, flags, out, fault);
			if (err != EM_OK)
				return err;
		}
	}
	out->payload = rbuf_rest(&r);

	if (EM_LIKELY(r.err == EM_OK && qos != 3 && (qos == 0) == (out->packet_id == 0) &&
		      (flags & MQTT_STRICT & (unsigned)(out->dup | f->overlong)) == 0 &&
		      rule_topic(out->topic) == RULE_TOPIC_OK))
		return EM_OK;
	return explain(f, v, flags, &r, out, fault);
}
