/* SPDX-License-Identifier: Apache-2.0 */
/* session_import: see session_import.h. */
#include "emqxd/session/session_import.h"
#include "emqxd/core/clock.h"
#include "emqxd/limit/limit.h"
#include "emqxd/model/metrics.h"
#include "emqxd/model/topic.h"
#include "emqxd/session/exclusive.h"
#include "emqxd/session/inside.h"
#include "emqxd/session/session_flat.h"
#include "ipc/base/hash.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/str.h"
#include "ipc/base/wbuf.h"

#include <stdlib.h>

#define SUBID_MAX 0xfffffffu
#define IDS (UINT16_MAX + 1u)

/* The message that is read: what is said beside it, and its bytes as far as they came. */
struct reading {
	unsigned place, qos, flags;
	uint32_t subid, share, number;
	uint64_t due, time_left, at;
	uint8_t published_qos;
	uint32_t topic_n, from_n, props_n, payload_n;
	uint8_t *body; /* NULL: nothing under way */
	size_t n, whole;
};

struct session_import {
	struct str clientid;
	struct session *s;    /* from HEAD on */
	VEC(uint32_t) shares; /* memberships of its subscriptions in order; 0: none */
	VEC(uint64_t) late;   /* marks of what came to the other end meanwhile */
	struct reading r;
	uint64_t *ids; /* a bit for each that is under way, or NULL */
	uint32_t messages, awaiting;
	uint32_t turn, turns;
	bool is_snapped, is_whole;
};

struct session_import *
session_import_begin(struct slice clientid)
{
	struct session_import *im = MEM_NEW(struct session_import);

	str_add_slice(&im->clientid, clientid);
	return im;
}

bool
session_import_is_snapped(const struct session_import *im)
{
	return im->is_snapped;
}

bool
session_import_is_whole(const struct session_import *im)
{
	return im->is_whole;
}

bool
session_import_has_late(const struct session_import *im)
{
	return im->late.n > 0;
}

/* ---- times */

/* No later than half of all time, so that sums stay in it. */
static mono_t
then(uint64_t left)
{
	int64_t now = clock_mono().ns;

	return left >= INT64_MAX / 2 ? (mono_t){ INT64_MAX }
				     : (mono_t){ now + (int64_t)left };
}

static wall_t
wall_of(uint64_t ns)
{
	return (wall_t){ ns <= INT64_MAX ? (int64_t)ns : 0 };
}

/* ---- HEAD */

static uint16_t
zone_of(struct slice name)
{
	const struct conf_part *part = conf_part(CONF_ZONES);

	for (uint16_t i = 0; i < part->n; i++)
		if (slice_eq(slice_str(zone_get(i)->name), name))
			return i;
	return 0; /* it is not here: the default's */
}

static em_err
take_head(struct session_import *im, struct rbuf *r)
{
	struct session_open o = { 0 };
	uint64_t created, attached, detached, ends, delivered;
	uint32_t seq, dropped;
	unsigned flags;
	struct slice zone;

	if (rbuf_u16(r) != SESSION_FLAT_VERSION)
		return r->err != EM_OK ? r->err : EM_UNSUPPORTED;
	o.version = rbuf_u8(r);
	flags = rbuf_u8(r);
	o.keepalive = rbuf_u16(r);
	o.window = rbuf_u16(r);
	o.expiry = rbuf_u32(r);
	seq = rbuf_u32(r);
	created = rbuf_u64(r);
	attached = rbuf_u64(r);
	detached = rbuf_u64(r);
	ends = rbuf_u64(r);
	delivered = rbuf_u64(r);
	dropped = rbuf_u32(r);
	im->turn = rbuf_u32(r);
	im->turns = rbuf_u32(r);
	zone = rbuf_bytes16(r);
	o.clientid = rbuf_bytes16(r);
	o.username = rbuf_bytes16(r);
	o.peer = rbuf_bytes16(r);
	o.mountpoint = rbuf_bytes16(r);
	if (r->err != EM_OK || im->s != NULL || !inflight_is_seq(seq) ||
	    o.peer.n > UINT8_MAX || o.version < 3 || o.version > 5 || o.expiry == 0 ||
	    !slice_eq(o.clientid, str_slice(&im->clientid)))
		return EM_MALFORMED;
	o.has_username = (flags & SESSION_FLAT_HAS_USERNAME) != 0;
	im->s = session_make(&o);
	im->s->is_frozen = true;
	im->s->clean_start = (flags & SESSION_FLAT_CLEAN_START) != 0;
	im->s->version = o.version;
	im->s->keepalive = o.keepalive;
	im->s->window = o.window;
	im->s->expiry = o.expiry;
	im->s->zone = zone_of(zone);
	im->s->seq = seq;
	im->s->created = wall_of(created);
	im->s->attached = wall_of(attached);
	im->s->detached = wall_of(detached);
	im->s->ends = then(ends);
	im->s->delivered = delivered;
	im->s->timer.spare = dropped;
	return EM_OK;
}

/* ---- SUBSCRIPTION, AWAITING */

/* @since: of an exclusive one. */
static em_err
subscribe(struct session_import *im, struct slice group, struct slice filter,
    struct subopts o, uint64_t since)
{
	struct session *s = im->s;
	bool is_new = false;
	em_err err;

	if (o.exclusive && exclusive_bring(filter, session_clientid(s), since) != EM_OK) {
		exclusive_lost(filter, session_clientid(s), 0);
		return EM_OK; /* the session comes without it */
	}
	err = router_subscribe(&s->subscriber, group, filter, o, &is_new);
	if (err != EM_OK && o.exclusive)
		exclusive_give(filter, session_clientid(s));
	if (err != EM_OK)
		return err;
	s->has_exclusive |= o.exclusive;
	return is_new ? EM_OK : EM_MALFORMED;
}

static em_err
take_subscription(struct session_import *im, struct rbuf *r)
{
	struct slice group, filter;
	struct subopts o = { 0 };
	unsigned flags = rbuf_u8(r);
	uint64_t since = 0;
	em_err err;

	o.qos = rbuf_u8(r);
	o.retain_handling = rbuf_u8(r);
	o.id = rbuf_u32(r);
	group = rbuf_bytes16(r);
	filter = rbuf_bytes16(r);
	o.no_local = (flags & SESSION_FLAT_NO_LOCAL) != 0;
	o.retain_as_published = (flags & SESSION_FLAT_AS_PUBLISHED) != 0;
	o.exclusive = (flags & SESSION_FLAT_EXCLUSIVE) != 0;
	if (r->err != EM_OK || im->s == NULL || im->is_snapped || o.qos > 2 ||
	    o.retain_handling > 2 || o.id > SUBID_MAX || !topic_filter_is_valid(filter) ||
	    topic_has_wildcard(group) || (o.exclusive && group.n > 0))
		return EM_MALFORMED;
	if (o.exclusive && rbuf_left(r) > 0)
		since = rbuf_u64(r);
	if (r->err != EM_OK)
		return EM_MALFORMED;
	err = subscribe(im, group, filter, o, since);
	if (err != EM_OK)
		return err;
	VEC_ADD(&im->shares, group.n > 0 ? router_membership(router_find(
					       &im->s->subscriber, group, filter))
					 : 0);
	if ((flags & SESSION_FLAT_RETAINED) != 0 && group.n == 0 &&
	    router_find(&im->s->subscriber, group, filter) != NULL)
		pull_begin(im->s, filter);
	return EM_OK;
}

static em_err
take_awaiting(struct session_import *im, struct rbuf *r)
{
	struct session_rare *rare;

	if (im->s == NULL || im->is_snapped)
		return EM_MALFORMED;
	rare = session_rare_of(im->s);
	while (rbuf_left(r) > 0) {
		uint16_t id = rbuf_u16(r);
		int64_t since = clock_mono().ns - span_s(rbuf_u32(r)).ns;
		mono_t at = { since > 0 ? since : 0 };

		if (r->err != EM_OK || id == 0 ||
		    awaiting_add(&rare->awaiting, id, UINT16_MAX, at) != EM_OK)
			return EM_MALFORMED;
		im->awaiting++;
	}
	return r->err;
}

/* ---- messages */

/* The message, as it is to be kept; a view on the bytes read. */
static struct message
view_of(const struct reading *r, const uint8_t *body)
{
	struct slice all = slice_of(body, r->whole);
	struct message m = message_view(slice_head(all, r->topic_n), SLICE_NONE);

	all = slice_from(all, r->topic_n);
	m.from = slice_head(all, r->from_n);
	all = slice_from(all, r->from_n);
	m.props = slice_head(all, r->props_n);
	m.payload = slice_from(all, r->props_n);
	m.at = wall_of(r->at);
	m.qos = r->published_qos;
	m.retain = (r->flags & SESSION_FLAT_PUBLISHED) != 0;
	if (r->place != SESSION_FLAT_WILL)
		m.expires = then(r->time_left);
	else if (r->time_left < INT64_MAX / 2)
		m.expires = (mono_t){ (int64_t)r->time_left };
	return m;
}

/* What two copies of one delivery have in common, and nothing else has but by chance. */
static uint64_t
mark_of(
    const struct message *m, uint32_t subid, uint32_t share, unsigned qos, bool retain)
{
	const uint64_t all[] = { hash_bytes(m->topic), hash_bytes(m->from),
		hash_bytes(m->props), hash_bytes(m->payload), (uint64_t)m->at.ns,
		(uint64_t)subid << 32 | share, (uint64_t)qos << 1 | retain };

	return hash_bytes(slice_of(all, sizeof all));
}

static em_err
restore(struct session_import *im, struct message *kept)
{
	const struct reading *r = &im->r;
	struct inflight_slot slot = { .message = kept,
		.subid = r->subid & SUBID_MAX,
		.qos = r->qos & 3u,
		.state = kept != NULL ? INFLIGHT_PUBLISH : INFLIGHT_PUBREL,
		.retain = (r->flags & SESSION_FLAT_RETAIN) != 0,
		.share = r->share,
		.seq = r->number };
	uint32_t id;

	if (!inflight_is_seq(slot.seq) || slot.qos == 0 ||
	    (kept == NULL && slot.qos != 2))
		return EM_MALFORMED;
	id = slot.seq % UINT16_MAX;
	if (im->ids == NULL)
		im->ids = mem_new(IDS / 8);
	if ((im->ids[id / 64] >> id % 64 & 1) != 0 ||
	    !inflight_restore(&im->s->inflight, im->s->seq, slot))
		return EM_MALFORMED;
	im->ids[id / 64] |= UINT64_C(1) << id % 64;
	return EM_OK;
}

static void
wait_on(struct session_import *im, struct message *kept)
{
	const struct zone *zone = zone_get(im->s->zone);
	struct mqueue_bounds bounds = { zone->max_mqueue_len, zone->max_mqueue_bytes };
	const struct reading *r = &im->r;
	struct mqueue_entry e = { .message = kept,
		.subid = r->subid & SUBID_MAX,
		.qos = r->qos & 3u,
		.retain = (r->flags & SESSION_FLAT_RETAIN) != 0,
		.share = r->share };

	if (im->is_snapped)
		VEC_ADD(&im->late, mark_of(kept, e.subid, e.share, e.qos, e.retain));
	deliver_dropped(im->s, METRIC_DELIVERY_DROPPED_QUEUE_FULL,
	    mqueue_push(&im->s->mqueue, &bounds, r->number, e));
}

static void
keep_will(struct session_import *im, struct message *kept)
{
	struct session_will will = { .message = kept, .delay = im->r.number };

	will_set(im->s, &will);
	im->s->rare->will.due = then(im->r.due);
}

/* All of its bytes are there. */
static em_err
take_whole(struct session_import *im, const uint8_t *body)
{
	struct message view = view_of(&im->r, body), *kept;

	kept = message_keep(&view);
	message_done(&view);
	if (kept == NULL)
		return EM_NOMEM;
	if (im->r.place == SESSION_FLAT_UNDER_WAY) {
		em_err err = restore(im, kept);

		if (err != EM_OK)
			message_unref(&kept);
		return err;
	}
	if (im->r.place == SESSION_FLAT_WAITS)
		wait_on(im, kept);
	else
		keep_will(im, kept);
	return EM_OK;
}

static void
drop_body(struct reading *r)
{
	if (r->body == NULL)
		return;
	limit_release(r->whole);
	MEM_FREE(r->body);
}

static em_err
add_body(struct session_import *im, struct slice bytes)
{
	struct reading *r = &im->r;
	em_err err;

	if (bytes.n == 0 || bytes.n > r->whole - r->n)
		return EM_MALFORMED;
	memcpy(r->body + r->n, bytes.p, bytes.n);
	r->n += bytes.n;
	if (r->n < r->whole)
		return EM_OK;
	err = take_whole(im, r->body);
	drop_body(r);
	return err;
}

/* The rest comes in further records. */
static em_err
begin_body(struct session_import *im, struct slice first)
{
	struct reading *r = &im->r;

	if (!limit_hold(r->whole, LIMIT_CLIENT))
		return EM_FULL;
	r->body = mem_try(r->whole);
	r->n = 0;
	if (r->body == NULL) {
		limit_release(r->whole);
		return EM_NOMEM;
	}
	return add_body(im, first);
}

static em_err
read_beside(struct session_import *im, struct rbuf *in)
{
	struct reading *r = &im->r;
	uint32_t number;

	r->place = rbuf_u8(in);
	r->qos = rbuf_u8(in);
	r->flags = rbuf_u8(in);
	r->subid = rbuf_u32(in);
	number = rbuf_u32(in);
	r->number = rbuf_u32(in);
	r->due = rbuf_u64(in);
	r->published_qos = rbuf_u8(in);
	r->time_left = rbuf_u64(in);
	r->at = rbuf_u64(in);
	r->topic_n = rbuf_u16(in);
	r->from_n = rbuf_u16(in);
	r->props_n = rbuf_u32(in);
	r->payload_n = rbuf_u32(in);
	r->whole = (size_t)r->topic_n + r->from_n + r->props_n + r->payload_n;
	if (in->err != EM_OK || r->qos > 2 || r->published_qos > 2 ||
	    r->subid > SUBID_MAX || number > im->shares.n ||
	    r->whole > 2 * (size_t)VARINT_MAX)
		return EM_MALFORMED;
	/* One that came by a group that it has left since has the number 0. */
	r->share = number > 0 ? im->shares.p[number - 1] : 0;
	im->messages++;
	return EM_OK;
}

static em_err
take_message(struct session_import *im, struct rbuf *in)
{
	struct reading *r = &im->r;
	struct slice first;

	if (im->s == NULL || r->body != NULL || read_beside(im, in) != EM_OK)
		return EM_MALFORMED;
	if (im->is_snapped && r->place != SESSION_FLAT_WAITS)
		return EM_MALFORMED;
	first = rbuf_rest(in);
	if (r->place == SESSION_FLAT_RELEASED)
		return r->whole == 0 ? restore(im, NULL) : EM_MALFORMED;
	if (r->place < SESSION_FLAT_UNDER_WAY || r->place > SESSION_FLAT_WILL ||
	    r->topic_n == 0 || first.n > r->whole)
		return EM_MALFORMED;
	return first.n == r->whole ? take_whole(im, first.p) : begin_body(im, first);
}

/* ---- the ends */

static em_err
take_snapshot(struct session_import *im, struct rbuf *r)
{
	uint32_t subscriptions = rbuf_u32(r), messages = rbuf_u32(r), ids = rbuf_u32(r);

	if (r->err != EM_OK || im->s == NULL || im->is_snapped || im->r.body != NULL ||
	    subscriptions != im->shares.n || messages != im->messages ||
	    ids != im->awaiting)
		return EM_MALFORMED;
	mqueue_set_turn(im->s->mqueue, im->turn, im->turns);
	im->is_snapped = true;
	im->messages = 0;
	return EM_OK;
}

static em_err
take_end(struct session_import *im, struct rbuf *r)
{
	uint32_t messages = rbuf_u32(r);

	if (r->err != EM_OK || !im->is_snapped || im->r.body != NULL ||
	    messages != im->messages)
		return EM_MALFORMED;
	im->is_whole = true;
	return EM_OK;
}

static em_err
take_record(struct session_import *im, unsigned kind, struct slice body)
{
	struct rbuf r = rbuf_of(body);

	switch (kind) {
	case SESSION_FLAT_HEAD: return take_head(im, &r);
	case SESSION_FLAT_SUBSCRIPTION: return take_subscription(im, &r);
	case SESSION_FLAT_AWAITING: return take_awaiting(im, &r);
	case SESSION_FLAT_MESSAGE: return take_message(im, &r);
	case SESSION_FLAT_MORE:
		return im->r.body != NULL ? add_body(im, body) : EM_MALFORMED;
	case SESSION_FLAT_SNAPSHOT: return take_snapshot(im, &r);
	case SESSION_FLAT_END: return take_end(im, &r);
	}
	return EM_OK;
}

em_err
session_import_part(struct session_import *im, struct slice part)
{
	struct rbuf r = rbuf_of(part);

	if (part.n > SESSION_PART_MAX || im->is_whole)
		return EM_MALFORMED;
	if (limit_is_reached())
		return EM_FULL;
	while (rbuf_left(&r) > 0) {
		unsigned kind = rbuf_u8(&r);
		struct slice body = rbuf_bytes(&r, rbuf_u32(&r));
		em_err err;

		if (r.err != EM_OK)
			return r.err;
		err = take_record(im, kind, body);
		if (err != EM_OK)
			return err;
	}
	return EM_OK;
}

static int
by_mark(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Is it one that the other end got too?  Each of those counts once. */
static bool
is_known(struct session_import *im, bool *used, const struct mqueue_entry *e)
{
	uint64_t mark = mark_of(e->message, e->subid, e->share, e->qos, e->retain);
	size_t from = 0, to = im->late.n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (im->late.p[mid] < mark)
			from = mid + 1;
		else
			to = mid;
	}
	while (from < im->late.n && im->late.p[from] == mark && used[from])
		from++;
	if (from == im->late.n || im->late.p[from] != mark)
		return false;
	used[from] = true;
	return true;
}

/* Of what came here meanwhile what a shared group sent, or with @used: what the other end
 * did not bring. */
static void
keep_late(struct session_import *im, bool *used)
{
	struct session_rare *rare = im->s->rare;
	struct mqueue_bounds none = { UINT32_MAX, UINT64_MAX };
	struct mqueue *rest = NULL;
	const struct mqueue_entry *e;
	struct mqueue_at at = { 0 };
	uint32_t priority;

	while ((e = mqueue_next(rare->late, &at, &priority)) != NULL) {
		struct mqueue_entry own = *e;

		if (used != NULL ? is_known(im, used, e) : e->share == 0)
			continue;
		own.message = message_ref(e->message);
		deliver_dropped(im->s, METRIC_DELIVERY_DROPPED_NO_MEMORY,
		    mqueue_push(&rest, &none, priority, own));
	}
	mqueue_free(&rare->late);
	rare->late = rest;
}

static bool
has_late_here(const struct session_import *im)
{
	return im->s != NULL && im->s->rare != NULL && im->s->rare->late != NULL;
}

void
session_import_fenced(struct session_import *im)
{
	if (has_late_here(im))
		keep_late(im, NULL);
}

/* What came to both is there once. */
static void
drop_known(struct session_import *im)
{
	bool *used;

	if (!has_late_here(im) || im->late.n == 0)
		return;
	qsort(im->late.p, im->late.n, sizeof *im->late.p, by_mark);
	used = mem_new(im->late.n * sizeof *used);
	keep_late(im, used);
	mem_free(used);
}

static void
forget(struct session_import **imp)
{
	struct session_import *im = *imp;

	*imp = NULL;
	drop_body(&im->r);
	str_fini(&im->clientid);
	VEC_FINI(&im->shares);
	VEC_FINI(&im->late);
	mem_free(im->ids);
	mem_free(im);
}

em_err
session_import_finish(struct session_import **imp)
{
	struct session_import *im = *imp;
	struct session *s = im->s;

	if (!im->is_snapped)
		return EM_STATE;
	if (registry_find(session_clientid(s)) != NULL)
		return EM_EXISTS;
	drop_known(im);
	registry_add(s);
	claim_changed(session_clientid(s), true);
	session_thaw(s);
	again_arm(s);
	exclusive_tell(s);
	forget(imp);
	return EM_OK;
}

void
session_import_drop(struct session_import **imp)
{
	struct session *s;

	if (*imp == NULL)
		return;
	s = (*imp)->s;
	forget(imp);
	if (s == NULL)
		return;
	/* What came from the other end is there still; what came here is not. */
	inflight_free(&s->inflight);
	mqueue_free(&s->mqueue);
	will_drop(s);
	session_thaw(s);
	leave_all(s);
	session_bury(s);
}
