/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet: the packets of MQTT 3.1, 3.1.1 and 5.0 as plain structs.
 *
 * Decoding fills them with slices into the input: a packet lives no longer
 * than the bytes that it was read from, and owns nothing.  Encoding reads the
 * same structs.  Of properties only those count whose bit is in `set`; the
 * other fields are not even cleared, since PUBLISH is on the hottest path.
 */
#ifndef MQTT_PACKET_H
#define MQTT_PACKET_H

#include "ipc/base/slice.h"

#define MQTT_LEN_MAX 268435455u /* the largest variable byte integer */

enum mqtt_version {
	MQTT_V31 = 3,
	MQTT_V311 = 4,
	MQTT_V5 = 5,
};

enum mqtt_type {
	MQTT_CONNECT = 1,
	MQTT_CONNACK = 2,
	MQTT_PUBLISH = 3,
	MQTT_PUBACK = 4,
	MQTT_PUBREC = 5,
	MQTT_PUBREL = 6,
	MQTT_PUBCOMP = 7,
	MQTT_SUBSCRIBE = 8,
	MQTT_SUBACK = 9,
	MQTT_UNSUBSCRIBE = 10,
	MQTT_UNSUBACK = 11,
	MQTT_PINGREQ = 12,
	MQTT_PINGRESP = 13,
	MQTT_DISCONNECT = 14,
	MQTT_AUTH = 15,
};

/* Property ids; the bit of a property in mqtt_props.set is 1 << id. */
enum mqtt_prop {
#define PROP(name_, id_, ...) MQTT_PROP_##name_ = (id_),
#include "emqxd/mqtt/prop.def"
#undef PROP
};

#define MQTT_PROP_BIT(id_) (UINT64_C(1) << (id_))

/* Decoded: raw holds all property bytes as they came; what may occur several
 * times (user properties, subscription ids of a PUBLISH) is read from it with
 * prop_next_user and prop_next_subid.
 * To be encoded: fields with their bit in set; with the bit of
 * MQTT_PROP_USER_PROPERTY the user properties found in raw (prop_put_user
 * writes such bytes). */
struct mqtt_props {
	uint64_t set;
	struct slice raw;

	uint32_t message_expiry;  /* seconds */
	uint32_t session_expiry;  /* seconds; UINT32_MAX: never */
	uint32_t will_delay;      /* seconds */
	uint32_t max_packet_size; /* bytes, never 0 */
	uint32_t subscription_id; /* the first one; 1..MQTT_LEN_MAX */
	uint16_t server_keepalive;
	uint16_t receive_max; /* never 0 */
	uint16_t topic_alias_max;
	uint16_t topic_alias; /* never 0 */
	uint8_t payload_format;
	uint8_t request_problem;
	uint8_t request_response;
	uint8_t max_qos;
	uint8_t retain_available;
	uint8_t wildcard_available;
	uint8_t subscription_id_available;
	uint8_t shared_available;
	struct slice content_type;
	struct slice response_topic;
	struct slice correlation_data;
	struct slice assigned_client_id;
	struct slice auth_method;
	struct slice auth_data;
	struct slice response_info;
	struct slice server_reference;
	struct slice reason_string;
};

struct mqtt_will {
	struct slice topic;
	struct slice payload;
	uint8_t qos;
	bool retain;
	struct mqtt_props props; /* v5 */
};

struct mqtt_connect {
	enum mqtt_version version;
	bool is_bridge; /* bit 0x80 of the level: a mosquitto bridge; never v5 */
	bool clean_start;
	bool has_will;
	bool has_username;
	bool has_password;
	uint16_t keepalive;
	struct slice client_id; /* may be empty */
	struct slice username;
	struct slice password;
	struct mqtt_will will; /* with has_will */
	struct mqtt_props props;
};

struct mqtt_connack {
	bool session_present;
	uint8_t reason; /* decoded from 3.x: its return code, 0..5 */
	struct mqtt_props props;
};

struct mqtt_publish {
	struct slice topic; /* empty only in v5 beside a topic alias */
	struct slice payload;
	uint16_t packet_id; /* 0 with QoS 0 */
	uint8_t qos;
	bool dup;
	bool retain;
	struct mqtt_props props;
};

/* PUBACK, PUBREC, PUBREL, PUBCOMP */
struct mqtt_ack {
	uint16_t packet_id;
	uint8_t reason; /* 0 in 3.x */
	struct mqtt_props props;
};

struct mqtt_subscribe {
	uint16_t packet_id;
	uint32_t n;           /* filters */
	struct slice filters; /* bytes of the payload: mqtt_subscribe_next */
	struct mqtt_props props;
};

struct mqtt_unsubscribe {
	uint16_t packet_id;
	uint32_t n;
	struct slice filters; /* mqtt_unsubscribe_next */
	struct mqtt_props props;
};

/* One filter of a SUBSCRIBE; its syntax is for model/topic to judge. */
struct mqtt_filter {
	struct slice filter; /* well-formed UTF-8, perhaps empty */
	uint8_t qos;
	uint8_t retain_handling;  /* 0..2; 0 in 3.x */
	bool no_local;            /* false in 3.x */
	bool retain_as_published; /* false in 3.x */
};

/* SUBACK; UNSUBACK (no codes before v5) */
struct mqtt_suback {
	uint16_t packet_id;
	struct slice codes; /* one byte for each filter */
	struct mqtt_props props;
};

struct mqtt_disconnect {
	uint8_t reason; /* 0 in 3.x */
	struct mqtt_props props;
};

struct mqtt_auth {
	uint8_t reason;
	struct mqtt_props props;
};

/* Any packet. */
struct mqtt_packet {
	enum mqtt_type type;
	enum mqtt_version version;
	uint8_t first; /* first byte of the fixed header */
	union {
		struct mqtt_connect connect;
		struct mqtt_connack connack;
		struct mqtt_publish publish;
		struct mqtt_ack ack;
		struct mqtt_subscribe subscribe;
		struct mqtt_suback suback; /* UNSUBACK too */
		struct mqtt_unsubscribe unsubscribe;
		struct mqtt_disconnect disconnect;
		struct mqtt_auth auth;
	};
};

/* Which rule a packet broke, and what a v5 peer is told. */
struct mqtt_fault {
	uint8_t reason;   /* v5 reason code, 0x80 and above */
	const char *rule; /* constant: "[MQTT5-3.3.1-4] qos is 3" */
};

/* The filters in order: start with a copy of .filters as *rest; false at the end. */
bool mqtt_subscribe_next(struct slice *rest, struct mqtt_filter *out);
bool mqtt_unsubscribe_next(struct slice *rest, struct slice *out);

#endif
