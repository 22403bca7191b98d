/* SPDX-License-Identifier: Apache-2.0 */
/* delayed_conf: the fields of delayed.*. */
#include "emqxd/publish/delayed_conf.h"

static const struct conf_field fields[] = {
	{ .path = "enable",
	    CONF_MEMBER(struct delayed_limits, is_enabled),
	    .type = CONF_BOOL,
	    .def = "true",
	    .reload = CONF_LIVE,
	    .help = "Whether messages to $delayed/SECONDS/TOPIC wait so long" },
	{ .path = "max_delayed_messages",
	    CONF_MEMBER(struct delayed_limits, max),
	    .type = CONF_INT,
	    .def = "0",
	    .min = 0,
	    .max = INT64_MAX,
	    .reload = CONF_LIVE,
	    .help = "Messages that wait at the same time; 0 is no bound" },
};

const struct conf_section delayed_conf = {
	.id = CONF_DELAYED,
	.path = "delayed",
	.field = fields,
	.n = sizeof(fields) / sizeof(fields[0]),
	.size = sizeof(struct delayed_limits),
};
