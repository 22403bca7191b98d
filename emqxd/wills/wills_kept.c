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
	bool is_waiting;   /* for the first keeper */
	bool is_published; /* in case that the node was not dead */
	uint64_t stamp;    /* the will's */
	size_t n;
	uint8_t bytes[]; /* will_flat; published: the client id */
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
	if (!row->is_published) {
		life->due--;
		metric_sub(METRIC_WILLS_KEPT, 1);
	}
	map_take(&life->rows, key_of(&row->hash));
	life->w->held -= sizeof *row + row->n;
	mem_free(row);
}

static void
row_add(struct row *row)
{
	struct wills_life *life = row->life;

	if (!row->is_published) {
		life->due++;
		metric_inc(METRIC_WILLS_KEPT);
	}
	life->w->held += sizeof *row + row->n;
	map_put(&life->rows, key_of(&row->hash), row);
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
	struct slice will = rbuf_rest(&r);
	struct will_flat_head head;
	struct row *row;

	if (p->life == NULL || r.err != EM_OK || will.n == 0 || will.n > WILLS_MOST ||
	    will_flat_head(will, &head) != EM_OK)
		return;
	hash = claim_hash(head.clientid);
	wills_kept_gone(w, place, hash);
	if (w->held + sizeof *row + will.n > w->conf.memory) {
		metric_inc(METRIC_WILLS_REFUSED);
		LOG(WARN, "wills_refused", "node", nodes_name(place), "hint",
		    "cluster.will_memory is reached");
		return;
	}
	row = mem_new(sizeof *row + will.n);
	*row = (struct row){ .hash = hash,
		.life = p->life,
		.other = other,
		.rank = rank,
		.round = p->round,
		.delay = head.delay,
		.stamp = head.stamp,
		.n = will.n };
	memcpy(row->bytes, will.p, will.n);
	row_add(row);
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
			wills_kept_inherit(w, place, WILLS_DEAD_RETURNED);
		wills_kept_return(w, place, incarnation);
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

/* Nothing of it is due any more; true: it is gone. */
static bool
look_at_life(struct wills_life *life)
{
	/* What was published is told when the node is there again as what it was. */
	if (life->due > 0 || (life->rows.n > 0 && !life->has_returned))
		return false;
	life_free(life);
	return true;
}

static void
row_done(struct row *row)
{
	struct wills_life *life = row->life;

	tell_done(row);
	row_free(row);
	look_at_life(life);
}

/* It leaves its client id behind. */
static void
row_published(struct row *row, struct slice clientid)
{
	struct wills_life *life = row->life;
	struct row *left = mem_new(sizeof *left + clientid.n);

	*left = (struct row){ .hash = row->hash,
		.life = life,
		.stamp = row->stamp,
		.is_published = true,
		.n = clientid.n };
	memcpy(left->bytes, clientid.p, clientid.n);
	tell_done(row);
	row_free(row);
	row_add(left);
	look_at_life(life);
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
	struct slice will = slice_of(row->bytes, row->n);
	struct will_flat_head head;

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
	if (will_flat_head(will, &head) != EM_OK)
		UNREACHABLE(); /* wills_kept_set() has read it */
	worker_post(registry_home(head.clientid),
	    &wills_note(row->life->w, WILLS_NOTE_DUE, 0, false, will)->letter);
	row_published(row, head.clientid);
}

void
wills_kept_inherit(struct wills *w, unsigned place, enum wills_death how)
{
	struct wills_peer *p = &w->peer[place];
	struct wills_life *life = p->life;
	span_t grace = how == WILLS_DEAD_SILENT ? span_ms(0) : WILLS_RETURN;
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
	life->has_returned = how == WILLS_DEAD_RETURNED;
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
	if (row == NULL || row->is_published)
		return;
	row_free(row);
	if (!list_is_empty(&life->node))
		look_at_life(life);
}

static void
tell_published(const struct wills_life *life, unsigned place)
{
	const struct wills_links *links = &life->w->conf.links;
	size_t at = 0;
	void *v;

	while (map_next(&life->rows, &at, NULL, &v)) {
		const struct row *row = v;
		struct wbuf out = wbuf_growing(UINT16_MAX + 64u);

		if (!row->is_published)
			continue;
		wbuf_u64(&out, life->site);
		wbuf_u64(&out, life->incarnation);
		wbuf_u64(&out, row->hash);
		wbuf_u64(&out, row->stamp);
		wbuf_bytes(&out, slice_of(row->bytes, row->n));
		if (out.err == EM_OK) /* else it may come twice */
			(void)!links->send(
			    links->arg, place, WILLS_DONE, wbuf_slice(&out));
		wbuf_fini(&out);
	}
}

void
wills_kept_return(struct wills *w, unsigned place, uint64_t incarnation)
{
	struct wills_life *life = find_dead(w, nodes_site_of(place), incarnation);

	if (life != NULL) {
		tell_published(life, place);
		life_free(life);
	}
	wills_kept_forget(w, nodes_site_of(place));
}

void
wills_kept_forget(struct wills *w, uint64_t site)
{
	LIST_EACH_SAFE (n, &w->dead) {
		struct wills_life *life = LIST_OWNER(n, struct wills_life, node);

		if (life->site != site)
			continue;
		life->has_returned = true;
		look_at_life(life);
	}
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
