/* SPDX-License-Identifier: Apache-2.0 */
/* fence: see fence.h. */
#include "emqxd/routes/fence.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/nodes.h"
#include "ipc/base/mem.h"

#define ROUNDS 2u

/* The letter that walks to one worker and back.  It may outlive the fence. */
struct walker {
	struct letter letter;
	struct fence *fence; /* NULL: gone */
	struct worker *to;
	unsigned rounds;
};

struct fence {
	struct fence_links links;
	struct list_node now, next; /* who waits for this one, for the one behind it */
	uint64_t number;            /* of this one */
	uint64_t missing;           /* places whose mark is not here */
	bool is_begun;
	bool wants_walk; /* marks are here: our own workers are next */
	struct timer until;

	uint64_t askers; /* places that wait for a walk */
	uint64_t asked[NODES_MAX];

	bool is_walking, walks_for_us;
	uint64_t walks_for; /* places */
	uint64_t walked[NODES_MAX];
	unsigned walking;       /* letters under way */
	struct walker **walker; /* by worker; NULL: back */
};

static uint64_t
bit(unsigned place)
{
	CHECK(place < NODES_MAX);
	return UINT64_C(1) << place;
}

static void begin_next(struct fence *f);
static void walk(struct fence *f);

/* ---- the walk */

static void
passed(struct fence *f)
{
	struct list_node now;

	list_init(&now);
	while (!list_is_empty(&f->now)) {
		struct list_node *n = f->now.next;

		list_del(n);
		list_push(&now, n);
	}
	f->is_begun = false;
	while (!list_is_empty(&now)) {
		struct fence_wait *w = LIST_OWNER(now.next, struct fence_wait, node);

		list_del(&w->node);
		w->done(w);
	}
	begin_next(f);
}

static void
walk_over(struct fence *f)
{
	uint64_t places = f->walks_for;
	bool is_ours = f->walks_for_us;

	f->is_walking = false;
	for (; places != 0; places &= places - 1) {
		unsigned place = (unsigned)__builtin_ctzll(places);

		f->links.mark(f->links.arg, place, f->walked[place]);
	}
	if (is_ours)
		passed(f);
	walk(f);
}

static void on_worker(struct letter *l);

static void
on_back(struct letter *l)
{
	struct walker *w = LIST_OWNER(l, struct walker, letter);
	struct fence *f = w->fence;

	if (f != NULL && ++w->rounds < ROUNDS) {
		w->letter.open = on_worker;
		worker_post(w->to, &w->letter);
		return;
	}
	if (f != NULL)
		f->walker[w->to->id] = NULL;
	mem_free(w);
	if (f != NULL && --f->walking == 0)
		walk_over(f);
}

static void
on_worker(struct letter *l)
{
	l->open = on_back;
	worker_post(worker_link(), l);
}

static void
walk(struct fence *f)
{
	if (f->is_walking || (f->askers == 0 && !f->wants_walk))
		return;
	f->is_walking = true;
	f->walks_for = f->askers;
	f->walks_for_us = f->wants_walk;
	f->askers = 0;
	f->wants_walk = false;
	memcpy(f->walked, f->asked, sizeof f->walked);
	f->walking = worker_count();
	for (unsigned i = 0; i < worker_count(); i++) {
		struct walker *w = MEM_NEW(struct walker);

		*w = (struct walker){
			.letter = { .open = on_worker }, .fence = f, .to = worker_get(i)
		};
		f->walker[i] = w;
		worker_post(w->to, &w->letter);
	}
}

/* ---- who asks us */

void
fence_on_ask(struct fence *f, unsigned place, uint64_t number)
{
	f->askers |= bit(place);
	f->asked[place] = number;
	walk(f);
}

/* ---- whom we ask */

static void
look(struct fence *f)
{
	if (!f->is_begun || f->missing != 0 || f->wants_walk)
		return;
	timer_cancel(&f->until);
	f->is_begun = false; /* no mark is waited for any more */
	f->wants_walk = true;
	walk(f);
}

static void
on_until(struct timer *t)
{
	struct fence *f = LIST_OWNER(t, struct fence, until);

	for (; f->missing != 0; f->missing &= f->missing - 1) {
		const char *name = nodes_name((unsigned)__builtin_ctzll(f->missing));

		LOG(WARN, "fence_not_passed", "node", name != NULL ? name : "");
	}
	look(f);
}

static void
begin_next(struct fence *f)
{
	if (!list_is_empty(&f->now) || list_is_empty(&f->next))
		return;
	while (!list_is_empty(&f->next)) {
		struct list_node *n = f->next.next;

		list_del(n);
		list_push(&f->now, n);
	}
	f->is_begun = true;
	f->number++;
	f->missing = f->links.ask(f->links.arg, f->number);
	timer_arm(&f->until, FENCE_PATIENCE, on_until);
	look(f);
}

void
fence_begin(struct fence *f, struct fence_wait *w)
{
	list_push(&f->next, &w->node);
	if (!f->is_begun && !f->wants_walk && !(f->is_walking && f->walks_for_us))
		begin_next(f);
}

void
fence_cancel(struct fence_wait *w)
{
	list_del(&w->node);
}

void
fence_on_mark(struct fence *f, unsigned place, uint64_t number)
{
	if (number != f->number)
		return;
	f->missing &= ~bit(place);
	look(f);
}

void
fence_on_none(struct fence *f, unsigned place, uint64_t number)
{
	fence_on_mark(f, place, number);
}

void
fence_on_down(struct fence *f, unsigned place)
{
	f->askers &= ~bit(place);
	fence_on_mark(f, place, f->number);
}

/* ---- birth and death */

struct fence *
fence_new(const struct fence_links *links, uint64_t number)
{
	struct fence *f = MEM_NEW(struct fence);

	f->links = *links;
	f->number = number;
	f->walker = mem_new_array(worker_count(), sizeof *f->walker);
	list_init(&f->now);
	list_init(&f->next);
	return f;
}

static void
let_go(struct list_node *waits)
{
	while (!list_is_empty(waits))
		list_del(waits->next);
}

void
fence_free(struct fence **fp)
{
	struct fence *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return;
	timer_cancel(&f->until);
	let_go(&f->now);
	let_go(&f->next);
	for (unsigned i = 0; i < worker_count(); i++)
		if (f->walker[i] != NULL)
			f->walker[i]->fence = NULL; /* frees itself when it is back */
	mem_free(f->walker);
	mem_free(f);
}
