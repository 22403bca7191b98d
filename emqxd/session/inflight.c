/* SPDX-License-Identifier: Apache-2.0 */
/* inflight: see inflight.h. */
#include "emqxd/session/inflight.h"
#include "emqxd/core/slab.h"

#define CAP_MIN 4u
#define CAP_MAX 65536u
#define SPAN 4u /* holes and all, times the window */
#define KEEP 8u /* slots; a larger ring is given back when it is empty */

struct inflight {
	uint32_t head, tail; /* of the ring, counting up; tail - head slots are in use */
	uint32_t mask;
	uint32_t live;
	uint32_t resend; /* from here on, to the tail: not yet sent on this connection */
	uint32_t on_way; /* live ones before that */
	struct inflight_slot a[];
};

static size_t
size_of(uint32_t cap)
{
	return sizeof(struct inflight) + cap * sizeof(struct inflight_slot);
}

bool
inflight_has_room(const struct inflight *f, uint16_t window)
{
	return f == NULL || (f->live < window && f->resend == f->tail &&
				f->tail - f->head < SPAN * (uint32_t)window &&
				f->tail - f->head < UINT16_MAX);
}

static void
grow(struct inflight **fp)
{
	struct inflight *f = *fp, *g;
	uint32_t cap = f == NULL ? CAP_MIN : 2 * (f->mask + 1);

	CHECK(cap <= CAP_MAX);
	g = slab_new(size_of(cap));
	*g = (struct inflight){ .mask = cap - 1 };
	if (f != NULL) {
		g->head = f->head;
		g->tail = f->tail;
		g->live = f->live;
		g->resend = f->resend;
		g->on_way = f->on_way;
		for (uint32_t i = f->head; i != f->tail; i++)
			g->a[i & g->mask] = f->a[i & f->mask];
		slab_free(f, size_of(f->mask + 1));
	}
	*fp = g;
}

uint16_t
inflight_push(struct inflight **fp, uint32_t *seq, struct inflight_slot slot)
{
	struct inflight *f;

	if (*fp == NULL || (*fp)->tail - (*fp)->head > (*fp)->mask)
		grow(fp);
	f = *fp;
	CHECK(f->resend == f->tail);
	f->a[f->tail++ & f->mask] = slot;
	f->resend++;
	f->live++;
	f->on_way++;
	/* seq stays below a multiple of 65535, so that it may wrap. */
	*seq = *seq == UINT16_MAX * 65536u - 1 ? 0 : *seq + 1;
	return (uint16_t)(1 + (*seq + UINT16_MAX - 1) % UINT16_MAX);
}

struct inflight_slot *
inflight_find(struct inflight *f, uint32_t seq, uint16_t id)
{
	struct inflight_slot *slot;
	uint32_t n, behind;

	if (f == NULL || id == 0)
		return NULL;
	n = f->tail - f->head;
	/* How far the id lies behind the newest one. */
	behind = (seq % UINT16_MAX + UINT16_MAX - id) % UINT16_MAX;
	if (behind >= n)
		return NULL;
	slot = &f->a[(f->tail - 1 - behind) & f->mask];
	return slot->state == INFLIGHT_DONE ? NULL : slot;
}

/* Does the slot stand before those that are still to be sent again? */
static bool
is_on_way(const struct inflight *f, const struct inflight_slot *slot)
{
	uint32_t behind_head = ((uint32_t)(slot - f->a) - f->head) & f->mask;

	return behind_head < f->resend - f->head;
}

void
inflight_done(struct inflight **fp, struct inflight_slot *slot)
{
	struct inflight *f = *fp;

	message_unref(&slot->message);
	slot->state = INFLIGHT_DONE;
	f->live--;
	if (is_on_way(f, slot))
		f->on_way--;
	while (f->head != f->tail && f->a[f->head & f->mask].state == INFLIGHT_DONE)
		f->head++;
	if ((int32_t)(f->head - f->resend) > 0)
		f->resend = f->head;
	if (f->live == 0 && f->mask >= KEEP)
		inflight_free(fp);
}

uint32_t
inflight_count(const struct inflight *f)
{
	return f == NULL ? 0 : f->live;
}

uint32_t
inflight_unreceived(const struct inflight *f)
{
	uint32_t n = 0;

	if (f == NULL)
		return 0;
	for (uint32_t i = f->head; i != f->tail; i++)
		n += f->a[i & f->mask].state == INFLIGHT_PUBLISH;
	return n;
}

void
inflight_rewind(struct inflight *f)
{
	if (f == NULL)
		return;
	f->resend = f->head;
	f->on_way = 0;
}

struct inflight_slot *
inflight_resend(struct inflight *f, uint32_t seq, uint16_t window, uint16_t *id)
{
	while (f != NULL && f->resend != f->tail && f->on_way < window) {
		uint32_t i = f->resend++;
		uint32_t behind = f->tail - 1 - i;

		if (f->a[i & f->mask].state == INFLIGHT_DONE)
			continue;
		f->on_way++;
		*id = (uint16_t)(1 + (seq % UINT16_MAX + 2 * UINT16_MAX - 1 - behind) %
					 UINT16_MAX);
		return &f->a[i & f->mask];
	}
	return NULL;
}

bool
inflight_has_more(const struct inflight *f)
{
	return f != NULL && f->resend != f->tail;
}

void
inflight_free(struct inflight **fp)
{
	struct inflight *f = *fp;

	if (f == NULL)
		return;
	for (uint32_t i = f->head; i != f->tail; i++)
		message_unref(&f->a[i & f->mask].message);
	slab_free(f, size_of(f->mask + 1));
	*fp = NULL;
}
