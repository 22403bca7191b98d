/* SPDX-License-Identifier: Apache-2.0 */
/* SUBSCRIBE, UNSUBSCRIBE and their answers. */
#include "tests/unit/mqtt/bytes.h"

#define V3 MQTT_V31
#define V4 MQTT_V311
#define V5 MQTT_V5
#define STRICT MQTT_STRICT
#define SERVER MQTT_FROM_SERVER

TEST(filters_are_walked_in_order_with_their_options)
{
	struct bytes b = bytes_of("82 * 000a 02 0b 07 0003 't/#' 01 0001 '+' 2e 0000 10");
	struct mqtt_packet p;
	struct mqtt_fault fault;
	struct mqtt_filter f;
	struct slice rest;

	EQ(bytes_decode(&b, V5, STRICT, &p, &fault), EM_OK);
	EQ(p.subscribe.packet_id, 10);
	EQ(p.subscribe.n, 3);
	EQ(p.subscribe.props.subscription_id, 7);
	rest = p.subscribe.filters;
	OK(mqtt_subscribe_next(&rest, &f));
	OK(slice_eq_str(f.filter, "t/#"));
	EQ(f.qos, 1);
	OK(!f.no_local && !f.retain_as_published);
	EQ(f.retain_handling, 0);
	OK(mqtt_subscribe_next(&rest, &f));
	OK(slice_eq_str(f.filter, "+"));
	EQ(f.qos, 2);
	OK(f.no_local && f.retain_as_published);
	EQ(f.retain_handling, 2);
	OK(mqtt_subscribe_next(&rest, &f));
	EQ(f.filter.n, 0);
	EQ(f.retain_handling, 1);
	OK(!mqtt_subscribe_next(&rest, &f));
}

TEST(filters_to_be_removed_are_walked_in_order)
{
	struct bytes b = bytes_of("a2 * 000a 0001 'a' 0003 'b/c'");
	struct mqtt_packet p;
	struct mqtt_fault fault;
	struct slice rest, filter;

	EQ(bytes_decode(&b, V4, STRICT, &p, &fault), EM_OK);
	EQ(p.unsubscribe.n, 2);
	rest = p.unsubscribe.filters;
	OK(mqtt_unsubscribe_next(&rest, &filter));
	OK(slice_eq_str(filter, "a"));
	OK(mqtt_unsubscribe_next(&rest, &filter));
	OK(slice_eq_str(filter, "b/c"));
	OK(!mqtt_unsubscribe_next(&rest, &filter));
}

static const struct bytes_case cases[] = {
	{ "id 0", V4, 0, 0x82, "82 * 0000 0001 'a' 00", "-2.3.1-1" },
	{ "id 0", V5, 0, 0x82, "82 * 0000 00 0001 'a' 00", "-2.2.1-3" },
	{ "no filter", V4, 0, 0x82, "82 02 000a", "-3.8.3-3" },
	{ "no filter", V5, 0, 0x82, "82 03 000a 00", "-3.8.3-2" },
	{ "empty", V4, 0, 0x81, "82 00", "2.3.1" },
	{ "no properties", V5, 0, 0x81, "82 02 000a", "-2.2.2-1" },
	{ "qos 3", V4, 0, 0x82, "82 * 000a 0001 'a' 03", "-3.8.3-4" },
	{ "qos 3", V5, 0, 0x82, "82 * 000a 00 0001 'a' 03", "3.8.3.1" },
	{ "no local in 3.1.1", V4, 0, 0x81, "82 * 000a 0001 'a' 04", "-3.8.3-4" },
	{ "reserved", V4, 0, 0x81, "82 * 000a 0001 'a' 80", "-3.8.3-4" },
	{ "reserved", V5, 0, 0x81, "82 * 000a 00 0001 'a' 40", "-3.8.3-5" },
	{ "retain handling 3", V5, 0, 0x82, "82 * 000a 00 0001 'a' 30", "3.8.3.1" },
	{ "no options", V4, 0, 0x81, "82 * 000a 0001 'a'", "3.8.3" },
	{ "second cut", V4, 0, 0x81, "82 * 000a 0001 'a' 00 0005 'ab'", "3.8.3" },
	{ "utf-8", V4, 0, 0x81, "82 * 000a 0003 edbfbf 00", "-3.8.3-1" },
	{ "nul", V5, 0, 0x81, "82 * 000a 00 0002 6100 00", "-3.8.3-1" },
	{ "syntax is not judged here", V5, STRICT, 0, "82 * 000a 00 0003 'a#b' 00",
	    NULL },
	{ "no local, shared", V5, 0, 0x82, "82 * 000a 00 000a '$share/g/a' 04",
	    "-3.8.3-4" },
	{ "shared", V5, STRICT, 0, "82 * 000a 00 000a '$share/g/a' 02", NULL },
	{ "id 0", V5, 0, 0x82, "82 * 000a 02 0b00 0001 'a' 00", "3.8.2.1.2" },
	{ "flags", V4, 0, 0x81, "80 * 000a 0001 'a' 00", "-2.2.2-2" },
	{ "flags", V4, 0, 0x81, "8a * 000a 0001 'a' 00", "-2.2.2-2" },
	{ "dup of 3.1", V3, STRICT, 0, "8a * 000a 0001 'a' 00", NULL },
	{ "flags of 3.1", V3, 0, 0x81, "80 * 000a 0001 'a' 00", NULL },

	{ "id 0", V4, 0, 0x82, "a2 * 0000 0001 'a'", "-2.3.1-1" },
	{ "no filter", V4, 0, 0x82, "a2 02 000a", "-3.10.3-2" },
	{ "no filter", V5, 0, 0x82, "a2 03 000a 00", "-3.10.3-2" },
	{ "empty", V5, 0, 0x81, "a2 00", NULL },
	{ "second cut", V4, 0, 0x81, "a2 * 000a 0001 'a' 0005 'ab'", "-3.10.3-1" },
	{ "utf-8", V5, 0, 0x81, "a2 * 000a 00 0001 ff", "-3.10.3-1" },
	{ "flags", V5, 0, 0x81, "a3 * 000a 00 0001 'a'", "-2.1.3-1" },
	{ "property", V5, 0, 0x81, "a2 * 000a 02 0b01 0001 'a'", "Subscription" },
	{ "user property", V5, 0, 0, "a2 * 000a 05 26 0000 0000 0001 'a'", NULL },

	{ "suback", V4, SERVER | STRICT, 0, "90 * 000a 00 01 02 80", NULL },
	{ "no code", V4, SERVER, 0x82, "90 02 000a", "3.9.3" },
	{ "wrong code", V4, SERVER, 0x81, "90 03 000a 03", "-3.9.3-2" },
	{ "suback of 5", V5, SERVER | STRICT, 0, "90 * 000a 00 00 87 a2", NULL },
	{ "wrong code", V5, SERVER, 0x81, "90 * 000a 00 11", "-3.9.3-2" },
	{ "id 0", V5, SERVER, 0x82, "90 * 0000 00 00", "-2.2.1-3" },
	{ "unsuback", V4, SERVER | STRICT, 0, "b0 02 000a", NULL },
	{ "unsuback with more", V4, SERVER, 0, "b0 03 000a 00", NULL },
	{ "unsuback with more", V4, SERVER | STRICT, 0x81, "b0 03 000a 00", "3.11.3" },
	{ "unsuback of 5", V5, SERVER | STRICT, 0, "b0 * 000a 00 00 11", NULL },
	{ "no code", V5, SERVER, 0x82, "b0 03 000a 00", "3.11.3" },
	{ "wrong code", V5, SERVER, 0x81, "b0 * 000a 00 01", "-3.11.3-2" },
};

TEST(subscriptions_are_judged)
{
	BYTES_CHECK_ALL(cases);
}
