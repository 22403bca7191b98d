/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cluster_conf: cluster.*: conf_get(CONF_CLUSTER) is a struct cluster_conf.  What defaults
 * follow from node.name and node.cookie, cluster.c finds at birth.
 */
#ifndef CLUSTER_CLUSTER_CONF_H
#define CLUSTER_CLUSTER_CONF_H

#include "emqxd/conf/section.h"

struct cluster_conf {
	const char *name;
	const char *listen;    /* "auto", or as a listener's bind */
	const char *advertise; /* "host:port"; "": the host of node.name */
	bool tls;
	const char *certfile, *keyfile, *cacertfile;
	uint64_t link_buffer; /* bytes, a peer and channel */
	span_t down_timeout, suback_wait;
	span_t autoclean; /* 0: never */
	bool autoheal;
	uint64_t will_memory; /* bytes of other nodes' clients' wills */
	int64_t max_rows;     /* routes and clients of one other node */
};

extern const struct conf_section cluster_conf;

#endif
