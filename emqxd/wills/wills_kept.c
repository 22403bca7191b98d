/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wills_kept: wills of other nodes' clients, and what is done with them when the node is
 * dead.  See wills.h.
 */
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/loop.h"
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
#define A_STEP 4096u /* rows */
#define A_LOOK 64u   /* rows between two looks at the clock */

struct row {
	struct list_node node; /* in one of the life's lists */
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

/* @hash may be what a peer said. */
static struct row *
find(const struct wills_life *life, uint64_t hash)
{
	return hash != 0 ? (struct row *)(uintptr_t)hashes_get(&life->rows, hash) : NULL;
}

/* NULL: the list is empty. */
static struct row *
first_of(struct list_node *rows)
{
	return list_is_empty(rows) ? NULL : LIST_OWNER(rows->next, struct row, node);
}

static struct wills_life *
life_new(struct wills *w, unsigned place)
{
	struct wills_life *life = MEM_NEW(struct wills_life);

	life->w = w;
	list_init(&life->node);
	list_init(&life->busy);
	list_init(&life->waits);
	list_init(&life->timed);
	list_init(&life->published);
	life->site = nodes_site_of(place);
	w->peer[place].life = life;
	return life;
}

static void
row_free(struct row *row)
{
	struct wills_life *life = row->life;

	timer_cancel(&row->due);
	if (!row->is_published)
		metric_sub(METRIC_WILLS_KEPT, 1);
	list_del(&row->node);
	(void)!hashes_set(&life->rows, row->hash, 0);
	life->w->held -= sizeof *row + row->n;
	mem_free(row);
}

/* False: there is no memory; it is gone. */
static bool
row_add(struct row *row)
{
	struct wills_life *life = row->life;

	if (!hashes_set(&life->rows, row->hash, (uintptr_t)row)) {
		mem_free(row);
		return false;
	}
	if (!row->is_published)
		metric_inc(METRIC_WILLS_KEPT);
	list_push(row->is_published ? &life->published : &life->waits, &row->node);
	life->w->held += sizeof *row + row->n;
	return true;
}

/* Any of them; NULL: there is none. */
static struct row *
any_row(struct wills_life *life)
{
	struct row *row = first_of(&life->published);

	if (row == NULL)
		row = first_of(&life->waits);
	return row != NULL ? row : first_of(&life->timed);
}

static void
life_free(struct wills_life *life)
{
	struct row *row;

	while ((row = any_row(life)) != NULL)
		row_free(row);
	hashes_fini(&life->rows);
	list_del(&life->node);
	list_del(&life->busy);
	mem_free(life);
}

static void work(struct wills *w);

/* What is little is done at once: @life may be gone. */
static void
make_busy(struct wills_life *life)
{
	struct wills *w = life->w;

	if (list_is_empty(&life->busy))
		list_push(&w->busy, &life->busy);
	if (!timer_is_armed(&w->work))
		work(w);
}

/* Its rows go; @place is told what was published, 0: nobody.  @life may be gone. */
static void
life_end(struct wills_life *life, unsigned place)
{
	life->is_over = true;
	life->place = place;
	list_del(&life->node);
	list_push(&life->w->over, &life->node);
	make_busy(life);
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
		.round = p->life->round,
		.delay = head.delay,
		.stamp = head.stamp,
		.n = will.n };
	memcpy(row->bytes, will.p, will.n);
	if (!row_add(row))
		metric_inc(METRIC_WILLS_REFUSED);
}

void
wills_kept_gone(struct wills *w, unsigned place, uint64_t hash)
{
	struct wills_life *life = w->peer[place].life;
	struct row *row = life != NULL ? find(life, hash) : NULL;

	if (row != NULL)
		row_free(row);
}

void
wills_kept_all(struct wills *w, unsigned place, uint64_t incarnation, bool is_end)
{
	struct wills_peer *p = &w->peer[place];

	if (!is_end) {
		if (p->life != NULL && p->life->incarnation != incarnation)
			wills_kept_inherit(w, place, WILLS_DEAD_RETURNED);
		wills_kept_return(w, place, incarnation);
		if (p->life == NULL)
			life_new(w, place)->incarnation = incarnation;
		p->life->round++;
		p->life->sweeps = false;
	} else if (p->life != NULL) {
		/* What was not named again is no more. */
		p->life->sweeps = true;
		make_busy(p->life);
	}
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

/* Is there nothing more to do for a dead one? */
static void
look_at_life(struct wills_life *life)
{
	bool is_due = !list_is_empty(&life->waits) || !list_is_empty(&life->timed);

	/* What was published is told when the node is there again as what it was. */
	if (!is_due && (life->has_returned || list_is_empty(&life->published)))
		life_end(life, 0);
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
	(void)!row_add(left); /* else it may come twice */
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

	if (row->life->is_over)
		return; /* it goes */
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

	if (life == NULL)
		return;
	p->life = NULL;
	if (life->rows.live == 0) {
		life_end(life, 0);
		return;
	}
	life->has_returned = how == WILLS_DEAD_RETURNED;
	life->died = p->lost;
	life->grace = how == WILLS_DEAD_SILENT ? span_ms(0) : WILLS_RETURN;
	list_push(&w->dead, &life->node);
	LOG(INFO, "wills_inherited", "node",
	    nodes_name(place) != NULL ? nodes_name(place) : "", "wills",
	    (unsigned)life->rows.live);
	make_busy(life);
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
	row = life != NULL ? find(life, hash) : NULL;
	if (row == NULL || row->is_published)
		return;
	row_free(row);
	if (!list_is_empty(&life->node))
		look_at_life(life);
}

void
wills_kept_return(struct wills *w, unsigned place, uint64_t incarnation)
{
	struct wills_life *life = find_dead(w, nodes_site_of(place), incarnation);

	if (life != NULL)
		life_end(life, place);
	wills_kept_forget(w, nodes_site_of(place));
}

static struct wills_life *
find_awaited(struct wills *w, uint64_t site)
{
	LIST_EACH (n, &w->dead) {
		struct wills_life *life = LIST_OWNER(n, struct wills_life, node);

		if (life->site == site && !life->has_returned)
			return life;
	}
	return NULL;
}

void
wills_kept_forget(struct wills *w, uint64_t site)
{
	struct wills_life *life;

	while ((life = find_awaited(w, site)) != NULL) {
		life->has_returned = true;
		look_at_life(life);
	}
}

void
wills_kept_drop(struct wills *w, unsigned place)
{
	if (w->peer[place].life != NULL)
		life_end(w->peer[place].life, 0);
	w->peer[place].life = NULL;
}

void
wills_kept_drop_all(struct wills *w)
{
	for (unsigned i = 0; i < NODES_MAX; i++)
		wills_kept_drop(w, i);
	timer_cancel(&w->work);
	while (!list_is_empty(&w->dead))
		life_free(LIST_OWNER(w->dead.next, struct wills_life, node));
	while (!list_is_empty(&w->over))
		life_free(LIST_OWNER(w->over.next, struct wills_life, node));
}

/* ---- what goes over all rows of a life, in steps */

static void
tell_published(const struct row *row)
{
	const struct wills_life *life = row->life;
	const struct wills_links *links = &life->w->conf.links;
	struct wbuf out = wbuf_growing(UINT16_MAX + 64u);

	wbuf_u64(&out, life->site);
	wbuf_u64(&out, life->incarnation);
	wbuf_u64(&out, row->hash);
	wbuf_u64(&out, row->stamp);
	wbuf_bytes(&out, slice_of(row->bytes, row->n));
	if (out.err == EM_OK) /* else it may come twice */
		(void)!links->send(links->arg, life->place, WILLS_DONE, wbuf_slice(&out));
	wbuf_fini(&out);
}

/* The node is dead: the row is due by its timer. */
static void
set_timer(struct row *row)
{
	struct wills_life *life = row->life;
	mono_t due = mono_add(life->died, span_s(row->delay));
	span_t wait = mono_since(due, clock_mono());

	if (wait.ns < life->grace.ns)
		wait = life->grace;
	wait = span_ns(wait.ns + span_ms(life->timers++ / AT_ONCE).ns);
	timer_arm(&row->due, wait, on_due);
	list_del(&row->node);
	list_push(&life->timed, &row->node);
}

static void
let_go(struct row *row)
{
	if (row->is_published && row->life->place != 0)
		tell_published(row);
	row_free(row);
}

/* There is no more to do in steps. */
static void
leave_busy(struct wills_life *life)
{
	list_del(&life->busy);
	if (!list_is_empty(&life->node))
		look_at_life(life);
}

/* One row, or what comes behind the last; @life may be gone. */
static void
step(struct wills_life *life)
{
	struct row *row = life->is_over ? any_row(life) : first_of(&life->waits);
	bool is_dead = !list_is_empty(&life->node);

	if (life->is_over && row == NULL)
		life_free(life);
	else if (life->is_over)
		let_go(row);
	else if (row != NULL && life->sweeps && row->round != life->round)
		row_free(row);
	else if (row != NULL && is_dead)
		set_timer(row);
	else
		leave_busy(life);
}

static void
on_work(struct timer *t)
{
	work(LIST_OWNER(t, struct wills, work));
}

static void
work(struct wills *w)
{
	for (unsigned n = 1; !list_is_empty(&w->busy); n++) {
		step(LIST_OWNER(w->busy.next, struct wills_life, busy));
		if (n >= A_STEP || (n % A_LOOK == 0 && loop_is_late()))
			break;
	}
	if (!list_is_empty(&w->busy))
		timer_arm(&w->work, span_ms(1), on_work);
}

uint64_t
wills_count(void)
{
	return metric_sum(METRIC_WILLS_KEPT);
}
