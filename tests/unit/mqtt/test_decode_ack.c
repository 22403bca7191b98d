/* SPDX-License-Identifier: Apache-2.0 */
/* Acknowledgements, pings, DISCONNECT and AUTH. */
#include "tests/unit/mqtt/bytes.h"

#define V3 MQTT_V31
#define V4 MQTT_V311
#define V5 MQTT_V5
#define STRICT MQTT_STRICT
#define SERVER MQTT_FROM_SERVER

TEST(the_four_acknowledgements_in_their_shortest_form)
{
	static const char *const acks[] = { "40 02 1234", "50 02 1234", "62 02 1234",
		"70 02 1234" };

	for (unsigned i = 0; i < 4; i++) {
		for (enum mqtt_version v = V3; v <= V5; v++) {
			struct bytes b = bytes_of(acks[i]);
			struct mqtt_packet p;
			struct mqtt_fault fault;

			EQ(bytes_decode(&b, v, STRICT, &p, &fault), EM_OK);
			EQ(p.type, MQTT_PUBACK + i);
			EQ(p.ack.packet_id, 0x1234);
			EQ(p.ack.reason, 0);
			EQ(p.ack.props.set, 0);
		}
	}
}

TEST(an_acknowledgement_of_5_with_reason_and_properties)
{
	struct bytes b = bytes_of("50 * 0007 87 05 1f 0002 'no'");
	struct mqtt_packet p;
	struct mqtt_fault fault;

	EQ(bytes_decode(&b, V5, STRICT, &p, &fault), EM_OK);
	EQ(p.ack.reason, 0x87);
	OK(slice_eq_str(p.ack.props.reason_string, "no"));
}

static const struct bytes_case acks[] = {
	{ "empty", V4, 0, 0x81, "40 00", "2.3.1" },
	{ "one byte", V5, 0, 0x81, "50 01 00", "2.2.1" },
	{ "id 0", V4, 0, 0, "40 02 0000", NULL },
	{ "id 0", V4, STRICT, 0x82, "40 02 0000", "-2.3.1-1" },
	{ "id 0", V5, STRICT, 0x82, "62 02 0000", "-2.2.1-3" },
	{ "3.1.1 with more", V4, 0, 0, "40 03 0001 00", NULL },
	{ "3.1.1 with more", V4, STRICT, 0x81, "40 03 0001 00", "3.4.1" },
	{ "reason", V5, STRICT, 0, "40 03 0001 10", NULL },
	{ "no such reason", V5, 0, 0, "40 03 0001 01", NULL },
	{ "no such reason", V5, STRICT, 0x81, "40 03 0001 01", "-3.4.2-1" },
	{ "not of a pubrel", V5, STRICT, 0x81, "62 03 0001 10", "-3.6.2-1" },
	{ "pubrel not found", V5, STRICT, 0, "62 03 0001 92", NULL },
	{ "no properties", V5, STRICT, 0, "40 04 0001 00 00", NULL },
	{ "properties over", V5, 0, 0x81, "40 04 0001 00 09", "-2.2.2-1" },
	{ "behind", V5, 0, 0x81, "40 05 0001 00 00 00", "behind" },
	{ "stray", V5, 0, 0x81, "40 07 0001 00 03 230001", "Topic-Alias" },
	{ "flags", V4, 0, 0x81, "41 02 0001", "-2.2.2-2" },
	{ "flags", V5, 0, 0x81, "42 02 0001", "-2.1.3-1" },
	{ "pubrel flags", V4, 0, 0x81, "60 02 0001", "-2.2.2-2" },
	{ "pubrel flags", V5, 0, 0x81, "6a 02 0001", "-2.1.3-1" },
	{ "pubrel of 3.1 again", V3, STRICT, 0, "6a 02 0001", NULL },
	{ "pubrel of 3.1", V3, 0, 0x81, "60 02 0001", NULL },
	{ "puback of 3.1", V3, 0, 0, "48 02 0001", NULL },
	{ "puback of 3.1", V3, STRICT, 0x81, "48 02 0001", NULL },
	{ "length longer", V5, 0, 0, "40 8200 0001", NULL },
	{ "length longer", V5, STRICT, 0x81, "40 8200 0001", "-1.5.5-1" },

	{ "ping", V4, STRICT, 0, "c0 00", NULL },
	{ "ping flags", V4, 0, 0x81, "c1 00", NULL },
	{ "ping body", V4, 0, 0, "c0 02 0000", NULL },
	{ "ping body", V5, STRICT, 0x81, "c0 02 0000", "3.12.1" },
	{ "pingresp", V4, STRICT | SERVER, 0, "d0 00", NULL },

	{ "disconnect", V4, STRICT, 0, "e0 00", NULL },
	{ "disconnect", V5, STRICT, 0, "e0 00", NULL },
	{ "disconnect body", V4, 0, 0, "e0 01 00", NULL },
	{ "disconnect body", V4, STRICT, 0x81, "e0 01 00", "3.14.1" },
	{ "with will", V5, STRICT, 0, "e0 01 04", NULL },
	{ "no such reason", V5, 0, 0x81, "e0 01 01", "-3.14.2-1" },
	{ "a server's reason", V5, 0, 0x81, "e0 01 8d", "-3.14.2-1" },
	{ "a server's reason", V5, SERVER, 0, "e0 01 8d", NULL },
	{ "a client's reason", V5, SERVER, 0x81, "e0 01 04", "-3.14.2-1" },
	{ "expiry", V5, STRICT, 0, "e0 07 00 05 11 0000003c", NULL },
	{ "expiry of a server", V5, SERVER, 0x82, "e0 07 00 05 11 0000003c",
	    "Session-Expiry" },
	{ "reference of a client", V5, 0, 0x82, "e0 06 00 04 1c 0001 'x'",
	    "Server-Reference" },
	{ "reference", V5, SERVER, 0, "e0 06 9c 04 1c 0001 'x'", NULL },
	{ "flags", V5, 0, 0x81, "e1 00", "-2.1.3-1" },

	{ "auth", V5, STRICT, 0, "f0 06 18 04 15 0001 'm'", NULL },
	{ "auth again", V5, STRICT, 0, "f0 06 19 04 15 0001 'm'", NULL },
	{ "auth done, by a client", V5, 0, 0x81, "f0 00", "-3.15.2-1" },
	{ "auth done, by a server", V5, SERVER, 0, "f0 00", NULL },
	{ "auth without method", V5, 0, 0x82, "f0 01 18", "3.15.2.2.2" },
	{ "no such reason", V5, 0, 0x81, "f0 06 01 04 15 0001 'm'", "-3.15.2-1" },
	{ "auth flags", V5, 0, 0x81, "f1 06 18 04 15 0001 'm'", "-2.1.3-1" },
	{ "auth in 3.1.1", V4, 0, 0x81, "f0 00", "reserved" },
};

TEST(short_packets_are_judged)
{
	BYTES_CHECK_ALL(acks);
}

TEST(auth_is_no_packet_of_3x)
{
	struct bytes b = bytes_of("f0 00");
	struct mqtt_frame f;
	struct mqtt_auth p;
	struct mqtt_fault fault;

	EQ(mqtt_frame_peek(bytes_slice(&b), &f), MQTT_PEEK_WHOLE);
	EQ(mqtt_decode_auth(&f, V4, 0, &p, &fault), EM_MALFORMED);
	EQ(fault.reason, 0x81);
}
