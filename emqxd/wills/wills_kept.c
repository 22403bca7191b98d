/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wills_kept: wills of other nodes' clients, and what is done with them when the node is
 * dead.  See wills.h.
 */
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/metric.h"
#include "emqxd/model/metrics.h"
#include "emqxd/session/claim.h"
#include "emqxd/session/registry.h"
#include "emqxd/session/will_flat.h"
#include "emqxd/wills/wills_inside.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

#define AT_ONCE 100u /* that are due in the same millisecond */

struct row {
	uint64_t hash;
	struct wills_life *life;
	uint64_t other; /* site of the other keeper; 0: none */
	struct timer due;
	uint32_t round, delay;
	uint8_t rank;
	bool is_waiting; /* for the first keeper */
	size_t n;
	uint8_t bytes[]; /* will_flat */
};

static struct slice
key_of(const uint64_t *hash)
{
	return slice_of(hash, sizeof *hash);
}

static struct wills_life *
life_new(struct wills *w, unsigned place)
{
	struct wills_life *life = MEM_NEW(struct wills_life);

	life->w = w;
	list_init(&life->node);
	life->site = nodes_site_of(place);
	w->peer[place].life = life;
	return life;
}

static void
row_free(struct row *row)
{
	struct wills_life *life = row->life;

	timer_cancel(&row->due);
	map_take(&life->rows, key_of(&row->hash));
	life->w->held -= sizeof *row + row->n;
	metric_sub(METRIC_WILLS_KEPT, 1);
	mem_free(row);
}

static void
life_free(struct wills_life *life)
{
	void *row;
	size_t at;

	for (at = 0; map_next(&life->rows, &at, NULL, &row); at = 0)
		row_free(row);
	map_fini(&life->rows);
	list_del(&life->node);
	mem_free(life);
}

/* ---- what a node tells */

void
wills_kept_set(struct wills *w, unsigned place, struct slice body)
{
	struct wills_peer *p = &w->peer[place];
	struct rbuf r = rbuf_of(body);
	uint8_t rank = rbuf_u8(&r);
	uint64_t other = rbuf_u64(&r), hash;
	struct slice will = rbuf_rest(&r), clientid;
	uint32_t delay;
	struct row *row;

	if (p->life == NULL || r.err != EM_OK || will.n == 0 || will.n > WILLS_MOST ||
	    will_flat_head(will, &clientid, &delay) != EM_OK)
		return;
	hash = claim_hash(clientid);
	wills_kept_gone(w, place, hash);
	if (w->held + sizeof *row + will.n > w->conf.memory) {
		metric_inc(METRIC_WILLS_REFUSED);
		LOG(WARN, "wills_refused", "node", nodes_name(place), "hint",
		    "cluster.will_memory is reached");
		return;
	}
	row = mem_new(sizeof *row + will.n);
	row->hash = hash;
	row->life = p->life;
	row->other = other;
	row->rank = rank;
	row->round = p->round;
	row->delay = delay;
	row->n = will.n;
	memcpy(row->bytes, will.p, will.n);
	w->held += sizeof *row + will.n;
	metric_inc(METRIC_WILLS_KEPT);
	map_put(&p->life->rows, key_of(&row->hash), row);
}

void
wills_kept_gone(struct wills *w, unsigned place, uint64_t hash)
{
	struct wills_life *life = w->peer[place].life;
	struct row *row = life != NULL ? map_find(&life->rows, key_of(&hash)) : NULL;

	if (row != NULL)
		row_free(row);
}

void
wills_kept_all(struct wills *w, unsigned place, uint64_t incarnation, bool is_end)
{
	struct wills_peer *p = &w->peer[place];
	struct row *row, *last = NULL;
	size_t at = 0;
	void *v;

	if (!is_end) {
		if (p->life != NULL && p->life->incarnation != incarnation)
			wills_kept_inherit(w, place, true);
		if (p->life == NULL)
			life_new(w, place)->incarnation = incarnation;
		p->round++;
		return;
	}
	/* What was not named again is no more; rows go when the walk is past them. */
	while (p->life != NULL && map_next(&p->life->rows, &at, NULL, &v)) {
		row = v;
		if (last != NULL)
			row_free(last);
		last = row->round != p->round ? row : NULL;
	}
	if (last != NULL)
		row_free(last);
}

/* ---- the dead */

static void
tell_done(const struct row *row)
{
	struct wills *w = row->life->w;
	uint8_t bytes[24];
	struct wbuf out = wbuf_fixed(bytes, sizeof bytes);

	wbuf_u64(&out, row->life->site);
	wbuf_u64(&out, row->life->incarnation);
	wbuf_u64(&out, row->hash);
	for (unsigned i = 1; i < nodes_end() && row->other != 0; i++)
		if (nodes_name(i) != NULL && nodes_site_of(i) == row->other)
			(void)!w->conf.links.send(
			    w->conf.links.arg, i, WILLS_DONE, wbuf_slice(&out));
}

static void
row_done(struct row *row)
{
	struct wills_life *life = row->life;

	tell_done(row);
	row_free(row);
	if (life->rows.n == 0)
		life_free(life);
}

/* Is its client at a node that is there?  The dead one's rows may stand yet. */
static bool
is_connected(const struct row *row)
{
	const struct wills *w = row->life->w;
	uint64_t places = w->conf.links.places(w->conf.links.arg, row->hash);

	for (; places != 0; places &= places - 1) {
		unsigned i = (unsigned)__builtin_ctzll(places);

		if (nodes_is_running(i) &&
		    (nodes_site_of(i) != row->life->site || row->life->has_returned))
			return true;
	}
	return false;
}

static void
on_due(struct timer *t)
{
	struct row *row = LIST_OWNER(t, struct row, due);
	struct slice clientid, will = slice_of(row->bytes, row->n);
	uint32_t delay;

	if (is_connected(row)) {
		metric_inc(METRIC_WILLS_CANCELLED);
		row_done(row);
		return;
	}
	if (row->rank > 0 && !row->is_waiting && wills_reaches(row->other)) {
		row->is_waiting = true;
		timer_arm(t, WILLS_SILENCE, on_due);
		return;
	}
	if (will_flat_head(will, &clientid, &delay) == EM_OK)
		worker_post(registry_home(clientid),
		    &wills_note(row->life->w, WILLS_NOTE_DUE, 0, false, will)->letter);
	row_done(row);
}

void
wills_kept_inherit(struct wills *w, unsigned place, bool has_returned)
{
	struct wills_peer *p = &w->peer[place];
	struct wills_life *life = p->life;
	span_t grace = has_returned ? WILLS_RETURN : span_ms(0);
	unsigned n = 0;
	size_t at = 0;
	void *v;

	if (life == NULL)
		return;
	p->life = NULL;
	if (life->rows.n == 0) {
		life_free(life);
		return;
	}
	life->has_returned = has_returned;
	list_push(&w->dead, &life->node);
	LOG(INFO, "wills_inherited", "node",
	    nodes_name(place) != NULL ? nodes_name(place) : "", "wills",
	    (unsigned)life->rows.n);
	while (map_next(&life->rows, &at, NULL, &v)) {
		struct row *row = v;
		mono_t due = mono_add(p->lost, span_s(row->delay));
		span_t wait = mono_since(due, clock_mono());

		if (wait.ns < grace.ns)
			wait = grace;
		timer_arm(
		    &row->due, span_ns(wait.ns + span_ms(n++ / AT_ONCE).ns), on_due);
	}
}

static struct wills_life *
find_dead(struct wills *w, uint64_t site, uint64_t incarnation)
{
	LIST_EACH (n, &w->dead) {
		struct wills_life *life = LIST_OWNER(n, struct wills_life, node);

		if (life->site == site && life->incarnation == incarnation)
			return life;
	}
	return NULL;
}

void
wills_kept_done(struct wills *w, uint64_t site, uint64_t incarnation, uint64_t hash)
{
	struct wills_life *life = find_dead(w, site, incarnation);
	struct row *row;

	/* The other keeper may have found out before us. */
	for (unsigned i = 1; i < NODES_MAX && life == NULL; i++)
		if (w->peer[i].life != NULL && w->peer[i].life->site == site &&
		    w->peer[i].life->incarnation == incarnation)
			life = w->peer[i].life;
	row = life != NULL ? map_find(&life->rows, key_of(&hash)) : NULL;
	if (row == NULL)
		return;
	row_free(row);
	if (life->rows.n == 0 && !list_is_empty(&life->node))
		life_free(life);
}

void
wills_kept_return(struct wills *w, uint64_t site, uint64_t incarnation)
{
	struct wills_life *life = find_dead(w, site, incarnation);

	if (life != NULL)
		life_free(life);
}

void
wills_kept_drop(struct wills *w, unsigned place)
{
	if (w->peer[place].life != NULL)
		life_free(w->peer[place].life);
	w->peer[place].life = NULL;
}

void
wills_kept_drop_all(struct wills *w)
{
	for (unsigned i = 0; i < NODES_MAX; i++)
		wills_kept_drop(w, i);
	while (!list_is_empty(&w->dead))
		life_free(LIST_OWNER(w->dead.next, struct wills_life, node));
}

uint64_t
wills_count(void)
{
	return metric_sum(METRIC_WILLS_KEPT);
}
