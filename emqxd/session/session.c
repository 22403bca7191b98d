/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session: see session.h.  Birth and death of sessions, attaching and detaching,
 * subscriptions; what is sent is in deliver.c.
 */
#include "emqxd/session/session.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/slab.h"
#include "emqxd/model/hook.h"
#include "emqxd/model/metrics.h"
#include "emqxd/model/topic.h"
#include "emqxd/limit/limit.h"
#include "emqxd/session/exclusive.h"
#include "emqxd/session/inside.h"
#include "emqxd/session/session_export.h"
#include "ipc/base/mem.h"

#define FAREWELL_STEP 64u /* sessions in one turn */

_Static_assert(sizeof(struct session) <= 192, "an idle session");
_Static_assert(offsetof(struct session, subscriber) == 0, "the router's name for it");
_Static_assert(offsetof(struct session_node, registries) == 0, "registry.c finds them");

void
session_birth(const struct session_sink *sink)
{
	struct session_node *n = MEM_NEW(struct session_node);

	n->sink = sink;
	registry_birth(&n->registries);
	n->exclusive = exclusive_new();
	node_slot_set(ROOM_SESSION, n);
}

void
session_death(void)
{
	struct session_node *n = node_slot(ROOM_SESSION);

	registry_death(&n->registries);
	exclusive_free(&n->exclusive);
	node_slot_set(ROOM_SESSION, NULL);
	mem_free(n);
}

void
session_worker_birth(void)
{
	struct session_worker *w = MEM_NEW(struct session_worker);

	w->sink = ((struct session_node *)node_slot(ROOM_SESSION))->sink;
	list_init(&w->pulling);
	worker_self()->slot[ROOM_SESSION] = w;
	pull_birth();
}

struct session_rare *
session_rare_of(struct session *s)
{
	if (s->rare == NULL) {
		s->rare = slab_new_zero(sizeof *s->rare);
		s->rare->session = s;
		list_init(&s->rare->pulling);
	}
	return s->rare;
}

/* ---- names */

static size_t
names_size(const struct session_names *n)
{
	return sizeof *n + n->clientid_n + n->username_n + n->peer_n + n->mountpoint_n;
}

static struct session_names *
names_new(const struct session_open *o)
{
	const struct slice all[] = { o->clientid, o->username, o->peer, o->mountpoint };
	struct session_names size = { .clientid_n = (uint16_t)o->clientid.n,
		.username_n = (uint16_t)o->username.n,
		.mountpoint_n = (uint16_t)o->mountpoint.n,
		.peer_n = (uint8_t)o->peer.n,
		.has_username = o->has_username };
	struct session_names *n = slab_new(names_size(&size));
	uint8_t *at = n->text;

	CHECK(o->clientid.n <= UINT16_MAX && o->username.n <= UINT16_MAX &&
	      o->mountpoint.n <= UINT16_MAX && o->peer.n <= UINT8_MAX);
	*n = size;
	for (unsigned i = 0; i < 4; i++) {
		if (all[i].n > 0)
			memcpy(at, all[i].p, all[i].n);
		at += all[i].n;
	}
	return n;
}

static void
names_free(struct session_names *n)
{
	slab_free(n, names_size(n));
}

/* ---- the end */

void
session_free(struct session *s)
{
	CHECK(s->mqueue == NULL && s->inflight == NULL);
	s->magic = 0;
	slab_free(s, sizeof *s);
}

void
session_bury(struct session *s)
{
	timer_cancel(&s->timer);
	will_drop(s);
	if (s->rare != NULL) {
		pull_end(s);
		awaiting_free(&s->rare->awaiting);
		mqueue_free(&s->rare->late);
		slab_free(s->rare, sizeof *s->rare);
		s->rare = NULL;
	}
	names_free(s->names);
	s->names = NULL;
	if (s->subscriber.n > 0)
		leave_later(s);
	else
		session_free(s);
}

void
session_thaw(struct session *s)
{
	const struct zone *zone = zone_get(s->zone);
	struct mqueue_bounds bounds = { zone->max_mqueue_len, zone->max_mqueue_bytes };
	const struct mqueue_entry *e;
	struct mqueue_at at = { 0 };
	uint32_t priority, gone = 0;

	s->is_frozen = false;
	if (s->rare == NULL)
		return;
	while ((e = mqueue_next(s->rare->late, &at, &priority)) != NULL) {
		struct mqueue_entry own = *e;

		own.message = message_ref(e->message);
		gone += mqueue_push(&s->mqueue, &bounds, priority, own);
	}
	mqueue_free(&s->rare->late);
	deliver_dropped(s, METRIC_DELIVERY_DROPPED_QUEUE_FULL, gone);
}

static void
session_end(struct session *s)
{
	CHECK(s->to == NULL);
	if (EM_UNLIKELY(s->is_frozen))
		session_export_drop(s);
	will_publish(s);
	metric_inc(METRIC_SESSION_TERMINATED);
	leave_all(s);
	registry_del(s);
	claim_changed(session_clientid(s), false);
	session_bury(s);
}

static void
end_each(struct session *s, void *arg)
{
	(void)arg;
	s->to = NULL;
	will_drop(s);
	session_end(s);
}

static void
farewell_each(struct session *s, void *arg)
{
	(void)arg;
	if (s->to == NULL)
		will_publish(s);
}

bool
session_farewell(uint64_t *at)
{
	/* An end in a hurry does not wait for this: the room may be gone. */
	return session_worker() != NULL &&
	       registry_step(at, FAREWELL_STEP, farewell_each, NULL);
}

/* The process ends, and the sessions with it: nobody is told. */
void
session_worker_death(void)
{
	uint64_t at = 0;

	claim_end();
	while (registry_step(&at, 1024, end_each, NULL))
		;
	leave_end();
	timer_cancel(&session_worker()->pace);
	mem_free(session_worker());
	worker_self()->slot[ROOM_SESSION] = NULL;
}

void
session_on_timer(struct timer *t)
{
	struct session *s = LIST_OWNER(t, struct session, timer);
	mono_t now = clock_mono();

	CHECK_OBJ(s, SESSION_MAGIC);
	if (s->to == NULL && s->ends.ns <= now.ns) {
		session_end(s);
		return;
	}
	if (s->to == NULL && s->rare != NULL && s->rare->will.due.ns <= now.ns)
		will_publish(s);
	again_run(s, now);
	again_arm(s);
}

void
session_part(struct session *s, end_reason why)
{
	void *to = s->to;

	s->to = NULL;
	registry_online(-1);
	session_worker()->sink->taken(to, why);
}

void
session_kick(struct session *s, end_reason why)
{
	if (s->to != NULL) {
		session_part(s, why);
		router_set_online(&s->subscriber, false);
	}
	session_end(s);
}

/* ---- attaching */

struct session *
session_make(const struct session_open *o)
{
	struct session *s = slab_new_zero(sizeof *s);

	s->magic = SESSION_MAGIC;
	s->subscriber.home = worker_self()->id;
	s->names = names_new(o);
	s->created = clock_wall();
	return s;
}

static struct session *
session_new(const struct session_open *o)
{
	struct session *s = session_make(o);

	registry_add(s);
	claim_changed(session_clientid(s), true);
	metric_inc(METRIC_SESSION_CREATED);
	return s;
}

static void
attach(struct session *s, const struct session_open *o)
{
	timer_cancel(&s->timer);
	s->to = o->to;
	s->expiry = o->expiry;
	s->window = o->window;
	s->zone = o->zone;
	s->keepalive = o->keepalive;
	s->version = o->version;
	s->clean_start = o->clean_start;
	s->retries =
	    o->version < 5 && !span_is_infinite(zone_get(o->zone)->retry_interval);
	s->attached = clock_wall();
	s->detached = (wall_t){ 0 };
	s->ends = (mono_t){ INT64_MAX };
	if (o->will.message != NULL)
		will_set(s, &o->will);
	registry_online(1);
	router_set_online(&s->subscriber, true);
	if (s->rare != NULL && s->rare->awaiting != NULL)
		again_arm(s);
}

/* What the former connection leaves behind when the same client comes again: a will
 * without delay is due now, a delayed one is not, since the session goes on. */
static void
take_over(struct session *s, const struct session_open *o)
{
	struct session_names *old = s->names;
	bool was_online = s->to != NULL;

	if (was_online) {
		session_part(s, END_TAKENOVER);
		metric_inc(METRIC_SESSION_TAKENOVER);
		if (s->rare != NULL && s->rare->will.delay == 0)
			will_publish(s);
	}
	will_drop(s);
	/* The id's bytes stay the same, so the registry's order does. */
	s->names = names_new(o);
	names_free(old);
	metric_inc(METRIC_SESSION_RESUMED);
}

struct session *
session_open(const struct session_open *o, bool *present)
{
	struct session *s = registry_find(o->clientid);

	*present = false;
	if (EM_UNLIKELY(s != NULL && s->is_frozen))
		session_export_drop(s); /* its client is back here, before it was there */
	if (s != NULL && o->clean_start) {
		metric_inc(METRIC_SESSION_DISCARDED);
		session_kick(s, END_DISCARDED);
		s = NULL;
	} else if (s != NULL && s->expiry == 0) {
		/* It ends with its connection, which ends now [MQTT3-3.1.2-6]. */
		session_kick(s, END_TAKENOVER);
		s = NULL;
	}
	if (s != NULL) {
		take_over(s, o);
		*present = true;
	} else {
		s = session_new(o);
	}
	attach(s, o);
	return s;
}

void
session_detach(struct session *s, uint32_t expiry, bool has_will)
{
	CHECK_OBJ(s, SESSION_MAGIC);
	CHECK_HOME(&s->subscriber);
	s->to = NULL;
	s->detached = clock_wall();
	s->expiry = expiry;
	registry_online(-1);
	router_set_online(&s->subscriber, false);
	if (!has_will)
		will_drop(s);
	if (expiry == 0) {
		session_end(s);
		return;
	}
	if (expiry != SESSION_NEVER)
		s->ends = mono_add(clock_mono(), span_s(expiry));
	if (s->rare != NULL && s->rare->will.message != NULL) {
		s->rare->will.due = mono_add(clock_mono(), span_s(s->rare->will.delay));
		if (s->rare->will.delay == 0)
			will_publish(s);
	}
	again_arm(s);
}

struct clientinfo
session_info(struct session *s)
{
	struct clientinfo who = { .clientid = session_clientid(s),
		.username = session_username(s),
		.has_username = s->names->has_username,
		.zone = s->zone,
		.keepalive = s->keepalive,
		.expiry = s->expiry,
		.connected_at = s->attached,
		.version = s->version,
		.clean_start = s->clean_start };

	if (s->to != NULL)
		session_worker()->sink->info(s->to, &who);
	return who;
}

/* ---- subscriptions */

static void
tell_subscribed(struct session *s, struct slice group, struct slice filter,
    const struct subopts *o, bool is_new)
{
	struct clientinfo who = session_info(s);
	struct str text = { 0 };

	topic_filter_print(&text, group, filter);
	hook_run_session_subscribed(&who, str_slice(&text), o, is_new);
	str_fini(&text);
}

static void
tell_unsubscribed(struct session *s, struct slice group, struct slice filter)
{
	struct clientinfo who = session_info(s);
	struct str text = { 0 };

	topic_filter_print(&text, group, filter);
	hook_run_session_unsubscribed(&who, str_slice(&text));
	str_fini(&text);
}

static bool
has_exclusive(struct session *s, struct slice group, struct slice filter)
{
	const struct subscription *sub;

	if (EM_LIKELY(!s->has_exclusive))
		return false;
	sub = router_find(&s->subscriber, group, filter);
	return sub != NULL && sub->opts.exclusive;
}

em_err
session_subscribe(
    struct session *s, struct slice group, struct slice filter, struct subopts o)
{
	const struct zone *zone = zone_get(s->zone);
	bool is_new = false, was_exclusive = has_exclusive(s, group, filter);
	em_err err;

	if (EM_UNLIKELY(s->is_frozen))
		return EM_BUSY;
	if ((s->subscriber.n >= zone->max_subscriptions || limit_is_reached()) &&
	    router_find(&s->subscriber, group, filter) == NULL)
		return EM_FULL;
	if (o.exclusive && (err = exclusive_take(filter, session_clientid(s))) != EM_OK)
		return err;
	err = router_subscribe(&s->subscriber, group, filter, o, &is_new);
	if (err != EM_OK ? o.exclusive && !was_exclusive : was_exclusive && !o.exclusive)
		exclusive_give(filter, session_clientid(s));
	if (err != EM_OK)
		return err;
	s->has_exclusive |= o.exclusive;
	if (hook_is_on(HOOK_SESSION_SUBSCRIBED))
		tell_subscribed(s, group, filter, &o, is_new);
	/* Retained messages follow after the route is entered; never for a group. */
	if (group.n == 0 && o.retain_handling != 2 && (is_new || o.retain_handling == 0))
		pull_begin(s, filter);
	return EM_OK;
}

em_err
session_unsubscribe(struct session *s, struct slice group, struct slice filter)
{
	const struct subscription *sub =
	    group.n > 0 ? router_find(&s->subscriber, group, filter) : NULL;
	uint32_t share = sub != NULL ? router_membership(sub) : 0;
	bool was_exclusive = has_exclusive(s, group, filter);
	em_err err;

	if (EM_UNLIKELY(s->is_frozen))
		return EM_BUSY;
	err = router_unsubscribe(&s->subscriber, group, filter);
	if (was_exclusive)
		exclusive_give(filter, session_clientid(s));
	if (share != 0 && s->mqueue != NULL)
		leave_share(s, group, filter, share);
	if (err == EM_OK && hook_is_on(HOOK_SESSION_UNSUBSCRIBED))
		tell_unsubscribed(s, group, filter);
	return err;
}

void
session_facts(struct session *s, struct session_facts *f)
{
	const struct zone *zone = zone_get(s->zone);

	*f = (struct session_facts){ .clientid = session_clientid(s),
		.username = session_username(s),
		.peer = session_peer(s),
		.has_username = s->names->has_username,
		.is_connected = s->to != NULL,
		.clean_start = s->clean_start,
		.version = s->version,
		.keepalive = s->keepalive,
		.expiry = s->expiry,
		.subscriptions = s->subscriber.n,
		.inflight = inflight_count(s->inflight),
		.inflight_max = s->window,
		.awaiting_rel = s->rare != NULL ? awaiting_count(s->rare->awaiting) : 0,
		.mqueue_len = mqueue_count(s->mqueue),
		.mqueue_max = zone->max_mqueue_len,
		.mqueue_bytes = mqueue_bytes(s->mqueue),
		.delivered = s->delivered,
		.dropped = s->timer.spare,
		.created_at = s->created,
		.connected_at = s->attached,
		.disconnected_at = s->detached };
	if (s->to != NULL)
		session_worker()->sink->facts(s->to, f);
}
