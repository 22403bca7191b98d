/* SPDX-License-Identifier: Apache-2.0 */
/* wills_home: the wills of this node's clients, on their home workers.  See wills.h. */
#include "emqxd/core/loop.h"
#include "emqxd/model/metrics.h"
#include "emqxd/session/claim.h"
#include "emqxd/session/registry.h"
#include "emqxd/session/will_flat.h"
#include "emqxd/wills/wills_inside.h"
#include "ipc/base/mem.h"

#define A_LOOK 64u /* sessions between two looks at the clock */
#define LOOKS 8u   /* a tick of the wheel: the link thread has other work too */

struct wills_worker {
	struct wills *w;
	struct timer step; /* armed: a walk */
	uint64_t at;
};

static struct wills_worker *
self(void)
{
	return worker_slot(ROOM_WILLS);
}

static void
tell(struct session *s, const struct session_will *will, bool by_walk)
{
	uint64_t hash = claim_hash(session_clientid(s));
	struct wbuf bytes = wbuf_growing(WILLS_MOST);
	struct wills_note *note;

	if (will != NULL)
		will_flat_put(&bytes, s, will);
	if (bytes.err != EM_OK) {
		metric_inc(METRIC_WILLS_REFUSED); /* too large for other nodes */
		bytes.n = 0;
	}
	note = wills_note(self()->w, WILLS_NOTE_WILL, hash, by_walk, wbuf_slice(&bytes));
	note->letter.bytes = by_walk ? (uint32_t)(sizeof *note + bytes.n) : 0;
	if (by_walk)
		atomic_fetch_add(&self()->w->afoot, note->letter.bytes);
	/* At once: what waits for the others to know comes behind it. */
	worker_post_now(worker_link(), &note->letter);
	wbuf_fini(&bytes);
}

static void
told(struct session *s, const struct session_will *will)
{
	tell(s, will, false);
}

static void
look(struct session *s, void *arg)
{
	const struct session_will *will = will_flat_of(s);

	(void)arg;
	if (will != NULL)
		tell(s, will, true);
}

static void
walked(struct wills_worker *me)
{
	timer_cancel(&me->step);
	worker_post(worker_link(),
	    &wills_note(me->w, WILLS_NOTE_WALKED, 0, false, SLICE_NONE)->letter);
}

/* The links have enough for now, or the link thread. */
static bool
must_wait(struct wills *w)
{
	return atomic_load(&w->is_slow) || atomic_load(&w->afoot) > WILLS_AFOOT ||
	       mailbox_is_full(worker_link());
}

static void
on_step(struct timer *t)
{
	struct wills_worker *me = LIST_OWNER(t, struct wills_worker, step);

	for (unsigned i = 0; i < LOOKS && !must_wait(me->w); i++) {
		if (!registry_step(&me->at, A_LOOK, look, NULL)) {
			walked(me);
			return;
		}
		if (loop_is_late())
			break;
	}
	timer_arm(t, span_ms(1), on_step);
}

void
wills_at_home(struct letter *l)
{
	struct wills_note *note = LIST_OWNER(l, struct wills_note, letter);
	struct wills_worker *me = self();

	if (me != NULL && note->what == WILLS_NOTE_USE) {
		will_flat_tell(note->flag ? told : NULL);
	} else if (me != NULL && note->what == WILLS_NOTE_WALK) {
		me->at = 0;
		timer_arm(&me->step, span_ms(0), on_step);
	} else if (me != NULL && note->what == WILLS_NOTE_PUBLISHED) {
		will_flat_published(slice_of(note->bytes, note->n), note->number);
	} else if (me != NULL) {
		will_flat_publish(slice_of(note->bytes, note->n));
	}
	mem_free(note);
}

void
wills_worker_birth(void)
{
	struct wills_worker *me = MEM_NEW(struct wills_worker);

	me->w = node_slot(ROOM_WILLS);
	worker_self()->slot[ROOM_WILLS] = me;
}

void
wills_worker_death(void)
{
	struct wills_worker *me = self();

	will_flat_tell(NULL);
	timer_cancel(&me->step);
	mem_free(me);
	worker_self()->slot[ROOM_WILLS] = NULL;
}
