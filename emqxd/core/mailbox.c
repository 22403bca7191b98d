/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox: see mailbox.h.
 *
 * The box is a stack that senders push chains on with one compare-and-swap; the
 * reader takes it whole and turns it round, and opens as many as a turn has time for.  A sender keeps its chain newest
 * first as well, so order by sender is kept.  The reader says `sleeping` before
 * it looks a last time: a sender that sees it wakes it, one wake-up for all.
 */
#include "emqxd/core/mailbox.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/worker.h"
#include "ipc/base/mem.h"

#define A_TURN span_us(400) /* that opening letters may take in one turn */

void
mailbox_init(struct mailbox *b)
{
	size_t n = worker_all();

	b->outbox = mem_new_array(n, sizeof *b->outbox);
	b->outtail = mem_new_array(n, sizeof *b->outtail);
	atomic_store(&b->mark, MAILBOX_MARK);
}

void
mailbox_fini(struct mailbox *b)
{
	MEM_FREE(b->outbox);
	MEM_FREE(b->outtail);
}

static void
push(struct worker *to, struct letter *first, struct letter *last)
{
	struct letter *head = atomic_load_explicit(&to->box.head, memory_order_relaxed);

	do
		last->next = head;
	while (!atomic_compare_exchange_weak(&to->box.head, &head, first));
	if (atomic_load(&to->box.sleeping) != 0 &&
	    atomic_exchange(&to->box.sleeping, 0) != 0)
		loop_wake(to->loop);
}

/* What every letter begins with. */
static void
set_out(struct worker *to, struct letter *l)
{
	if (l->bytes > 0)
		atomic_fetch_add_explicit(
		    &to->box.waiting, l->bytes, memory_order_relaxed);
	l->from = worker_current != NULL ? worker_current->id : UINT16_MAX;
}

void
worker_post_now(struct worker *to, struct letter *l)
{
	set_out(to, l);
	push(to, l, l);
}

void
worker_post(struct worker *to, struct letter *l)
{
	struct worker *self = worker_current;

	if (self == NULL) {
		worker_post_now(to, l);
		return;
	}
	set_out(to, l);
	l->next = self->box.outbox[to->id];
	if (l->next == NULL)
		self->box.outtail[to->id] = l;
	self->box.outbox[to->id] = l;
}

void
mailbox_hold(struct worker *to, int64_t bytes)
{
	atomic_fetch_add_explicit(
	    &to->box.waiting, (uint64_t)bytes, memory_order_relaxed);
}

bool
mailbox_is_full(const struct worker *to)
{
	return atomic_load_explicit(&to->box.waiting, memory_order_relaxed) >=
	       atomic_load_explicit(&to->box.mark, memory_order_relaxed);
}

void
mailbox_block(bool is_blocked)
{
	atomic_store_explicit(
	    &worker_self()->box.is_blocked, is_blocked, memory_order_relaxed);
}

bool
mailbox_is_blocked(const struct worker *w)
{
	return atomic_load_explicit(&w->box.is_blocked, memory_order_relaxed);
}

void
mailbox_post_all(struct worker *w)
{
	/* Admin and main first: what they are told of a turn (a trace's lines) is there
	 * before other workers act on it. */
	for (unsigned i = worker_all(); i-- > 0;) {
		struct letter *first = w->box.outbox[i];

		if (first == NULL)
			continue;
		w->box.outbox[i] = NULL;
		push(worker_get(i), first, w->box.outtail[i]);
	}
}

/* Takes what came and puts it in order behind what is left of the last turn. */
static void
take_in(struct mailbox *box)
{
	struct letter *l, *first = NULL, *last;

	if (atomic_load_explicit(&box->head, memory_order_relaxed) == NULL)
		return;
	last = l = atomic_exchange(&box->head, NULL);
	while (l != NULL) {
		struct letter *next = l->next;

		l->next = first;
		first = l;
		l = next;
	}
	if (box->rest == NULL)
		box->rest = first;
	else
		box->rest_end->next = first;
	box->rest_end = last;
}

bool
mailbox_open_all(struct worker *w)
{
	struct mailbox *box = &w->box;
	uint64_t bytes = 0;
	mono_t end;

	take_in(box);
	if (box->rest == NULL)
		return false;
	end = mono_add(span_mono_now(), A_TURN);
	do {
		struct letter *l = box->rest;

		box->rest = l->next;
		bytes += l->bytes;
		l->open(l);
	} while (box->rest != NULL && span_mono_now().ns < end.ns);
	if (bytes > 0)
		atomic_fetch_sub_explicit(&box->waiting, bytes, memory_order_relaxed);
	return true;
}

bool
mailbox_has_more(const struct worker *w)
{
	return w->box.rest != NULL ||
	       atomic_load_explicit(&w->box.head, memory_order_relaxed) != NULL;
}

bool
mailbox_may_sleep(struct worker *w)
{
	atomic_store(&w->box.sleeping, 1);
	return w->box.rest == NULL && atomic_load(&w->box.head) == NULL;
}

void
mailbox_awake(struct worker *w)
{
	atomic_store_explicit(&w->box.sleeping, 0, memory_order_relaxed);
}
