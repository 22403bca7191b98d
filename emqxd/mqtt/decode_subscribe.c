/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode_subscribe: SUBSCRIBE, UNSUBSCRIBE and their answers.
 *
 * All filters are checked here once; the caller then walks over them without
 * an error to think of.  Their syntax is judged later, filter by filter, since
 * each gets its own answer.
 */
#include "emqxd/mqtt/decode.h"
#include "emqxd/mqtt/prop.h"
#include "emqxd/mqtt/rule.h"
#include "ipc/base/utf8.h"

enum option_bit {
	OPTION_QOS = 0x03,
	OPTION_NO_LOCAL = 0x04,
	OPTION_RETAIN_AS_PUBLISHED = 0x08,
	OPTION_RETAIN_HANDLING = 0x30,
	OPTION_RESERVED = 0xc0,
	OPTION_RESERVED_V3 = 0xfc,
};

/* What all four begin with: fixed header, packet id, properties. */
static em_err
read_start(const struct mqtt_frame *f, enum mqtt_version v, unsigned flags,
    struct rbuf *r, uint16_t *packet_id, struct mqtt_props *props,
    struct mqtt_fault *fault)
{
	enum mqtt_type type = mqtt_frame_type(f);
	bool asks = type == MQTT_SUBSCRIBE || type == MQTT_UNSUBSCRIBE;
	em_err err = rule_head(f, asks ? 2 : 0, v, flags, fault);

	*packet_id = rbuf_u16(r);
	prop_clear(props);
	if (err != EM_OK)
		return err;
	if (r->err != EM_OK)
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    RULE(v, " 2.3.1", " 2.2.1", "the packet ends before its packet id"));
	if (*packet_id == 0)
		return rule_broken(fault, REASON_PROTOCOL_ERROR,
		    RULE(v, "-2.3.1-1", "-2.2.1-3", "packet id is 0"));
	return v == MQTT_V5 ? rule_props(r, type, flags, props, fault) : EM_OK;
}

static em_err
check_options(
    struct slice filter, unsigned options, enum mqtt_version v, struct mqtt_fault *fault)
{
	unsigned reserved = v == MQTT_V5 ? OPTION_RESERVED : OPTION_RESERVED_V3;

	if ((options & reserved) != 0)
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    RULE(v, "-3.8.3-4", "-3.8.3-5",
			"reserved bits of the subscription options"));
	if ((options & OPTION_QOS) == 3)
		return rule_broken(fault, REASON_PROTOCOL_ERROR,
		    RULE(v, "-3.8.3-4", " 3.8.3.1", "requested qos is 3"));
	if ((options & OPTION_RETAIN_HANDLING) == OPTION_RETAIN_HANDLING)
		return rule_broken(
		    fault, REASON_PROTOCOL_ERROR, "[MQTT5 3.8.3.1] retain handling is 3");
	if ((options & OPTION_NO_LOCAL) != 0 &&
	    slice_starts(filter, SLICE_LIT("$share/")))
		return rule_broken(fault, REASON_PROTOCOL_ERROR,
		    "[MQTT5-3.8.3-4] no local on a shared subscription");
	return EM_OK;
}

em_err
mqtt_decode_subscribe(const struct mqtt_frame *f, enum mqtt_version v, unsigned flags,
    struct mqtt_subscribe *out, struct mqtt_fault *fault)
{
	struct rbuf r = rbuf_of(f->body);
	em_err err = read_start(f, v, flags, &r, &out->packet_id, &out->props, fault);

	if (err != EM_OK)
		return err;
	out->n = 0;
	out->filters = slice_of(r.p, rbuf_left(&r));
	while (rbuf_left(&r) > 0) {
		struct slice filter = rbuf_bytes16(&r);
		unsigned options = rbuf_u8(&r);

		if (r.err != EM_OK)
			return rule_broken(fault, REASON_MALFORMED_PACKET,
			    RULE(v, " 3.8.3", " 3.8.3",
				"SUBSCRIBE ends inside a filter or before its options"));
		if (!utf8_is_mqtt(filter))
			return rule_broken(fault, REASON_MALFORMED_PACKET,
			    RULE(v, "-3.8.3-1", "-3.8.3-1",
				"filter is not well-formed UTF-8"));
		err = check_options(filter, options, v, fault);
		if (err != EM_OK)
			return err;
		out->n++;
	}
	if (out->n == 0)
		return rule_broken(fault, REASON_PROTOCOL_ERROR,
		    RULE(v, "-3.8.3-3", "-3.8.3-2", "SUBSCRIBE without a filter"));
	return EM_OK;
}

bool
mqtt_subscribe_next(struct slice *rest, struct mqtt_filter *out)
{
	struct rbuf r = rbuf_of(*rest);
	struct slice filter = rbuf_bytes16(&r);
	uint8_t options = rbuf_u8(&r);

	if (r.err != EM_OK)
		return false;
	*out = (struct mqtt_filter){
		.filter = filter,
		.qos = options & OPTION_QOS,
		.retain_handling = (options & OPTION_RETAIN_HANDLING) >> 4,
		.no_local = (options & OPTION_NO_LOCAL) != 0,
		.retain_as_published = (options & OPTION_RETAIN_AS_PUBLISHED) != 0,
	};
	*rest = rbuf_rest(&r);
	return true;
}

em_err
mqtt_decode_unsubscribe(const struct mqtt_frame *f, enum mqtt_version v, unsigned flags,
    struct mqtt_unsubscribe *out, struct mqtt_fault *fault)
{
	struct rbuf r = rbuf_of(f->body);
	em_err err = read_start(f, v, flags, &r, &out->packet_id, &out->props, fault);

	if (err != EM_OK)
		return err;
	out->n = 0;
	out->filters = slice_of(r.p, rbuf_left(&r));
	while (rbuf_left(&r) > 0) {
		struct slice filter = rbuf_bytes16(&r);

		if (r.err != EM_OK)
			return rule_broken(fault, REASON_MALFORMED_PACKET,
			    RULE(v, "-3.10.3-1", " 3.10.3",
				"UNSUBSCRIBE ends inside a filter"));
		if (!utf8_is_mqtt(filter))
			return rule_broken(fault, REASON_MALFORMED_PACKET,
			    RULE(v, "-3.10.3-1", "-3.10.3-1",
				"filter is not well-formed UTF-8"));
		out->n++;
	}
	if (out->n == 0)
		return rule_broken(fault, REASON_PROTOCOL_ERROR,
		    RULE(v, "-3.10.3-2", "-3.10.3-2", "UNSUBSCRIBE without a filter"));
	return EM_OK;
}

bool
mqtt_unsubscribe_next(struct slice *rest, struct slice *out)
{
	struct rbuf r = rbuf_of(*rest);
	struct slice filter = rbuf_bytes16(&r);

	if (r.err != EM_OK)
		return false;
	*out = filter;
	*rest = rbuf_rest(&r);
	return true;
}

static bool
is_code(uint8_t code, enum mqtt_type type, enum mqtt_version v)
{
	if (v == MQTT_V5)
		return reason_is_allowed(code, type, true);
	return code <= 2 || code == 0x80;
}

em_err
mqtt_decode_suback(const struct mqtt_frame *f, enum mqtt_version v, unsigned flags,
    struct mqtt_suback *out, struct mqtt_fault *fault)
{
	enum mqtt_type type = mqtt_frame_type(f);
	struct rbuf r = rbuf_of(f->body);
	em_err err;

	err = read_start(
	    f, v, flags | MQTT_FROM_SERVER, &r, &out->packet_id, &out->props, fault);
	if (err != EM_OK)
		return err;
	out->codes = rbuf_rest(&r);
	if (type == MQTT_UNSUBACK && v != MQTT_V5) {
		if (out->codes.n > 0 && (flags & MQTT_STRICT) != 0)
			return rule_broken(fault, REASON_MALFORMED_PACKET,
			    "[MQTT3 3.11.3] UNSUBACK has no payload");
		out->codes = SLICE_NONE;
		return EM_OK;
	}
	if (out->codes.n == 0)
		return rule_broken(fault, REASON_PROTOCOL_ERROR,
		    type == MQTT_SUBACK
			? RULE(v, " 3.9.3", " 3.9.3", "no code for any filter")
			: "[MQTT5 3.11.3] no code for any filter");
	for (size_t i = 0; i < out->codes.n; i++) {
		if (!is_code(out->codes.p[i], type, v))
			return rule_broken(fault, REASON_MALFORMED_PACKET,
			    type == MQTT_SUBACK
				? RULE(v, "-3.9.3-2", "-3.9.3-2",
				      "code that SUBACK does not have")
				: "[MQTT5-3.11.3-2] code that UNSUBACK does not have");
	}
	return EM_OK;
}
