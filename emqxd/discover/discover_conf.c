/* SPDX-License-Identifier: Apache-2.0 */
/* discover_conf: see discover_conf.h. */
#include "emqxd/discover/discover_conf.h"

#define OF(member_) CONF_MEMBER(struct discover_keys, member_)
#define SECOND_NS INT64_C(1000000000)

static const struct conf_word strategies[] = { { "manual", DISCOVER_MANUAL },
	{ "singleton", DISCOVER_SINGLETON }, { "static", DISCOVER_STATIC },
	{ "dns", DISCOVER_DNS }, { "mcast", DISCOVER_MCAST }, { "etcd", DISCOVER_ETCD },
	{ "k8s", DISCOVER_K8S }, { NULL, 0 } };
static const struct conf_word records[] = { { "a", DISCOVER_A },
	{ "aaaa", DISCOVER_AAAA }, { "srv", DISCOVER_SRV }, { NULL, 0 } };
static const struct conf_word kinds[] = { { "ip", DISCOVER_IP }, { "dns", DISCOVER_POD },
	{ "hostname", DISCOVER_HOSTNAME }, { NULL, 0 } };
static const struct conf_word verify[] = { { "verify_peer", false },
	{ "verify_none", true }, { NULL, 0 } };

static const struct conf_field fields[] = {
	{ .path = "discovery_strategy",
	    OF(discovery_strategy),
	    .type = CONF_ENUM,
	    .def = "manual",
	    .words = strategies,
	    .reload = CONF_RESTART,
	    .help = "How a node that is alone finds the nodes that it joins: "
		    "manual waits for emqx_ctl cluster join, singleton never "
		    "joins, static takes a list, dns the records of a name, "
		    "mcast asks its network, etcd and k8s ask a service" },
	{ .path = "static.seeds",
	    OF(seeds),
	    .type = CONF_LIST,
	    .reload = CONF_RESTART,
	    .help = "Nodes of the cluster, such as emqx@10.0.0.1 or "
		    "emqx@node1.example.org:4370" },
	{ .path = "dns.name",
	    OF(dns_name),
	    .type = CONF_TEXT,
	    .def = "localhost",
	    .max = 255,
	    .reload = CONF_RESTART,
	    .help = "Name whose records are the addresses of the nodes" },
	{ .path = "dns.record_type",
	    OF(record_type),
	    .type = CONF_ENUM,
	    .def = "a",
	    .words = records,
	    .reload = CONF_RESTART,
	    .help = "Records that are asked for; an srv record's port counts "
		    "when the name begins with an underscore, else each host is "
		    "taken once at the port of this node" },
	{ .path = "dns.server",
	    OF(dns_server),
	    .type = CONF_TEXT,
	    .def = "",
	    .max = 64,
	    .reload = CONF_RESTART,
	    .help = "DNS server that is asked, an IPv4 address with a port if "
		    "it is not 53; unset it is the system's" },
	{ .path = "mcast.addr",
	    OF(mcast_addr),
	    .type = CONF_TEXT,
	    .def = "239.192.0.1",
	    .max = 15,
	    .reload = CONF_RESTART,
	    .help = "IPv4 multicast group in which the nodes announce "
		    "themselves, signed with node.cookie" },
	{ .path = "mcast.ports",
	    OF(mcast_ports),
	    .type = CONF_LIST,
	    .def = "4369",
	    .reload = CONF_RESTART,
	    .help = "UDP ports: the node listens at the first that it can have "
		    "and announces itself at all of them" },
	{ .path = "mcast.iface",
	    OF(mcast_iface),
	    .type = CONF_TEXT,
	    .def = "0.0.0.0",
	    .max = 15,
	    .reload = CONF_RESTART,
	    .help = "IPv4 address of the interface that is used; 0.0.0.0 is the "
		    "system's choice" },
	{ .path = "mcast.ttl",
	    OF(mcast_ttl),
	    .type = CONF_INT,
	    .def = "255",
	    .min = 0,
	    .max = 255,
	    .reload = CONF_RESTART,
	    .help = "Routers that an announcement may pass" },
	{ .path = "mcast.loop",
	    OF(mcast_loop),
	    .type = CONF_BOOL,
	    .def = "true",
	    .reload = CONF_RESTART,
	    .help = "Whether other nodes of the same machine hear it" },
	{ .path = "mcast.sndbuf",
	    OF(mcast_sndbuf),
	    .type = CONF_SIZE,
	    .def = "16KB",
	    .min = 1024,
	    .max = 1 << 24,
	    .unit = "bytes",
	    .reload = CONF_RESTART,
	    .help = "The kernel's send buffer of the socket (SO_SNDBUF)" },
	{ .path = "mcast.recbuf",
	    OF(mcast_recbuf),
	    .type = CONF_SIZE,
	    .def = "16KB",
	    .min = 1024,
	    .max = 1 << 24,
	    .unit = "bytes",
	    .reload = CONF_RESTART,
	    .help = "The kernel's receive buffer of the socket (SO_RCVBUF)" },
	{ .path = "etcd.server",
	    OF(etcd_server),
	    .type = CONF_LIST,
	    .reload = CONF_RESTART,
	    .help = "URLs of etcd (3.4 or later), such as http://10.0.0.5:2379" },
	{ .path = "etcd.prefix",
	    OF(etcd_prefix),
	    .type = CONF_TEXT,
	    .def = "emqxcl",
	    .min = 1,
	    .max = 255,
	    .reload = CONF_RESTART,
	    .help = "What the keys begin with: prefix, name of the cluster and "
		    "name of the node with slashes between them" },
	{ .path = "etcd.node_ttl",
	    OF(node_ttl),
	    .type = CONF_SPAN,
	    .def = "1m",
	    .min = 5 * SECOND_NS,
	    .max = 86400 * SECOND_NS,
	    .unit = "ms",
	    .reload = CONF_RESTART,
	    .help = "How long the key of a node that died is there" },
	{ .path = "etcd.ssl_options.cacertfile",
	    OF(etcd_cacertfile),
	    .type = CONF_TEXT,
	    .def = "",
	    .reload = CONF_RESTART,
	    .help = "Certificates of the authorities that etcd's must come "
		    "from, PEM; unset it is those that the system trusts" },
	{ .path = "etcd.ssl_options.certfile",
	    OF(etcd_certfile),
	    .type = CONF_TEXT,
	    .def = "",
	    .reload = CONF_RESTART,
	    .help = "Certificate that is shown to etcd, PEM" },
	{ .path = "etcd.ssl_options.keyfile",
	    OF(etcd_keyfile),
	    .type = CONF_TEXT,
	    .def = "",
	    .reload = CONF_RESTART,
	    .help = "Its private key, PEM" },
	{ .path = "etcd.ssl_options.verify",
	    OF(etcd_is_lenient),
	    .type = CONF_ENUM,
	    .def = "verify_peer",
	    .words = verify,
	    .reload = CONF_RESTART,
	    .help = "Whether etcd's certificate is checked" },
	{ .path = "k8s.apiserver",
	    OF(apiserver),
	    .type = CONF_TEXT,
	    .def = "https://kubernetes.default.svc:443",
	    .min = 1,
	    .max = 512,
	    .reload = CONF_RESTART,
	    .help = "URL of the API of Kubernetes; the pod's service account "
		    "must be allowed to get endpoints" },
	{ .path = "k8s.service_name",
	    OF(service_name),
	    .type = CONF_TEXT,
	    .def = "emqx",
	    .min = 1,
	    .max = 253,
	    .reload = CONF_RESTART,
	    .help = "Service whose endpoints are the nodes" },
	{ .path = "k8s.address_type",
	    OF(address_type),
	    .type = CONF_ENUM,
	    .def = "ip",
	    .words = kinds,
	    .reload = CONF_RESTART,
	    .help = "What of an endpoint is its address: ip, the pod's dns name "
		    "(10-1-2-3.namespace.suffix), or its hostname "
		    "(hostname.service.namespace.suffix)" },
	{ .path = "k8s.namespace",
	    OF(k8s_namespace),
	    .type = CONF_TEXT,
	    .def = "default",
	    .min = 1,
	    .max = 253,
	    .reload = CONF_RESTART,
	    .help = "Namespace of the service" },
	{ .path = "k8s.suffix",
	    OF(k8s_suffix),
	    .type = CONF_TEXT,
	    .def = "pod.local",
	    .max = 253,
	    .reload = CONF_RESTART,
	    .help = "End of the names, such as pod.cluster.local for dns or "
		    "svc.cluster.local for hostname" },
};

static void
check_seeds(const struct discover_keys *k, struct conf_settling *in)
{
	const struct discover_addr usual = { .name = "emqx", .port = 1 };
	struct discover_addr a;

	for (size_t i = 0; i < k->seeds.n; i++)
		if (discover_addr_parse(slice_str(k->seeds.item[i]), &usual, &a) != EM_OK)
			conf_settling_fault(in, "static.seeds",
			    "such as emqx@10.0.0.1, emqx@10.0.0.2:4370",
			    "number %zu is no address of a node", i + 1);
}

static void
settle(void *self, struct conf_settling *in)
{
	const struct discover_keys *k = self;

	check_seeds(k, in);
	if (k->discovery_strategy == DISCOVER_STATIC && k->seeds.n == 0)
		conf_settling_fault(in, "static.seeds",
		    "such as emqx@10.0.0.1, emqx@10.0.0.2",
		    "discovery_strategy static needs it");
	if (k->discovery_strategy == DISCOVER_DNS && k->dns_name[0] == '\0')
		conf_settling_fault(in, "dns.name", "such as emqx.example.org",
		    "discovery_strategy dns needs it");
	if (k->discovery_strategy == DISCOVER_ETCD && k->etcd_server.n == 0)
		conf_settling_fault(in, "etcd.server", "such as http://10.0.0.5:2379",
		    "discovery_strategy etcd needs it");
}

const struct conf_section discover_conf = {
	.id = CONF_DISCOVERY,
	.path = "cluster",
	.field = fields,
	.n = sizeof(fields) / sizeof(fields[0]),
	.size = sizeof(struct discover_keys),
	.settle = settle,
};

/* "emqx" of "emqx@10.0.0.1", at the advertised place. */
static em_err
set_me(const struct discover_self *self, struct discover_addr *me)
{
	const struct discover_addr none = { .port = 0 };
	const char *at = strchr(self->node, '@');
	struct str text = { 0 };
	em_err err;

	str_add_bytes(&text, self->node, at != NULL ? (size_t)(at - self->node) : 0);
	str_addf(&text, "@%s", self->advertised);
	err = discover_addr_parse(str_slice(&text), &none, me);
	str_fini(&text);
	return err == EM_OK && me->port == 0 ? EM_MALFORMED : err;
}

em_err
discover_conf_of(const struct discover_keys *keys, const struct discover_self *self,
    struct discover_conf *out)
{
	*out = (struct discover_conf){ .strategy = keys->discovery_strategy,
		.cluster = self->cluster,
		.node = self->node,
		.secret = self->secret,
		.seeds = keys->seeds };
	out->dns.name = keys->dns_name;
	out->dns.type = keys->record_type;
	out->dns.server = keys->dns_server;
	out->mcast.addr = keys->mcast_addr;
	out->mcast.ports = keys->mcast_ports;
	out->mcast.iface = keys->mcast_iface;
	out->mcast.ttl = keys->mcast_ttl;
	out->mcast.loop = keys->mcast_loop;
	out->mcast.sndbuf = keys->mcast_sndbuf;
	out->mcast.recbuf = keys->mcast_recbuf;
	out->etcd.servers = keys->etcd_server;
	out->etcd.prefix = keys->etcd_prefix;
	out->etcd.node_ttl = keys->node_ttl;
	out->etcd.cacert = keys->etcd_cacertfile;
	out->etcd.cert = keys->etcd_certfile;
	out->etcd.key = keys->etcd_keyfile;
	out->etcd.is_lenient = keys->etcd_is_lenient;
	out->k8s.apiserver = keys->apiserver;
	out->k8s.service_name = keys->service_name;
	out->k8s.address_type = keys->address_type;
	out->k8s.namespace = keys->k8s_namespace;
	out->k8s.suffix = keys->k8s_suffix;
	return set_me(self, &out->me);
}
