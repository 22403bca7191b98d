/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode: packets to bytes.
 *
 * Size first, then write: mqtt_encode_X_size tells how many bytes (0: nothing
 * may be sent, since this version has no such packet or code, or it is larger
 * than MQTT allows), mqtt_encode_X writes them.  The errors are those of wbuf,
 * and EM_TOOBIG when the size is 0.  A packet above the receiver's Maximum
 * Packet Size: prop_trim, or not sent.
 *
 * PUBLISH and the short acks are on the hottest path: they write to bare
 * memory that the caller has made room in.
 */
#ifndef MQTT_ENCODE_H
#define MQTT_ENCODE_H

#include "emqxd/mqtt/packet.h"
#include "ipc/base/err.h"
#include "ipc/base/wbuf.h"

/* ---- PUBLISH: everything before the payload */

#define MQTT_FIRST_PUBLISH(dup_, qos_, retain_) \
	((uint8_t)(0x30 | ((dup_) ? 8 : 0) | (qos_) << 1 | ((retain_) ? 1 : 0)))

struct mqtt_publish_head {
	uint8_t first;      /* MQTT_FIRST_PUBLISH */
	bool has_expiry;    /* v5, as all below */
	uint16_t packet_id; /* with QoS 1 and 2 */
	uint16_t alias;     /* 0: none */
	uint32_t expiry;    /* seconds left */
	struct slice topic; /* empty beside a known alias */
	struct slice props; /* forwarded properties: prop_is_forwardable, prop_forward */
	const uint32_t *subids;
	uint32_t subids_n;
	/* filled by mqtt_encode_publish_size */
	uint32_t props_n;   /* bytes of all properties */
	uint32_t remaining; /* remaining length */
};

/* Bytes before a payload of @payload_n bytes; 0 when the packet is too large. */
static inline size_t
mqtt_encode_publish_size(
    struct mqtt_publish_head *h, enum mqtt_version v, size_t payload_n)
{
	size_t head = 2 + h->topic.n + ((h->first & 6) != 0 ? 2 : 0);
	size_t props = 0;

	if (v == MQTT_V5) {
		props = h->props.n + (h->has_expiry ? 5 : 0) + (h->alias != 0 ? 3 : 0);
		for (uint32_t i = 0; i < h->subids_n; i++)
			props += 1 + varint_size(h->subids[i]);
		if (EM_UNLIKELY(props > MQTT_LEN_MAX))
			return 0;
		head += varint_size((uint32_t)props) + props;
	}
	if (EM_UNLIKELY(head + payload_n > MQTT_LEN_MAX || h->topic.n > UINT16_MAX))
		return 0;
	h->props_n = (uint32_t)props;
	h->remaining = (uint32_t)(head + payload_n);
	return 1 + varint_size(h->remaining) + head;
}

/* Writes what mqtt_encode_publish_size measured to @p; returns the end, where
 * the payload belongs. */
uint8_t *mqtt_encode_publish_head(
    uint8_t *p, const struct mqtt_publish_head *h, enum mqtt_version v);

/* Where in these bytes the packet id stands (QoS 1 and 2): a copy for a further
 * receiver differs in it alone. */
static inline size_t
mqtt_encode_publish_id_at(const struct mqtt_publish_head *h)
{
	return 1 + varint_size(h->remaining) + 2 + h->topic.n;
}

/* ---- acks: four bytes say "done" in every version */

#define MQTT_ACK_SHORT 4

/* @type is PUBACK, PUBREC, PUBREL or PUBCOMP; room for MQTT_ACK_SHORT bytes. */
static inline void
mqtt_encode_ack_short(uint8_t p[MQTT_ACK_SHORT], enum mqtt_type type, uint16_t packet_id)
{
	p[0] = (uint8_t)(type << 4 | (type == MQTT_PUBREL ? 2 : 0));
	p[1] = 2;
	p[2] = (uint8_t)(packet_id >> 8);
	p[3] = (uint8_t)packet_id;
}

/* With reason and properties; the shortest form that says it. */
size_t mqtt_encode_ack_size(const struct mqtt_ack *p, enum mqtt_version v);
EM_MUST_USE em_err mqtt_encode_ack(
    struct wbuf *w, enum mqtt_type type, const struct mqtt_ack *p, enum mqtt_version v);

/* ---- what a server sends besides */

/* For 3.x the reason is mapped (reason_to_v3); return codes 0..5 stay. */
size_t mqtt_encode_connack_size(const struct mqtt_connack *p, enum mqtt_version v);
EM_MUST_USE em_err mqtt_encode_connack(
    struct wbuf *w, const struct mqtt_connack *p, enum mqtt_version v);

/* For 3.x every code from 0x80 becomes 0x80; an UNSUBACK has no codes then. */
size_t mqtt_encode_suback_size(const struct mqtt_suback *p, enum mqtt_version v);
EM_MUST_USE em_err mqtt_encode_suback(
    struct wbuf *w, const struct mqtt_suback *p, enum mqtt_version v);
size_t mqtt_encode_unsuback_size(const struct mqtt_suback *p, enum mqtt_version v);
EM_MUST_USE em_err mqtt_encode_unsuback(
    struct wbuf *w, const struct mqtt_suback *p, enum mqtt_version v);

/* ---- both sides */

/* PINGREQ or PINGRESP: two bytes. */
static inline void
mqtt_encode_ping(uint8_t p[2], enum mqtt_type type)
{
	p[0] = (uint8_t)(type << 4);
	p[1] = 0;
}

size_t mqtt_encode_disconnect_size(const struct mqtt_disconnect *p, enum mqtt_version v);
EM_MUST_USE em_err mqtt_encode_disconnect(
    struct wbuf *w, const struct mqtt_disconnect *p, enum mqtt_version v);
size_t mqtt_encode_auth_size(const struct mqtt_auth *p, enum mqtt_version v);
EM_MUST_USE em_err mqtt_encode_auth(
    struct wbuf *w, const struct mqtt_auth *p, enum mqtt_version v);

/* A whole PUBLISH with payload and all properties of @p (a client's way; also
 * what a trace or a test writes). */
size_t mqtt_encode_publish_whole_size(const struct mqtt_publish *p, enum mqtt_version v);
EM_MUST_USE em_err mqtt_encode_publish_whole(
    struct wbuf *w, const struct mqtt_publish *p, enum mqtt_version v);

/* ---- what a client sends besides */

size_t mqtt_encode_connect_size(const struct mqtt_connect *p);
EM_MUST_USE em_err mqtt_encode_connect(struct wbuf *w, const struct mqtt_connect *p);

/* Adds one filter to the bytes that become .filters of a SUBSCRIBE. */
void mqtt_encode_filter(struct wbuf *w, const struct mqtt_filter *filter);
size_t mqtt_encode_subscribe_size(const struct mqtt_subscribe *p, enum mqtt_version v);
EM_MUST_USE em_err mqtt_encode_subscribe(
    struct wbuf *w, const struct mqtt_subscribe *p, enum mqtt_version v);
/* The filters of an UNSUBSCRIBE are wbuf_bytes16 one after the other. */
size_t mqtt_encode_unsubscribe_size(
    const struct mqtt_unsubscribe *p, enum mqtt_version v);
EM_MUST_USE em_err mqtt_encode_unsubscribe(
    struct wbuf *w, const struct mqtt_unsubscribe *p, enum mqtt_version v);

/* Any packet, by its type and version. */
size_t mqtt_encode_size(const struct mqtt_packet *p);
EM_MUST_USE em_err mqtt_encode(struct wbuf *w, const struct mqtt_packet *p);

#endif
