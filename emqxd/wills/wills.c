/* SPDX-License-Identifier: Apache-2.0 */
/* wills: see wills.h.  Who is told what, and who is dead. */
#include "emqxd/wills/wills.h"
#include "emqxd/core/clock.h"
#include "emqxd/session/registry.h"
#include "emqxd/wills/wills_inside.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

#define TICK span_ms(100)
#define AGAIN span_s(1)      /* between two looks whether a node is dead */
#define PENDING (256u << 10) /* bytes on the way to a node: walkers wait */
#define PACE span_ms(10)
#define WALK_AGAIN span_s(1)

static uint64_t
bit(unsigned place)
{
	return UINT64_C(1) << place;
}

/* ---- letters */

struct wills_note *
wills_note(
    struct wills *w, enum wills_what what, uint64_t number, bool flag, struct slice bytes)
{
	struct wills_note *note = mem_new(sizeof *note + bytes.n);

	note->letter.open = what < WILLS_NOTE_WILL ? wills_at_home : wills_at_link;
	note->w = w;
	note->what = what;
	note->number = number;
	note->flag = flag;
	note->n = bytes.n;
	if (bytes.n > 0)
		memcpy(note->bytes, bytes.p, bytes.n);
	return note;
}

static void
tell_homes(struct wills *w, enum wills_what what, bool flag)
{
	for (unsigned i = 0; i < worker_count(); i++)
		worker_post(
		    worker_get(i), &wills_note(w, what, 0, flag, SLICE_NONE)->letter);
}

/* ---- keepers */

static uint64_t
weight(uint64_t hash, uint64_t site)
{
	uint64_t x = hash ^ site * 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* The two members, others than this one, that come first; how many there are. */
static unsigned
keepers(uint64_t hash, unsigned place[WILLS_KEEPERS])
{
	uint64_t best[WILLS_KEEPERS] = { 0, 0 };
	unsigned n = 0;

	for (unsigned i = 1; i < nodes_end(); i++) {
		uint64_t x;

		if (nodes_name(i) == NULL || nodes_site_of(i) == 0)
			continue;
		x = weight(hash, nodes_site_of(i));
		if (n == 0 || x > best[0]) {
			place[1] = place[0];
			best[1] = best[0];
			place[0] = i;
			best[0] = x;
		} else if (n == 1 || x > best[1]) {
			place[1] = i;
			best[1] = x;
		} else {
			continue;
		}
		n += n < WILLS_KEEPERS;
	}
	return n;
}

static em_err
send_will(
    struct wills *w, unsigned place, uint8_t rank, uint64_t other, struct slice will)
{
	struct wbuf out = wbuf_growing(will.n + 16);
	em_err err;

	wbuf_u8(&out, rank);
	wbuf_u64(&out, other);
	wbuf_bytes(&out, will);
	err = out.err;
	if (err == EM_OK)
		err = w->conf.links.send(
		    w->conf.links.arg, place, WILLS_SET, wbuf_slice(&out));
	wbuf_fini(&out);
	return err;
}

static em_err
send_gone(struct wills *w, unsigned place, uint64_t hash)
{
	uint8_t bytes[8];
	struct wbuf out = wbuf_fixed(bytes, sizeof bytes);

	wbuf_u64(&out, hash);
	return w->conf.links.send(w->conf.links.arg, place, WILLS_GONE, wbuf_slice(&out));
}

static em_err
send_all(struct wills *w, unsigned place, uint8_t is_end)
{
	uint8_t bytes[9];
	struct wbuf out = wbuf_fixed(bytes, sizeof bytes);

	wbuf_u64(&out, w->conf.incarnation);
	wbuf_u8(&out, is_end);
	return w->conf.links.send(w->conf.links.arg, place, WILLS_ALL, wbuf_slice(&out));
}

static void look_at_pace(struct wills *w);

static void
on_pace(struct timer *t)
{
	look_at_pace(LIST_OWNER(t, struct wills, pace));
}

/* Have the links as much as they should? */
static void
look_at_pace(struct wills *w)
{
	bool is_slow = false;

	for (uint64_t to = w->walk_for; to != 0; to &= to - 1) {
		unsigned i = (unsigned)__builtin_ctzll(to);

		is_slow |= w->peer[i].is_up &&
			   w->conf.links.pending(w->conf.links.arg, i) > PENDING;
	}
	atomic_store(&w->is_slow, is_slow);
	if (is_slow && !timer_is_armed(&w->pace))
		timer_arm(&w->pace, PACE, on_pace);
}

/* A will came or went, or a walk found it: to its keepers. */
static void
on_will(struct wills *w, const struct wills_note *note)
{
	struct slice will = slice_of(note->bytes, note->n);
	unsigned place[WILLS_KEEPERS] = { 0, 0 }, n = keepers(note->number, place);

	if (note->flag)
		atomic_fetch_sub(&w->afoot, sizeof *note + note->n);
	for (unsigned rank = 0; rank < n && !w->is_out; rank++) {
		unsigned to = place[rank], other = place[1 - rank];
		em_err err;

		if (!w->peer[to].is_up || w->peer[to].wants_all ||
		    (note->flag && (w->walk_for & bit(to)) == 0))
			continue; /* it is told all, or was */
		err = will.n == 0 ? send_gone(w, to, note->number)
				  : send_will(w, to, (uint8_t)rank,
					n > 1 ? nodes_site_of(other) : 0, will);
		if (err == EM_OK)
			continue;
		w->peer[to].wants_all = true;
		w->walk_failed |= bit(to);
	}
	if (note->flag)
		look_at_pace(w);
}

/* ---- telling all */

static void
begin_walk(struct wills *w)
{
	uint64_t to = 0;

	for (unsigned i = 1; i < nodes_end(); i++) {
		struct wills_peer *p = &w->peer[i];

		if (!p->is_up || !p->wants_all || send_all(w, i, 0) != EM_OK)
			continue;
		p->wants_all = false;
		to |= bit(i);
	}
	if (to == 0)
		return;
	w->walk_for = to;
	w->walk_failed = 0;
	w->walkers = worker_count();
	look_at_pace(w);
	tell_homes(w, WILLS_NOTE_WALK, true);
}

static void
on_walked(struct wills *w)
{
	uint64_t to = w->walk_for & ~w->walk_failed;

	if (w->walkers == 0 || --w->walkers > 0)
		return;
	if (w->walk_failed != 0)
		w->walk_again = mono_add(clock_mono(), WALK_AGAIN);
	w->walk_for = 0;
	for (; to != 0; to &= to - 1) {
		unsigned i = (unsigned)__builtin_ctzll(to);

		/* One that has to be told all again was not told all. */
		if (w->peer[i].is_up && !w->peer[i].wants_all &&
		    send_all(w, i, 1) != EM_OK)
			w->peer[i].wants_all = true;
	}
}

void
wills_at_link(struct letter *l)
{
	struct wills_note *note = LIST_OWNER(l, struct wills_note, letter);

	if (node_slot(ROOM_WILLS) != NULL) {
		if (note->what == WILLS_NOTE_WILL)
			on_will(note->w, note);
		else
			on_walked(note->w);
	}
	mem_free(note);
}

/* ---- members */

/* Another set of them: other keepers. */
static void
look_at_members(struct wills *w)
{
	uint64_t sum = 0;

	for (unsigned i = 1; i < NODES_MAX; i++) {
		struct wills_peer *p = &w->peer[i];
		uint64_t site = nodes_name(i) != NULL ? nodes_site_of(i) : 0;

		sum += site * 0x9e3779b97f4a7c15u;
		if (p->site == site)
			continue;
		if (p->site == 0) {
			p->site = site;
			continue;
		}
		wills_kept_drop(w, i); /* wills_on_removed() has inherited */
		wills_kept_forget(w, p->site);
		p->site = site;
	}
	if (sum == w->members)
		return;
	w->members = sum;
	w->is_out = false; /* it is alone, or elsewhere */
	for (unsigned i = 1; i < NODES_MAX; i++)
		w->peer[i].wants_all = true;
	if (w->has_others == (nodes_count() > 1))
		return;
	w->has_others = !w->has_others;
	tell_homes(w, WILLS_NOTE_USE, w->has_others);
}

/* ---- who is dead */

static void
dies(struct wills *w, unsigned place, enum wills_death how)
{
	if (w->peer[place].life == NULL)
		return; /* it was dead before, or never there */
	wills_kept_inherit(w, place, how);
	w->conf.links.dead(w->conf.links.arg, place);
}

static bool
is_majority(void)
{
	unsigned running = 0;

	for (unsigned i = 0; i < nodes_end(); i++)
		running += nodes_name(i) != NULL && nodes_is_running(i);
	return running * 2 >= nodes_count();
}

/* Does anybody else reach it?  Who does not answer does not say so. */
static void
ask_others(struct wills *w, unsigned about)
{
	struct wills_peer *p = &w->peer[about];

	p->is_reached = false;
	p->again = mono_add(clock_mono(), AGAIN);
	for (unsigned i = 1; i < nodes_end(); i++)
		if (i != about && w->peer[i].is_up &&
		    w->conf.links.ask(w->conf.links.arg, i, p->site, about) == EM_OK)
			p->asks++;
	if (p->asks == 0)
		dies(w, about, WILLS_DEAD_SILENT);
}

void
wills_on_reached(struct wills *w, unsigned place, unsigned about, bool is_reached)
{
	struct wills_peer *p = &w->peer[about];

	(void)place;
	if (p->asks == 0)
		return;
	p->is_reached |= is_reached;
	if (--p->asks == 0 && !p->is_reached && !p->is_up && is_majority())
		dies(w, about, WILLS_DEAD_SILENT);
}

bool
wills_reaches(uint64_t site)
{
	for (unsigned i = 1; i < nodes_end(); i++)
		if (nodes_name(i) != NULL && nodes_site_of(i) == site)
			return nodes_is_running(i);
	return false;
}

static void
look_for_dead(struct wills *w)
{
	mono_t now = clock_mono();

	for (unsigned i = 1; i < NODES_MAX; i++) {
		struct wills_peer *p = &w->peer[i];

		if (p->life == NULL || p->is_up || p->asks > 0 || now.ns < p->again.ns)
			continue;
		if (now.ns >= mono_add(p->lost, w->conf.node_down_timeout).ns &&
		    is_majority())
			ask_others(w, i);
	}
}

static void
on_tick(struct timer *t)
{
	struct wills *w = LIST_OWNER(t, struct wills, tick);

	look_at_members(w);
	look_for_dead(w);
	if (w->walkers == 0 && w->has_others && !w->is_out &&
	    clock_mono().ns >= w->walk_again.ns)
		begin_walk(w);
	timer_arm(t, TICK, on_tick);
}

/* ---- links */

void
wills_on_up(struct wills *w, unsigned place, uint64_t incarnation)
{
	struct wills_peer *p = &w->peer[place];

	p->site = nodes_site_of(place);
	p->is_up = p->wants_all = true;
	p->again = clock_mono();
	if (p->life != NULL && p->life->incarnation != incarnation)
		dies(w, place, WILLS_DEAD_RETURNED);
	wills_kept_return(w, place, incarnation);
}

void
wills_on_down(struct wills *w, unsigned place)
{
	struct wills_peer *p = &w->peer[place];

	if (p->is_up)
		p->lost = clock_mono();
	p->is_up = false;
}

/* This node's clients are its own from now on. */
static void
say_none(struct wills *w)
{
	for (unsigned i = 1; i < nodes_end(); i++)
		if (w->peer[i].is_up && send_all(w, i, 0) == EM_OK)
			(void)!send_all(w, i, 1);
	w->is_out = true;
}

void
wills_on_removed(struct wills *w, unsigned place)
{
	struct wills_peer *p = &w->peer[place];

	if (place == 0) {
		say_none(w);
		return;
	}
	if (!p->is_up) {
		dies(w, place, WILLS_DEAD_REMOVED);
		return;
	}
	/* It left, as it will say: else it dies with its clients' wills. */
	p->lost = clock_mono();
	wills_kept_inherit(w, place, WILLS_DEAD_REMOVED);
}

/* Of a node that was held dead: to its second keeper, or to itself. */
static void
on_done(struct wills *w, struct rbuf *r)
{
	uint64_t site = rbuf_u64(r), incarnation = rbuf_u64(r), hash = rbuf_u64(r), stamp;
	struct slice clientid;

	if (r->err != EM_OK)
		return;
	if (site != nodes_site() || incarnation != w->conf.incarnation) {
		wills_kept_done(w, site, incarnation, hash);
		return;
	}
	stamp = rbuf_u64(r);
	clientid = rbuf_rest(r);
	if (r->err == EM_OK && clientid.n > 0 && clientid.n <= UINT16_MAX)
		worker_post(registry_home(clientid),
		    &wills_note(w, WILLS_NOTE_PUBLISHED, stamp, false, clientid)->letter);
}

void
wills_on_frame(struct wills *w, unsigned place, enum wills_frame frame, struct slice body)
{
	struct rbuf r = rbuf_of(body);
	uint64_t a;
	uint8_t is_end;

	/* Who is heard is not dead, though this node may not reach it yet. */
	if (!w->peer[place].is_up)
		w->peer[place].lost = clock_mono();
	switch (frame) {
	case WILLS_SET: wills_kept_set(w, place, body); return;
	case WILLS_GONE:
		a = rbuf_u64(&r);
		if (r.err == EM_OK && a != 0)
			wills_kept_gone(w, place, a);
		return;
	case WILLS_ALL:
		a = rbuf_u64(&r);
		is_end = rbuf_u8(&r);
		if (r.err == EM_OK)
			wills_kept_all(w, place, a, is_end != 0);
		return;
	case WILLS_DONE: on_done(w, &r); return;
	case WILLS_FRAME_N: return;
	}
}

/* ---- birth and death */

struct wills *
wills_new(void)
{
	struct wills *w = MEM_NEW(struct wills);

	list_init(&w->dead);
	list_init(&w->over);
	list_init(&w->busy);
	return w;
}

void
wills_start(struct wills *w, const struct wills_conf *conf)
{
	w->conf = *conf;
	timer_arm(&w->tick, TICK, on_tick);
}

void
wills_stop(struct wills *w)
{
	timer_cancel(&w->tick);
	timer_cancel(&w->pace);
	wills_kept_drop_all(w);
}

void
wills_free(struct wills **wp)
{
	if (*wp != NULL)
		CHECK(!timer_is_armed(&(*wp)->tick));
	MEM_FREE(*wp);
}
