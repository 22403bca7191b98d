/* SPDX-License-Identifier: Apache-2.0 */
/* sys_topics: see sys_topics.h. */
#include "emqxd/modules/sys_topics.h"
#include "emqxd/core/alarm.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/metrics.h"
#include "emqxd/modules/sys_payload.h"
#include "emqxd/model/hook.h"
#include "emqxd/model/nodes.h"
#include "emqxd/observe/stats.h"
#include "emqxd/publish/road.h"
#include "emqxd/retain/retain.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/vec.h"

#include <stdlib.h>

#define EVENTS_MAX 10000u /* of one turn of a worker */
#define SYSDESCR "emqxd"
#define JSON                     \
	SLICE_LIT("\x03\x00\x10" \
		  "application/json") /* Content Type */

struct event {
	struct str topic, payload;
};

struct sys_worker {
	VEC(struct event) events;
};

struct sys_node {
	char *name;
	const char *version;
	mono_t since;
	_Atomic int64_t interval, heartbeat; /* ns; INT64_MAX: off */
	/* The admin thread's. */
	struct timer timer, beat;
	bool has_admin;
	char *other[NODES_MAX]; /* of whom something is kept here; NULL at the end */
};

static struct sys_node *
self(void)
{
	return node_slot(ROOM_MODULES);
}

/* ---- publishing */

static void
publish(struct slice topic, struct slice payload, bool retain, struct slice props)
{
	struct message m = message_view(topic, payload);

	m.retain = retain;
	m.props = props;
	road_publish(&m, NULL);
	message_done(&m);
}

/* Below $SYS/brokers/NODE/. */
static void
publish_text(const char *what, struct slice payload, bool retain)
{
	struct str topic = { 0 };

	str_addf(&topic, "$SYS/brokers/%s/%s", self()->name, what);
	publish(str_slice(&topic), payload, retain, SLICE_NONE);
	str_fini(&topic);
}

/* ---- intervals: the admin thread */

static void
publish_number(const char *kind, const char *name, const char *more, uint64_t value)
{
	struct str what = { 0 }, text = { 0 };
	char *p;

	str_addf(&what, "%s/%s%s", kind, name, more);
	p = str_take(&what);
	for (char *dot = p; (dot = strchr(dot, '.')) != NULL;)
		*dot = '/';
	str_addf(&text, "%llu", (unsigned long long)value);
	publish_text(p, str_slice(&text), false);
	str_fini(&text);
	mem_free(p);
}

static int
by_name(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* Those that run, as this node sees it. */
static void
publish_nodes(void)
{
	const char *name[NODES_MAX];
	struct str text = { 0 };
	unsigned n = 0;

	for (unsigned i = 0; i < nodes_end(); i++)
		if (nodes_is_member(i) && nodes_is_running(i))
			name[n++] = nodes_name(i);
	qsort(name, n, sizeof *name, by_name);
	for (unsigned i = 0; i < n; i++)
		str_addf(&text, "%s%s", i > 0 ? "," : "", name[i]);
	publish(SLICE_LIT("$SYS/brokers"), str_slice(&text), true, SLICE_NONE);
	str_fini(&text);
}

/* ---- what is kept of other nodes: what they say of themselves goes to those who have
 * subscribed, and is retained there alone */

static void
keep(const char *node, const char *what, struct slice payload)
{
	struct str topic = { 0 };
	struct message m;

	str_addf(&topic, "$SYS/brokers/%s/%s", node, what);
	m = message_view(str_slice(&topic), payload);
	m.retain = true;
	if (retain_store(&m, NULL) == EM_NOMEM)
		LOG(DEBUG, "sys_not_kept", "topic", str_slice(&topic));
	message_done(&m);
	str_fini(&topic);
}

static void
note(struct sys_node *n, const char *node)
{
	unsigned i = 0;

	while (i < NODES_MAX && n->other[i] != NULL && strcmp(n->other[i], node) != 0)
		i++;
	if (i < NODES_MAX && n->other[i] == NULL)
		n->other[i] = mem_strdup(node);
}

/* Those that are no members any more. */
static void
forget_gone(struct sys_node *n)
{
	unsigned end = 0;

	while (end < NODES_MAX && n->other[end] != NULL)
		end++;
	for (unsigned i = end; i-- > 0;) {
		unsigned place = nodes_find(slice_str(n->other[i]));

		if (place != NODES_MAX && nodes_is_member(place))
			continue;
		keep(n->other[i], "version", SLICE_NONE);
		keep(n->other[i], "sysdescr", SLICE_NONE);
		mem_free(n->other[i]);
		n->other[i] = n->other[--end];
		n->other[end] = NULL;
	}
}

static void
keep_others(void)
{
	forget_gone(self());
	for (unsigned i = 1; i < nodes_end(); i++) {
		if (!nodes_is_member(i) || *nodes_version(i) == '\0')
			continue;
		note(self(), nodes_name(i));
		keep(nodes_name(i), "version", slice_str(nodes_version(i)));
		keep(nodes_name(i), "sysdescr", SLICE_LIT(SYSDESCR));
	}
}

static void
publish_all(void)
{
	struct observe_stat stat;

	publish_nodes();
	keep_others();
	publish_text("version", slice_str(self()->version), true);
	publish_text("sysdescr", SLICE_LIT(SYSDESCR), true);
	for (unsigned i = 0; observe_stats_get(i, &stat); i++) {
		publish_number("stats", stat.name, ".count", stat.count);
		publish_number("stats", stat.name, ".max", stat.max);
	}
	for (unsigned i = 0; i < METRIC_N; i++)
		publish_number("metrics", metrics_get(i)->name, "", metric_sum(i));
}

static void
publish_beat(void)
{
	struct str text = { 0 };
	char time[SPAN_TEXT_MAX];

	str_addf(&text, "%lld",
	    (long long)span_to_ms(mono_since(clock_mono(), self()->since)));
	publish_text("uptime", str_slice(&text), false);
	publish_text("datetime", slice_str(wall_print(clock_wall(), false, time)), false);
	str_fini(&text);
}

static void
arm(struct timer *t, const _Atomic int64_t *every, timer_fn *fn)
{
	int64_t ns = atomic_load(every);

	timer_cancel(t);
	if (ns != INT64_MAX)
		timer_arm(t, span_ns(ns), fn);
}

static void
on_interval(struct timer *t)
{
	publish_all();
	arm(t, &self()->interval, on_interval);
}

static void
on_beat(struct timer *t)
{
	publish_beat();
	arm(t, &self()->heartbeat, on_beat);
}

static void
on_configured(struct letter *l)
{
	struct sys_node *n = self();

	mem_free(l);
	if (n == NULL || !n->has_admin)
		return; /* the threads are ending */
	arm(&n->timer, &n->interval, on_interval);
	arm(&n->beat, &n->heartbeat, on_beat);
}

/* ---- client events */

/* A place for one more, with its topic; NULL: too many in this turn. */
static struct event *
event_new(struct slice clientid, const char *what)
{
	struct sys_worker *w = worker_slot(ROOM_MODULES);
	struct event *e;

	if (w == NULL)
		return NULL; /* the thread ends */
	if (w->events.n >= EVENTS_MAX) {
		metric_inc(METRIC_SYS_EVENTS_DROPPED);
		return NULL;
	}
	e = VEC_PUSH(&w->events);
	*e = (struct event){ 0 };
	str_addf(&e->topic, "$SYS/brokers/%s/clients/", self()->name);
	str_add_slice(&e->topic, clientid);
	str_addf(&e->topic, "/%s", what);
	loop_hurry(worker_self()->loop);
	return e;
}

static void
on_connected(const struct clientinfo *who)
{
	struct event *e = event_new(who->clientid, "connected");

	if (e != NULL)
		sys_payload_connected(who, &e->payload);
}

static void
on_disconnected(
    const struct clientinfo *who, end_reason why, end_side side, const char *detail)
{
	struct event *e = event_new(who->clientid, "disconnected");

	(void)side;
	(void)detail;
	if (e != NULL)
		sys_payload_disconnected(who, why, &e->payload);
}

static void
on_subscribed(const struct clientinfo *who, struct slice filter,
    const struct subopts *opts, bool is_new)
{
	struct event *e = event_new(who->clientid, "subscribed");

	(void)is_new;
	if (e != NULL)
		sys_payload_subscribed(who, filter, opts, &e->payload);
}

static void
on_unsubscribed(const struct clientinfo *who, struct slice filter)
{
	struct event *e = event_new(who->clientid, "unsubscribed");

	if (e != NULL)
		sys_payload_unsubscribed(who, filter, &e->payload);
}

/* A client id may have what no topic can: +, #, or the whole is too long. */
static bool
is_topic(struct slice s)
{
	return s.n <= UINT16_MAX && memchr(s.p, '+', s.n) == NULL &&
	       memchr(s.p, '#', s.n) == NULL;
}

static void
at_deliver(void *arg)
{
	struct sys_worker *w = arg;

	/* Publishing may make more: they go with the next turn. */
	for (size_t i = 0, n = w->events.n; i < n; i++) {
		struct event e = w->events.p[i];

		if (is_topic(str_slice(&e.topic)))
			publish(str_slice(&e.topic), str_slice(&e.payload), false,
			    SLICE_NONE);
		str_fini(&e.topic);
		str_fini(&e.payload);
		w->events.p[i] = (struct event){ 0 };
		if (i + 1 == n) {
			memmove(w->events.p, w->events.p + n,
			    (w->events.n - n) * sizeof *w->events.p);
			w->events.n -= n;
		}
	}
}

/* ---- alarms: told on any thread, published by admin's */

struct told {
	struct letter letter;
	struct alarm alarm;
};

static void
on_told(struct letter *l)
{
	struct told *t = LIST_OWNER(l, struct told, letter);
	bool is_over = t->alarm.cleared.ns != 0;
	struct str topic = { 0 }, payload = { 0 };

	if (self() != NULL && self()->has_admin) {
		str_addf(&topic, "$SYS/brokers/%s/alarms/%s", self()->name,
		    is_over ? "deactivate" : "activate");
		sys_payload_alarm(&t->alarm, &payload);
		publish(str_slice(&topic), str_slice(&payload), false, JSON);
		str_fini(&topic);
		str_fini(&payload);
	}
	mem_free(t);
}

static void
on_alarm(const struct alarm *a)
{
	struct told *t = MEM_NEW(struct told);

	if (a->cleared.ns == 0)
		LOG(WARN, "alarm_activated", "name", a->name, "message", a->message);
	else
		LOG(WARN, "alarm_deactivated", "name", a->name);
	t->alarm = *a;
	t->letter.open = on_told;
	worker_post(worker_admin(), &t->letter);
}

/* ---- birth and death */

void
sys_topics_birth(const char *node, const char *version)
{
	struct sys_node *n = MEM_NEW(struct sys_node);

	n->name = mem_strdup(node); /* a reload frees what it was in */
	n->version = version;
	n->since = clock_mono();
	node_slot_set(ROOM_MODULES, n);
	hook_add_client_connected(on_connected);
	hook_add_client_disconnected(on_disconnected);
	hook_add_session_subscribed(on_subscribed);
	hook_add_session_unsubscribed(on_unsubscribed);
	alarm_tell(on_alarm);
}

void
sys_topics_death(void)
{
	for (unsigned i = 0; i < NODES_MAX; i++)
		mem_free(self()->other[i]);
	mem_free(self()->name);
	mem_free(self());
	node_slot_set(ROOM_MODULES, NULL);
}

void
sys_topics_configure(const struct sys_topics_conf *c)
{
	struct letter *l = MEM_NEW(struct letter);

	atomic_store(&self()->interval, c->interval.ns);
	atomic_store(&self()->heartbeat, c->heartbeat.ns);
	hook_set(HOOK_CLIENT_CONNECTED, (hook_fn *)on_connected, c->connected);
	hook_set(HOOK_CLIENT_DISCONNECTED, (hook_fn *)on_disconnected, c->disconnected);
	hook_set(HOOK_SESSION_SUBSCRIBED, (hook_fn *)on_subscribed, c->subscribed);
	hook_set(HOOK_SESSION_UNSUBSCRIBED, (hook_fn *)on_unsubscribed, c->unsubscribed);
	l->open = on_configured;
	worker_post(worker_admin(), l);
}

void
sys_topics_worker_birth(void)
{
	struct worker *me = worker_self();
	struct sys_worker *w;

	if (me->kind == WORKER_ADMIN) {
		self()->has_admin = true;
		arm(&self()->timer, &self()->interval, on_interval);
		arm(&self()->beat, &self()->heartbeat, on_beat);
		return;
	}
	w = MEM_NEW(struct sys_worker);
	me->slot[ROOM_MODULES] = w;
	loop_at_turn(me->loop, LOOP_DELIVER, at_deliver, w);
}

void
sys_topics_worker_death(void)
{
	struct worker *me = worker_self();
	struct sys_worker *w = me->slot[ROOM_MODULES];

	if (me->kind == WORKER_ADMIN) {
		self()->has_admin = false;
		timer_cancel(&self()->timer);
		timer_cancel(&self()->beat);
		return;
	}
	for (size_t i = 0; i < w->events.n; i++) {
		str_fini(&w->events.p[i].topic);
		str_fini(&w->events.p[i].payload);
	}
	VEC_FINI(&w->events);
	MEM_FREE(w);
	me->slot[ROOM_MODULES] = NULL;
}
