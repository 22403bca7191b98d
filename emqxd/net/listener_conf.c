/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener_conf: the fields of listeners.tcp.NAME.*, and what follows from the
 * listener's zone.
 */
#include "emqxd/net/listener_conf.h"
#include "ipc/base/num.h"
#include "emqxd/model/zone.h"

#define LISTENER(member_) CONF_MEMBER(struct listener_conf, member_)
#define HOUR_NS (3600 * INT64_C(1000000000))

static const struct conf_word unlimited[] = { { "infinity", LISTENER_UNLIMITED },
	{ NULL, 0 } };
static const struct conf_word kernel[] = { { "0", 0 }, { "0s", 0 }, { NULL, 0 } };

static const struct conf_word asks[] = { { "true", LISTENER_ASKS },
	{ "false", LISTENER_ASKS_NOBODY }, { "on", LISTENER_ASKS },
	{ "off", LISTENER_ASKS_NOBODY }, { "quick_deny_anonymous", LISTENER_ASKS_NAMED },
	{ NULL, 0 } };

static const struct conf_field fields[] = {
	{ .path = "enable",
	    LISTENER(enable),
	    .type = CONF_BOOL,
	    .def = "true",
	    .reload = CONF_LIVE,
	    .help = "Whether the listener is started" },
	{ .path = "bind",
	    LISTENER(bind),
	    .type = CONF_ADDR,
	    .def = "0.0.0.0:1883",
	    .reload = CONF_LISTENER,
	    .help = "Address and port; a port alone is every address" },
	{ .path = "max_connections",
	    LISTENER(max_connections),
	    .type = CONF_INT,
	    .def = "infinity",
	    .min = 1,
	    .max = INT32_MAX,
	    .words = unlimited,
	    .reload = CONF_LIVE,
	    .help = "Connections that it has at once; a further one is closed at once" },
	{ .path = "mountpoint",
	    LISTENER(mountpoint),
	    .type = CONF_TEXT,
	    .def = "",
	    .max = 1024,
	    .reload = CONF_NEW_CONNECTIONS,
	    .help =
		"Prefix of all topics of its clients; ${clientid}, ${username}, ${host} "
		"and ${port} are filled in; without a user name ${username} stands as "
		"it "
		"is; who has + or # in such a name is refused with 0x85" },
	{ .path = "enable_authn",
	    LISTENER(authn),
	    .type = CONF_ENUM,
	    .def = "true",
	    .words = asks,
	    .reload = CONF_NEW_CONNECTIONS,
	    .help =
		"Whether its clients are asked who they are, if there is an "
		"authenticator; quick_deny_anonymous also refuses whoever has neither "
		"a user name nor a method" },
	{ .path = "zone",
	    LISTENER(zone),
	    .type = CONF_TEXT,
	    .def = "default",
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "Zone whose settings its clients live under" },
	{ .path = "tcp_options.backlog",
	    LISTENER(tcp.backlog),
	    .type = CONF_INT,
	    .def = "1024",
	    .min = 1,
	    .max = 65535,
	    .reload = CONF_LISTENER,
	    .help = "Connections that may wait to be accepted" },
	{ .path = "tcp_options.send_timeout",
	    LISTENER(tcp.send_timeout),
	    .type = CONF_SPAN,
	    .def = "15s",
	    .min = 1000000,
	    .max = HOUR_NS,
	    .unit = "ms",
	    .reload = CONF_LIVE,
	    .help = "How long a client may take nothing of what waits for it" },
	{ .path = "tcp_options.send_timeout_close",
	    LISTENER(tcp.send_timeout_close),
	    .type = CONF_BOOL,
	    .def = "true",
	    .reload = CONF_LIVE,
	    .help = "Whether send_timeout closes the connection" },
	{ .path = "tcp_options.nodelay",
	    LISTENER(tcp.nodelay),
	    .type = CONF_BOOL,
	    .def = "true",
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "Whether small packets leave at once (TCP_NODELAY)" },
	{ .path = "tcp_options.reuseaddr",
	    .built = CONF_IGNORED,
	    LISTENER(tcp.reuseaddr),
	    .type = CONF_BOOL,
	    .def = "true",
	    .reload = CONF_LISTENER,
	    .help = "Whether it binds although old connections linger (SO_REUSEADDR)" },
	{ .path = "tcp_options.recbuf",
	    LISTENER(tcp.recbuf),
	    .type = CONF_SIZE,
	    .min = 0,
	    .max = 1 << 30,
	    .unit = "bytes",
	    .reload = CONF_LISTENER,
	    .help = "The kernel's receive buffer of a connection (SO_RCVBUF)" },
	{ .path = "tcp_options.sndbuf",
	    LISTENER(tcp.sndbuf),
	    .type = CONF_SIZE,
	    .min = 0,
	    .max = 1 << 30,
	    .unit = "bytes",
	    .reload = CONF_LISTENER,
	    .help = "The kernel's send buffer of a connection (SO_SNDBUF)" },
	{ .path = "tcp_options.high_watermark",
	    LISTENER(high_watermark),
	    .type = CONF_SIZE,
	    .min = 4096,
	    .max = 1 << 30,
	    .unit = "bytes",
	    .reload = CONF_LIVE,
	    .help =
		"Bytes that may wait for one slow socket; unset, max_outq_bytes of its "
		"zone" },
	{ .path = "tcp_options.keepalive",
	    LISTENER(tcp.keepalive),
	    .type = CONF_TEXT,
	    .def = "none",
	    .reload = CONF_NEW_CONNECTIONS,
	    .help =
		"TCP keepalive: idle seconds, seconds between probes, probes, such as "
		"240,30,5; or none" },
	{ .path = "tcp_options.user_timeout",
	    LISTENER(tcp.user_timeout),
	    .type = CONF_SPAN,
	    .def = "60s",
	    .min = 1000000,
	    .max = 24 * HOUR_NS,
	    .words = kernel,
	    .unit = "ms",
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "How long sent bytes may stay unacknowledged by the peer's kernel "
		    "before the connection ends (TCP_USER_TIMEOUT); 0 leaves it to the "
		    "kernel" },
};

static bool
next_number(struct slice *rest, uint32_t *out)
{
	const uint8_t *comma = rest->n > 0 ? memchr(rest->p, ',', rest->n) : NULL;
	size_t n = comma != NULL ? (size_t)(comma - rest->p) : rest->n;
	struct slice one = slice_head(*rest, n);
	uint64_t v;

	while (one.n > 0 && one.p[0] == ' ')
		one = slice_from(one, 1);
	*rest = slice_from(*rest, n + 1);
	if (num_parse_u64(one, &v) != EM_OK || v < 1 || v > 32767)
		return false;
	*out = (uint32_t)v;
	return true;
}

/* "240,30,5" or "none". */
static bool
parse_keepalive(struct tcp_options *o)
{
	struct slice rest = slice_str(o->keepalive);

	if (strcmp(o->keepalive, "none") == 0 || rest.n == 0)
		return true;
	return next_number(&rest, &o->keepalive_idle) &&
	       next_number(&rest, &o->keepalive_interval) &&
	       next_number(&rest, &o->keepalive_probes) && rest.n == 0 &&
	       o->keepalive_probes <= 127;
}

static const struct zone *
find_zone(struct listener_conf *l, struct conf_settling *in)
{
	size_t n;
	const struct zone *z = conf_settling_get(in, CONF_ZONES, &n);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(z[i].name, l->zone) == 0) {
			l->zone_number = (uint16_t)i;
			return &z[i];
		}
	}
	conf_settling_fault(in, "zone", "zones.NAME.mqtt.* makes a zone",
	    "there is no zone of that name");
	return NULL;
}

/* Of every address, or the same one, at the same port: the second could not open. */
static bool
is_clash(const struct conf_addr *a, const struct conf_addr *b)
{
	const char *every = "0.0.0.0";
	const char *x = *a->host != '\0' ? a->host : every;
	const char *y = *b->host != '\0' ? b->host : every;

	if (a->port == 0 || a->port != b->port)
		return false;
	x = strcmp(x, "localhost") == 0 ? "127.0.0.1" : x;
	y = strcmp(y, "localhost") == 0 ? "127.0.0.1" : y;
	if (strcmp(x, y) == 0)
		return true;
	return (strcmp(x, every) == 0 && strchr(y, ':') == NULL) ||
	       (strcmp(y, every) == 0 && strchr(x, ':') == NULL);
}

static void
check_address(const struct listener_conf *l, struct conf_settling *in)
{
	size_t n;
	const struct listener_conf *all = conf_settling_get(in, CONF_LISTENERS, &n);

	for (size_t i = 0; i < n && &all[i] != l; i++) {
		if (l->enable && all[i].enable && is_clash(&l->bind, &all[i].bind))
			conf_settling_fault(in, "bind",
			    "give each a port of its own, or set enable = false of one",
			    "listeners %s and %s are on one address", all[i].name,
			    l->name);
	}
}

static void
check_mountpoint(const char *text, struct conf_settling *in)
{
	struct slice bad;

	if (!zone_mountpoint_is_good(text, &bad))
		conf_settling_fault(in, "mountpoint", ZONE_MOUNTPOINT_HINT,
		    "%.*s cannot stand in it", SLICE_FMT(bad));
}

static void
settle(void *self, struct conf_settling *in)
{
	struct listener_conf *l = self;
	const struct zone *z = find_zone(l, in);

	check_address(l, in);
	if (!parse_keepalive(&l->tcp))
		conf_settling_fault(in, "tcp_options.keepalive",
		    "such as 240,30,5, or none",
		    "three numbers are expected: idle, interval, probes");
	if (z == NULL)
		return;
	if (*l->mountpoint == '\0')
		l->mountpoint = z->mountpoint;
	else
		check_mountpoint(l->mountpoint, in);
	if (l->high_watermark == 0)
		l->high_watermark = z->max_outq_bytes;
}

const struct conf_section listener_conf = {
	.id = CONF_LISTENERS,
	.path = "listeners.tcp.$name",
	.field = fields,
	.n = sizeof(fields) / sizeof(fields[0]),
	.size = sizeof(struct listener_conf),
	.name_at = offsetof(struct listener_conf, name),
	.enable_at = offsetof(struct listener_conf, enable),
	.gone_at = offsetof(struct listener_conf, is_removed),
	.name_prefix = "tcp:",
	.born = "default",
	.settle = settle,
};
