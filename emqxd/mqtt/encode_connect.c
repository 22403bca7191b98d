/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode_connect: what only a client sends: CONNECT, SUBSCRIBE, UNSUBSCRIBE.
 */
#include "emqxd/mqtt/encode.h"
#include "emqxd/mqtt/encode_part.h"

static struct slice
protocol_name(enum mqtt_version v)
{
	return v == MQTT_V31 ? SLICE_LIT("MQIsdp") : SLICE_LIT("MQTT");
}

static size_t
connect_body(const struct mqtt_connect *p)
{
	/* name, level, flags, keepalive */
	size_t n = encode_part_bytes16(protocol_name(p->version)) + 1 + 1 + 2;

	n += encode_part_props(&p->props, p->version);
	n += encode_part_bytes16(p->client_id);
	if (p->has_will)
		n += encode_part_props(&p->will.props, p->version) +
		     encode_part_bytes16(p->will.topic) +
		     encode_part_bytes16(p->will.payload);
	if (p->has_username)
		n += encode_part_bytes16(p->username);
	if (p->has_password)
		n += encode_part_bytes16(p->password);
	return n;
}

static uint8_t
connect_bits(const struct mqtt_connect *p)
{
	unsigned bits = p->clean_start ? 0x02 : 0;

	if (p->has_will)
		bits |= 0x04u | (p->will.qos & 3u) << 3 | (p->will.retain ? 0x20 : 0);
	if (p->has_password)
		bits |= 0x40;
	if (p->has_username)
		bits |= 0x80;
	return (uint8_t)bits;
}

size_t
mqtt_encode_connect_size(const struct mqtt_connect *p)
{
	return encode_part_total(connect_body(p));
}

em_err
mqtt_encode_connect(struct wbuf *w, const struct mqtt_connect *p)
{
	em_err err = encode_part_head(w, MQTT_CONNECT << 4, connect_body(p));

	if (err != EM_OK)
		return err;
	wbuf_bytes16(w, protocol_name(p->version));
	wbuf_u8(w, (uint8_t)(p->version | (p->is_bridge ? 0x80 : 0)));
	wbuf_u8(w, connect_bits(p));
	wbuf_u16(w, p->keepalive);
	encode_part_put_props(w, &p->props, p->version);
	wbuf_bytes16(w, p->client_id);
	if (p->has_will) {
		encode_part_put_props(w, &p->will.props, p->version);
		wbuf_bytes16(w, p->will.topic);
		wbuf_bytes16(w, p->will.payload);
	}
	if (p->has_username)
		wbuf_bytes16(w, p->username);
	if (p->has_password)
		wbuf_bytes16(w, p->password);
	return w->err;
}

void
mqtt_encode_filter(struct wbuf *w, const struct mqtt_filter *f)
{
	wbuf_bytes16(w, f->filter);
	wbuf_u8(
	    w, (uint8_t)(f->qos | (f->no_local ? 0x04 : 0) |
			 (f->retain_as_published ? 0x08 : 0) | f->retain_handling << 4));
}

size_t
mqtt_encode_subscribe_size(const struct mqtt_subscribe *p, enum mqtt_version v)
{
	return encode_part_total(2 + encode_part_props(&p->props, v) + p->filters.n);
}

em_err
mqtt_encode_subscribe(struct wbuf *w, const struct mqtt_subscribe *p, enum mqtt_version v)
{
	size_t body = 2 + encode_part_props(&p->props, v) + p->filters.n;
	em_err err = encode_part_head(w, MQTT_SUBSCRIBE << 4 | 2, body);

	if (err != EM_OK)
		return err;
	wbuf_u16(w, p->packet_id);
	encode_part_put_props(w, &p->props, v);
	wbuf_bytes(w, p->filters);
	return w->err;
}

size_t
mqtt_encode_unsubscribe_size(const struct mqtt_unsubscribe *p, enum mqtt_version v)
{
	return encode_part_total(2 + encode_part_props(&p->props, v) + p->filters.n);
}

em_err
mqtt_encode_unsubscribe(
    struct wbuf *w, const struct mqtt_unsubscribe *p, enum mqtt_version v)
{
	size_t body = 2 + encode_part_props(&p->props, v) + p->filters.n;
	em_err err = encode_part_head(w, MQTT_UNSUBSCRIBE << 4 | 2, body);

	if (err != EM_OK)
		return err;
	wbuf_u16(w, p->packet_id);
	encode_part_put_props(w, &p->props, v);
	wbuf_bytes(w, p->filters);
	return w->err;
}
