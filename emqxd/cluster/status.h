/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status: what `emqx_ctl cluster status` shows: the members as this node sees them.
 * The link thread's; the rows are copies.
 */
#ifndef CLUSTER_STATUS_H
#define CLUSTER_STATUS_H

#include "emqxd/figures/figures.h"

enum { STATUS_HINT_MAX = 256 };

struct status_row {
	char node[NODES_NAME_MAX + 1];
	char address[LINK_ADDRESS_MAX + 1];
	char version[LINK_PRODUCT_MAX + 1];
	char hint[STATUS_HINT_MAX];
	char discovery[32]; /* of this node: "static: member" */
	const char *role;   /* constant */
	wall_t joined;      /* ns 0: alone */
	span_t rtt, offset;
	int64_t lag; /* -1: not known */
	bool is_running, has_quorum, has_clock, is_me, has_figures;
	struct figures figures;
};

/* So many rows, at most @max, this node's among them; sorted by name. */
unsigned status_rows(struct status_row *out, unsigned max);

#endif
