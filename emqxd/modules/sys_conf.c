/* SPDX-License-Identifier: Apache-2.0 */
/* sys_conf: the fields of sys_topics.* and alarm.*. */
#include "emqxd/modules/sys_conf.h"

#define SYS(member_) CONF_MEMBER(struct sys_topics_conf, member_)
#define LIMIT(member_) CONF_MEMBER(struct alarm_limits, member_)
#define SECOND INT64_C(1000000000)

static const struct conf_word off[] = { { "disabled", INT64_MAX }, { "0s", INT64_MAX },
	{ "0", INT64_MAX }, { NULL, 0 } };

static const struct conf_field fields[] = {
	{ .path = "sys_msg_interval",
	    SYS(interval),
	    .type = CONF_SPAN,
	    .def = "1m",
	    .min = SECOND,
	    .max = 86400 * SECOND,
	    .words = off,
	    .unit = "ms",
	    .reload = CONF_LIVE,
	    .help = "How often nodes, version, statistics and metrics are published "
		    "below $SYS/brokers" },
	{ .path = "sys_heartbeat_interval",
	    SYS(heartbeat),
	    .type = CONF_SPAN,
	    .def = "30s",
	    .min = SECOND,
	    .max = 86400 * SECOND,
	    .words = off,
	    .unit = "ms",
	    .reload = CONF_LIVE,
	    .help = "How often uptime and time are published there" },
	{ .path = "sys_event_messages.client_connected",
	    SYS(connected),
	    .type = CONF_BOOL,
	    .def = "true",
	    .reload = CONF_LIVE,
	    .help = "Whether a client that connects is told at "
		    "$SYS/brokers/NODE/clients/ID/connected" },
	{ .path = "sys_event_messages.client_disconnected",
	    SYS(disconnected),
	    .type = CONF_BOOL,
	    .def = "true",
	    .reload = CONF_LIVE,
	    .help = "The same of one that goes, at .../disconnected" },
	{ .path = "sys_event_messages.client_subscribed",
	    SYS(subscribed),
	    .type = CONF_BOOL,
	    .def = "false",
	    .reload = CONF_LIVE,
	    .help = "The same of one that subscribes, at .../subscribed" },
	{ .path = "sys_event_messages.client_unsubscribed",
	    SYS(unsubscribed),
	    .type = CONF_BOOL,
	    .def = "false",
	    .reload = CONF_LIVE,
	    .help = "The same of one that unsubscribes, at .../unsubscribed" },
};

const struct conf_section sys_topics_conf = {
	.id = CONF_SYS_TOPICS,
	.path = "sys_topics",
	.field = fields,
	.n = sizeof(fields) / sizeof(fields[0]),
	.size = sizeof(struct sys_topics_conf),
};

static const struct conf_field alarm_fields[] = {
	{ .path = "size_limit",
	    LIMIT(history),
	    .type = CONF_INT,
	    .def = "1000",
	    .min = 1,
	    .max = 3000,
	    .reload = CONF_LIVE,
	    .help = "Alarms that are over and remembered" },
	{ .path = "validity_period",
	    LIMIT(keep),
	    .type = CONF_SPAN,
	    .def = "24h",
	    .min = SECOND,
	    .max = INT64_MAX - 1,
	    .unit = "ms",
	    .reload = CONF_LIVE,
	    .help = "How long they are remembered" },
};

const struct conf_section sys_alarm_conf = {
	.id = CONF_ALARM,
	.path = "alarm",
	.field = alarm_fields,
	.n = sizeof(alarm_fields) / sizeof(alarm_fields[0]),
	.size = sizeof(struct alarm_limits),
};
