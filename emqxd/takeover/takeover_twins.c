/* SPDX-License-Identifier: Apache-2.0 */
/*
 * takeover_twins: clients that are at two nodes at once.  See takeover.h.
 *
 * The link thread knows hashes only, home workers know ids: each walks its sessions once
 * for a batch of hashes, in steps, and says which of them it has, and their ranks.
 */
#include "emqxd/takeover/takeover_inside.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/loop.h"
#include "emqxd/model/metrics.h"
#include "emqxd/model/nodes.h"
#include "emqxd/session/claim.h"
#include "emqxd/session/registry.h"
#include "emqxd/session/session.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/vec.h"
#include "ipc/base/wbuf.h"

#include <stdlib.h>

_Static_assert(offsetof(struct takeover_note, bytes) % sizeof(uint64_t) == 0, "hashes");

#define BATCH 4096u /* hashes in one walk */
#define A_LOOK 64u  /* sessions between two looks at the clock */
#define CONNECTED (UINT64_C(1) << 63)
#define MEETING (16u << 20) /* bytes of letters to workers */

/* ---- the link thread */

void
takeover_twins_add(struct takeover_twins *w, uint64_t hash)
{
	if (w->found.live >= TAKEOVER_TWINS_MOST)
		return;
	/* A row may be on its way: the session has just moved. */
	if (w->found.live == 0)
		w->due = mono_add(clock_mono(), TAKEOVER_TWINS_REST);
	(void)!hashes_set(&w->found, hash, 1);
}

static bool
is_twin(const struct takeover_twins *w, uint64_t hash)
{
	uint64_t places = w->links->places(w->links->arg, hash);

	return (places & 1) != 0 && (places & ~UINT64_C(1)) != 0;
}

static int
by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
look_for(struct takeover_twins *w, struct takeover *t, struct slice hashes)
{
	for (unsigned i = 0; i < worker_count(); i++)
		takeover_post(
		    worker_get(i), takeover_note(t, TAKEOVER_NOTE_TWINS, 0, 0, hashes));
	w->walkers = worker_count();
}

void
takeover_twins_tick(struct takeover_twins *w, struct takeover *t)
{
	VEC(uint64_t) batch = { 0 };
	struct hashes_walk walk = { 0 };
	struct hashes_cell cell;

	if (w->walkers > 0 || w->found.live == 0 || clock_mono().ns < w->due.ns)
		return;
	while (batch.n < BATCH && hashes_next(&w->found, &walk, &cell)) {
		if (cell.key == 0)
			continue;
		if (is_twin(w, cell.key))
			VEC_ADD(&batch, cell.key);
		(void)!hashes_set(&w->found, cell.key, 0);
	}
	if (w->found.live == 0)
		hashes_fini(&w->found);
	if (batch.n > 0) {
		qsort(batch.p, batch.n, sizeof *batch.p, by_value);
		look_for(w, t, slice_of(batch.p, batch.n * sizeof *batch.p));
	}
	VEC_FINI(&batch);
}

static void
tell_others(const struct takeover_twins *w, uint64_t rank, struct slice id)
{
	uint64_t places = w->links->places(w->links->arg, claim_hash(id)) & ~UINT64_C(1);
	struct wbuf body = wbuf_growing(sizeof rank + id.n);

	wbuf_u64(&body, rank);
	wbuf_bytes(&body, id);
	for (; places != 0 && body.err == EM_OK; places &= places - 1)
		/* One that does not go is found again when the link is back. */
		(void)!w->links->send(w->links->arg, (unsigned)__builtin_ctzll(places),
		    TAKEOVER_TWIN, wbuf_slice(&body));
	wbuf_fini(&body);
}

void
takeover_twins_from_home(struct takeover_twins *w, const struct takeover_note *note)
{
	if (note->what == TAKEOVER_NOTE_TWIN_HERE)
		tell_others(w, note->number, slice_of(note->bytes, note->n));
	else if (w->walkers > 0)
		w->walkers--;
}

void
takeover_twins_on_frame(
    struct takeover *t, unsigned place, uint64_t rank, struct slice clientid)
{
	struct takeover_twins *w = takeover_twins_of(t);
	struct takeover_note *note;

	if (clientid.n == 0 || clientid.n > UINT16_MAX)
		return;
	if (atomic_load(&w->meeting) > MEETING) {
		takeover_twins_add(w, claim_hash(clientid)); /* this one says it then */
		return;
	}
	note = takeover_note(t, TAKEOVER_NOTE_TWIN_THERE, place, rank, clientid);
	atomic_fetch_add(&w->meeting, sizeof *note + note->n);
	note->flag = nodes_site_of(place) > nodes_site();
	takeover_post(registry_home(clientid), note);
}

/* ---- client workers */

/* The higher one stays.  A node that stood still may read a CONNECT when its client has
 * long given up and is elsewhere: who is connected goes before who came later. */
static uint64_t
rank_of(const struct session *s)
{
	return (uint64_t)s->attached.ns | (s->to != NULL ? CONNECTED : 0);
}

static void
tell_here(struct takeover *t, const struct session *s)
{
	takeover_post(worker_link(), takeover_note(t, TAKEOVER_NOTE_TWIN_HERE, 0,
					 rank_of(s), session_clientid(s)));
}

static void
look(struct session *s, void *arg)
{
	const struct takeover_note *hashes = arg;
	uint64_t hash = claim_hash(session_clientid(s));

	if (bsearch(&hash, hashes->bytes, hashes->n / sizeof hash, sizeof hash,
		by_value) != NULL)
		tell_here(hashes->t, s);
}

static void
on_step(struct timer *timer)
{
	struct takeover_twins_walk *w =
	    LIST_OWNER(timer, struct takeover_twins_walk, step);
	struct takeover *t = w->hashes->t;

	do {
		if (registry_step(&w->at, A_LOOK, look, w->hashes))
			continue;
		takeover_twins_walk_end(w);
		takeover_post(worker_link(),
		    takeover_note(t, TAKEOVER_NOTE_WALKED, 0, 0, SLICE_NONE));
		return;
	} while (!loop_is_late());
	timer_arm(timer, span_ms(1), on_step);
}

void
takeover_twins_walk(struct takeover_twins_walk *w, struct takeover_note **note)
{
	takeover_twins_walk_end(w);
	w->hashes = *note;
	*note = NULL;
	w->at = 0;
	timer_arm(&w->step, span_ms(0), on_step);
}

void
takeover_twins_walk_end(struct takeover_twins_walk *w)
{
	timer_cancel(&w->step);
	if (w->hashes != NULL)
		takeover_free_note(w->hashes);
	w->hashes = NULL;
}

/* Who stays says so when the other does not know. */
void
takeover_twins_meet(const struct takeover_note *note)
{
	struct session *s = registry_find(slice_of(note->bytes, note->n));
	uint64_t mine;

	atomic_fetch_sub(&takeover_twins_of(note->t)->meeting, sizeof *note + note->n);
	if (s == NULL || s->is_frozen)
		return;
	mine = rank_of(s);
	if (note->number < mine || (note->number == mine && !note->flag)) {
		tell_here(note->t, s);
		return;
	}
	LOG(INFO, "twin_ended", "clientid", session_clientid(s), "node",
	    nodes_name(note->place));
	metric_inc(METRIC_SESSION_TAKENOVER);
	session_kick(s, END_TAKENOVER);
}
