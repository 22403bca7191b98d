/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reason: one table by value, made from reason.def.  A value that the standard
 * does not have is an empty row: no name, allowed nowhere.
 */
#include "emqxd/mqtt/reason.h"

#define IN(type_) (1u << MQTT_##type_)
#define ACKS (IN(PUBACK) | IN(PUBREC) | IN(PUBREL) | IN(PUBCOMP))

struct row {
	const char *name, *text;
	uint16_t from_client, from_server;
	uint8_t v3;
};

static const struct row rows[256] = {
#define REASON(id_, value_, client_, server_, v3_, name_, text_) \
	[value_] = { (name_), (text_), (client_), (server_), (v3_) },
#include "emqxd/mqtt/reason.def"
#undef REASON
};

const char *
reason_name(uint8_t reason)
{
	return rows[reason].name != NULL ? rows[reason].name : "unknown";
}

const char *
reason_text(uint8_t reason)
{
	return rows[reason].text != NULL ? rows[reason].text : "Unknown";
}

bool
reason_is_allowed(uint8_t reason, enum mqtt_type type, bool from_server)
{
	const struct row *row = &rows[reason];

	return ((from_server ? row->from_server : row->from_client) & 1u << type) != 0;
}

uint8_t
reason_to_v3(uint8_t reason)
{
	return rows[reason].v3;
}
