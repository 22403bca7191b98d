/* SPDX-License-Identifier: Apache-2.0 */
/* store_conf: the fields of store.*. */
#include "emqxd/store/store_conf.h"

static const struct conf_field fields[] = {
	{ .path = "max_size",
	    CONF_MEMBER(struct store_limits, max_size),
	    .type = CONF_SIZE,
	    .def = "16GB",
	    .min = 1 << 20,
	    .max = INT64_C(1) << 44,
	    .unit = "bytes",
	    .reload = CONF_RESTART,
	    .help = "Bytes that node.data_dir/store, where retained and delayed messages "
		    "survive, may take on the disk" },
};

const struct conf_section store_conf = {
	.id = CONF_STORE,
	.path = "store",
	.field = fields,
	.n = sizeof(fields) / sizeof(fields[0]),
	.size = sizeof(struct store_limits),
};
