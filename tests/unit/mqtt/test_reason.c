/* SPDX-License-Identifier: Apache-2.0 */
/* The register of reason codes: names, places, return codes of 3.x. */
#include "emqxd/mqtt/reason.h"
#include "tests/unit/tap.h"

TEST(codes_have_emqx_names_and_texts)
{
	STR_EQ(reason_name(0x00), "success");
	STR_EQ(reason_name(REASON_PACKET_TOO_LARGE), "packet_too_large");
	STR_EQ(reason_name(REASON_PACKET_IDENTIFIER_IN_USE), "packet_identifier_inuse");
	STR_EQ(reason_text(REASON_KEEPALIVE_TIMEOUT), "Keep alive timeout");
	STR_EQ(reason_name(0x03), "unknown");
	STR_EQ(reason_text(0xff), "Unknown");
}

TEST(the_standard_has_forty_three_codes)
{
	int n = 0;

	for (unsigned i = 0; i < 256; i++) {
		if (strcmp(reason_name((uint8_t)i), "unknown") != 0)
			n++;
	}
	EQ(n, 43);
}

struct place {
	enum mqtt_type type;
	bool server;
	const char *codes; /* section 2.4 and the packets' own tables */
};

static const struct place places[] = {
	{ MQTT_CONNACK, true,
	    "00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f" },
	{ MQTT_CONNACK, false, "" },
	{ MQTT_PUBACK, true, "00 10 80 83 87 90 91 97 99" },
	{ MQTT_PUBACK, false, "00 10 80 83 87 90 91 97 99" },
	{ MQTT_PUBREC, true, "00 10 80 83 87 90 91 97 99" },
	{ MQTT_PUBREC, false, "00 10 80 83 87 90 91 97 99" },
	{ MQTT_PUBREL, true, "00 92" },
	{ MQTT_PUBREL, false, "00 92" },
	{ MQTT_PUBCOMP, true, "00 92" },
	{ MQTT_PUBCOMP, false, "00 92" },
	{ MQTT_SUBACK, true, "00 01 02 80 83 87 8f 91 97 9e a1 a2" },
	{ MQTT_UNSUBACK, true, "00 11 80 83 87 8f 91" },
	{ MQTT_DISCONNECT, true,
	    "00 80 81 82 83 87 89 8b 8c 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e "
	    "9f a0 a1 a2" },
	{ MQTT_DISCONNECT, false, "00 04 80 81 82 83 90 93 94 95 96 97 98 99" },
	{ MQTT_AUTH, true, "00 18" },
	{ MQTT_AUTH, false, "18 19" },
	{ MQTT_PUBLISH, false, "" },
	{ MQTT_CONNECT, false, "" },
};

TEST(each_packet_carries_its_own_codes)
{
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		for (unsigned code = 0; code < 256; code++) {
			char hex[4];
			const struct place *p = &places[i];
			bool want;

			hex[0] = "0123456789abcdef"[code >> 4];
			hex[1] = "0123456789abcdef"[code & 15];
			hex[2] = 0;
			want = strstr(p->codes, hex) != NULL;
			if (reason_is_allowed((uint8_t)code, p->type, p->server) != want)
				tap_fail(__FILE__, __LINE__,
				    "0x%02x in type %d, server %d", code, (int)p->type,
				    p->server);
		}
	}
}

TEST(a_3x_client_is_told_one_of_five_codes_or_none)
{
	EQ(reason_to_v3(REASON_UNSUPPORTED_PROTOCOL_VERSION), 1);
	EQ(reason_to_v3(REASON_CLIENT_IDENTIFIER_NOT_VALID), 2);
	EQ(reason_to_v3(REASON_SERVER_UNAVAILABLE), 3);
	EQ(reason_to_v3(REASON_SERVER_BUSY), 3);
	EQ(reason_to_v3(REASON_QUOTA_EXCEEDED), 3);
	EQ(reason_to_v3(REASON_USE_ANOTHER_SERVER), 3);
	EQ(reason_to_v3(REASON_BAD_USERNAME_OR_PASSWORD), 4);
	EQ(reason_to_v3(REASON_NOT_AUTHORIZED), 5);
	EQ(reason_to_v3(REASON_BANNED), 5);
	EQ(reason_to_v3(REASON_BAD_AUTHENTICATION_METHOD), 5);
	EQ(reason_to_v3(REASON_MALFORMED_PACKET), 0);
	EQ(reason_to_v3(REASON_PACKET_TOO_LARGE), 0);
	EQ(reason_to_v3(0x00), 0);
	EQ(reason_to_v3(0xfe), 0);
}
