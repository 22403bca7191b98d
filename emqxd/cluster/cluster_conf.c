/* SPDX-License-Identifier: Apache-2.0 */
/* cluster_conf: the fields of cluster.*. */
#include "emqxd/cluster/cluster_conf.h"
#include "emqxd/link/link_hello.h"
#include "emqxd/model/addr.h"

#define OF(member_) CONF_MEMBER(struct cluster_conf, member_)
#define SECOND_NS INT64_C(1000000000)

static const struct conf_field fields[] = {
	{ .path = "name",
	    OF(name),
	    .type = CONF_TEXT,
	    .def = "emqxcl",
	    .min = 1,
	    .max = LINK_CLUSTER_MAX,
	    .reload = CONF_RESTART,
	    .help = "Name of the cluster; nodes of another name are not let in" },
	{ .path = "listen",
	    OF(listen),
	    .type = CONF_TEXT,
	    .def = "auto",
	    .min = 1,
	    .max = 64,
	    .reload = CONF_RESTART,
	    .help = "Where other nodes connect: a port, or address:port; auto is 4370 "
		    "plus the number at the end of the name before the @ of node.name, "
		    "on 127.0.0.1 alone while node.cookie is the default (another "
		    "address is refused then) and on every address else; if that port is "
		    "taken the node stays alone" },
	{ .path = "advertise",
	    OF(advertise),
	    .type = CONF_TEXT,
	    .def = "",
	    .max = LINK_ADDRESS_MAX,
	    .reload = CONF_RESTART,
	    .help = "host:port at which other nodes reach this one; unset it is the "
		    "host in node.name with the port of cluster.listen" },
	{ .path = "tls.enable",
	    OF(tls),
	    .type = CONF_BOOL,
	    .def = "false",
	    .reload = CONF_RESTART,
	    .help = "Whether nodes talk TLS 1.3 with certificates on both sides; the "
		    "same on all nodes" },
	{ .path = "tls.certfile",
	    OF(certfile),
	    .type = CONF_TEXT,
	    .def = "",
	    .reload = CONF_RESTART,
	    .help = "Certificate of this node with its chain, PEM" },
	{ .path = "tls.keyfile",
	    OF(keyfile),
	    .type = CONF_TEXT,
	    .def = "",
	    .reload = CONF_RESTART,
	    .help = "Its private key, PEM" },
	{ .path = "tls.cacertfile",
	    OF(cacertfile),
	    .type = CONF_TEXT,
	    .def = "",
	    .reload = CONF_RESTART,
	    .help = "Certificates of the authorities that other nodes' must come from, "
		    "PEM" },
	{ .path = "link.buffer",
	    OF(link_buffer),
	    .type = CONF_SIZE,
	    .def = "64MB",
	    .min = 1 << 20,
	    .max = INT64_C(1) << 36,
	    .unit = "bytes",
	    .reload = CONF_RESTART,
	    .help = "Bytes that may wait for one other node, in each of the two "
		    "connections to it" },
	{ .path = "suback_wait",
	    OF(suback_wait),
	    .type = CONF_SPAN,
	    .def = "200ms",
	    .min = 0,
	    .max = 10 * SECOND_NS,
	    .unit = "ms",
	    .reload = CONF_RESTART,
	    .help = "How long SUBACK waits at most until the other nodes know of the "
		    "subscription" },
	{ .path = "node_down_timeout",
	    OF(down_timeout),
	    .type = CONF_SPAN,
	    .def = "30s",
	    .min = 5 * SECOND_NS,
	    .max = 86400 * SECOND_NS,
	    .unit = "ms",
	    .reload = CONF_RESTART,
	    .help = "How long what is known of a node that cannot be reached is kept; "
		    "then its clients' wills are published" },
	{ .path = "autoclean",
	    OF(autoclean),
	    .type = CONF_SPAN,
	    .def = "24h",
	    .min = 0,
	    .max = 365 * 86400 * SECOND_NS,
	    .unit = "ms",
	    .reload = CONF_RESTART,
	    .help = "A member that was stopped for so long is removed from the "
		    "cluster, while most members run; 0 removes nobody" },
	{ .path = "autoheal",
	    OF(autoheal),
	    .type = CONF_BOOL,
	    .def = "true",
	    .reload = CONF_RESTART,
	    .help = "Whether a node that was removed because it was stopped joins "
		    "its cluster again by itself when it is back" },
	{ .path = "will_memory",
	    OF(will_memory),
	    .type = CONF_SIZE,
	    .def = "64MB",
	    .min = 0,
	    .max = INT64_C(1) << 36,
	    .unit = "bytes",
	    .reload = CONF_RESTART,
	    .help =
		"Bytes that wills of other nodes' clients may take here, kept for the "
		"case that the node dies; 0: none is kept" },
	{ .path = "max_rows",
	    OF(max_rows),
	    .type = CONF_INT,
	    .def = "10000000",
	    .min = 1000,
	    .max = INT64_C(1000000000),
	    .reload = CONF_RESTART,
	    .help = "Filters, shared subscriptions and sessions of one other node that "
		    "are known here, some 100 bytes each; what is more is counted "
		    "(cluster.rows.refused), and messages do not reach it" },
};

/* "4370", "127.0.0.1:4370", "[::1]:4370", "localhost:4370". */
static bool
is_bind(const char *text)
{
	struct conf_addr bind;
	struct net_addr a;

	if (conf_addr_parse(slice_str(text), &bind) != EM_OK)
		return false;
	return bind.host[0] == '\0' || strcmp(bind.host, "localhost") == 0 ||
	       addr_parse(slice_str(bind.host), &a) == EM_OK;
}

static bool
is_host_port(const char *text)
{
	const char *colon = strrchr(text, ':');

	return colon != NULL && colon != text && colon[1] != '\0' &&
	       strspn(colon + 1, "0123456789") == strlen(colon + 1) &&
	       strlen(colon + 1) <= 5;
}

/* It stands in sentences. */
static bool
is_cluster_name(const char *name)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789_-.";

	return strspn(name, ok) == strlen(name);
}

static void
settle(void *self, struct conf_settling *in)
{
	const struct cluster_conf *c = self;

	if (!is_cluster_name(c->name))
		conf_settling_fault(in, "name", "such as emqxcl",
		    "letters, digits and _ - . are expected");
	if (strcmp(c->listen, "auto") != 0 && !is_bind(c->listen))
		conf_settling_fault(in, "listen",
		    "auto, or such as 4370 or 10.0.0.1:4370",
		    "this is no address to listen on");
	if (c->advertise[0] != '\0' && !is_host_port(c->advertise))
		conf_settling_fault(in, "advertise", "such as node1.example.org:4370",
		    "host:port is expected");
	if (c->tls && c->certfile[0] == '\0')
		conf_settling_fault(in, "tls.certfile", NULL, "TLS needs it");
	if (c->tls && c->keyfile[0] == '\0')
		conf_settling_fault(in, "tls.keyfile", NULL, "TLS needs it");
	if (c->tls && c->cacertfile[0] == '\0')
		conf_settling_fault(in, "tls.cacertfile", NULL, "TLS needs it");
}

const struct conf_section cluster_conf = {
	.id = CONF_CLUSTER,
	.path = "cluster",
	.field = fields,
	.n = sizeof(fields) / sizeof(fields[0]),
	.size = sizeof(struct cluster_conf),
	.settle = settle,
};
