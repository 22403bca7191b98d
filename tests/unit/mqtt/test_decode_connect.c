/* SPDX-License-Identifier: Apache-2.0 */
/* CONNECT and CONNACK: what is taken, what is refused, and why. */
#include "tests/unit/mqtt/bytes.h"

#define V3 MQTT_V31
#define V4 MQTT_V311
#define V5 MQTT_V5
#define STRICT MQTT_STRICT
#define SERVER MQTT_FROM_SERVER

static struct mqtt_packet
decoded(const struct bytes *b, unsigned flags)
{
	struct mqtt_packet p;
	struct mqtt_fault fault;

	if (bytes_decode(b, V4, flags, &p, &fault) != EM_OK)
		tap_fail(__FILE__, __LINE__, "refused: %s", fault.rule);
	return p;
}

TEST(a_plain_connect_of_311)
{
	struct bytes b = bytes_of("10 * 0004 'MQTT' 04 02 003c 0002 'c1'");
	struct mqtt_packet p = decoded(&b, STRICT);

	EQ(p.version, V4);
	EQ(p.connect.version, V4);
	OK(p.connect.clean_start);
	EQ(p.connect.keepalive, 60);
	OK(slice_eq_str(p.connect.client_id, "c1"));
	OK(!p.connect.has_will && !p.connect.has_username && !p.connect.has_password);
	OK(!p.connect.is_bridge);
}

TEST(a_connect_of_5_with_all_that_it_may_have)
{
	struct bytes b = bytes_of("10 * 0004 'MQTT' 05 ee 0005 05 11 00000078"
				  "0002 'c1' 05 18 0000000a 0003 'w/1' 0003 'bye'"
				  "0005 'alice' 0002 00ff");
	struct mqtt_packet p = decoded(&b, STRICT);
	const struct mqtt_connect *c = &p.connect;

	EQ(p.version, V5);
	EQ(c->props.session_expiry, 120);
	OK(c->has_will && c->will.retain);
	EQ(c->will.qos, 1);
	EQ(c->will.props.will_delay, 10);
	OK(slice_eq_str(c->will.topic, "w/1"));
	OK(slice_eq_str(c->will.payload, "bye"));
	OK(c->has_username && slice_eq_str(c->username, "alice"));
	OK(c->has_password && c->password.n == 2);
}

TEST(a_bridge_says_so_in_the_level)
{
	struct bytes b4 = bytes_of("10 * 0004 'MQTT' 84 00 003c 0001 'b'");
	struct bytes b3 = bytes_of("10 * 0006 'MQIsdp' 83 00 003c 0001 'b'");
	struct mqtt_packet p = decoded(&b4, STRICT);

	EQ(p.version, V4);
	OK(p.connect.is_bridge);
	p = decoded(&b3, STRICT);
	EQ(p.version, V3);
	OK(p.connect.is_bridge);
}

TEST(a_31_client_may_leave_out_the_login_it_announced)
{
	struct bytes b = bytes_of("10 * 0006 'MQIsdp' 03 c2 003c 0001 'b'");
	struct bytes user = bytes_of("10 * 0006 'MQIsdp' 03 c2 003c 0001 'b' 0001 'u'");
	struct mqtt_packet p = decoded(&b, STRICT);

	OK(!p.connect.has_username && !p.connect.has_password);
	p = decoded(&user, STRICT);
	OK(p.connect.has_username && !p.connect.has_password);
}

struct refused {
	const char *bytes;
	enum mqtt_version version;
};

/* The version of a refusal is the one that the client named. */
static const struct refused refusals[] = {
	{ "10 00", 0 },
	{ "10 * 0004 'MQTT'", 0 },
	{ "10 * 0004 'MQTX' 05 02 003c 00 0000", V5 },
	{ "10 * 0004 'MQTX' 04 02 003c 0001 'a'", V4 },
	{ "10 * 0004 'MQTT' 06 02 003c 0001 'a'", V4 },
	{ "10 * 0004 'MQTT' 85 02 003c 0001 'a'", V5 },
	{ "10 * 0004 'MQTT' 03 02 003c 0001 'a'", V4 },
	{ "10 * 0006 'MQIsdp' 04 02 003c 0001 'a'", V4 },
	{ "10 * 0006 'MQIsdp' 03 02 003c 0000", V3 },
	{ "11 * 0004 'MQTT' 05 02 003c 00 0001 'a'", V5 },
};

TEST(a_refusal_knows_the_version_to_answer_in)
{
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		struct bytes b = bytes_of(refusals[i].bytes);
		struct mqtt_packet p;
		struct mqtt_fault fault;

		EQ(bytes_decode(&b, V4, 0, &p, &fault), EM_MALFORMED);
		if (p.version != refusals[i].version)
			tap_fail(__FILE__, __LINE__, "%s: version %d", refusals[i].bytes,
			    (int)p.version);
	}
}

#define HEAD4(flags_) "10 * 0004 'MQTT' 04 " flags_ " 003c "
#define HEAD5(flags_) "10 * 0004 'MQTT' 05 " flags_ " 003c "
#define HEAD3(flags_) "10 * 0006 'MQIsdp' 03 " flags_ " 003c "

static const struct bytes_case connects[] = {
	{ "name", V4, 0, 0x84, "10 * 0004 'MQTX' 04 02 003c 0001 'a'", "-3.1.2-1" },
	{ "lower case", V4, 0, 0x84, "10 * 0004 'mqtt' 04 02 003c 0001 'a'", "-3.1.2-1" },
	{ "no name", V4, 0, 0x84, "10 * 0000 04 02 003c 0001 'a'", "-3.1.2-1" },
	{ "level 0", V4, 0, 0x84, "10 * 0004 'MQTT' 00 02 003c 0001 'a'", "-3.1.2-2" },
	{ "level 255", V4, 0, 0x84, "10 * 0004 'MQTT' ff 02 003c 0001 'a'", "-3.1.2-2" },
	{ "bridge of 5", V4, 0, 0x84, "10 * 0004 'MQTT' 85 02 003c 0001 'a'", NULL },
	{ "empty", V4, 0, 0x81, "10 00", "-3.1.4-1" },
	{ "no flags", V4, 0, 0x81, "10 * 0004 'MQTT' 04", "-3.1.4-1" },
	{ "half a keepalive", V4, 0, 0x81, "10 * 0004 'MQTT' 04 02 00", "-3.1.4-1" },
	{ "header flags", V4, 0, 0x81, "11 * 0004 'MQTT' 04 02 003c 0001 'a'",
	    "[MQTT3-2.2.2-2]" },
	{ "header flags", V4, 0, 0x81, "11 * 0004 'MQTT' 05 02 003c 00 0001 'a'",
	    "[MQTT5-2.1.3-1]" },
	{ "header flags of 3.1", V4, 0, 0, "11 * 0006 'MQIsdp' 03 02 003c 0001 'a'",
	    NULL },
	{ "header flags of 3.1", V4, STRICT, 0x81,
	    "11 * 0006 'MQIsdp' 03 02 003c 0001 'a'", NULL },

	{ "reserved", V4, 0, 0x81, HEAD4("03") "0001 'a'", "[MQTT3-3.1.2-3]" },
	{ "reserved", V4, 0, 0x81, HEAD5("03") "00 0001 'a'", "[MQTT5-3.1.2-3]" },
	{ "unused in 3.1", V4, 0, 0, HEAD3("03") "0001 'a'", NULL },
	{ "unused in 3.1", V4, STRICT, 0x81, HEAD3("03") "0001 'a'", NULL },
	{ "will qos 3", V4, 0, 0x81, HEAD4("1e") "0001 'a' 0001 'w' 0000", "-3.1.2-14" },
	{ "will qos 3", V4, 0, 0x81, HEAD5("1e") "00 0001 'a' 00 0001 'w' 0000",
	    "-3.1.2-12" },
	{ "qos, no will", V4, 0, 0x81, HEAD4("0a") "0001 'a'", "-3.1.2-13" },
	{ "qos, no will", V4, 0, 0x81, HEAD5("12") "00 0001 'a'", "-3.1.2-11" },
	{ "qos, no will, 3.1", V4, 0, 0, HEAD3("0a") "0001 'a'", NULL },
	{ "retain, no will", V4, 0, 0x81, HEAD4("22") "0001 'a'", "-3.1.2-15" },
	{ "retain, no will", V4, 0, 0x81, HEAD5("22") "00 0001 'a'", "-3.1.2-13" },
	{ "password alone", V4, 0, 0x81, HEAD4("42") "0001 'a' 0001 'p'", "-3.1.2-22" },
	{ "password alone", V4, 0, 0, HEAD5("42") "00 0001 'a' 0001 'p'", NULL },

	{ "no client id", V4, 0, 0x81, HEAD4("02"), "-3.1.3-3" },
	{ "client id cut", V4, 0, 0x81, HEAD4("02") "0004 'abc'", "-3.1.3-3" },
	{ "client id utf-8", V4, 0, 0x81, HEAD4("02") "0003 eda080", "-3.1.3-4" },
	{ "client id nul", V4, 0, 0x81, HEAD5("02") "00 0003 610062", "-3.1.3-4" },
	{ "client id bom", V4, STRICT, 0, HEAD4("02") "0004 efbbbf61", NULL },
	{ "empty id, clean", V4, STRICT, 0, HEAD4("02") "0000", NULL },
	{ "empty id", V4, 0, 0x85, HEAD4("00") "0000", "[MQTT3-3.1.3-8]" },
	{ "empty id of 3.1", V4, 0, 0x85, HEAD3("02") "0000", NULL },
	{ "empty id of 5", V4, STRICT, 0, HEAD5("00") "00 0000", NULL },

	{ "will missing", V4, 0, 0x81, HEAD4("06") "0001 'a'", "-3.1.2-9" },
	{ "will props missing", V4, 0, 0x81, HEAD5("06") "00 0001 'a'", "-2.2.2-1" },
	{ "no will payload", V4, 0, 0x81, HEAD4("06") "0001 'a' 0001 'w'", "-3.1.2-9" },
	{ "empty will payload", V4, STRICT, 0, HEAD4("06") "0001 'a' 0001 'w' 0000",
	    NULL },
	{ "will wildcard", V4, 0, 0x90, HEAD4("06") "0001 'a' 0001 '+' 0000",
	    "-3.3.2-2" },
	{ "will wildcard", V4, 0, 0x90, HEAD5("06") "00 0001 'a' 00 0003 'a/#' 0000",
	    "[MQTT5-3.3.2-2]" },
	{ "will topic empty", V4, 0, 0x90, HEAD4("06") "0001 'a' 0000 0000", "-4.7.3-1" },
	{ "will topic utf-8", V4, 0, 0x81, HEAD4("06") "0001 'a' 0002 c0af 0000",
	    "[MQTT3-3.1.3-10]" },
	{ "will topic utf-8", V4, 0, 0x81, HEAD5("06") "00 0001 'a' 00 0002 c0af 0000",
	    "[MQTT5-3.1.3-11]" },
	{ "will alias", V4, 0, 0x81, HEAD5("06") "00 0001 'a' 03 23 0001 0001 'w' 0000",
	    "Topic-Alias" },
	{ "will not text", V4, 0, 0, HEAD5("06") "00 0001 'a' 02 01 01 0001 'w' 0001 ff",
	    NULL },
	{ "will not text", V4, MQTT_CHECK_PAYLOAD, 0x99,
	    HEAD5("06") "00 0001 'a' 02 01 01 0001 'w' 0001 ff", "3.1.3.2.3" },
	{ "will is text", V4, MQTT_CHECK_PAYLOAD, 0,
	    HEAD5("06") "00 0001 'a' 02 01 01 0001 'w' 0001 'x'", NULL },

	{ "no user", V4, 0, 0x81, HEAD4("82") "0001 'a'", "-3.1.2-19" },
	{ "no user", V4, 0, 0x81, HEAD5("82") "00 0001 'a'", "-3.1.2-17" },
	{ "user utf-8", V4, 0, 0x81, HEAD4("82") "0001 'a' 0002 fffe", "-3.1.3-11" },
	{ "no password", V4, 0, 0x81, HEAD4("c2") "0001 'a' 0001 'u'", "-3.1.2-21" },
	{ "behind the end", V4, 0, 0x81, HEAD4("02") "0001 'a' 00", "-3.1.2-18" },
	{ "user unannounced", V4, 0, 0x81, HEAD5("02") "00 0001 'a' 0001 'u'",
	    "-3.1.2-16" },
	{ "behind in 3.1", V4, 0, 0x81, HEAD3("02") "0001 'a' 00", NULL },

	{ "no property length", V4, 0, 0x81, HEAD5("02"), "-2.2.2-1" },
	{ "property length over", V4, 0, 0x81, HEAD5("02") "7f 0001 'a'", "-2.2.2-1" },
	{ "property length 5", V4, 0, 0x81, HEAD5("02") "ffffffff01 0001 'a'",
	    "-2.2.2-1" },
	{ "property length longer", V4, 0, 0, HEAD5("02") "8000 0001 'a'", NULL },
	{ "property length longer", V4, STRICT, 0x81, HEAD5("02") "8000 0001 'a'", NULL },
	{ "receive maximum 0", V4, 0, 0x82, HEAD5("02") "03 21 0000 0001 'a'",
	    "receive maximum" },
};

TEST(connects_are_judged)
{
	BYTES_CHECK_ALL(connects);
}

static const struct bytes_case connacks[] = {
	{ "accepted", V4, SERVER | STRICT, 0, "20 02 00 00", NULL },
	{ "session present", V4, SERVER | STRICT, 0, "20 02 01 00", NULL },
	{ "refused", V4, SERVER | STRICT, 0, "20 02 00 05", NULL },
	{ "reserved code", V4, SERVER, 0x81, "20 02 00 06", "3.2.2.3" },
	{ "reserved flags", V4, SERVER, 0x81, "20 02 02 00", "3.2.2.1" },
	{ "flags unused in 3.1", V3, SERVER, 0, "20 02 ff 00", NULL },
	{ "refused with session", V4, SERVER, 0x82, "20 02 01 05", "-3.2.2-4" },
	{ "short", V4, SERVER, 0x81, "20 01 00", "3.2.2" },
	{ "long", V4, SERVER, 0, "20 03 00 00 00", NULL },
	{ "long", V4, SERVER | STRICT, 0x81, "20 03 00 00 00", NULL },
	{ "header flags", V4, SERVER, 0x81, "21 02 00 00", "-2.2.2-2" },
	{ "accepted 5", V5, SERVER | STRICT, 0, "20 03 00 00 00", NULL },
	{ "refused 5", V5, SERVER | STRICT, 0, "20 03 00 87 00", NULL },
	{ "refused by 3.x", V5, SERVER | STRICT, 0, "20 02 00 01", NULL },
	{ "no properties", V5, SERVER, 0x81, "20 02 00 00", "-2.2.2-1" },
	{ "wrong code", V5, SERVER, 0x81, "20 03 00 8e 00", "-3.2.2-8" },
	{ "properties", V5, SERVER | STRICT, 0, "20 06 00 00 03 22 0010", NULL },
	{ "behind", V5, SERVER, 0x81, "20 04 00 00 00 00", "3.2.3" },
	{ "client property", V5, SERVER, 0x81, "20 05 00 00 02 17 01",
	    "Request-Problem" },
	{ "refused with session", V5, SERVER, 0x82, "20 03 01 87 00", "-3.2.2-6" },
};

TEST(connacks_are_judged)
{
	struct bytes b = bytes_of("20 02 00 01");
	struct mqtt_packet p;
	struct mqtt_fault fault;

	BYTES_CHECK_ALL(connacks);
	EQ(bytes_decode(&b, V5, SERVER, &p, &fault), EM_OK);
	EQ(p.connack.reason, 0x84);
}
