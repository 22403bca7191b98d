/* SPDX-License-Identifier: Apache-2.0 */
/* What was decoded is encoded to the same bytes, and what may not be sent is not. */
#include "tests/unit/mqtt/bytes.h"

#define V3 MQTT_V31
#define V4 MQTT_V311
#define V5 MQTT_V5
#define SERVER MQTT_FROM_SERVER

struct trip {
	enum mqtt_version v;
	unsigned flags;
	const char *bytes;
};

/* Properties stand in the order in which we write them: by id, then what repeats. */
static const struct trip trips[] = {
	{ V3, 0, "10 * 0006 'MQIsdp' 03 02 003c 0001 'a'" },
	{ V3, 0,
	    "10 * 0006 'MQIsdp' 83 c4 0000 0001 'a' 0001 'w' 0001 'x' 0001 'u' 0000" },
	{ V4, 0, "10 * 0004 'MQTT' 04 00 ffff 0001 'a'" },
	{ V4, 0, "10 * 0004 'MQTT' 84 f6 003c 0000 0001 'w' 0000 0001 'u' 0001 'p'" },
	{ V5, 0, "10 * 0004 'MQTT' 05 02 003c 00 0000" },
	{ V5, 0,
	    "10 * 0004 'MQTT' 05 ee 003c 21 11 00000078 15 0001 'm' 16 0001 'd' 17 00 19 "
	    "01"
	    "21 0014 22 000a 27 00010000 26 0000 0000"
	    "0001 'a' 1c 01 01 02 0000000a 03 0001 'c' 08 0001 'r' 09 0000 18 00000005"
	    "26 0000 0000 0001 'w' 0001 'x' 0001 'u' 0000" },
	{ V3, SERVER, "20 02 00 00" },
	{ V4, SERVER, "20 02 01 00" },
	{ V4, SERVER, "20 02 00 05" },
	{ V5, SERVER, "20 03 01 00 00" },
	{ V5, SERVER, "20 03 00 87 00" },
	{ V5, SERVER,
	    "20 * 00 00 3d 11 00000078 12 0002 'id' 13 003c 15 0001 'm' 16 0000 1a 0001 "
	    "'i'"
	    "1c 0001 's' 1f 0002 'ok' 21 0014 22 000a 24 01 25 00 27 00010000 28 01 29 01"
	    "2a 00 26 0001 'k' 0001 'v'" },
	{ V4, 0, "30 * 0003 'a/b' 'payload'" },
	{ V4, 0, "3b * 0003 'a/b' 0007" },
	{ V5, 0, "30 * 0003 'a/b' 00 'payload'" },
	{ V5, 0, "3c * 0000 0007 03 23 0001 'payload'" },
	{ V5, 0,
	    "32 * 0001 't' 0007 1b 01 01 02 0000000a 03 0001 'c' 08 0001 'r' 09 0001 ff"
	    "23 0005 26 0000 0000 'p'" },
	{ V5, SERVER, "32 * 0001 't' 0007 0b 01 00 0b 01 0b ffffff7f 0b 02 'p'" },
	{ V4, 0, "40 02 0001" },
	{ V4, 0, "50 02 0001" },
	{ V4, 0, "62 02 ffff" },
	{ V3, 0, "70 02 0001" },
	{ V5, 0, "40 02 0001" },
	{ V5, 0, "40 03 0001 10" },
	{ V5, 0, "50 * 0001 87 0a 1f 0002 'no' 26 0000 0000" },
	{ V5, 0, "62 03 0001 92" },
	{ V5, 0, "70 * 0001 00 05 26 0000 0000" },
	{ V4, 0, "82 * 0001 0001 'a' 00 0003 'b/#' 02" },
	{ V5, 0, "82 * 0001 07 0b 05 26 0000 0000 0001 'a' 2e" },
	{ V5, 0, "82 * 0001 00 0001 'a' 00" },
	{ V4, SERVER, "90 * 0001 00 01 02 80" },
	{ V5, SERVER, "90 * 0001 00 00 87" },
	{ V5, SERVER, "90 * 0001 0a 1f 0002 'no' 26 0000 0000 8f" },
	{ V4, 0, "a2 * 0001 0001 'a' 0001 'b'" },
	{ V5, 0, "a2 * 0001 05 26 0000 0000 0001 'a'" },
	{ V4, SERVER, "b0 02 0001" },
	{ V5, SERVER, "b0 * 0001 00 00 11" },
	{ V4, 0, "c0 00" },
	{ V4, SERVER, "d0 00" },
	{ V4, 0, "e0 00" },
	{ V5, 0, "e0 00" },
	{ V5, 0, "e0 01 04" },
	{ V5, 0, "e0 * 00 05 11 0000003c" },
	{ V5, SERVER, "e0 * 9c 09 1c 0001 's' 1f 0002 'go'" },
	{ V5, 0, "f0 * 18 08 15 0001 'm' 16 0001 'd'" },
	{ V5, SERVER, "f0 00" },
};

TEST(what_was_decoded_is_encoded_to_the_same_bytes)
{
	for (size_t i = 0; i < sizeof trips / sizeof trips[0]; i++) {
		struct bytes b = bytes_of(trips[i].bytes);
		uint8_t out[BYTES_MAX];
		struct wbuf w = wbuf_fixed(out, sizeof out);
		struct mqtt_packet p;
		struct mqtt_fault fault;

		if (bytes_decode(&b, trips[i].v, trips[i].flags | MQTT_STRICT, &p,
			&fault) != EM_OK)
			tap_fail(
			    __FILE__, __LINE__, "%s: %s", trips[i].bytes, fault.rule);
		EQ(mqtt_encode_size(&p), b.n);
		EQ(mqtt_encode(&w, &p), EM_OK);
		if (w.n != b.n || memcmp(out, b.p, b.n) != 0)
			tap_fail(__FILE__, __LINE__, "%s: other bytes", trips[i].bytes);
	}
}

TEST(a_buffer_too_small_is_said_and_not_overrun)
{
	for (size_t i = 0; i < sizeof trips / sizeof trips[0]; i++) {
		struct bytes b = bytes_of(trips[i].bytes);
		uint8_t out[BYTES_MAX];
		struct mqtt_packet p;
		struct mqtt_fault fault;

		EQ(bytes_decode(&b, trips[i].v, trips[i].flags, &p, &fault), EM_OK);
		for (size_t cap = 0; cap < b.n; cap++) {
			struct wbuf w = wbuf_fixed(out, cap);

			out[cap] = 0xa5;
			EQ(mqtt_encode(&w, &p), EM_TOOBIG);
			EQ(out[cap], 0xa5);
		}
	}
}

static void
connack_is(uint8_t reason, enum mqtt_version v, const char *want)
{
	struct mqtt_connack p = { .session_present = true, .reason = reason };
	struct bytes b = bytes_of(want);
	uint8_t out[16];
	struct wbuf w = wbuf_fixed(out, sizeof out);

	EQ(mqtt_encode_connack_size(&p, v), b.n);
	EQ(mqtt_encode_connack(&w, &p, v), b.n > 0 ? EM_OK : EM_TOOBIG);
	EQ(w.n, b.n);
	MEM_EQ(out, b.p, b.n);
}

TEST(a_connack_of_3x_has_a_return_code_or_is_not_sent)
{
	connack_is(0, V4, "20 02 01 00");
	connack_is(0, V3, "20 02 00 00");
	connack_is(REASON_NOT_AUTHORIZED, V4, "20 02 00 05");
	connack_is(REASON_UNSUPPORTED_PROTOCOL_VERSION, V4, "20 02 00 01");
	connack_is(REASON_MALFORMED_PACKET, V4, "");
	connack_is(REASON_PACKET_TOO_LARGE, V3, "");
	connack_is(2, V4, "20 02 00 02");
	connack_is(REASON_MALFORMED_PACKET, V5, "20 03 00 81 00");
	connack_is(2, V5, "");
}

TEST(a_suback_of_3x_knows_one_failure)
{
	const uint8_t codes[] = { 0, 2, 0x87, 0xa2 };
	const struct mqtt_suback p = { .packet_id = 1,
		.codes = slice_of(codes, sizeof codes) };
	struct bytes sub = bytes_of("90 06 0001 00 02 80 80");
	struct bytes unsub = bytes_of("b0 02 0001");
	uint8_t out[16];
	struct wbuf w = wbuf_fixed(out, sizeof out);

	EQ(mqtt_encode_suback_size(&p, V4), sub.n);
	EQ(mqtt_encode_suback(&w, &p, V4), EM_OK);
	EQ(w.n, sub.n);
	MEM_EQ(out, sub.p, sub.n);
	w = wbuf_fixed(out, sizeof out);
	EQ(mqtt_encode_unsuback_size(&p, V4), unsub.n);
	EQ(mqtt_encode_unsuback(&w, &p, V4), EM_OK);
	EQ(w.n, unsub.n);
	MEM_EQ(out, unsub.p, unsub.n);
}

TEST(a_packet_that_a_version_does_not_have_is_not_sent)
{
	const struct mqtt_auth auth = { .reason = 0x18 };
	const struct mqtt_disconnect bye = { .reason = 0x8e };
	uint8_t out[16];
	struct wbuf w = wbuf_fixed(out, sizeof out);

	EQ(mqtt_encode_auth_size(&auth, V4), 0);
	EQ(mqtt_encode_auth(&w, &auth, V4), EM_TOOBIG);
	EQ(w.n, 0);
	w = wbuf_fixed(out, sizeof out);
	EQ(mqtt_encode_disconnect_size(&bye, V4), 2);
	EQ(mqtt_encode_disconnect(&w, &bye, V4), EM_OK);
	EQ(out[0], 0xe0);
	EQ(out[1], 0);
}

TEST(what_no_field_can_hold_is_not_sent)
{
	static const uint8_t huge[65536];
	struct mqtt_ack ack = { .packet_id = 1, .reason = 0x80 };
	struct mqtt_connect c = { .version = V4,
		.client_id = slice_of(huge, sizeof huge) };
	struct mqtt_publish p = { .topic = SLICE_LIT("t"),
		.payload = slice_of(huge, MQTT_LEN_MAX) };
	struct wbuf w = wbuf_growing(1u << 20);

	*PROP_SET(&ack.props, REASON_STRING, reason_string) = slice_of(huge, sizeof huge);
	EQ(mqtt_encode_ack_size(&ack, V5), 0);
	EQ(mqtt_encode_ack(&w, MQTT_PUBACK, &ack, V5), EM_TOOBIG);
	ack.props.reason_string.n = 65535;
	EQ(mqtt_encode_ack_size(&ack, V5), 1 + 3 + 2 + 1 + 3 + 3 + 65535);
	EQ(mqtt_encode_connect_size(&c), 0);
	EQ(mqtt_encode_publish_whole_size(&p, V4), 0);
	p.payload.n = MQTT_LEN_MAX - 3;
	EQ(mqtt_encode_publish_whole_size(&p, V4), (size_t)MQTT_LEN_MAX + 5);
	wbuf_fini(&w);
}

TEST(filters_of_a_subscribe_can_be_made)
{
	const struct mqtt_filter a = { .filter = SLICE_LIT("a"),
		.qos = 2,
		.retain_handling = 2,
		.no_local = true,
		.retain_as_published = true };
	const struct mqtt_filter b = { .filter = SLICE_LIT("b") };
	struct bytes want = bytes_of("0001 'a' 2e 0001 'b' 00");
	uint8_t out[16];
	struct wbuf w = wbuf_fixed(out, sizeof out);

	mqtt_encode_filter(&w, &a);
	mqtt_encode_filter(&w, &b);
	EQ(w.n, want.n);
	MEM_EQ(out, want.p, want.n);
}

TEST(short_forms_are_two_and_four_bytes)
{
	uint8_t out[4];

	mqtt_encode_ack_short(out, MQTT_PUBREL, 0x1234);
	MEM_EQ(out, "\x62\x02\x12\x34", 4);
	mqtt_encode_ack_short(out, MQTT_PUBACK, 1);
	MEM_EQ(out, "\x40\x02\x00\x01", 4);
	mqtt_encode_ping(out, MQTT_PINGRESP);
	MEM_EQ(out, "\xd0\x00", 2);
}
