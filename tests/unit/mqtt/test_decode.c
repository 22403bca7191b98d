/* SPDX-License-Identifier: Apache-2.0 */
/* Which side sends which packets. */
#include "tests/unit/mqtt/bytes.h"

/* One legal packet of each type for v5. */
static const char *const packets[16] = {
	[MQTT_CONNECT] = "10 * 0004 'MQTT' 05 02 003c 00 0001 'a'",
	[MQTT_CONNACK] = "20 03 00 00 00",
	[MQTT_PUBLISH] = "30 * 0001 't' 00 'x'",
	[MQTT_PUBACK] = "40 02 0001",
	[MQTT_PUBREC] = "50 02 0001",
	[MQTT_PUBREL] = "62 02 0001",
	[MQTT_PUBCOMP] = "70 02 0001",
	[MQTT_SUBSCRIBE] = "82 * 0001 00 0001 'a' 00",
	[MQTT_SUBACK] = "90 * 0001 00 00",
	[MQTT_UNSUBSCRIBE] = "a2 * 0001 00 0001 'a'",
	[MQTT_UNSUBACK] = "b0 * 0001 00 00",
	[MQTT_PINGREQ] = "c0 00",
	[MQTT_PINGRESP] = "d0 00",
	[MQTT_DISCONNECT] = "e0 00",
	[MQTT_AUTH] = "f0 * 18 04 15 0001 'm'",
};

static const char client[] = ".x.xxxxxx.x.x.xx";
static const char server[] = "..xxxxxx.x.x.xxx";

TEST(each_side_sends_its_own_packets)
{
	for (unsigned type = 1; type < 16; type++) {
		for (unsigned flags = 0; flags <= MQTT_FROM_SERVER;
		     flags += MQTT_FROM_SERVER) {
			struct bytes b = bytes_of(packets[type]);
			bool may = (flags != 0 ? server : client)[type] == 'x';
			struct mqtt_packet p;
			struct mqtt_fault fault;

			EQ(bytes_decode(&b, MQTT_V5, flags, &p, &fault) == EM_OK, may);
			EQ(fault.reason, may ? 0 : 0x82);
			EQ(p.type, type);
			EQ(p.first, b.p[0]);
		}
	}
}

TEST(reserved_types_are_malformed)
{
	struct bytes none = bytes_of("00 00");
	struct bytes auth = bytes_of("f0 00");
	struct bytes bye = bytes_of("e0 00");
	struct mqtt_packet p;
	struct mqtt_fault fault;

	EQ(bytes_decode(&none, MQTT_V5, 0, &p, &fault), EM_MALFORMED);
	EQ(fault.reason, 0x81);
	EQ(bytes_decode(&auth, MQTT_V311, 0, &p, &fault), EM_MALFORMED);
	EQ(fault.reason, 0x81);
	EQ(bytes_decode(&bye, MQTT_V311, MQTT_FROM_SERVER, &p, &fault), EM_MALFORMED);
	EQ(fault.reason, 0x82);
}
