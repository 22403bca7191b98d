/* SPDX-License-Identifier: Apache-2.0 */
/*
 * takeover_home: a session's way as its home workers see it: the old one takes it apart,
 * the new one puts it together.  See takeover.h.
 */
#include "emqxd/takeover/takeover_inside.h"
#include "emqxd/core/log.h"
#include "emqxd/model/metrics.h"
#include "emqxd/model/nodes.h"
#include "emqxd/router/remote.h"
#include "emqxd/session/claim.h"
#include "emqxd/session/registry.h"
#include "emqxd/session/session.h"
#include "emqxd/session/session_export.h"
#include "emqxd/session/session_flat.h"
#include "emqxd/session/session_import.h"
#include "ipc/base/hash.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

#define SETTLE_TRIES 10u /* each of cluster.suback_wait */

/* One that comes here. */
struct arriving {
	struct router_settle settle;
	uint64_t number;
	struct claim *claim;
	struct session_import *im; /* from its first part on */
	bool is_known;             /* the others are told that it is here */
	bool is_fenced;            /* what was on its way here before it came has come */
	bool is_ready;             /* LEAVE was said */
	unsigned tries;            /* to have it known */
	bool is_settling, is_over; /* over while it settles: freed then */
};

/* One that goes. */
struct departing {
	uint8_t key[12]; /* place and number */
	unsigned place;
	uint64_t number;
	struct session_export *x;
	unsigned window; /* parts that may be sent */
	bool has_left;
};

struct takeover_worker {
	struct takeover *t;
	struct map arriving, departing; /* by number; by key */
	uint64_t given;                 /* numbers */
	struct takeover_twins_walk twins;
};

static struct takeover_worker *
self(void)
{
	return worker_slot(ROOM_TAKEOVER);
}

static void
tell_by(void (*post)(struct worker *, struct letter *), enum takeover_what what,
    unsigned place, uint64_t number, bool flag)
{
	struct takeover_note *note =
	    takeover_note(self()->t, what, place, number, SLICE_NONE);

	note->flag = flag;
	post(worker_link(), &note->letter);
}

static void
tell(enum takeover_what what, unsigned place, uint64_t number, bool flag)
{
	tell_by(worker_post, what, place, number, flag);
}

/* At once, so that a settle() behind it comes behind it. */
static void
changed(uint64_t hash, bool is_here)
{
	tell_by(worker_post_now, TAKEOVER_NOTE_CHANGED, 0, hash, is_here);
}

/* ---- one that comes */

static struct slice
key_of(const uint64_t *number)
{
	return slice_of(number, sizeof *number);
}

static struct arriving *
find_arriving(uint64_t number)
{
	return map_find(&self()->arriving, key_of(&number));
}

/* The CONNECT goes on. */
static void
arriving_end(struct arriving *a)
{
	struct claim *claim = a->claim;

	/* With a session the registry has told so. */
	if (a->im != NULL && registry_find(claim->clientid) == NULL)
		changed(claim_hash(claim->clientid), false);
	session_import_drop(&a->im);
	claim->is_bringing = false;
	map_take(&self()->arriving, key_of(&a->number));
	a->is_over = true;
	a->claim = NULL;
	if (!a->is_settling)
		mem_free(a);
	claim_answered(claim);
}

static void
arriving_finish(struct arriving *a)
{
	struct slice id = a->claim->clientid;
	em_err err = session_import_finish(&a->im);

	if (err == EM_OK)
		metric_inc(METRIC_SESSION_MOVED_IN);
	else
		metric_inc(METRIC_SESSION_MOVE_FAILED);
	if (err != EM_OK)
		LOG(WARN, "session_not_taken", "clientid", id, "why", err_name(err));
	tell(TAKEOVER_NOTE_HERE, 0, a->number, err == EM_OK);
	arriving_end(a);
}

static void
arriving_fail(struct arriving *a, const char *why)
{
	metric_inc(METRIC_SESSION_MOVE_FAILED);
	LOG(WARN, "session_not_taken", "clientid", a->claim->clientid, "why", why);
	arriving_end(a);
}

static void settle(struct arriving *a);

static void
on_settled(struct router_settle *s)
{
	struct arriving *a = LIST_OWNER(s, struct arriving, settle);

	a->is_settling = false;
	if (a->is_over) {
		mem_free(a);
		return;
	}
	if (s->is_late && ++a->tries < SETTLE_TRIES) {
		settle(a);
		return;
	}
	a->is_ready = true;
	tell(TAKEOVER_NOTE_READY, 0, a->number, false);
}

static void
settle(struct arriving *a)
{
	a->is_settling = true;
	a->settle = (struct router_settle){ .done = on_settled };
	if (!router_remote_settle(&a->settle))
		on_settled(&a->settle);
}

/* What is here is older than what comes: its client did not find it when it came here last. */
static void
end_older(struct slice clientid)
{
	struct session *s = registry_find(clientid);

	if (s == NULL)
		return;
	LOG(INFO, "older_session_ended", "clientid", clientid);
	metric_inc(METRIC_SESSION_TAKENOVER);
	session_kick(s, END_TAKENOVER);
}

/* When the snapshot is here, and nothing of before comes any more. */
static void
go_on(struct arriving *a)
{
	if (session_import_is_snapped(a->im) && !a->is_known) {
		a->is_known = true;
		changed(claim_hash(a->claim->clientid), true);
	}
	if (a->is_known && a->is_fenced && !a->is_ready && !a->is_settling)
		settle(a);
}

static void
on_part(struct arriving *a, struct slice part)
{
	em_err err;

	if (a->im == NULL) {
		end_older(a->claim->clientid);
		a->im = session_import_begin(a->claim->clientid);
		tell(TAKEOVER_NOTE_FENCE, 0, a->number, false);
	}
	a->claim->is_bringing = true;
	err = session_import_part(a->im, part);
	if (err != EM_OK) {
		tell(TAKEOVER_NOTE_FAILED, 0, a->number, false);
		arriving_fail(a, err_name(err));
		return;
	}
	if (session_import_is_whole(a->im)) {
		if (session_import_has_late(a->im))
			tell(TAKEOVER_NOTE_FENCE, 0, a->number, false);
		else
			arriving_finish(a);
		return;
	}
	tell(TAKEOVER_NOTE_TAKEN, 0, a->number, false);
	go_on(a);
}

static void
on_fenced(struct arriving *a)
{
	if (a->is_fenced) {
		arriving_finish(a);
		return;
	}
	a->is_fenced = true;
	session_import_fenced(a->im);
	go_on(a);
}

static void
on_over(struct arriving *a, enum takeover_over how)
{
	/* Whom nobody hears any more may have let go: what it had is here. */
	if (how == TAKEOVER_LOST && a->im != NULL && a->is_ready)
		arriving_finish(a);
	else if (how == TAKEOVER_NOBODY)
		arriving_end(a);
	else
		arriving_fail(a, how == TAKEOVER_LOST ? "the other node is not heard"
						      : "the other node keeps it");
}

static void
claim(struct claim *c)
{
	struct takeover_worker *w = self();
	struct arriving *a = MEM_NEW(struct arriving);
	const struct session *s = registry_find(c->clientid);
	struct takeover_note *note;

	a->claim = c;
	a->number = (uint64_t)worker_self()->id << TAKEOVER_WORKER_SHIFT | ++w->given;
	map_put(&w->arriving, key_of(&a->number), a);
	note = takeover_note(w->t, TAKEOVER_NOTE_ASK, 0, a->number, c->clientid);
	note->count = c->clean_start ? TAKEOVER_CLEAN
		      : s != NULL    ? TAKEOVER_COMPARE
				     : TAKEOVER_BRING;
	note->since = s != NULL ? (uint64_t)s->attached.ns : 0;
	takeover_post(worker_link(), note);
}

/* ---- one that goes */

static void
set_key(struct departing *d, unsigned place, uint64_t number)
{
	uint32_t p = place;

	memcpy(d->key, &p, sizeof p);
	memcpy(d->key + sizeof p, &number, sizeof number);
	d->place = place;
	d->number = number;
}

static struct departing *
find_departing(unsigned place, uint64_t number)
{
	struct departing key;

	set_key(&key, place, number);
	return map_find(&self()->departing, slice_of(key.key, sizeof key.key));
}

static void
departing_end(struct departing *d)
{
	map_take(&self()->departing, slice_of(d->key, sizeof d->key));
	session_export_end(&d->x);
	mem_free(d);
}

static void
send_part(struct departing *d, struct wbuf *w, bool is_last)
{
	struct takeover_note *note = takeover_note(
	    self()->t, TAKEOVER_NOTE_SEND, d->place, d->number, wbuf_slice(w));

	note->flag = is_last;
	takeover_post(worker_link(), note);
	d->window--;
}

/* Parts, as far as the window goes. */
static void
pump(struct departing *d)
{
	bool is_over = false;

	while (d->window > 0 && !is_over) {
		struct wbuf w = wbuf_growing(SESSION_PART_MAX);
		em_err err = session_export_step(d->x, &w, &is_over);

		if (err != EM_OK) {
			tell(TAKEOVER_NOTE_GONE, d->place, d->number, false);
			departing_end(d);
			wbuf_fini(&w);
			return;
		}
		if (w.n > 0)
			send_part(d, &w, is_over && d->has_left);
		wbuf_fini(&w);
	}
	if (is_over && d->has_left)
		departing_end(d);
}

/* Is the session here to end, for the client that came elsewhere? */
static bool
must_end(const struct takeover_note *note, struct slice id)
{
	const struct session *s = registry_find(id);

	if (note->count != TAKEOVER_COMPARE || s == NULL)
		return note->count == TAKEOVER_CLEAN;
	if ((uint64_t)s->attached.ns == note->since)
		return nodes_site_of(note->place) > nodes_site();
	return (uint64_t)s->attached.ns < note->since;
}

static void
on_take(const struct takeover_note *note)
{
	struct slice id = slice_of(note->bytes, note->n);
	struct session_export *x = NULL;
	struct departing *d;

	if (must_end(note, id)) {
		session_export_discard(id);
		tell(TAKEOVER_NOTE_NONE, note->place, note->number, false);
		return;
	}
	x = session_export_begin(id);
	if (x == NULL) {
		/* There still, on its way to another; or on its way here. */
		tell(TAKEOVER_NOTE_NONE, note->place, note->number,
		    registry_find(id) != NULL || claim_is_bringing(id));
		return;
	}
	d = MEM_NEW(struct departing);
	set_key(d, note->place, note->number);
	d->x = x;
	d->window = TAKEOVER_WINDOW;
	map_put(&self()->departing, slice_of(d->key, sizeof d->key), d);
	pump(d);
}

static void
on_leave(struct departing *d)
{
	if (d->has_left)
		return;
	if (session_export_leave(d->x) != EM_OK) {
		tell(TAKEOVER_NOTE_GONE, d->place, d->number, false);
		departing_end(d);
		return;
	}
	metric_inc(METRIC_SESSION_MOVED_OUT);
	d->has_left = true;
	pump(d);
}

static void
on_more(struct departing *d)
{
	if (d->window < TAKEOVER_WINDOW)
		d->window++;
	pump(d);
}

/* ---- letters, birth and death */

static void
use(bool has_others)
{
	static const struct claim_remote remote = { claim, changed };

	claim_use(has_others ? &remote : NULL);
}

void
takeover_worker_birth(struct takeover *t)
{
	struct takeover_worker *w = MEM_NEW(struct takeover_worker);

	w->t = t;
	worker_self()->slot[ROOM_TAKEOVER] = w;
}

void
takeover_worker_death(void)
{
	struct takeover_worker *w = self();
	size_t at = 0;
	void *p;

	claim_use(NULL);
	while (map_next(&w->arriving, &at, NULL, &p)) {
		arriving_end(p);
		at = 0;
	}
	for (at = 0; map_next(&w->departing, &at, NULL, &p); at = 0)
		departing_end(p);
	takeover_twins_walk_end(&w->twins);
	map_fini(&w->arriving);
	map_fini(&w->departing);
	mem_free(w);
	worker_self()->slot[ROOM_TAKEOVER] = NULL;
}

static void
of_departing(const struct takeover_note *note)
{
	struct departing *d = find_departing(note->place, note->number);

	if (d == NULL)
		return;
	if (note->what == TAKEOVER_NOTE_MORE)
		on_more(d);
	else if (note->what == TAKEOVER_NOTE_LEAVE)
		on_leave(d);
	else
		departing_end(d);
}

static void
of_arriving(const struct takeover_note *note)
{
	struct arriving *a = find_arriving(note->number);

	if (a == NULL)
		return;
	if (note->what == TAKEOVER_NOTE_PART)
		on_part(a, slice_of(note->bytes, note->n));
	else if (note->what == TAKEOVER_NOTE_FENCED)
		on_fenced(a);
	else
		on_over(a, (enum takeover_over)note->count);
}

void
takeover_at_home(struct letter *l)
{
	struct takeover_note *note = (struct takeover_note *)(void *)l;

	if (self() != NULL) {
		if (note->what <= TAKEOVER_NOTE_OVER)
			of_arriving(note);
		else if (note->what == TAKEOVER_NOTE_TAKE)
			on_take(note);
		else if (note->what == TAKEOVER_NOTE_USE)
			use(note->flag);
		else if (note->what == TAKEOVER_NOTE_TWINS)
			takeover_twins_walk(&self()->twins, &note);
		else if (note->what == TAKEOVER_NOTE_TWIN_THERE)
			takeover_twins_meet(note);
		else
			of_departing(note);
	}
	takeover_free_note(note); /* NULL: kept */
}
