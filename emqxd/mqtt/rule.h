/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rule: what the decoders share: how a broken rule is reported, and the rules
 * that hold for many packets.  Only for the files of this room.
 */
#ifndef MQTT_RULE_H
#define MQTT_RULE_H

#include "emqxd/mqtt/decode.h"
#include "emqxd/mqtt/reason.h"
#include "ipc/base/rbuf.h"

/* The sentence that was broken, tagged by the standard of that version:
 * RULE(v, "-3.3.1-4", "-3.3.1-4", "qos is 3"), or with " 3.12.1" for a section. */
#define RULE(v_, tag3_, tag5_, text_) \
	((v_) == MQTT_V5 ? "[MQTT5" tag5_ "] " text_ : "[MQTT3" tag3_ "] " text_)

EM_MUST_USE static inline em_err
rule_broken(struct mqtt_fault *fault, enum mqtt_reason reason, const char *rule)
{
	fault->reason = (uint8_t)reason;
	fault->rule = rule;
	return EM_MALFORMED;
}

/* The fixed header: its flags must be @want, its length as short as can be. */
EM_MUST_USE em_err rule_head(const struct mqtt_frame *f, unsigned want,
    enum mqtt_version v, unsigned flags, struct mqtt_fault *fault);

enum rule_topic {
	RULE_TOPIC_OK,
	RULE_TOPIC_EMPTY,
	RULE_TOPIC_WILDCARD,
	RULE_TOPIC_ILL_FORMED, /* UTF-8, or U+0000 */
};

/* Is it a topic name? */
enum rule_topic rule_topic(struct slice topic);

/* A variable byte integer, which only strictly must be as short as can be. */
uint32_t rule_varint(struct rbuf *r, unsigned flags);

/* Reads length and properties of a packet of @type (0: the will's). */
EM_MUST_USE em_err rule_props(struct rbuf *r, unsigned type, unsigned flags,
    struct mqtt_props *out, struct mqtt_fault *fault);

#endif
