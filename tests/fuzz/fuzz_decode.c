/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_decode: any bytes as packets of any version, from either side, strict
 * or not.  What is refused names a rule; what is taken is written again, reads
 * back as the same packet and writes the same bytes; a broker's way of writing
 * a PUBLISH agrees with the client's.
 *
 * The first byte chooses the version, the second the flags.
 */
#include "emqxd/mqtt/decode.h"
#include "emqxd/mqtt/dump.h"
#include "emqxd/mqtt/encode.h"
#include "emqxd/mqtt/prop.h"
#include "ipc/base/mem.h"

#define SUBIDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mqtt_props *
props_of(struct mqtt_packet *p)
{
	switch (p->type) {
	case MQTT_CONNECT: return &p->connect.props;
	case MQTT_CONNACK: return &p->connack.props;
	case MQTT_PUBLISH: return &p->publish.props;
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBREL:
	case MQTT_PUBCOMP: return &p->ack.props;
	case MQTT_SUBSCRIBE: return &p->subscribe.props;
	case MQTT_UNSUBSCRIBE: return &p->unsubscribe.props;
	case MQTT_SUBACK:
	case MQTT_UNSUBACK: return &p->suback.props;
	case MQTT_DISCONNECT: return &p->disconnect.props;
	case MQTT_AUTH: return &p->auth.props;
	case MQTT_PINGREQ:
	case MQTT_PINGRESP: return NULL;
	}
	UNREACHABLE();
}

/* Do the repeated properties of both come in the same order? */
static void
compare_props(const struct mqtt_props *a, const struct mqtt_props *b)
{
	struct slice rest_a = a->raw, rest_b = b->raw, key_a, key_b, value_a, value_b;
	uint32_t id_a, id_b;

	CHECK(a->set == b->set);
	while (prop_next_user(&rest_a, &key_a, &value_a)) {
		CHECK(prop_next_user(&rest_b, &key_b, &value_b));
		CHECK(slice_eq(key_a, key_b) && slice_eq(value_a, value_b));
	}
	CHECK(!prop_next_user(&rest_b, &key_b, &value_b));
	rest_a = a->raw;
	rest_b = b->raw;
	while (prop_next_subid(&rest_a, &id_a))
		CHECK(prop_next_subid(&rest_b, &id_b) && id_a == id_b);
	CHECK(!prop_next_subid(&rest_b, &id_b));
}

/* The line of a packet; it must be fit for any terminal. */
static void
dump(struct str *out, const struct mqtt_packet *p, enum mqtt_dump_payload how)
{
	mqtt_dump(out, p, how);
	for (size_t i = 0; i < out->n; i++)
		CHECK((uint8_t)out->p[i] >= 0x20 && out->p[i] != 0x7f);
}

static void
compare(struct mqtt_packet *a, struct mqtt_packet *b)
{
	struct str line_a = { 0 }, line_b = { 0 };

	CHECK(a->type == b->type && a->version == b->version);
	if (a->type != MQTT_PUBLISH)
		a->first = b->first; /* 3.1 may have set what it does not use */
	for (int how = MQTT_DUMP_TEXT; how <= MQTT_DUMP_HIDDEN; how++) {
		dump(&line_a, a, (enum mqtt_dump_payload)how);
		dump(&line_b, b, (enum mqtt_dump_payload)how);
	}
	CHECK(slice_eq(str_slice(&line_a), str_slice(&line_b)));
	if (props_of(a) != NULL)
		compare_props(props_of(a), props_of(b));
	str_fini(&line_a);
	str_fini(&line_b);
}

static struct mqtt_frame
whole_frame(struct slice bytes)
{
	struct mqtt_frame f;

	CHECK(mqtt_frame_peek(bytes, &f) == MQTT_PEEK_WHOLE && f.total == bytes.n);
	return f;
}

/* The packet as a wbuf of its exact size. */
static struct wbuf
write_packet(const struct mqtt_packet *p)
{
	size_t n = mqtt_encode_size(p);
	struct wbuf w = wbuf_growing(n);

	CHECK(n > 0);
	CHECK(mqtt_encode(&w, p) == EM_OK && w.n == n);
	return w;
}

/* May a packet have a shorter form that says the same? */
static bool
is_only_form(const struct mqtt_packet *p, unsigned flags)
{
	bool exact = p->type == MQTT_PUBLISH || p->type == MQTT_SUBSCRIBE ||
		     p->type == MQTT_UNSUBSCRIBE || p->type == MQTT_SUBACK ||
		     p->type == MQTT_CONNECT;

	return exact && (flags & MQTT_STRICT) != 0;
}

static void
try_again(struct mqtt_packet *p, size_t total, unsigned flags)
{
	struct wbuf first = write_packet(p), second;
	struct mqtt_frame f = whole_frame(wbuf_slice(&first));
	struct mqtt_packet back;
	struct mqtt_fault fault;

	CHECK(first.n == total || !is_only_form(p, flags) ||
	      (p->type == MQTT_CONNECT && p->version == MQTT_V31));
	CHECK(mqtt_decode(&f, p->version, flags, &back, &fault) == EM_OK);
	compare(p, &back);
	second = write_packet(&back);
	CHECK(slice_eq(wbuf_slice(&first), wbuf_slice(&second)));
	wbuf_fini(&first);
	wbuf_fini(&second);
}

/* A broker's way: the message's own properties as bytes, those of the delivery
 * beside them. */
static void
try_head(const struct mqtt_publish *p, enum mqtt_version v, unsigned flags)
{
	const struct mqtt_props *props = &p->props;
	uint8_t *forwarded = mem_new(props->raw.n + 1);
	uint32_t subids[SUBIDS_MAX];
	struct mqtt_publish_head h = {
		.first = MQTT_FIRST_PUBLISH(p->dup, p->qos, p->retain),
		.packet_id = p->packet_id,
		.topic = p->topic,
		.props = slice_of(forwarded, prop_forward(props, forwarded)),
		.has_expiry = prop_has(props, MQTT_PROP_MESSAGE_EXPIRY),
		.expiry = PROP_GET(props, MESSAGE_EXPIRY, message_expiry, 0),
		.alias = PROP_GET(props, TOPIC_ALIAS, topic_alias, 0),
		.subids = subids,
	};
	struct slice rest = props->raw;
	struct mqtt_packet back;
	struct mqtt_fault fault;
	struct mqtt_frame f;
	size_t head, total;
	uint8_t *out;

	if (prop_is_forwardable(props))
		CHECK(slice_eq(h.props, props->raw));
	while (h.subids_n < SUBIDS_MAX && prop_next_subid(&rest, &subids[h.subids_n]))
		h.subids_n++;
	head = mqtt_encode_publish_size(&h, v, p->payload.n);
	CHECK(head > 0);
	total = head + p->payload.n;
	out = mem_new(total);
	CHECK(mqtt_encode_publish_head(out, &h, v) == out + head);
	if (p->payload.n > 0)
		memcpy(out + head, p->payload.p, p->payload.n);
	if (p->qos > 0)
		CHECK(out[mqtt_encode_publish_id_at(&h)] == p->packet_id >> 8);

	f = whole_frame(slice_of(out, total));
	CHECK(mqtt_decode(&f, v, flags, &back, &fault) == EM_OK);
	CHECK(slice_eq(back.publish.topic, p->topic));
	CHECK(slice_eq(back.publish.payload, p->payload));
	CHECK(back.publish.packet_id == p->packet_id && back.publish.qos == p->qos);
	if (v == MQTT_V5 && h.subids_n < SUBIDS_MAX)
		compare_props(props, &back.publish.props);
	mem_free(out);
	mem_free(forwarded);
}

/* A packet that must shrink does, and stays one. */
static void
try_trim(struct mqtt_packet *p)
{
	size_t size = mqtt_encode_size(p);
	struct mqtt_props *props = props_of(p);
	struct wbuf w;

	if (props == NULL || p->version != MQTT_V5 || size == 0)
		return;
	prop_trim(props, size, size / 2);
	CHECK(mqtt_encode_size(p) <= size);
	w = write_packet(p);
	wbuf_fini(&w);
}

static void
try_frame(struct slice bytes, enum mqtt_version v, unsigned flags)
{
	struct mqtt_frame f = whole_frame(bytes);
	struct mqtt_packet p;
	struct mqtt_fault fault = { 0 };

	if (mqtt_decode(&f, v, flags, &p, &fault) != EM_OK) {
		CHECK(fault.reason >= 0x80 && fault.rule[0] == '[');
		return;
	}
	try_again(&p, f.total, flags);
	if (p.type == MQTT_PUBLISH) {
		try_head(&p.publish, v, flags);
		if (v == MQTT_V5 && p.publish.topic.n > 0)
			try_head(&p.publish, MQTT_V311, flags);
	}
	try_trim(&p);
}

/* Of less than a packet no part is taken for a whole. */
static void
try_parts(struct slice bytes)
{
	struct mqtt_frame f;

	for (size_t n = 0; n < bytes.n && n < 8; n++) {
		CHECK(mqtt_frame_peek(slice_head(bytes, n), &f) == MQTT_PEEK_MORE);
		CHECK(f.total == 0 || f.total == bytes.n);
	}
	CHECK(mqtt_frame_peek(slice_head(bytes, bytes.n - 1), &f) == MQTT_PEEK_MORE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of(data, size);
	enum mqtt_version v;
	struct mqtt_frame f;
	unsigned flags;

	if (size < 2)
		return 0;
	v = (enum mqtt_version)(MQTT_V31 + data[0] % 3);
	flags = data[1] & (MQTT_STRICT | MQTT_FROM_SERVER | MQTT_CHECK_PAYLOAD);
	rest = slice_from(rest, 2);
	while (mqtt_frame_peek(rest, &f) == MQTT_PEEK_WHOLE) {
		/* A copy without neighbours, so that no read goes past its end. */
		uint8_t *copy = mem_try(f.total);

		memcpy(copy, rest.p, f.total);
		try_parts(slice_of(copy, f.total));
		try_frame(slice_of(copy, f.total), v, flags);
		mem_free(copy);
		rest = slice_from(rest, f.total);
	}
	return 0;
}
