/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode_publish: PUBLISH, in two ways.
 *
 * A broker measures and writes what stands before the payload, which it then
 * copies or only points at; the properties of the message go as the bytes
 * that they came as.  Clients and tests write whole packets.
 */
#include "emqxd/mqtt/encode.h"
#include "emqxd/mqtt/encode_part.h"

static uint8_t *
put_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static uint8_t *
put_bytes(uint8_t *p, struct slice s)
{
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return p + s.n;
}

/* The properties: those of the message, then those of this delivery. */
static uint8_t *
put_props(uint8_t *p, const struct mqtt_publish_head *h)
{
	p += varint_put(p, h->props_n);
	p = put_bytes(p, h->props);
	if (h->has_expiry) {
		*p++ = MQTT_PROP_MESSAGE_EXPIRY;
		p = put_u16(p, (uint16_t)(h->expiry >> 16));
		p = put_u16(p, (uint16_t)h->expiry);
	}
	if (h->alias != 0) {
		*p++ = MQTT_PROP_TOPIC_ALIAS;
		p = put_u16(p, h->alias);
	}
	for (uint32_t i = 0; i < h->subids_n; i++) {
		*p++ = MQTT_PROP_SUBSCRIPTION_ID;
		p += varint_put(p, h->subids[i]);
	}
	return p;
}

uint8_t *
mqtt_encode_publish_head(
    uint8_t *p, const struct mqtt_publish_head *h, enum mqtt_version v)
{
	*p++ = h->first;
	p += varint_put(p, h->remaining);
	p = put_u16(p, (uint16_t)h->topic.n);
	p = put_bytes(p, h->topic);
	if ((h->first & 6) != 0)
		p = put_u16(p, h->packet_id);
	return v == MQTT_V5 ? put_props(p, h) : p;
}

static size_t
publish_body(const struct mqtt_publish *p, enum mqtt_version v)
{
	return encode_part_bytes16(p->topic) + (p->qos > 0 ? 2 : 0) +
	       encode_part_props(&p->props, v) + p->payload.n;
}

size_t
mqtt_encode_publish_whole_size(const struct mqtt_publish *p, enum mqtt_version v)
{
	return encode_part_total(publish_body(p, v));
}

em_err
mqtt_encode_publish_whole(
    struct wbuf *w, const struct mqtt_publish *p, enum mqtt_version v)
{
	uint8_t first = MQTT_FIRST_PUBLISH(p->dup, p->qos, p->retain);
	em_err err = encode_part_head(w, first, publish_body(p, v));

	if (err != EM_OK)
		return err;
	wbuf_bytes16(w, p->topic);
	if (p->qos > 0)
		wbuf_u16(w, p->packet_id);
	encode_part_put_props(w, &p->props, v);
	wbuf_bytes(w, p->payload);
	return w->err;
}
