/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode_part: what the encoders share.  Sizes add up without care: whatever
 * is too long for its field counts as more than any packet may hold, and
 * encode_part_total then says 0.  Only for the files of this room.
 */
#ifndef MQTT_ENCODE_PART_H
#define MQTT_ENCODE_PART_H

#include "emqxd/mqtt/encode.h"
#include "emqxd/mqtt/prop.h"

#define ENCODE_PART_TOO_LARGE ((size_t)MQTT_LEN_MAX + 1)

/* A field with two bytes of length before it. */
static inline size_t
encode_part_bytes16(struct slice s)
{
	return s.n <= UINT16_MAX ? 2 + s.n : ENCODE_PART_TOO_LARGE;
}

/* Length and properties; nothing before v5. */
static inline size_t
encode_part_props(const struct mqtt_props *p, enum mqtt_version v)
{
	size_t n = v == MQTT_V5 ? prop_size(p) : 0;

	if (n > MQTT_LEN_MAX)
		return ENCODE_PART_TOO_LARGE;
	return v == MQTT_V5 ? varint_size((uint32_t)n) + n : 0;
}

static inline void
encode_part_put_props(struct wbuf *w, const struct mqtt_props *p, enum mqtt_version v)
{
	if (v == MQTT_V5)
		prop_put(w, p);
}

/* The tail of v5 that may be left out: a reason, then properties. */
static inline size_t
encode_part_tail(uint8_t reason, const struct mqtt_props *p, enum mqtt_version v)
{
	if (v != MQTT_V5 || (reason == 0 && p->set == 0))
		return 0;
	return p->set == 0 ? 1 : 1 + encode_part_props(p, v);
}

static inline void
encode_part_put_tail(
    struct wbuf *w, uint8_t reason, const struct mqtt_props *p, enum mqtt_version v)
{
	if (v != MQTT_V5 || (reason == 0 && p->set == 0))
		return;
	wbuf_u8(w, reason);
	if (p->set != 0)
		prop_put(w, p);
}

/* The size of a packet with @body bytes behind the fixed header; 0: too large. */
static inline size_t
encode_part_total(size_t body)
{
	return body <= MQTT_LEN_MAX ? 1 + varint_size((uint32_t)body) + body : 0;
}

/* Writes the fixed header, or fails when the packet cannot be sent. */
EM_MUST_USE static inline em_err
encode_part_head(struct wbuf *w, uint8_t first, size_t body)
{
	if (body > MQTT_LEN_MAX)
		w->err = EM_TOOBIG;
	if (w->err != EM_OK)
		return w->err;
	wbuf_u8(w, first);
	wbuf_varint(w, (uint32_t)body);
	return w->err;
}

#endif
