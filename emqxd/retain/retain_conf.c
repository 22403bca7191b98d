/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retain_conf: the fields of retainer.*.  max_bytes is ours.
 */
#include "emqxd/retain/retain_conf.h"

#define RETAIN(member_) CONF_MEMBER(struct retain_limits, member_)

static const struct conf_word unlimited[] = { { "infinity", 0 }, { "0", 0 },
	{ NULL, 0 } };
static const struct conf_word any[] = { { "infinity", 0 }, { NULL, 0 } };
static const struct conf_word never[] = { { "0s", INT64_MAX }, { "0", INT64_MAX },
	{ "infinity", INT64_MAX }, { NULL, 0 } };

static const struct conf_word not_overridden[] = { { "disabled", INT64_MAX },
	{ "infinity", INT64_MAX }, { NULL, 0 } };
static const struct conf_word storage[] = { { "disc", true }, { "ram", false },
	{ NULL, 0 } };

static const struct conf_field fields[] = {
	{ .path = "enable",
	    RETAIN(is_enabled),
	    .type = CONF_BOOL,
	    .def = "true",
	    .reload = CONF_LIVE,
	    .help = "Whether retained messages are kept" },
	{ .path = "max_payload_size",
	    RETAIN(max_payload),
	    .type = CONF_SIZE,
	    .def = "1MB",
	    .min = 1,
	    .max = 268435455,
	    .unit = "bytes",
	    .reload = CONF_LIVE,
	    .help = "Largest payload that is retained" },
	{ .path = "msg_expiry_interval",
	    RETAIN(expiry),
	    .type = CONF_SPAN,
	    .def = "0s",
	    .min = 1000000,
	    .max = INT64_MAX - 1,
	    .words = never,
	    .unit = "ms",
	    .reload = CONF_LIVE,
	    .help =
		"How long a retained message is kept whose publisher does not say; 0s is "
		"for ever" },
	{ .path = "msg_expiry_interval_override",
	    RETAIN(expiry_override),
	    .type = CONF_SPAN,
	    .def = "disabled",
	    .min = 1000000,
	    .max = INT64_MAX - 1,
	    .words = not_overridden,
	    .unit = "ms",
	    .reload = CONF_LIVE,
	    .help = "How long a retained message is kept, whatever its publisher says" },
	{ .path = "stop_publish_clear_msg",
	    RETAIN(hides_clearing),
	    .type = CONF_BOOL,
	    .def = "false",
	    .reload = CONF_LIVE,
	    .help =
		"Whether an empty message that clears a retained one reaches nobody" },
	{ .path = "delivery_rate",
	    RETAIN(delivery_rate),
	    .type = CONF_RATE,
	    .def = "infinity",
	    .min = 1,
	    .max = 1000000000,
	    .words = any,
	    .reload = CONF_LIVE,
	    .help = "How many retained messages the node hands to new subscriptions; a "
		    "session takes them only as its window has room in any case" },
	{ .path = "max_publish_rate",
	    RETAIN(publish_rate),
	    .type = CONF_RATE,
	    .def = "infinity",
	    .min = 1,
	    .max = 1000000000,
	    .words = any,
	    .reload = CONF_LIVE,
	    .help =
		"How many messages the node retains; one beyond goes to its subscribers, "
		"is not kept and is acknowledged with 0x97" },
	{ .path = "backend.storage_type",
	    RETAIN(is_durable),
	    .type = CONF_ENUM,
	    .def = "disc",
	    .words = storage,
	    .reload = CONF_RESTART,
	    .help =
		"Whether retained messages survive a restart, a kill -9 and a power "
		"cut: disc does, ram does not; in a cluster ram keeps them on the node "
		"that took them, disc has them on all" },
	{ .path = "backend.max_retained_messages",
	    RETAIN(max_messages),
	    .type = CONF_INT,
	    .def = "0",
	    .min = 0,
	    .max = INT64_MAX,
	    .reload = CONF_LIVE,
	    .help = "Retained messages that are kept; 0 is no bound" },
	{ .path = "max_bytes",
	    RETAIN(max_bytes),
	    .type = CONF_SIZE,
	    .def = "infinity",
	    .min = 1024,
	    .max = INT64_C(1) << 40,
	    .words = unlimited,
	    .unit = "bytes",
	    .reload = CONF_LIVE,
	    .help = "Bytes that all retained messages may take" },
};

const struct conf_section retain_conf = {
	.id = CONF_RETAIN,
	.path = "retainer",
	.field = fields,
	.n = sizeof(fields) / sizeof(fields[0]),
	.size = sizeof(struct retain_limits),
};
