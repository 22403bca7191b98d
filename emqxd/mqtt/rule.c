/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rule: the rules of many packets.  rule_topic is on the way of every PUBLISH:
 * it looks at eight bytes at a time and leaves that path only for a byte that
 * is not ASCII, or is '+', '#' or NUL.
 */
#include "emqxd/mqtt/rule.h"
#include "emqxd/mqtt/prop.h"
#include "ipc/base/utf8.h"

#define EACH_BYTE(b_) (UINT64_C(0x0101010101010101) * (b_))

em_err
rule_head(const struct mqtt_frame *f, unsigned want, enum mqtt_version v, unsigned flags,
    struct mqtt_fault *fault)
{
	unsigned got = f->first & 15u;

	/* 3.1 knows no reserved flags: they are "not used", and DUP is set when a
	 * SUBSCRIBE, an UNSUBSCRIBE or a PUBREL is sent again. */
	if (v == MQTT_V31 && want != 0)
		got &= 7;
	else if (v == MQTT_V31 && (flags & MQTT_STRICT) == 0)
		got = 0;
	if (got != want)
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    RULE(
			v, "-2.2.2-2", "-2.1.3-1", "reserved flags of the fixed header"));
	if (f->overlong && (flags & MQTT_STRICT) != 0)
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    RULE(v, " 2.2.3", "-1.5.5-1", "remaining length is not minimal"));
	return EM_OK;
}

/* Bits where a byte is NUL, '+' (0x2b) or '#' (0x23), or not ASCII; those two
 * differ in one bit.  0 if and only if there is no such byte. */
static uint64_t
suspicious(uint64_t word)
{
	uint64_t wild = (word & ~EACH_BYTE(0x08)) ^ EACH_BYTE(0x23);
	uint64_t nul = (word - EACH_BYTE(1)) & ~word;

	return (((wild - EACH_BYTE(1)) & ~wild) | nul | word) & EACH_BYTE(0x80);
}

static uint64_t
load64(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof word);
	return word;
}

/* Not empty, ASCII only, without NUL and wildcards? */
static bool
is_plain(struct slice topic)
{
	const uint8_t *p = topic.p;
	size_t n = topic.n;

	if (n >= 8) {
		uint64_t found = suspicious(load64(p + n - 8));

		for (size_t i = 0; i + 8 < n; i += 8)
			found |= suspicious(load64(p + i));
		return found == 0;
	}
	if (n >= 4) {
		uint32_t head, tail;

		memcpy(&head, p, sizeof head);
		memcpy(&tail, p + n - 4, sizeof tail);
		return suspicious((uint64_t)head << 32 | tail) == 0;
	}
	if (n == 0)
		return false;
	return suspicious(EACH_BYTE('a') << 24 | (uint64_t)p[0] << 16 |
			  (uint64_t)p[n / 2] << 8 | p[n - 1]) == 0;
}

enum rule_topic
rule_topic(struct slice topic)
{
	if (EM_LIKELY(is_plain(topic)))
		return RULE_TOPIC_OK;
	if (topic.n == 0)
		return RULE_TOPIC_EMPTY;
	if (!utf8_is_mqtt(topic))
		return RULE_TOPIC_ILL_FORMED;
	for (size_t i = 0; i < topic.n; i++) {
		if (topic.p[i] == '+' || topic.p[i] == '#')
			return RULE_TOPIC_WILDCARD;
	}
	return RULE_TOPIC_OK;
}

uint32_t
rule_varint(struct rbuf *r, unsigned flags)
{
	uint32_t v = 0;

	for (unsigned shift = 0; shift <= 21; shift += 7) {
		uint8_t b = rbuf_u8(r);

		v |= (uint32_t)(b & 127) << shift;
		if ((b & 128) != 0)
			continue;
		if (b == 0 && shift > 0 && (flags & MQTT_STRICT) != 0)
			rbuf_fail(r); /* [MQTT5-1.5.5-1] */
		return r->err == EM_OK ? v : 0;
	}
	rbuf_fail(r);
	return 0;
}

em_err
rule_props(struct rbuf *r, unsigned type, unsigned flags, struct mqtt_props *out,
    struct mqtt_fault *fault)
{
	struct slice raw = rbuf_bytes(r, rule_varint(r, flags));

	if (r->err != EM_OK)
		return rule_broken(fault, REASON_MALFORMED_PACKET,
		    "[MQTT5-2.2.2-1] no property length, or past the end of the packet");
	return prop_decode(raw, type, flags, out, fault);
}
