/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer: see timer.h.
 *
 * Four levels of 256 slots.  When the wheel's tick reaches a slot its timers move
 * to the list `due` in one step, whatever their number, and each turn works that list
 * off for a bounded time: those of a higher level find their place anew, those whose
 * time has come fire.  So neither a slot with a million timers nor its cascade stalls a
 * turn.
 */
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

#define TICK_SHIFT 24 /* 16.8 ms */
#define SLOTS 256u
#define LEVELS 4u
#define AFTER_MAX (INT64_C(1) << (30 + TICK_SHIFT)) /* over half a year */
#define A_TURN span_us(300) /* that the due ones of one turn may take */
#define A_LOOK 4 /* timers between two looks at the clock: what they end may be cold */

struct wheel {
	uint64_t tick;             /* timers know the lower half */
	uint64_t origin;           /* ns of tick 0 */
	uint64_t busy[SLOTS / 64]; /* level 0: slots that may hold timers */
	size_t armed;
	struct timer_link due;
	struct timer_link slot[LEVELS][SLOTS];
};

_Static_assert(sizeof(struct timer) == 32, "it sits in every session and connection");

static void
ring_init(struct timer_link *ring)
{
	ring->next = ring->prev = ring;
}

static bool
ring_is_empty(const struct timer_link *ring)
{
	return ring->next == ring;
}

struct wheel *
wheel_new(mono_t now)
{
	struct wheel *w = MEM_NEW(struct wheel);

	w->origin = (uint64_t)now.ns;
	ring_init(&w->due);
	for (unsigned level = 0; level < LEVELS; level++)
		for (unsigned i = 0; i < SLOTS; i++)
			ring_init(&w->slot[level][i]);
	return w;
}

void
wheel_free(struct wheel **wp)
{
	MEM_FREE(*wp);
}

static uint64_t
tick_of(const struct wheel *w, int64_t ns)
{
	return (uint64_t)ns > w->origin ? ((uint64_t)ns - w->origin) >> TICK_SHIFT : 0;
}

/* Ticks until a timer's; not above 0: it is due. */
static int32_t
ahead_of(const struct wheel *w, const struct timer *t)
{
	return (int32_t)(t->tick - (uint32_t)w->tick);
}

static void
link_at(struct timer_link *ring, struct timer_link *t)
{
	t->next = ring;
	t->prev = ring->prev;
	ring->prev->next = t;
	ring->prev = t;
}

static void
insert(struct wheel *w, struct timer *t)
{
	uint32_t ahead = t->tick - (uint32_t)w->tick;
	unsigned level = ahead < SLOTS      ? 0
			 : ahead < 1u << 16 ? 1
			 : ahead < 1u << 24 ? 2
					    : 3;
	unsigned i = (t->tick >> (8 * level)) % SLOTS;

	if (level == 0)
		w->busy[i / 64] |= UINT64_C(1) << i % 64;
	link_at(&w->slot[level][i], &t->link);
}

static void
unlink(struct wheel *w, struct timer *t)
{
	t->link.prev->next = t->link.next;
	t->link.next->prev = t->link.prev;
	t->link.next = NULL;
	w->armed--;
}

void
timer_arm(struct timer *t, span_t after, timer_fn *fn)
{
	struct worker *self = worker_self();
	struct wheel *w = self->wheel;

	if (timer_is_armed(t))
		unlink(w, t);
	if (span_is_infinite(after))
		return;
	CHECK(after.ns >= 0);
	if (after.ns > AFTER_MAX)
		after.ns = AFTER_MAX;
	t->fn = fn;
	t->tick = (uint32_t)tick_of(w, self->now.ns + after.ns) + 1; /* never early */
	if (ahead_of(w, t) <= 0)
		t->tick = (uint32_t)w->tick + 1;
	insert(w, t);
	w->armed++;
}

void
timer_cancel(struct timer *t)
{
	if (timer_is_armed(t))
		unlink(worker_self()->wheel, t);
}

/* Appends all timers of a slot to the due ones. */
static void
splice(struct wheel *w, struct timer_link *slot)
{
	if (ring_is_empty(slot))
		return;
	slot->next->prev = w->due.prev;
	w->due.prev->next = slot->next;
	slot->prev->next = &w->due;
	w->due.prev = slot->prev;
	ring_init(slot);
}

static void
advance(struct wheel *w)
{
	uint32_t tick = (uint32_t)++w->tick;

	for (unsigned level = 1; level < LEVELS && tick << (32 - 8 * level) == 0; level++)
		splice(w, &w->slot[level][(tick >> (8 * level)) % SLOTS]);
	splice(w, &w->slot[0][tick % SLOTS]);
	w->busy[tick % SLOTS / 64] &= ~(UINT64_C(1) << tick % 64);
}

/* The due ones, for a bounded time; true: some are left. */
static bool
work_off(struct wheel *w)
{
	mono_t end = mono_add(span_mono_now(), A_TURN);

	for (unsigned n = 1; !ring_is_empty(&w->due); n++) {
		struct timer *t = LIST_OWNER(w->due.next, struct timer, link);

		unlink(w, t);
		if (ahead_of(w, t) > 0) {
			insert(w, t);
			w->armed++;
		} else {
			t->fn(t);
		}
		if (n % A_LOOK == 0 && span_mono_now().ns >= end.ns)
			return !ring_is_empty(&w->due);
	}
	return false;
}

bool
wheel_run(struct wheel *w, mono_t now)
{
	uint64_t target = tick_of(w, now.ns);

	if (w->armed == 0) {
		w->tick = target;
		return false;
	}
	while (target > w->tick)
		advance(w);
	if (ring_is_empty(&w->due))
		return false;
	return work_off(w);
}

span_t
wheel_next(const struct wheel *w, mono_t now)
{
	uint32_t ahead;
	int64_t left;

	if (w->armed == 0)
		return SPAN_INFINITE;
	if (!ring_is_empty(&w->due))
		return span_ns(0);
	/* The next busy slot of level 0, at most to the end of its round, where the
	 * next cascade waits. */
	for (ahead = 1; (w->tick + ahead) % SLOTS != 0; ahead++) {
		uint32_t i = (uint32_t)(w->tick + ahead) % SLOTS;
		uint64_t bits = w->busy[i / 64] >> i % 64;

		if (bits != 0) {
			ahead += (uint32_t)__builtin_ctzll(bits);
			break;
		}
		ahead += 63 - i % 64;
	}
	left = (int64_t)(w->origin + ((w->tick + ahead) << TICK_SHIFT)) - now.ns;
	return span_ns(left > 0 ? left : 0);
}
