/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fields_table: which values a packet has and where they stand.  Only for the
 * files of fields.
 */
#ifndef PLAY_FIELDS_TABLE_H
#define PLAY_FIELDS_TABLE_H

#include "tests/tools/play/fields.h"

enum fields_kind { KIND_BOOL, KIND_U8, KIND_U16, KIND_BYTES };

#define TYPE(type_) (1u << MQTT_##type_)
#define TYPES_ACK (TYPE(PUBACK) | TYPE(PUBREC) | TYPE(PUBREL) | TYPE(PUBCOMP))

/* A value that is no property. */
struct fields_member {
	const char *name;
	unsigned types;
	enum fields_kind kind;
	size_t at;  /* in struct mqtt_packet */
	size_t has; /* a bool that is set with it; 0: none */
	bool is_loose;
};
/* Ends with a name of NULL. */
extern const struct fields_member fields_members[];

enum fields_prop_kind {
	PROP_U8,
	PROP_U16,
	PROP_U32,
	PROP_VARINT,
	PROP_STR,
	PROP_BIN,
	PROP_PAIR,
};

struct fields_prop {
	const char *name;
	uint8_t id;
	enum fields_prop_kind kind;
	size_t at; /* in struct mqtt_props */
};
extern const struct fields_prop fields_props[];

const struct fields_prop *fields_prop_find(struct slice name);
/* The properties of the packet; NULL for PINGREQ and PINGRESP. */
struct mqtt_props *fields_props_of(struct mqtt_packet *p);

#endif
