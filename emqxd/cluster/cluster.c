/* SPDX-License-Identifier: Apache-2.0 */
/* cluster: see cluster.h. */
#include "emqxd/cluster/cluster.h"
#include "emqxd/cluster/clean.h"
#include "emqxd/cluster/cluster_conf.h"
#include "emqxd/figures/figures.h"
#include "emqxd/members/groups.h"
#include "emqxd/link/views.h"
#include "emqxd/cluster/finding.h"
#include "emqxd/cluster/heal.h"
#include "emqxd/cluster/inside.h"
#include "emqxd/cluster/join.h"
#include "emqxd/members/levels.h"
#include "emqxd/cluster/join_note.h"
#include "emqxd/cluster/look.h"
#include "emqxd/cluster/meet.h"
#include "emqxd/members/members.h"
#include "emqxd/cluster/outage.h"
#include "emqxd/ordering/ordering.h"
#include "emqxd/takeover/takeover_wire.h"
#include "emqxd/wills/wills_wire.h"
#include "emqxd/link/link_tls.h"
#include "emqxd/routes/routes.h"
#include "emqxd/conf/snapshot.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/addr.h"
#include "ipc/base/hash.h"
#include "ipc/base/mem.h"
#include "ipc/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 64

struct cluster_own {
	struct link_tls *tls; /* until the house has it */
	int door;             /* the same */
	unsigned port;
	struct fault closed; /* why nobody can come */
	char *node, *cookie, *product, *name, *advertise, *data_dir;
	size_t buffer, will_memory;
	uint64_t rows_max;
	span_t down_timeout, suback_wait, autoclean;
	bool autoheal;
};

static struct cluster_own *
own(void)
{
	return cluster_inside()->own;
}

unsigned
cluster_port_of(const char *node)
{
	const char *at = strchr(node, '@');
	const char *p = at != NULL ? at : node + strlen(node);
	unsigned n = 0, scale = 1;

	for (; p > node && p[-1] >= '0' && p[-1] <= '9' && scale < 100000; p--) {
		n += scale * (unsigned)(p[-1] - '0');
		scale *= 10;
	}
	return n <= 65535 - CLUSTER_PORT ? CLUSTER_PORT + n : CLUSTER_PORT;
}

bool
cluster_address_of(struct slice target, struct str *out)
{
	struct str name = { 0 };
	bool is_place;

	str_add_slice(&name, target);
	is_place = member_place_of(target, cluster_port_of(str_get(&name)), out);
	str_fini(&name);
	return is_place;
}

/* ---- the port */

static bool
has_default_cookie(const struct cluster_me *me)
{
	return strcmp(me->cookie, CLUSTER_COOKIE) == 0;
}

static bool
is_loopback(const struct net_addr *a)
{
	static const uint8_t v6[16] = { [15] = 1 };

	return a->family == AF_INET ? a->ip[0] == 127 : memcmp(a->ip, v6, sizeof v6) == 0;
}

static em_err
find_address(
    const struct cluster_conf *conf, const struct cluster_me *me, struct net_addr *out)
{
	struct conf_addr bind = { .host = "" };

	*out = (struct net_addr){ .family = AF_INET };
	if (strcmp(conf->listen, "auto") != 0) {
		if (conf_addr_parse(slice_str(conf->listen), &bind) != EM_OK)
			return EM_MALFORMED;
	} else
		bind.port = (uint16_t)cluster_port_of(me->node);
	if (bind.host[0] == '\0' && has_default_cookie(me))
		snprintf(bind.host, sizeof bind.host, "127.0.0.1");
	if (strcmp(bind.host, "localhost") == 0)
		snprintf(bind.host, sizeof bind.host, "127.0.0.1");
	if (bind.host[0] != '\0' && addr_parse(slice_str(bind.host), out) != EM_OK)
		return EM_MALFORMED;
	out->port = bind.port;
	return EM_OK;
}

static em_err
open_door(struct cluster_own *c, const struct net_addr *want, struct fault *f)
{
	struct sockaddr_storage ss;
	socklen_t n = addr_to_sockaddr(want, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char text[ADDR_TEXT_MAX];
	int on = 1;

	addr_print(want, text);
	if (fd < 0)
		return fault_set(f, EM_IO, "the cluster port: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&ss, n) != 0 || listen(fd, BACKLOG) != 0) {
		int e = errno;

		close(fd);
		fault_set(f, EM_IO, "the cluster port: cannot listen on %s: %s", text,
		    strerror(e));
		if (e == EADDRINUSE)
			fault_hint(f, "another program has that port (ss -ltnp); change "
				      "cluster.listen");
		return EM_IO;
	}
	n = sizeof ss;
	getsockname(fd, (struct sockaddr *)&ss, &n);
	c->door = fd;
	c->port = addr_of(&ss).port;
	return EM_OK;
}

/* The one named in the configuration, or else the default: that need not be free. */
static em_err
open_port(struct cluster_own *c, const struct cluster_conf *conf,
    const struct cluster_me *me, struct fault *f)
{
	struct net_addr want;
	em_err err = find_address(conf, me, &want);

	if (err != EM_OK)
		return fault_set(f, err, "cluster.listen: this is no address");
	if (has_default_cookie(me) && !is_loopback(&want)) {
		fault_set(f, EM_USAGE,
		    "cluster.listen %s: others reach it, and node.cookie is the default, "
		    "which everybody knows",
		    conf->listen);
		fault_hint(f, "set node.cookie to a secret of your own, at least 20 "
			      "random characters, the same on all nodes");
		return EM_USAGE;
	}
	if (strcmp(conf->listen, "auto") != 0)
		return open_door(c, &want, f);
	if (open_door(c, &want, &c->closed) != EM_OK)
		LOG(INFO, "cluster_port_closed", "text", c->closed.text, "hint",
		    c->closed.hint != NULL ? c->closed.hint : "");
	return EM_OK;
}

static char *
advertise_of(
    const struct cluster_own *c, const struct cluster_conf *conf, const char *node)
{
	const char *at = strrchr(node, '@');
	const char *host = at != NULL && at[1] != '\0' ? at + 1 : "127.0.0.1";
	bool is_ipv6 = strchr(host, ':') != NULL;
	char text[LINK_ADDRESS_MAX + 1];

	if (conf->advertise[0] != '\0')
		return mem_strdup(conf->advertise);
	snprintf(text, sizeof text, is_ipv6 ? "[%.118s]:%u" : "%.120s:%u", host,
	    c->port != 0 ? c->port : cluster_port_of(node));
	return mem_strdup(text);
}

/* ---- life */

static const struct members_ops ops = { .is_member = join_is_member,
	.on_cleaned = clean_note,
	.on_not_cleaned = clean_forget,
	.on_gone = wills_wire_removed,
	.on_places = takeover_wire_members };

em_err
cluster_birth(const struct cluster_me *me, struct fault *f)
{
	const struct cluster_conf *conf = conf_get(CONF_CLUSTER);
	struct cluster_own *c = MEM_NEW(struct cluster_own);
	struct cluster *all;
	em_err err = EM_OK;

	*c = (struct cluster_own){ .door = -1,
		.node = mem_strdup(me->node),
		.cookie = mem_strdup(me->cookie),
		.product = mem_strdup(me->product),
		.name = mem_strdup(conf->name),
		.data_dir = mem_strdup(me->data_dir),
		.buffer = (size_t)conf->link_buffer,
		.down_timeout = conf->down_timeout,
		.suback_wait = conf->suback_wait,
		.autoclean = conf->autoclean,
		.autoheal = conf->autoheal,
		.will_memory = (size_t)conf->will_memory,
		.rows_max = (uint64_t)conf->max_rows };
	all = MEM_NEW(struct cluster);
	all->own = c;
	all->licence = me->licence;
	node_slot_set(ROOM_CLUSTER, all);
	list_init(&all->errands);
	clean_birth();
	meet_birth();
	members_birth(&ops);
	join_note_birth();
	takeover_wire_birth();
	wills_wire_birth();
	if (conf->tls) {
		c->tls = link_tls_new(conf->certfile, conf->keyfile, conf->cacertfile, f);
		err = c->tls != NULL ? EM_OK : EM_IO;
	}
	if (err == EM_OK)
		err = open_port(c, conf, me, f);
	c->advertise = advertise_of(c, conf, me->node);
	if (err != EM_OK)
		cluster_death();
	return err;
}

void
cluster_death(void)
{
	struct cluster_own *c = own();

	if (c->door >= 0)
		close(c->door);
	link_tls_free(&c->tls);
	fault_clear(&c->closed);
	mem_free(c->node);
	explicit_bzero(c->cookie, strlen(c->cookie));
	mem_free(c->cookie);
	mem_free(c->product);
	mem_free(c->name);
	mem_free(c->data_dir);
	mem_free(c->advertise);
	mem_free(c);
	wills_wire_death();
	takeover_wire_death();
	members_death();
	join_note_death();
	meet_death();
	clean_death();
	mem_free(cluster_inside());
	node_slot_set(ROOM_CLUSTER, NULL);
}

/* Of the commands that this build knows: nodes that differ ask by name and may be refused. */
static uint64_t
hash_of_table(void)
{
	struct str text = { 0 };
	uint64_t hash;

	for (unsigned i = 0; i < CMD_N; i++)
		str_addf(&text, "%s\n", cmd_get((cmd_id)i)->path);
	hash = hash_sip24(str_slice(&text), 0, 0);
	str_fini(&text);
	return hash;
}

/* What other rooms see of it. */
static void
on_event(struct link_peer *p, enum link_event event, void *arg)
{
	(void)arg;
	if (link_peer_place(p) >= NODES_MAX)
		return;
	if (event == LINK_REACHABLE)
		nodes_set_running(link_peer_place(p), true);
	else if (event == LINK_UNREACHABLE)
		nodes_set_running(link_peer_place(p), false);
}

void
cluster_worker_birth(void)
{
	struct cluster_own *c = own();
	struct link_house_conf conf = { .name = c->node,
		.cluster = c->name,
		.cookie = c->cookie,
		.product = c->product,
		.advertise = c->advertise,
		.site = nodes_site(),
		.incarnation = (uint64_t)clock_wall().ns,
		.table = hash_of_table(),
		.buffer = c->buffer,
		.tls = c->tls,
		.door = c->door };

	cluster_inside()->house = link_house_new(&conf);
	c->tls = NULL;
	c->door = -1;
	link_on_peer(cluster_house(), on_event, NULL);
	cluster_inside()->routes = routes_new(
	    cluster_house(), &(struct routes_conf){ .incarnation = conf.incarnation,
				 .buffer = c->buffer,
				 .node_down_timeout = c->down_timeout,
				 .suback_wait = c->suback_wait,
				 .rows_max = c->rows_max });
	takeover_wire_start(cluster_house(), cluster_inside()->routes);
	cluster_inside()->figures = figures_new(cluster_house());
	cluster_inside()->views = views_new(cluster_house(), groups_lag);
	wills_wire_start(&(struct wills_wire_conf){ .house = cluster_house(),
	    .routes = cluster_inside()->routes,
	    .incarnation = conf.incarnation,
	    .node_down_timeout = c->down_timeout,
	    .memory = c->will_memory });
	ordering_birth(cluster_house());
	look_birth(cluster_house());
	heal_birth(c->autoheal);
	join_birth(cluster_house(), c->data_dir, c->advertise);
	levels_birth(cluster_house(), c->product, c->advertise);
	clean_start(c->autoclean);
	outage_birth();
	meet_start();
	finding_birth(
	    conf_get(CONF_DISCOVERY), &(struct discover_self){ .cluster = c->name,
					  .node = c->node,
					  .secret = c->cookie,
					  .advertised = c->advertise });
}

/* Those who posted letters have ended: what they said last is said to the others too. */
static void
open_last_letters(void)
{
	struct worker *me = worker_self();

	while (mailbox_has_more(me))
		mailbox_open_all(me);
	loop_hurry(me->loop);
	loop_turn(me->loop);
}

void
cluster_worker_death(void)
{
	open_last_letters();
	finding_stop();
	clean_stop();
	meet_stop();
	outage_death();
	/* Who waits for an answer has one, then nobody asks. */
	link_house_stop(cluster_house());
	levels_death();
	ordering_death(); /* who fetches is answered */
	join_death();
	heal_death();
	finding_death();
	takeover_wire_stop();
	views_free(&cluster_inside()->views);
	figures_free(&cluster_inside()->figures);
	wills_wire_stop();
	routes_free(&cluster_inside()->routes);
	link_house_free(&cluster_inside()->house);
}

/* ---- questions */

struct link_house *
cluster_house(void)
{
	return cluster_inside()->house;
}

bool
cluster_is_open(void)
{
	return own()->port != 0;
}

const char *
cluster_closed(void)
{
	return own()->closed.text;
}

const char *
cluster_advertised(void)
{
	return own()->advertise;
}

unsigned
cluster_port(void)
{
	return own()->port;
}
