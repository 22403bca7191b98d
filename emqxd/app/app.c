/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app: the table of the rooms, in the order in which they are born: a room finds
 * those below it alive.  They die in the opposite order.  And the words of the
 * command line.
 */
#include "emqxd/app/app.h"
#include "ipc/base/str.h"
#include "emqxd/access/authn.h"
#include "emqxd/admin/admin.h"
#include "emqxd/admin/remote.h"
#include "emqxd/app/boot.h"
#include "emqxd/app/check_license.h"
#include "emqxd/app/core_conf.h"
#include "emqxd/app/daemon.h"
#include "emqxd/app/docs.h"
#include "emqxd/app/options.h"
#include "emqxd/app/override.h"
#include "emqxd/app/reload.h"
#include "emqxd/app/settings.h"
#include "emqxd/app/site.h"
#include "emqxd/app/version.h"
#include "emqxd/conf/snapshot.h"
#include "emqxd/cstore/cstore_child.h"
#include "emqxd/core/alarm.h"
#include "emqxd/core/log.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "emqxd/client/client.h"
#include "emqxd/cluster/cluster.h"
#include "emqxd/members/levels.h"
#include "emqxd/license/license.h"
#include "emqxd/link/rpc.h"
#include "emqxd/takeover/takeover_wire.h"
#include "emqxd/wills/wills.h"
#include "emqxd/limit/limit.h"
#include "emqxd/limit/quota.h"
#include "emqxd/model/hook.h"
#include "emqxd/model/nodes.h"
#include "emqxd/model/zone.h"
#include "emqxd/modules/sys_topics.h"
#include "emqxd/net/listener.h"
#include "emqxd/observe/observe.h"
#include "emqxd/publish/delayed.h"
#include "emqxd/retain/retain.h"
#include "emqxd/router/router.h"
#include "emqxd/session/session.h"
#include "emqxd/model/metrics.h"
#include "emqxd/store/change.h"
#include "emqxd/store/store_conf.h"

#include <stdio.h>

#define LOOK span_ms(20)

/* ---- the rooms */

static void
follow_router(void)
{
	const struct zone *z = zone_get(0);

	router_configure(conf_get(CONF_SHARES), conf_count(CONF_SHARES),
	    z->shared_subscription_strategy, z->shared_subscription_initial_sticky_pick);
}

static void
follow_alarm(void)
{
	alarm_configure(conf_get(CONF_ALARM));
}

static em_err
birth_of_alarm(struct fault *f)
{
	(void)f;
	alarm_birth();
	follow_alarm();
	return EM_OK;
}

static void
follow_limit(void)
{
	const struct core_conf *conf = conf_get(CONF_CORE);

	limit_configure(conf->memory_limit);
}

static em_err
birth_of_limit(struct fault *f)
{
	(void)f;
	limit_birth();
	quota_birth();
	follow_limit();
	return EM_OK;
}

static void
death_of_limit(void)
{
	quota_death();
	limit_death();
}

static em_err
birth_of_model(struct fault *f)
{
	(void)f;
	hook_birth();
	return EM_OK;
}

static em_err
birth_of_nodes(struct fault *f)
{
	const struct core_conf *conf = conf_get(CONF_CORE);
	uint64_t site;
	em_err err = site_open(conf->data_dir, &site, f);

	if (err == EM_OK)
		nodes_birth(conf->node_name, site);
	return err;
}

static em_err
birth_of_router(struct fault *f)
{
	(void)f;
	router_birth(session_deliver);
	follow_router();
	return EM_OK;
}

static void
follow_retain(void)
{
	retain_configure(conf_get(CONF_RETAIN));
}

static em_err
birth_of_store(struct fault *f)
{
	static const struct store_metrics metrics = { METRIC_STORE_CHANGES,
		METRIC_STORE_COMMITS, METRIC_STORE_REFUSED };
	const struct store_limits *limits = conf_get(CONF_STORE);
	const struct core_conf *core = conf_get(CONF_CORE);
	struct str dir = { 0 };
	em_err err;

	str_addf(&dir, "%s/store", core->data_dir);
	err = store_birth(str_get(&dir), limits->max_size, &metrics, f);
	str_fini(&dir);
	return err;
}

static em_err
birth_of_retain(struct fault *f)
{
	const struct retain_limits *limits = conf_get(CONF_RETAIN);

	(void)f;
	retain_birth();
	follow_retain();
	if (limits->is_durable)
		retain_recovers();
	return EM_OK;
}

static void
follow_publish(void)
{
	delayed_configure(conf_get(CONF_DELAYED));
}

static em_err
birth_of_publish(struct fault *f)
{
	(void)f;
	delayed_birth();
	follow_publish();
	delayed_recovers();
	return EM_OK;
}

static em_err
birth_of_net(struct fault *f)
{
	(void)f;
	net_birth(client_conn_ops());
	return EM_OK;
}

static em_err
birth_of_session(struct fault *f)
{
	(void)f;
	session_birth(client_session_sink());
	return EM_OK;
}

static em_err
birth_of_access(struct fault *f)
{
	(void)f;
	authn_birth();
	return EM_OK;
}

static em_err
birth_of_client(struct fault *f)
{
	(void)f;
	client_birth();
	return EM_OK;
}

static void
follow_modules(void)
{
	sys_topics_configure(conf_get(CONF_SYS_TOPICS));
}

static em_err
birth_of_modules(struct fault *f)
{
	const struct core_conf *conf = conf_get(CONF_CORE);

	(void)f;
	sys_topics_birth(conf->node_name, EMQXD_VERSION);
	follow_modules();
	return EM_OK;
}

static em_err
birth_of_license(struct fault *f)
{
	const struct core_conf *conf = conf_get(CONF_CORE);

	return license_birth(conf_get(CONF_LICENSE), conf->data_dir, f);
}

static em_err
birth_of_cluster(struct fault *f)
{
	static const struct cluster_licence licence = { license_text, license_share };
	const struct core_conf *conf = conf_get(CONF_CORE);
	const struct cluster_me me = { .node = conf->node_name,
		.cookie = conf->cookie,
		.product = EMQXD_VERSION,
		.data_dir = conf->data_dir,
		.licence = &licence };

	return cluster_birth(&me, f);
}

static em_err
birth_of_rpc(struct fault *f)
{
	static const struct rpc_serve serve = { remote_receive, remote_lost };

	(void)f;
	rpc_birth(&serve);
	return EM_OK;
}

static void
rpc_on_link(void)
{
	rpc_worker_birth(cluster_house());
}

static em_err
birth_of_admin(struct fault *f)
{
	static const struct rpc_ops rpc = { rpc_send };
	const struct core_conf *conf = conf_get(CONF_CORE);
	const struct admin_house house = { .node = conf->node_name,
		.reload = reload_run,
		.rpc = &rpc,
		.set = override_set,
		.settle = override_settle };

	return admin_birth(&house, f);
}

static const struct app_room rooms[] = {
	{ .name = "alarm",
	    .birth = birth_of_alarm,
	    .death = alarm_death,
	    .reload = follow_alarm },
	{ .name = "limit",
	    .birth = birth_of_limit,
	    .worker_birth = limit_worker_birth,
	    .worker_death = limit_worker_death,
	    .death = death_of_limit,
	    .reload = follow_limit },
	{ .name = "model", .birth = birth_of_model, .death = hook_death },
	{ .name = "nodes", .birth = birth_of_nodes, .death = nodes_death },
	{ .name = "store",
	    .birth = birth_of_store,
	    .worker_birth = store_worker_birth,
	    .worker_death = store_worker_death,
	    .death = store_death,
	    .on_store = true },
	{ .name = "override", .birth = override_birth, .death = override_death },
	{ .name = "router",
	    .birth = birth_of_router,
	    .worker_birth = router_worker_birth,
	    .worker_death = router_worker_death,
	    .death = router_death,
	    .reload = follow_router,
	    .on_admin = true,
	    .on_link = true },
	{ .name = "retain",
	    .birth = birth_of_retain,
	    .worker_birth = retain_worker_birth,
	    .worker_death = retain_worker_death,
	    .death = retain_death,
	    .reload = follow_retain },
	{ .name = "publish",
	    .birth = birth_of_publish,
	    .worker_birth = delayed_worker_birth,
	    .worker_death = delayed_worker_death,
	    .death = delayed_death,
	    .reload = follow_publish },
	{ .name = "access",
	    .birth = birth_of_access,
	    .death = authn_death,
	    .reload = authn_configure },
	{ .name = "net",
	    .birth = birth_of_net,
	    .worker_birth = net_worker_birth,
	    .worker_death = net_worker_death,
	    .death = net_death },
	{ .name = "session",
	    .birth = birth_of_session,
	    .worker_birth = session_worker_birth,
	    .worker_death = session_worker_death,
	    .death = session_death },
	{ .name = "wills",
	    .worker_birth = wills_worker_birth,
	    .worker_death = wills_worker_death },
	{ .name = "client",
	    .birth = birth_of_client,
	    .death = client_death,
	    .reload = client_configure,
	    .worker_birth = client_worker_birth,
	    .worker_death = client_worker_death },
	/* Behind client: who waits for a session is answered while he is there. */
	{ .name = "takeover",
	    .worker_birth = takeover_wire_worker_birth,
	    .worker_death = takeover_wire_worker_death },
	{ .name = "observe",
	    .birth = observe_birth,
	    .worker_birth = observe_worker_birth,
	    .worker_death = observe_worker_death,
	    .death = observe_death,
	    .on_admin = true },
	{ .name = "modules",
	    .birth = birth_of_modules,
	    .worker_birth = sys_topics_worker_birth,
	    .worker_death = sys_topics_worker_death,
	    .death = sys_topics_death,
	    .reload = follow_modules,
	    .on_admin = true },
	{ .name = "license",
	    .birth = birth_of_license,
	    .worker_birth = license_worker_birth,
	    .worker_death = license_worker_death,
	    .death = license_death,
	    .on_admin = true },
	{ .name = "cluster",
	    .birth = birth_of_cluster,
	    .worker_birth = cluster_worker_birth,
	    .worker_death = cluster_worker_death,
	    .death = cluster_death,
	    .on_link_only = true },
	{ .name = "recovery", .birth = store_recover },
	{ .name = "level", .birth = levels_check },
	{ .name = "overridden", .birth = override_recovered },
	{ .name = "license in force", .birth = license_settle },
	{ .name = "rpc",
	    .birth = birth_of_rpc,
	    .worker_birth = rpc_on_link,
	    .worker_death = rpc_worker_death,
	    .death = rpc_death,
	    .on_link_only = true },
	{ .name = "admin",
	    .birth = birth_of_admin,
	    .worker_birth = admin_worker_birth,
	    .worker_death = admin_worker_death,
	    .death = admin_death,
	    .on_admin = true },
};
enum { ROOMS_N = sizeof rooms / sizeof rooms[0] };

static void
die_from(unsigned n)
{
	while (n-- > 0) {
		if (rooms[n].death != NULL)
			rooms[n].death();
	}
}

em_err
app_rooms_birth(struct fault *f)
{
	for (unsigned i = 0; i < ROOMS_N; i++) {
		em_err err = rooms[i].birth != NULL ? rooms[i].birth(f) : EM_OK;

		if (err != EM_OK) {
			die_from(i);
			return err;
		}
	}
	return EM_OK;
}

void
app_rooms_death(void)
{
	die_from(ROOMS_N);
}

static bool
lives_on(const struct app_room *room, const struct worker *w)
{
	switch (w->kind) {
	case WORKER_CLIENTS: return !room->on_store && !room->on_link_only;
	case WORKER_ADMIN: return room->on_admin;
	case WORKER_STORE: return room->on_store;
	case WORKER_LINK: return room->on_link || room->on_link_only;
	case WORKER_MAIN: return false;
	}
	UNREACHABLE();
}

void
app_rooms_worker_birth(struct worker *w)
{
	for (unsigned i = 0; i < ROOMS_N; i++) {
		if (rooms[i].worker_birth != NULL && lives_on(&rooms[i], w))
			rooms[i].worker_birth();
	}
}

void
app_rooms_worker_death(struct worker *w)
{
	for (unsigned i = ROOMS_N; i-- > 0;) {
		if (rooms[i].worker_death != NULL && lives_on(&rooms[i], w))
			rooms[i].worker_death();
	}
}

void
app_rooms_reload(void)
{
	for (unsigned i = 0; i < ROOMS_N; i++) {
		if (rooms[i].reload != NULL)
			rooms[i].reload();
	}
}

/* ---- main's loop */

struct app *
app_self(void)
{
	struct app *a = node_slot(ROOM_APP);

	CHECK(a != NULL);
	return a;
}

/* What is waited for may come about on another thread: look now and then. */
static void
on_look(struct timer *t)
{
	timer_arm(t, LOOK, on_look);
}

bool
app_turn_until(struct app *a, bool (*is_done)(const struct app *a), span_t limit)
{
	struct timer timer = { .fn = NULL };
	struct worker *w = worker_main();
	mono_t until = mono_add(span_mono_now(), limit);
	bool done;

	timer_arm(&timer, LOOK, on_look);
	while (!(done = is_done(a)) && w->now.ns < until.ns && !a->is_hurried)
		loop_turn(w->loop);
	timer_cancel(&timer);
	return done;
}

/* ---- the words */

static int
serve(const struct options *o)
{
	return boot_serve(o, NULL, -1);
}

static int
check_config(const struct options *o)
{
	struct conf_snapshot *s;

	if (settings_read(o->conf, true, &s) != EM_OK)
		return 1;
	conf_snapshot_free(&s);
	printf("%s is ok\n", o->conf);
	return 0;
}

static int
version(const struct options *o)
{
	struct str text = { 0 };

	(void)o;
	version_print(&text);
	fputs(str_get(&text), stdout);
	str_fini(&text);
	return 0;
}

static int
help(const struct options *o)
{
	(void)o;
	fputs(options_usage(), stdout);
	return 0;
}

static int
refuse(struct fault *f)
{
	fprintf(stderr, "emqxd: %s\n", f->text);
	if (f->hint != NULL)
		fprintf(stderr, "  hint: %s\n", f->hint);
	else
		fputs(options_usage(), stderr);
	fault_clear(f);
	return 2;
}

static int
docs(const struct options *o)
{
	struct fault f = { .err = EM_OK };
	struct str text = { 0 };

	if (docs_print(o->argument, &text, &f) != EM_OK)
		return refuse(&f);
	fputs(str_get(&text), stdout);
	str_fini(&text);
	return 0;
}

/* Nothing of the daemon is born in the child. */
static int
cstore(const struct options *o)
{
	(void)o;
	return cstore_child_run();
}

int
app_run(int argc, char **argv)
{
	static int (*const words[])(const struct options *o) = {
		[OPTIONS_FOREGROUND] = serve,
		[OPTIONS_CONSOLE] = serve,
		[OPTIONS_START] = daemon_start,
		[OPTIONS_STOP] = daemon_stop,
		[OPTIONS_RESTART] = daemon_restart,
		[OPTIONS_PING] = daemon_ping,
		[OPTIONS_CHECK_CONFIG] = check_config,
		[OPTIONS_CHECK_LICENSE] = check_license_run,
		[OPTIONS_VERSION] = version,
		[OPTIONS_DOCS] = docs,
		[OPTIONS_CSTORE] = cstore,
		[OPTIONS_HELP] = help,
	};
	_Static_assert(
	    sizeof words / sizeof words[0] == OPTIONS_WORD_N, "a word has no function");
	struct fault f = { .err = EM_OK };
	struct options options;

	if (options_parse(argc, argv, &options, &f) != EM_OK)
		return refuse(&f);
	return words[options.word](&options);
}
