/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zone_conf: the fields of mqtt.* and zones.NAME.mqtt.*.  Names and defaults are
 * those of EMQX 5.8, but for strict_mode; max_mqueue_bytes, max_outq_bytes and
 * mountpoint are ours.
 */
#include "emqxd/model/placeholder.h"
#include "emqxd/model/topic.h"
#include "emqxd/model/zone.h"

#define ZONE(member_) CONF_MEMBER(struct zone, member_)
#define HOUR_NS (3600 * INT64_C(1000000000))
#define SPAN_MAX_NS (INT64_C(0xffffffff) * 1000000000) /* what MQTT 5 can say */

static const struct conf_word never[] = { { "infinity", INT64_MAX }, { NULL, 0 } };
static const struct conf_word never_or_zero[] = { { "infinity", INT64_MAX },
	{ "0", INT64_MAX }, { "0s", INT64_MAX }, { NULL, 0 } };
static const struct conf_word unlimited[] = { { "infinity", ZONE_UNLIMITED },
	{ NULL, 0 } };
static const struct conf_word unlimited_or_zero[] = { { "infinity", ZONE_UNLIMITED },
	{ "0", ZONE_UNLIMITED }, { NULL, 0 } };
static const struct conf_word unlimited_bytes[] = { { "infinity", -1 }, { NULL, 0 } };
static const struct conf_word disabled[] = { { "disabled", 0 }, { NULL, 0 } };
static const struct conf_word priority[] = { { "lowest", 0 }, { "highest", 1 },
	{ NULL, 0 } };
const struct conf_word zone_share_words[] = { { "random", SHARE_RANDOM },
	{ "round_robin", SHARE_ROUND_ROBIN },
	{ "round_robin_per_group", SHARE_ROUND_ROBIN_PER_GROUP },
	{ "sticky", SHARE_STICKY }, { "local", SHARE_LOCAL },
	{ "hash_topic", SHARE_HASH_TOPIC }, { "hash_clientid", SHARE_HASH_CLIENTID },
	{ NULL, 0 } };
const struct conf_word zone_pick_words[] = { { "random", SHARE_RANDOM },
	{ "local", SHARE_LOCAL }, { "hash_topic", SHARE_HASH_TOPIC },
	{ "hash_clientid", SHARE_HASH_CLIENTID }, { NULL, 0 } };

/* What is asked for packet by packet changes at once, for those who are connected too, also
 * where their CONNACK told another value. */
static const struct conf_field fields[] = {
	{ .path = "idle_timeout",
	    ZONE(idle_timeout),
	    .type = CONF_SPAN,
	    .def = "15s",
	    .min = 1000000,
	    .max = 24 * HOUR_NS,
	    .words = never,
	    .unit = "ms",
	    .reload = CONF_NEW_CONNECTIONS,
	    .help =
		"Time from accepting a connection to its CONNECT, before it is closed" },
	{ .path = "max_packet_size",
	    ZONE(max_packet_size),
	    .type = CONF_SIZE,
	    .def = "1MB",
	    .min = 16,
	    .max = 268435460,
	    .unit = "bytes",
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "Largest packet that is taken from a client" },
	{ .path = "max_clientid_len",
	    ZONE(max_clientid_len),
	    .type = CONF_INT,
	    .def = "65535",
	    .min = 23,
	    .max = 65535,
	    .unit = "bytes",
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "Longest client identifier" },
	{ .path = "max_topic_levels",
	    ZONE(max_topic_levels),
	    .type = CONF_INT,
	    .def = "128",
	    .min = 1,
	    .max = 65535,
	    .reload = CONF_LIVE,
	    .help = "Levels that a topic or filter may have" },
	{ .path = "max_qos_allowed",
	    ZONE(max_qos_allowed),
	    .type = CONF_INT,
	    .def = "2",
	    .min = 0,
	    .max = 2,
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "Highest QoS that a client may publish with" },
	{ .path = "max_topic_alias",
	    ZONE(max_topic_alias),
	    .type = CONF_INT,
	    .def = "65535",
	    .min = 0,
	    .max = 65535,
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "Topic aliases that a client may use; 0 for none" },
	{ .path = "retain_available",
	    ZONE(retain_available),
	    .type = CONF_BOOL,
	    .def = "true",
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "Whether clients may publish retained messages" },
	{ .path = "wildcard_subscription",
	    ZONE(wildcard_subscription),
	    .type = CONF_BOOL,
	    .def = "true",
	    .reload = CONF_LIVE,
	    .help = "Whether filters may have + and #" },
	{ .path = "shared_subscription",
	    ZONE(shared_subscription),
	    .type = CONF_BOOL,
	    .def = "true",
	    .reload = CONF_LIVE,
	    .help = "Whether filters may start with $share/" },
	{ .path = "shared_subscription_strategy",
	    ZONE(shared_subscription_strategy),
	    .type = CONF_ENUM,
	    .def = "round_robin",
	    .words = zone_share_words,
	    .reload = CONF_LIVE,
	    .help = "How one member of a shared subscription is picked; sticky stays "
		    "with a publisher's first pick until that member goes, and keeps 64 "
		    "such picks a group, by a hash of the publisher's client id" },
	{ .path = "shared_subscription_initial_sticky_pick",
	    ZONE(shared_subscription_initial_sticky_pick),
	    .type = CONF_ENUM,
	    .def = "random",
	    .words = zone_pick_words,
	    .reload = CONF_LIVE,
	    .help = "How sticky picks a publisher's first member, and when that one "
		    "has gone" },
	{ .path = "ignore_loop_deliver",
	    ZONE(ignore_loop_deliver),
	    .type = CONF_BOOL,
	    .def = "false",
	    .reload = CONF_LIVE,
	    .help = "Whether a client gets no message that it published itself, as no "
		    "local of MQTT 5 does" },
	{ .path = "strict_mode",
	    ZONE(strict_mode),
	    .type = CONF_BOOL,
	    .def = "true",
	    .reload = CONF_LIVE,
	    .help =
		"Whether packets are held to every rule of MQTT; on by default, which "
		"EMQX has off" },
	{ .path = "server_reference",
	    ZONE(server_reference),
	    .type = CONF_TEXT,
	    .def = "",
	    .max = 1024,
	    .reload = CONF_LIVE,
	    .help =
		"Server that MQTT 5 clients are told to use (0x9C) when this one is full "
		"or ends" },
	{ .path = "response_information",
	    ZONE(response_information),
	    .type = CONF_TEXT,
	    .def = "",
	    .max = 65535,
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "Response information for MQTT 5 clients that ask for it" },
	{ .path = "server_keepalive",
	    ZONE(server_keepalive),
	    .type = CONF_INT,
	    .def = "disabled",
	    .min = 1,
	    .max = 65535,
	    .words = disabled,
	    .unit = "seconds",
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "Keepalive that is given to every client in place of its own" },
	{ .path = "keepalive_multiplier",
	    ZONE(keepalive_multiplier),
	    .type = CONF_RATIO,
	    .def = "1.5",
	    .min = 500,
	    .max = 65000,
	    .reload = CONF_LIVE,
	    .help = "How many keepalive intervals of silence end a connection" },
	{ .path = "keepalive_check_interval",
	    .built = CONF_IGNORED,
	    ZONE(keepalive_check_interval),
	    .type = CONF_SPAN,
	    .def = "30s",
	    .min = 1000000,
	    .max = HOUR_NS,
	    .unit = "ms",
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "How late at most a silent connection is noticed" },
	{ .path = "retry_interval",
	    ZONE(retry_interval),
	    .type = CONF_SPAN,
	    .def = "infinity",
	    .min = 1000000,
	    .max = 24 * HOUR_NS,
	    .words = never_or_zero,
	    .unit = "ms",
	    .reload = CONF_NEW_CONNECTIONS,
	    .help =
		"Time after which an unacknowledged message is sent again on the same "
		"connection, to clients before MQTT 5 only: 5.0 forbids it" },
	{ .path = "use_username_as_clientid",
	    ZONE(use_username_as_clientid),
	    .type = CONF_BOOL,
	    .def = "false",
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "Whether a client's user name takes the place of its identifier" },
	{ .path = "session_expiry_interval",
	    ZONE(session_expiry_interval),
	    .type = CONF_SPAN,
	    .def = "2h",
	    .max = SPAN_MAX_NS,
	    .words = never,
	    .unit = "ms",
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "How long the session of a client before MQTT 5 outlives its "
		    "connection" },
	{ .path = "message_expiry_interval",
	    ZONE(message_expiry_interval),
	    .type = CONF_SPAN,
	    .def = "infinity",
	    .min = 1000000,
	    .max = SPAN_MAX_NS,
	    .words = never,
	    .unit = "ms",
	    .reload = CONF_LIVE,
	    .help = "How long a message is kept at most, whatever its publisher says" },
	{ .path = "max_awaiting_rel",
	    ZONE(max_awaiting_rel),
	    .type = CONF_INT,
	    .def = "100",
	    .min = 1,
	    .max = INT32_MAX,
	    .words = unlimited_or_zero,
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "QoS 2 messages of one client that may wait for PUBREL" },
	{ .path = "await_rel_timeout",
	    ZONE(await_rel_timeout),
	    .type = CONF_SPAN,
	    .def = "300s",
	    .min = 1000000,
	    .max = 24 * HOUR_NS,
	    .words = never_or_zero,
	    .unit = "ms",
	    .reload = CONF_LIVE,
	    .help = "How long a QoS 2 message waits for its PUBREL before its packet "
		    "identifier "
		    "is given up" },
	{ .path = "mqueue_priorities",
	    ZONE(mqueue_priorities),
	    .type = CONF_MAP,
	    .def = "disabled",
	    .min = 1,
	    .max = 255,
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "Topics whose messages leave a session's queue before others; the "
		    "higher number first; no wildcards, without the mountpoint" },
	{ .path = "mqueue_default_priority",
	    ZONE(mqueue_default_highest),
	    .type = CONF_ENUM,
	    .def = "lowest",
	    .words = priority,
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "Where topics without a priority stand" },
	{ .path = "mqueue_store_qos0",
	    ZONE(mqueue_store_qos0),
	    .type = CONF_BOOL,
	    .def = "true",
	    .reload = CONF_LIVE,
	    .help = "Whether QoS 0 messages wait in the queue too" },
	{ .path = "max_mqueue_len",
	    ZONE(max_mqueue_len),
	    .type = CONF_INT,
	    .def = "1000",
	    .min = 1,
	    .max = INT32_MAX,
	    .words = unlimited_or_zero,
	    .unit = "messages",
	    .reload = CONF_LIVE,
	    .help = "Messages that may wait in one session's queue; of one too many the "
		    "lowest "
		    "priority goes, in it QoS 0 first, in it the oldest" },
	{ .path = "max_mqueue_bytes",
	    ZONE(max_mqueue_bytes),
	    .type = CONF_SIZE,
	    .def = "64MB",
	    .min = 1024,
	    .max = INT64_C(1) << 40,
	    .words = unlimited_bytes,
	    .unit = "bytes",
	    .reload = CONF_LIVE,
	    .help = "Bytes that may wait in one session's queue, beside max_mqueue_len" },
	{ .path = "max_outq_bytes",
	    ZONE(max_outq_bytes),
	    .type = CONF_SIZE,
	    .def = "1MB",
	    .min = 4096,
	    .max = 1 << 30,
	    .unit = "bytes",
	    .reload = CONF_LIVE,
	    .help = "Bytes that may wait for one slow socket before messages stay in the "
		    "session's queue" },
	{ .path = "max_inflight",
	    ZONE(max_inflight),
	    .type = CONF_INT,
	    .def = "32",
	    .min = 1,
	    .max = 65535,
	    .unit = "messages",
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "QoS 1 and 2 messages that may be on their way to one client" },
	{ .path = "max_subscriptions",
	    ZONE(max_subscriptions),
	    .type = CONF_INT,
	    .def = "infinity",
	    .min = 1,
	    .max = INT32_MAX,
	    .words = unlimited,
	    .reload = CONF_LIVE,
	    .help = "Subscriptions that one client may have" },
	{ .path = "upgrade_qos",
	    ZONE(upgrade_qos),
	    .type = CONF_BOOL,
	    .def = "false",
	    .reload = CONF_LIVE,
	    .help = "Whether the subscription's QoS is used even where the message's is "
		    "lower" },
	{ .path = "exclusive_subscription",
	    ZONE(exclusive_subscription),
	    .type = CONF_BOOL,
	    .def = "false",
	    .reload = CONF_LIVE,
	    .help = "Whether $exclusive/FILTER gives one client alone a filter" },
	{ .path = "mountpoint",
	    ZONE(mountpoint),
	    .type = CONF_TEXT,
	    .def = "",
	    .max = 1024,
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "Prefix of all topics of clients whose listener has none of its own; "
		    "${clientid}, ${username}, ${host} and ${port} are filled in" },
};

bool
zone_mountpoint_is_good(const char *text, struct slice *bad)
{
	size_t n = strcspn(text, "+#");

	if (text[n] != '\0') {
		*bad = slice_of(text + n, 1);
		return false;
	}
	return placeholder_check(text, bad);
}

static void
settle(void *self, struct conf_settling *in)
{
	const struct zone *z = self;
	struct slice bad;

	if (!zone_mountpoint_is_good(z->mountpoint, &bad))
		conf_settling_fault(in, "mountpoint", ZONE_MOUNTPOINT_HINT,
		    "%.*s cannot stand in it", SLICE_FMT(bad));
	for (size_t i = 0; i < z->mqueue_priorities.n; i++) {
		const char *topic = z->mqueue_priorities.pair[i].name;

		if (!topic_name_is_valid(slice_str(topic)))
			conf_settling_fault(in, "mqueue_priorities",
			    "topics are named as they are published: no wildcards",
			    "'%s' is no topic name", topic);
	}
}

const struct conf_section zone_conf = {
	.id = CONF_ZONES,
	.path = "mqtt",
	.overlay = "zones.$name.mqtt",
	.field = fields,
	.n = sizeof(fields) / sizeof(fields[0]),
	.size = sizeof(struct zone),
	.name_at = offsetof(struct zone, name),
	.born = "default",
	.settle = settle,
};
