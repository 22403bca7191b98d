/* SPDX-License-Identifier: Apache-2.0 */
/* Packets as lines: the shapes that operators know. */
#include "tests/unit/mqtt/bytes.h"
#include "emqxd/mqtt/dump.h"

struct line {
	enum mqtt_version v;
	unsigned flags;
	const char *bytes;
	const char *text;
};

static const struct line lines[] = {
	{ MQTT_V5, 0,
	    "10 * 0004 'MQTT' 05 ce 003c 00 0002 'c1' 00 0003 'w/1' 0003 'bye'"
	    "0005 'alice' 0006 'secret'",
	    "CONNECT(Q0, R0, D0, ClientId=c1, ProtoName=MQTT, ProtoVsn=5, "
	    "CleanStart=true, "
	    "KeepAlive=60, Username=alice, Password=******, "
	    "Will(Q1, R0, Topic=w/1 Payload(text)=bye))" },
	{ MQTT_V31, 0, "10 * 0006 'MQIsdp' 03 00 0000 0002 'c1'",
	    "CONNECT(Q0, R0, D0, ClientId=c1, ProtoName=MQIsdp, ProtoVsn=3, "
	    "CleanStart=false, KeepAlive=0, Username=undefined, Password=undefined)" },
	{ MQTT_V311, MQTT_FROM_SERVER, "20 02 01 00",
	    "CONNACK(Q0, R0, D0, AckFlags=1, ReasonCode=0)" },
	{ MQTT_V311, 0, "3b * 0003 't/1' 0007 'hello'",
	    "PUBLISH(Q1, R1, D1, Topic=t/1, PacketId=7, Payload(text)=hello)" },
	{ MQTT_V311, 0, "30 * 0003 't/1' fffe0001",
	    "PUBLISH(Q0, R0, D0, Topic=t/1, PacketId=undefined, Payload(hex)=FFFE0001)" },
	{ MQTT_V311, 0, "30 * 0004 't' 1b '[m' 'a' 0a '=1'",
	    "PUBLISH(Q0, R0, D0, Topic=t\\x1b[m, PacketId=undefined, "
	    "Payload(text)=a\\x0a=1)" },
	{ MQTT_V5, 0, "40 03 0007 10", "PUBACK(Q0, R0, D0, PacketId=7, ReasonCode=16)" },
	{ MQTT_V311, 0, "62 02 0007", "PUBREL(Q1, R0, D0, PacketId=7, ReasonCode=0)" },
	{ MQTT_V5, 0, "82 * 0002 00 0003 't/#' 01 0001 'b' 2c",
	    "SUBSCRIBE(Q1, R0, D0, PacketId=2 TopicFilters=[t/#(qos: 1, nl: 0, rap: 0, "
	    "rh: 0), b(qos: 0, nl: 1, rap: 1, rh: 2)])" },
	{ MQTT_V5, MQTT_FROM_SERVER, "90 * 0002 00 01 87",
	    "SUBACK(Q0, R0, D0, PacketId=2, ReasonCodes=[1,135])" },
	{ MQTT_V311, 0, "a2 * 0003 0003 't/#' 0001 'b'",
	    "UNSUBSCRIBE(Q1, R0, D0, PacketId=3 TopicFilters=[t/#, b])" },
	{ MQTT_V311, MQTT_FROM_SERVER, "b0 02 0003", "UNSUBACK(Q0, R0, D0, PacketId=3)" },
	{ MQTT_V311, 0, "c0 00", "PINGREQ(Q0, R0, D0)" },
	{ MQTT_V311, MQTT_FROM_SERVER, "d0 00", "PINGRESP(Q0, R0, D0)" },
	{ MQTT_V5, 0, "e0 01 04", "DISCONNECT(Q0, R0, D0, ReasonCode=4)" },
	{ MQTT_V5, 0, "f0 06 18 04 15 0001 'm'", "AUTH(Q0, R0, D0, ReasonCode=24)" },
};

TEST(each_packet_has_its_line)
{
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		struct bytes b = bytes_of(lines[i].bytes);
		struct str out = { 0 };
		struct mqtt_packet p;
		struct mqtt_fault fault;

		EQ(bytes_decode(&b, lines[i].v, lines[i].flags, &p, &fault), EM_OK);
		mqtt_dump(&out, &p, MQTT_DUMP_TEXT);
		STR_EQ(str_get(&out), lines[i].text);
		str_fini(&out);
	}
}

static void
payload_is(
    struct slice payload, enum mqtt_dump_payload how, const char *kind, const char *text)
{
	struct str out = { 0 };

	STR_EQ(mqtt_dump_payload(&out, payload, how), kind);
	STR_EQ(str_get(&out), text);
	str_fini(&out);
}

TEST(a_payload_is_shown_as_asked_if_that_is_possible)
{
	payload_is(SLICE_LIT("hi"), MQTT_DUMP_TEXT, "text", "hi");
	payload_is(SLICE_LIT("hi"), MQTT_DUMP_HEX, "hex", "6869");
	payload_is(SLICE_LIT("hi"), MQTT_DUMP_HIDDEN, "hidden", "******");
	payload_is(SLICE_LIT("\xff"), MQTT_DUMP_TEXT, "hex", "FF");
	payload_is(SLICE_LIT("\xff"), MQTT_DUMP_HIDDEN, "hidden", "******");
	payload_is(SLICE_NONE, MQTT_DUMP_TEXT, "text", "");
	payload_is(SLICE_LIT("\xc3\xa9"), MQTT_DUMP_TEXT, "text", "\xc3\xa9");
}

TEST(a_long_payload_is_cut_to_a_hundred_bytes)
{
	char data[1025], want[300];

	memset(data, 'x', sizeof data);
	memset(want, 'x', sizeof want);
	strcpy(want + 100, "...(925 bytes)");
	payload_is(slice_of(data, 1025), MQTT_DUMP_TEXT, "text", want);
	payload_is(slice_of(data, 1025), MQTT_DUMP_HIDDEN, "hidden", "******");
	for (unsigned i = 0; i < 100; i++)
		memcpy(want + 2 * i, "78", 2);
	strcpy(want + 200, "...(925 bytes)");
	payload_is(slice_of(data, 1025), MQTT_DUMP_HEX, "hex", want);
}

TEST(a_payload_of_1024_bytes_is_whole)
{
	char data[1025] = { 0 };

	memset(data, 'x', 1024);
	payload_is(slice_of(data, 1024), MQTT_DUMP_TEXT, "text", data);
}

TEST(a_cut_leaves_no_half_character)
{
	char data[1030], want[300];

	memset(data, 'x', sizeof data);
	memcpy(data + 98, "\xe2\x82\xac", 3);
	memset(want, 'x', sizeof want);
	strcpy(want + 98, "...(932 bytes)");
	payload_is(slice_of(data, sizeof data), MQTT_DUMP_TEXT, "text", want);
}

TEST(types_have_names)
{
	STR_EQ(mqtt_dump_type(MQTT_PUBREC), "PUBREC");
	STR_EQ(mqtt_dump_type(0), "RESERVED");
	STR_EQ(mqtt_dump_type(16), "RESERVED");
}
