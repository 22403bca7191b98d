/* SPDX-License-Identifier: Apache-2.0 */
/* session_export: see session_export.h. */
#include "emqxd/session/session_export.h"
#include "emqxd/core/clock.h"
#include "emqxd/model/metrics.h"
#include "emqxd/session/exclusive.h"
#include "emqxd/session/inside.h"
#include "emqxd/session/session_flat.h"
#include "ipc/base/mem.h"

#include <stdlib.h>

#define IDS_A_RECORD 1000u

enum stage { /* what comes next */
	STAGE_HEAD,
	STAGE_SUBSCRIPTIONS,
	STAGE_AWAITING,
	STAGE_UNDER_WAY,
	STAGE_WAITING,
	STAGE_WILL,
	STAGE_SNAPSHOT,
	STAGE_LEFT, /* nothing before leave() */
	STAGE_LATE,
	STAGE_END,
	STAGE_OVER,
};

struct number { /* of a membership: the place of its subscription, from 1 on */
	uint32_t share, number;
};

struct session_export {
	struct session *session; /* NULL: it left, or is wanted here */
	struct message *m;       /* whose body is not written whole yet; a reference */
	size_t written;          /* of it */
	struct mqueue *late;     /* after leave() */
	struct mqueue_at queue;
	VEC(struct number) numbers; /* by share */
	uint32_t at;                /* in the stage */
	uint32_t subscriptions, messages, ids;
	enum stage stage;
};

/* ---- freezing */

static int
by_share(const void *a, const void *b)
{
	const struct number *x = a, *y = b;

	return x->share < y->share ? -1 : x->share > y->share;
}

static void
number_memberships(struct session_export *x)
{
	struct subscriber *sub = &x->session->subscriber;
	const struct subscription *v = router_subscriptions(sub);

	for (uint32_t i = sub->n - sub->shared; i < sub->n; i++)
		VEC_ADD(
		    &x->numbers, ((struct number){ router_membership(&v[i]), i + 1 }));
	if (x->numbers.n > 1)
		qsort(x->numbers.p, x->numbers.n, sizeof *x->numbers.p, by_share);
}

static uint32_t
number_of(const struct session_export *x, uint32_t share)
{
	const struct number key = { share, 0 }, *found;

	if (share == 0 || x->numbers.n == 0)
		return 0;
	found = bsearch(&key, x->numbers.p, x->numbers.n, sizeof *x->numbers.p, by_share);
	return found != NULL ? found->number : 0;
}

/* Its connection ends as when its client comes again here; a will without delay is due. */
static void
put_offline(struct session *s)
{
	session_part(s, END_TAKENOVER);
	metric_inc(METRIC_SESSION_TAKENOVER);
	router_set_online(&s->subscriber, false);
	s->detached = clock_wall();
	if (s->expiry != SESSION_NEVER)
		s->ends = mono_add(clock_mono(), span_s(s->expiry));
	if (s->rare == NULL || s->rare->will.message == NULL)
		return;
	if (s->rare->will.delay == 0)
		will_publish(s);
	else
		s->rare->will.due = mono_add(clock_mono(), span_s(s->rare->will.delay));
}

struct session_export *
session_export_begin(struct slice clientid)
{
	struct session *s = registry_find(clientid);
	struct session_export *x;

	if (s == NULL || s->is_frozen)
		return NULL;
	if (s->expiry == 0) {
		session_kick(s, END_TAKENOVER); /* [MQTT3-3.1.2-6] */
		return NULL;
	}
	if (s->to != NULL)
		put_offline(s);
	x = MEM_NEW(struct session_export);
	x->session = s;
	session_rare_of(s)->export = x;
	s->is_frozen = true;
	timer_cancel(&s->timer);
	number_memberships(x);
	return x;
}

void
session_export_drop(struct session *s)
{
	struct session_export *x = s->rare->export;

	CHECK(s->is_frozen && x->session == s);
	s->rare->export = NULL;
	x->session = NULL;
	session_thaw(s);
}

bool
session_export_discard(struct slice clientid)
{
	struct session *s = registry_find(clientid);

	if (s == NULL)
		return false;
	metric_inc(METRIC_SESSION_DISCARDED);
	session_kick(s, END_DISCARDED);
	return true;
}

/* ---- records */

/* Begins a record; its length is set by finish(). */
static size_t
begin(struct wbuf *w, enum session_flat_kind kind)
{
	wbuf_u8(w, (uint8_t)kind);
	wbuf_u32(w, 0);
	return w->n;
}

static void
finish(struct wbuf *w, size_t from)
{
	struct wbuf length;

	if (w->err != EM_OK)
		return;
	length = wbuf_fixed(w->p + from - 4, 4);
	wbuf_u32(&length, (uint32_t)(w->n - from));
}

/* What is left until then; all ones: there is no end. */
static uint64_t
left(mono_t then)
{
	int64_t now = clock_mono().ns;

	if (then.ns == INT64_MAX)
		return UINT64_MAX;
	return then.ns > now ? (uint64_t)(then.ns - now) : 0;
}

static void
put_head(struct session *s, struct wbuf *w)
{
	size_t from = begin(w, SESSION_FLAT_HEAD);
	uint32_t turn, turns;

	mqueue_turn(s->mqueue, &turn, &turns);
	wbuf_u16(w, SESSION_FLAT_VERSION);
	wbuf_u8(w, s->version);
	wbuf_u8(w, (uint8_t)((s->clean_start ? SESSION_FLAT_CLEAN_START : 0) |
			     (s->names->has_username ? SESSION_FLAT_HAS_USERNAME : 0)));
	wbuf_u16(w, s->keepalive);
	wbuf_u16(w, s->window);
	wbuf_u32(w, s->expiry);
	wbuf_u32(w, s->seq);
	wbuf_u64(w, (uint64_t)s->created.ns);
	wbuf_u64(w, (uint64_t)s->attached.ns);
	wbuf_u64(w, (uint64_t)s->detached.ns);
	wbuf_u64(w, left(s->ends));
	wbuf_u64(w, s->delivered);
	wbuf_u32(w, s->timer.spare);
	wbuf_u32(w, turn);
	wbuf_u32(w, turns);
	wbuf_bytes16(w, slice_str(zone_get(s->zone)->name));
	wbuf_bytes16(w, session_clientid(s));
	wbuf_bytes16(w, session_username(s));
	wbuf_bytes16(w, session_peer(s));
	wbuf_bytes16(w, session_mountpoint(s));
	finish(w, from);
}

static bool
is_pulling(const struct session *s, struct slice filter)
{
	for (size_t i = 0; i < s->rare->cursors.n; i++) {
		const struct session_cursor *c = &s->rare->cursors.p[i];

		if (slice_eq(slice_of(c->filter, c->filter_n), filter))
			return true;
	}
	return false;
}

static void
put_subscription(struct session *s, const struct subscription *sub, struct wbuf *w)
{
	size_t from = begin(w, SESSION_FLAT_SUBSCRIPTION);
	const struct subopts *o = &sub->opts;
	struct slice group = router_group(sub), filter = router_filter(sub);
	unsigned flags = 0;

	if (o->no_local)
		flags |= SESSION_FLAT_NO_LOCAL;
	if (o->retain_as_published)
		flags |= SESSION_FLAT_AS_PUBLISHED;
	if (o->exclusive)
		flags |= SESSION_FLAT_EXCLUSIVE;
	if (group.n == 0 && is_pulling(s, filter))
		flags |= SESSION_FLAT_RETAINED;
	wbuf_u8(w, (uint8_t)flags);
	wbuf_u8(w, o->qos);
	wbuf_u8(w, o->retain_handling);
	wbuf_u32(w, o->id);
	wbuf_bytes16(w, group);
	wbuf_bytes16(w, filter);
	if (o->exclusive)
		wbuf_u64(w, exclusive_stamp(filter, session_clientid(s)));
	finish(w, from);
}

static void
put_awaiting(struct session_export *x, struct wbuf *w)
{
	const struct awaiting *a = x->session->rare->awaiting;
	size_t from = begin(w, SESSION_FLAT_AWAITING);
	mono_t since;
	uint16_t id;

	for (unsigned n = 0; n < IDS_A_RECORD; n++) {
		if (!awaiting_next(a, &x->at, &id, &since))
			break;
		wbuf_u16(w, id);
		wbuf_u32(w, (uint32_t)span_to_s(mono_since(clock_mono(), since)));
		x->ids++;
	}
	finish(w, from);
}

/* As much of topic, publisher, properties and payload as the part has room for. */
static void
put_body(struct session_export *x, struct wbuf *w)
{
	const struct slice all[] = { x->m->topic, x->m->from, x->m->props,
		x->m->payload };
	size_t room = w->n < SESSION_PART ? SESSION_PART - w->n : 1;
	size_t skip = x->written, whole = 0;

	for (unsigned i = 0; i < 4; i++) {
		struct slice s = all[i];

		whole += s.n;
		if (skip >= s.n) {
			skip -= s.n;
			continue;
		}
		s = slice_head(slice_from(s, skip), room);
		skip = 0;
		wbuf_bytes(w, s);
		room -= s.n;
		x->written += s.n;
		if (room == 0)
			skip =
			    SIZE_MAX; /* nothing of the others; only their sizes count */
	}
	if (x->written == whole)
		message_unref(&x->m);
}

static void
put_more(struct session_export *x, struct wbuf *w)
{
	size_t from = begin(w, SESSION_FLAT_MORE);

	put_body(x, w);
	finish(w, from);
}

/* What is said of a message beside what it is. */
struct beside {
	enum session_flat_place place;
	uint8_t qos;
	bool retain;
	uint32_t subid, share, number;
	uint64_t due;
};

static void
put_message(
    struct session_export *x, const struct beside *b, struct message *m, struct wbuf *w)
{
	static const struct message nothing = { .expires = { INT64_MAX } };
	const struct message *of = m != NULL ? m : &nothing;
	size_t from = begin(w, SESSION_FLAT_MESSAGE);

	wbuf_u8(w, (uint8_t)b->place);
	wbuf_u8(w, b->qos);
	wbuf_u8(w, (uint8_t)((b->retain ? SESSION_FLAT_RETAIN : 0) |
			     (of->retain ? SESSION_FLAT_PUBLISHED : 0)));
	wbuf_u32(w, b->subid);
	wbuf_u32(w, number_of(x, b->share));
	wbuf_u32(w, b->number);
	wbuf_u64(w, b->due);
	wbuf_u8(w, of->qos);
	/* A will's is an interval until it is published. */
	wbuf_u64(w, b->place != SESSION_FLAT_WILL ? left(of->expires)
		    : of->expires.ns == INT64_MAX ? UINT64_MAX
						  : (uint64_t)of->expires.ns);
	wbuf_u64(w, (uint64_t)of->at.ns);
	wbuf_u16(w, (uint16_t)of->topic.n);
	wbuf_u16(w, (uint16_t)of->from.n);
	wbuf_u32(w, (uint32_t)of->props.n);
	wbuf_u32(w, (uint32_t)of->payload.n);
	x->messages++;
	if (m != NULL) {
		x->m = message_ref(m);
		x->written = 0;
		put_body(x, w);
	}
	finish(w, from);
}

static bool
put_under_way(struct session_export *x, struct wbuf *w)
{
	const struct inflight_slot *slot;
	struct beside b = { 0 };
	uint16_t id;

	slot = inflight_next(x->session->inflight, &x->at, &id);
	if (slot == NULL)
		return false;
	b.place = slot->state == INFLIGHT_PUBREL ? SESSION_FLAT_RELEASED
						 : SESSION_FLAT_UNDER_WAY;
	b.qos = slot->qos;
	b.retain = slot->retain;
	b.subid = slot->subid;
	b.share = slot->share;
	b.number = slot->seq;
	put_message(x, &b, slot->message, w);
	return true;
}

static bool
put_waiting(struct session_export *x, const struct mqueue *q, struct wbuf *w)
{
	struct beside b = { .place = SESSION_FLAT_WAITS };
	const struct mqueue_entry *e = mqueue_next(q, &x->queue, &b.number);

	if (e == NULL)
		return false;
	b.qos = e->qos;
	b.retain = e->retain;
	b.subid = e->subid;
	b.share = e->share;
	put_message(x, &b, e->message, w);
	return true;
}

static void
put_will(struct session_export *x, struct wbuf *w)
{
	const struct session_will *will = &x->session->rare->will;
	struct beside b = { .place = SESSION_FLAT_WILL };

	if (will->message == NULL)
		return;
	b.number = will->delay;
	b.due = left(will->due);
	put_message(x, &b, will->message, w);
}

static void
put_counts(struct session_export *x, enum session_flat_kind kind, struct wbuf *w)
{
	size_t from = begin(w, kind);

	if (kind == SESSION_FLAT_SNAPSHOT)
		wbuf_u32(w, x->subscriptions);
	wbuf_u32(w, x->messages);
	if (kind == SESSION_FLAT_SNAPSHOT)
		wbuf_u32(w, x->ids);
	finish(w, from);
	x->messages = 0;
}

/* ---- steps */

static void
next_stage(struct session_export *x)
{
	x->stage++;
	x->at = 0;
	x->queue = (struct mqueue_at){ 0 };
}

/* One record, or the next stage. */
static void
put_one(struct session_export *x, struct wbuf *w)
{
	struct session *s = x->session;

	switch (x->stage) {
	case STAGE_HEAD: put_head(s, w); break;
	case STAGE_SUBSCRIPTIONS:
		if (x->at == s->subscriber.n)
			break;
		put_subscription(s, &router_subscriptions(&s->subscriber)[x->at++], w);
		x->subscriptions++;
		return;
	case STAGE_AWAITING:
		put_awaiting(x, w);
		if (x->ids < awaiting_count(s->rare->awaiting))
			return;
		inflight_begin_all(s->inflight);
		break;
	case STAGE_UNDER_WAY:
		if (put_under_way(x, w))
			return;
		break;
	case STAGE_WAITING:
		if (put_waiting(x, s->mqueue, w))
			return;
		break;
	case STAGE_WILL: put_will(x, w); break;
	case STAGE_SNAPSHOT: put_counts(x, SESSION_FLAT_SNAPSHOT, w); break;
	case STAGE_LATE:
		if (put_waiting(x, x->late, w))
			return;
		break;
	case STAGE_END: put_counts(x, SESSION_FLAT_END, w); break;
	case STAGE_LEFT:
	case STAGE_OVER: return;
	}
	next_stage(x);
}

em_err
session_export_step(struct session_export *x, struct wbuf *out, bool *is_over)
{
	*is_over = false;
	if (x->session == NULL && x->stage < STAGE_LATE)
		return EM_STATE;
	while (out->n < SESSION_PART && out->err == EM_OK) {
		if (x->m != NULL)
			put_more(x, out);
		else if (x->stage == STAGE_LEFT || x->stage == STAGE_OVER)
			break;
		else
			put_one(x, out);
	}
	*is_over = x->m == NULL && (x->stage == STAGE_LEFT || x->stage == STAGE_OVER);
	return out->err;
}

em_err
session_export_leave(struct session_export *x)
{
	struct session *s = x->session;

	if (s == NULL || x->stage != STAGE_LEFT)
		return EM_STATE;
	x->session = NULL;
	x->late = s->rare->late;
	s->rare->late = NULL;
	leave_moved(s);
	registry_del(s);
	claim_changed(session_clientid(s), false);
	session_bury(s);
	next_stage(x);
	return EM_OK;
}

void
session_export_end(struct session_export **xp)
{
	struct session_export *x = *xp;
	struct session *s;

	*xp = NULL;
	if (x == NULL)
		return;
	s = x->session;
	if (s != NULL) {
		session_export_drop(s);
		again_arm(s);
		exclusive_tell(s);
	}
	message_unref(&x->m);
	mqueue_free(&x->late);
	VEC_FINI(&x->numbers);
	mem_free(x);
}
