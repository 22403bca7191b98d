/* SPDX-License-Identifier: Apache-2.0 */
/* PUBLISH: what is taken, what is refused, and why. */
#include "tests/unit/mqtt/bytes.h"

#define V3 MQTT_V31
#define V4 MQTT_V311
#define V5 MQTT_V5
#define STRICT MQTT_STRICT

TEST(a_publish_of_qos_0_has_no_packet_id)
{
	struct bytes b = bytes_of("31 * 0003 't/1' 'hello'");
	struct mqtt_packet p;
	struct mqtt_fault fault;

	EQ(bytes_decode(&b, V4, STRICT, &p, &fault), EM_OK);
	OK(slice_eq_str(p.publish.topic, "t/1"));
	OK(slice_eq_str(p.publish.payload, "hello"));
	EQ(p.publish.packet_id, 0);
	EQ(p.publish.qos, 0);
	OK(p.publish.retain && !p.publish.dup);
	EQ(p.publish.props.set, 0);
}

TEST(a_publish_of_5_has_properties_between_id_and_payload)
{
	struct bytes b = bytes_of("3a * 0003 't/1' 0102 07 02 0000000a 01 01 'hello'");
	struct mqtt_packet p;
	struct mqtt_fault fault;

	EQ(bytes_decode(&b, V5, STRICT, &p, &fault), EM_OK);
	EQ(p.publish.packet_id, 258);
	EQ(p.publish.qos, 1);
	OK(p.publish.dup && !p.publish.retain);
	EQ(p.publish.props.message_expiry, 10);
	EQ(p.publish.props.raw.n, 7);
	OK(slice_eq_str(p.publish.payload, "hello"));
}

static const struct bytes_case cases[] = {
	{ "qos 3", V4, 0, 0x81, "36 * 0001 't' 000a 'x'", "[MQTT3-3.3.1-4]" },
	{ "qos 3", V5, 0, 0x81, "36 * 0001 't' 000a 00 'x'", "[MQTT5-3.3.1-4]" },
	{ "qos 3, id 0", V4, 0, 0x81, "36 * 0001 't' 0000 'x'", "-3.3.1-4" },
	{ "dup, qos 0", V4, 0, 0, "38 * 0001 't' 'x'", NULL },
	{ "dup, qos 0", V4, STRICT, 0x81, "38 * 0001 't' 'x'", "[MQTT3-3.3.1-2]" },
	{ "dup, qos 0", V5, STRICT, 0x81, "38 * 0001 't' 00 'x'", "[MQTT5-3.3.1-2]" },
	{ "dup, qos 1", V5, STRICT, 0, "3a * 0001 't' 0001 00 'x'", NULL },
	{ "id 0", V4, 0, 0x82, "32 * 0001 't' 0000 'x'", "[MQTT3-2.3.1-1]" },
	{ "id 0", V5, 0, 0x82, "34 * 0001 't' 0000 00 'x'", "[MQTT5-2.2.1-3]" },
	{ "wildcard", V4, 0, 0x90, "30 * 0005 'a/+/b' 'x'", "[MQTT3-3.3.2-2]" },
	{ "wildcard", V5, 0, 0x90, "30 * 0003 'a#b' 00 'x'", "[MQTT5-3.3.2-2]" },
	{ "empty topic", V4, 0, 0x82, "30 * 0000 'x'", "[MQTT3-4.7.3-1]" },
	{ "empty topic", V5, 0, 0x82, "30 * 0000 00 'x'", "[MQTT5-4.7.3-1]" },
	{ "empty topic, alias", V5, STRICT, 0, "30 * 0000 03 23 0001 'x'", NULL },
	{ "alias 0", V5, 0, 0x94, "30 * 0001 't' 03 23 0000 'x'", "-3.3.2-8" },
	{ "surrogate", V4, 0, 0x81, "30 * 0003 eda080 'x'", "[MQTT3-3.3.2-1]" },
	{ "nul", V5, 0, 0x81, "30 * 0003 610062 00 'x'", "[MQTT5-3.3.2-1]" },
	{ "control", V5, STRICT, 0, "30 * 0003 610162 00 'x'", NULL },
	{ "utf-8 of four bytes", V4, STRICT, 0, "30 * 0006 'a/' f09f9880 'x'", NULL },
	{ "topic cut", V4, 0, 0x81, "30 * 0032 'abc'", "3.3.2" },
	{ "nothing", V4, 0, 0x81, "30 00", "3.3.2" },
	{ "nothing", V5, 0, 0x81, "30 00", "3.3.2" },
	{ "one byte", V5, 0, 0x81, "30 01 00", "3.3.2" },
	{ "no id", V4, 0, 0x81, "32 * 0001 't'", "3.3.2" },
	{ "half an id", V4, 0, 0x81, "32 * 0001 't' 00", "3.3.2" },
	{ "no payload", V4, STRICT, 0, "32 * 0001 't' 0001", NULL },
	{ "no properties", V5, 0, 0x81, "30 * 0001 't'", "-2.2.2-1" },
	{ "properties over", V5, 0, 0x81, "30 * 0001 't' 20 'x'", "-2.2.2-1" },
	{ "property length longer", V5, 0, 0, "30 * 0001 't' 8000 'x'", NULL },
	{ "property length longer", V5, STRICT, 0x81, "30 * 0001 't' 8000 'x'", NULL },
	{ "length longer", V4, 0, 0, "30 8400 0001 't' 'x'", NULL },
	{ "length longer", V4, STRICT, 0x81, "30 8400 0001 't' 'x'", "2.2.3" },
	{ "length longer", V5, STRICT, 0x81, "30 8500 0001 't' 00 'x'", "-1.5.5-1" },
	{ "id from a client", V5, 0, 0x82, "30 * 0001 't' 02 0b 05 'x'",
	    "Subscription-Identifier" },
	{ "ids from a server", V5, MQTT_FROM_SERVER, 0,
	    "30 * 0001 't' 04 0b 05 0b 06 'x'", NULL },
	{ "not text", V5, STRICT, 0, "30 * 0001 't' 02 01 01 fffe", NULL },
	{ "not text", V5, MQTT_CHECK_PAYLOAD, 0x99, "30 * 0001 't' 02 01 01 fffe",
	    "3.3.2.3.2" },
	{ "text", V5, MQTT_CHECK_PAYLOAD, 0, "30 * 0001 't' 02 01 01 'x'", NULL },
	{ "bytes", V5, MQTT_CHECK_PAYLOAD, 0, "30 * 0001 't' 02 01 00 fffe", NULL },
	{ "response wildcard", V5, 0, 0x82, "30 * 0001 't' 04 08 0001 '#' 'x'",
	    "-3.3.2-14" },
	{ "3.1", V3, STRICT, 0, "32 * 0001 't' 0001 'x'", NULL },
};

TEST(publishes_are_judged)
{
	BYTES_CHECK_ALL(cases);
}

TEST(a_header_cut_anywhere_is_malformed)
{
	struct bytes b = bytes_of("32 * 0003 't/1' 0102 05 02 0000000a");

	for (size_t n = b.n - 1; n >= 2; n--) {
		struct mqtt_packet p;
		struct mqtt_fault fault;

		b.n = n;
		b.p[1] = (uint8_t)(n - 2);
		EQ(bytes_decode(&b, V5, 0, &p, &fault), EM_MALFORMED);
		EQ(fault.reason, 0x81);
	}
}
