/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discover_conf: how other nodes are found: the keys cluster.discovery_strategy, static.*,
 * dns.*, mcast.*, etcd.* and k8s.*, and what discover_start() is told from them.
 */
#ifndef DISCOVER_DISCOVER_CONF_H
#define DISCOVER_DISCOVER_CONF_H

#include "emqxd/discover/discover.h"
#include "emqxd/conf/section.h"

struct discover_keys {
	enum discover_strategy discovery_strategy;
	struct conf_list seeds;
	const char *dns_name, *dns_server;
	enum discover_record record_type;
	const char *mcast_addr, *mcast_iface;
	struct conf_list mcast_ports;
	uint8_t mcast_ttl;
	bool mcast_loop;
	uint32_t mcast_sndbuf, mcast_recbuf;
	struct conf_list etcd_server;
	const char *etcd_prefix, *etcd_cacertfile, *etcd_certfile, *etcd_keyfile;
	bool etcd_is_lenient;
	span_t node_ttl;
	const char *apiserver, *service_name, *k8s_namespace, *k8s_suffix;
	enum discover_kind address_type;
};

extern const struct conf_section discover_conf;

/* What this node is called and where it is reached. */
struct discover_self {
	const char *cluster;    /* cluster.name */
	const char *node;       /* node.name */
	const char *secret;     /* node.cookie */
	const char *advertised; /* "host:port" */
};

/* The texts of @out are @keys' and @self's.  EM_MALFORMED: @self is no address of a node. */
EM_MUST_USE em_err discover_conf_of(const struct discover_keys *keys,
    const struct discover_self *self, struct discover_conf *out);

#endif
