/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a PUBLISH: what stands before the payload. */
#include "tests/unit/mqtt/bytes.h"

static void
head_is(
    struct mqtt_publish_head h, enum mqtt_version v, size_t payload_n, const char *want)
{
	struct bytes b = bytes_of(want);
	uint8_t out[BYTES_MAX];
	size_t n = mqtt_encode_publish_size(&h, v, payload_n);

	EQ(n, b.n);
	EQ(mqtt_encode_publish_head(out, &h, v) - out, b.n);
	if (memcmp(out, b.p, b.n) != 0)
		tap_fail(__FILE__, __LINE__, "other bytes than %s", want);
	EQ(h.remaining + 1 + varint_size(h.remaining), n + payload_n);
}

TEST(the_first_byte_has_type_and_flags)
{
	EQ(MQTT_FIRST_PUBLISH(false, 0, false), 0x30);
	EQ(MQTT_FIRST_PUBLISH(true, 2, true), 0x3d);
	EQ(MQTT_FIRST_PUBLISH(false, 1, true), 0x33);
}

TEST(a_head_of_3x_has_topic_and_packet_id)
{
	struct mqtt_publish_head h = { .first = 0x30, .topic = SLICE_LIT("a/b") };

	head_is(h, MQTT_V311, 5, "30 0a 0003 'a/b'");
	h.first = 0x3a;
	h.packet_id = 0x1234;
	head_is(h, MQTT_V31, 5, "3a 0c 0003 'a/b' 1234");
}

TEST(a_head_of_3x_leaves_out_what_only_5_has)
{
	const uint32_t ids[] = { 1 };
	const struct mqtt_publish_head h = { .first = 0x30,
		.topic = SLICE_LIT("a"),
		.props = SLICE_LIT("\x01\x01"),
		.has_expiry = true,
		.expiry = 9,
		.alias = 3,
		.subids = ids,
		.subids_n = 1 };

	head_is(h, MQTT_V311, 0, "30 03 0001 'a'");
}

TEST(a_head_of_5_has_the_properties_of_message_and_delivery)
{
	const uint32_t ids[] = { 1, 268435455 };
	struct mqtt_publish_head h = {
		.first = 0x32, .packet_id = 7, .topic = SLICE_LIT("a")
	};

	head_is(h, MQTT_V5, 1, "32 07 0001 'a' 0007 00");
	h.props = SLICE_LIT("\x01\x01");
	head_is(h, MQTT_V5, 1, "32 09 0001 'a' 0007 02 01 01");
	h.has_expiry = true;
	h.expiry = 0x01020304;
	h.alias = 0x1234;
	h.subids = ids;
	h.subids_n = 2;
	head_is(h, MQTT_V5, 1,
	    "32 18 0001 'a' 0007 11 01 01 02 01020304 23 1234 0b 01 0b ffffff7f");
	h.topic = SLICE_NONE;
	head_is(h, MQTT_V5, 1,
	    "32 17 0000 0007 11 01 01 02 01020304 23 1234 0b 01 0b ffffff7f");
}

TEST(lengths_grow_with_payload_and_properties)
{
	static const uint8_t props[200] = { 9, 0, 197 };
	struct mqtt_publish_head h = { .first = 0x30, .topic = SLICE_LIT("a") };

	head_is(h, MQTT_V311, 124, "30 7f 0001 'a'");
	head_is(h, MQTT_V311, 125, "30 8001 0001 'a'");
	head_is(h, MQTT_V311, 16381, "30 808001 0001 'a'");
	head_is(h, MQTT_V311, MQTT_LEN_MAX - 3, "30 ffffff7f 0001 'a'");
	h.props = slice_of(props, sizeof props);
	EQ(mqtt_encode_publish_size(&h, MQTT_V5, 0), 1 + 2 + 3 + 2 + 200);
	EQ(h.props_n, 200);
}

TEST(a_packet_above_the_largest_length_is_not_sent)
{
	static const uint8_t huge[65536];
	struct mqtt_publish_head h = { .first = 0x30, .topic = SLICE_LIT("a") };

	EQ(mqtt_encode_publish_size(&h, MQTT_V311, MQTT_LEN_MAX - 2), 0);
	h.props = slice_of(huge, (size_t)MQTT_LEN_MAX + 1);
	EQ(mqtt_encode_publish_size(&h, MQTT_V5, 0), 0);
	h.props = SLICE_NONE;
	h.topic = slice_of(huge, sizeof huge);
	EQ(mqtt_encode_publish_size(&h, MQTT_V311, 0), 0);
}

TEST(the_packet_id_can_be_patched)
{
	static const size_t payloads[] = { 0, 200, 20000 };

	for (unsigned i = 0; i < 3; i++) {
		struct mqtt_publish_head h = { .first = 0x34,
			.packet_id = 0xabcd,
			.topic = SLICE_LIT("some/topic"),
			.props = SLICE_LIT("\x01\x01") };
		uint8_t out[64];
		size_t at;

		EQ(mqtt_encode_publish_size(&h, MQTT_V5, payloads[i]) > 0, true);
		mqtt_encode_publish_head(out, &h, MQTT_V5);
		at = mqtt_encode_publish_id_at(&h);
		EQ(out[at], 0xab);
		EQ(out[at + 1], 0xcd);
	}
}

TEST(a_head_and_its_payload_are_a_whole_packet)
{
	struct bytes b = { .n = 0 };
	struct mqtt_publish_head h = { .first = 0x33,
		.packet_id = 9,
		.topic = SLICE_LIT("t/1"),
		.props = SLICE_LIT("\x26\x00\x01k\x00\x01v"),
		.has_expiry = true,
		.expiry = 30 };
	struct mqtt_packet p;
	struct mqtt_fault fault;

	EQ(mqtt_encode_publish_size(&h, MQTT_V5, 5) > 0, true);
	b.n = (size_t)(mqtt_encode_publish_head(b.p, &h, MQTT_V5) - b.p);
	bytes_add(&b, "'hello'");
	EQ(bytes_decode(&b, MQTT_V5, MQTT_STRICT | MQTT_FROM_SERVER, &p, &fault), EM_OK);
	OK(slice_eq_str(p.publish.payload, "hello"));
	EQ(p.publish.packet_id, 9);
	OK(p.publish.retain);
	EQ(p.publish.props.message_expiry, 30);
	OK(prop_has(&p.publish.props, MQTT_PROP_USER_PROPERTY));
}
