/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zone: the MQTT settings that a listener's clients live under: mqtt.*, with
 * zones.NAME.mqtt.* over it.  Every value is resolved: no reader asks twice.
 *
 * Zone 0 is "default" and holds mqtt.* itself.  A zone's number stays its own
 * over reloads (a removed zone becomes a copy of the default), so a channel
 * keeps the number and calls zone_get() each turn that it needs a setting.
 */
#ifndef MODEL_ZONE_H
#define MODEL_ZONE_H

#include "emqxd/conf/snapshot.h"

/* How a shared group picks the member that gets a message. */
enum share_strategy {
	SHARE_INHERITS, /* of one group: as all */
	SHARE_RANDOM,
	SHARE_ROUND_ROBIN,
	SHARE_ROUND_ROBIN_PER_GROUP,
	SHARE_STICKY,
	SHARE_LOCAL,
	SHARE_HASH_TOPIC,
	SHARE_HASH_CLIENTID,
	SHARE_LAST = SHARE_HASH_CLIENTID
};
extern const struct conf_word zone_share_words[];
extern const struct conf_word zone_pick_words[]; /* those by which sticky may begin */

#define ZONE_UNLIMITED UINT32_MAX

struct zone {
	const char *name;

	/* what a client may send */
	span_t idle_timeout;       /* from accept to CONNECT; infinite: no bound */
	uint32_t max_packet_size;  /* bytes, whole packet */
	uint16_t max_clientid_len; /* bytes */
	uint16_t max_topic_levels; /* 65535: no bound worth asking */
	uint16_t max_topic_alias;  /* 0: none */
	uint8_t max_qos_allowed;   /* 0..2 */
	bool retain_available;
	bool wildcard_subscription;
	bool shared_subscription;
	bool strict_mode; /* refuse what the specification only advises against */
	bool use_username_as_clientid;
	const char *response_information; /* "": none */
	const char
	    *server_reference; /* where to go when this one is full or ends; "": none */

	/* how long it may be silent */
	uint16_t server_keepalive;     /* seconds, told in CONNACK; 0: the client's own */
	uint16_t keepalive_multiplier; /* thousandths: 1500 = 1.5 */
	span_t keepalive_check_interval; /* how exactly it is watched */

	/* what its session keeps */
	span_t session_expiry_interval; /* of a v3 client with clean session false */
	span_t message_expiry_interval; /* bound of every message's; infinite: none */
	span_t retry_interval;          /* resend while connected; infinite: never */
	uint32_t max_awaiting_rel;      /* ZONE_UNLIMITED: none */
	span_t await_rel_timeout;       /* infinite: never */
	uint32_t max_mqueue_len;        /* messages; ZONE_UNLIMITED: none */
	uint64_t max_mqueue_bytes; /* topic + payload + properties; UINT64_MAX: none */
	uint32_t max_outq_bytes;   /* a slow socket's; see listener_conf.high_watermark */
	uint16_t max_inflight;     /* window towards the client, 1..65535 */
	uint32_t max_subscriptions; /* ZONE_UNLIMITED: none */
	bool mqueue_store_qos0;
	bool upgrade_qos;
	bool ignore_loop_deliver; /* no message back to its publisher */
	bool
	    mqueue_default_highest; /* of topics without a priority: true before all others */
	struct conf_map mqueue_priorities; /* topic -> 1..255; empty: one queue */

	/* The default zone's count. */
	enum share_strategy shared_subscription_strategy;
	enum share_strategy shared_subscription_initial_sticky_pick;
	bool exclusive_subscription;
	const char
	    *mountpoint; /* of listeners without one; readers use listener_conf's */
};

extern const struct conf_section zone_conf;

/* By number, valid until the end of the turn; one out of range gives the default's. */
static inline const struct zone *
zone_get(uint16_t number)
{
	const struct conf_part *part = conf_part(CONF_ZONES);
	const struct zone *z = part->first;

	return number < part->n ? &z[number] : z;
}

/* A mountpoint has no wildcard and only known placeholders; else *bad is what it has. */
bool zone_mountpoint_is_good(const char *text, struct slice *bad);
#define ZONE_MOUNTPOINT_HINT \
	"such as site/${clientid}/; there are ${clientid} ${username} ${host} ${port}"

#endif
