/* SPDX-License-Identifier: Apache-2.0 */
/* node: see node.h.  Birth and death are here; the loops and the clock in node_turn.c. */
#include "tests/sim/node.h"
#include "tests/sim/heap.h"
#include "tests/sim/node_turn.h"
#include "tests/sim/others.h"
#include "tests/sim/trail.h"
#include "emqxd/admin/ctl_conf.h"
#include "emqxd/app/core_conf.h"
#include "emqxd/client/client.h"
#include "emqxd/conf/load.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/hook.h"
#include "emqxd/model/metrics.h"
#include "emqxd/net/hall.h"
#include "emqxd/net/listener.h"
#include "emqxd/net/listener_conf.h"
#include "emqxd/retain/retain_conf.h"
#include "emqxd/session/registry.h"
#include "ipc/base/hash.h"
#include "ipc/base/mem.h"
#include "ipc/base/rand.h"
#include "ipc/base/vec.h"
#include "tests/sim/wire.h"

#include <sys/epoll.h>

static const char conf_text[] =
    "mqtt.max_inflight = 4\nmqtt.max_mqueue_len = 10000\nmqtt.max_awaiting_rel = 6\n"
    "mqtt.max_outq_bytes = 4KB\nmqtt.idle_timeout = 15s\nmqtt.max_packet_size = 32KB\n"
    "mqtt.mqueue_store_qos0 = true\n";

/* A worker's door: connections that came and were not taken up yet. */
struct door {
	struct watch watch;
	VEC(struct wire *) waiting;
};

static struct {
	void *conf; /* the configuration outlives the nodes */
	struct door door[WORKER_MAX];
} house;

void
node_configure(void)
{
	static const struct conf_section *const sections[] = { &core_conf, &ctl_conf,
		&zone_conf, &listener_conf, &retain_conf };
	struct conf_load how = { .file = "emqx.conf",
		.text = slice_str(conf_text),
		.section = sections,
		.n = sizeof sections / sizeof *sections };
	struct conf_report report = { 0 };
	struct conf_snapshot *s;

	hash_seed(1, 2);
	node_turn_begin(&(struct node_plan){ .workers = 1 });
	worker_init(1);
	CHECK(conf_load(&how, &s, &report) == EM_OK);
	conf_report_fini(&report);
	conf_birth(NULL);
	conf_publish(&s);
	house.conf = node_slot(ROOM_CONF);
	worker_fini();
	node_turn_end();
}

static void
on_door(struct watch *w, uint32_t events)
{
	struct door *d = (struct door *)(void *)w;

	(void)events;
	while (d->waiting.n > 0) {
		struct wire *wire = d->waiting.p[0];

		d->waiting.n--;
		memmove(
		    d->waiting.p, d->waiting.p + 1, d->waiting.n * sizeof *d->waiting.p);
		wire->is_accepted = true;
		conn_start(wire_fd(wire), listener_at(0), client_conn_ops());
	}
}

bool
node_door_is_ready(unsigned worker)
{
	return house.door[worker].waiting.n > 0;
}

void
node_accept(unsigned worker, struct wire *w)
{
	VEC_ADD(&house.door[worker].waiting, w);
}

static void
worker_birth(unsigned i, const struct node_plan *plan)
{
	worker_act_as(worker_get(i));
	atomic_store(&worker_self()->box.mark, plan->mark);
	router_worker_birth();
	retain_worker_birth();
	net_worker_birth();
	session_worker_birth();
	client_worker_birth();
	house.door[i].watch =
	    (struct watch){ .on_ready = on_door, .fd = node_turn_door_fd(i) };
	CHECK(loop_watch(worker_self()->loop, &house.door[i].watch, EPOLLIN) == EM_OK);
}

void
node_birth(const struct node_plan *plan)
{
	struct fault f = { 0 };

	rand_seed(plan->seed);
	node_turn_begin(plan);
	worker_init(plan->workers);
	node_slot_set(ROOM_CONF, house.conf);
	hook_birth();
	router_birth(session_deliver);
	router_configure(NULL, 0, (enum share_strategy)plan->strategy, SHARE_RANDOM);
	if (plan->has_others)
		others_birth();
	retain_birth();
	net_birth(client_conn_ops());
	session_birth(client_session_sink());
	client_birth();
	CHECK(listener_set(0, &f) == EM_OK);
	for (unsigned i = 0; i < plan->workers; i++)
		worker_birth(i, plan);
	node_turn_start();
}

static void
end_session(struct session *s, void *arg)
{
	struct session_facts f;

	(void)arg;
	session_facts(s, &f);
	if (f.inflight != 0 || f.mqueue_len != 0 || f.awaiting_rel != 0)
		trail_finding("session %.*s still has %u under way, %u queued, %u ids "
			      "that wait for PUBREL",
		    (int)f.clientid.n, (const char *)f.clientid.p, f.inflight,
		    f.mqueue_len, f.awaiting_rel);
	session_kick(s, END_KICKED);
}

void
node_end_sessions(void)
{
	for (unsigned i = 0; i < worker_count(); i++) {
		uint64_t at = 0;

		worker_act_as(worker_get(i));
		while (registry_step(&at, 64, end_session, NULL))
			;
		node_turn_force(i);
	}
	worker_act_as(NULL);
}

/* What was dropped was dropped for a cause that the schedule allows. */
static void
check_counts(void)
{
	uint64_t allowed = metrics_read(METRIC_DELIVERY_DROPPED_NO_LOCAL) +
			   metrics_read(METRIC_DELIVERY_DROPPED_SESSION_ENDED);

	if (metrics_read(METRIC_DELIVERY_DROPPED) != allowed)
		trail_finding("%u deliveries dropped, for %u there is a cause",
		    (unsigned)metrics_read(METRIC_DELIVERY_DROPPED), (unsigned)allowed);
	if (registry_count_all() != 0 || registry_online_all() != 0)
		trail_finding("sessions are left");
	if (router_filters() != 0 || router_subscriptions_count() != 0 ||
	    router_shared_count() != 0)
		trail_finding("subscriptions are left");
	if (!qsbr_is_idle())
		trail_finding("what was retired is not freed");
}

void
node_death(void)
{
	unsigned n = worker_count();

	check_counts();
	node_turn_stop();
	others_death();
	for (unsigned i = 0; i < n; i++) {
		worker_act_as(worker_get(i));
		client_worker_death();
		session_worker_death();
		net_worker_death();
		retain_worker_death();
		router_worker_death();
		VEC_FINI(&house.door[i].waiting);
	}
	worker_act_as(worker_main());
	for (unsigned i = 0; i < n + 2; i++) {
		worker_act_as(worker_get(i));
		qsbr_drain();
	}
	worker_act_as(worker_main());
	client_death();
	session_death();
	net_death();
	retain_death();
	router_death();
	hook_death();
	node_slot_set(ROOM_CONF, NULL);
	worker_fini();
	node_turn_end();
	heap_check_empty();
}
