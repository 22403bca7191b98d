/* SPDX-License-Identifier: Apache-2.0 */
/* inflight: see inflight.h. */
#include "emqxd/session/inflight.h"
#include "emqxd/core/slab.h"

#define CAP_MIN 4u
#define CAP_MAX 131072u
#define KEEP 8u /* slots; a larger ring is given back when it is empty */
#define IDS (uint32_t) UINT16_MAX
#define SEQS (IDS * 65536u) /* seq stays below, so that ids go on over its wrap */

_Static_assert(sizeof(struct inflight_slot) == 24, "a window's place");

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
	return f == NULL || (f->live < window && f->resend == f->tail);
}

/* The first is 1, as seq is 1 then. */
static uint16_t
id_of(uint32_t seq)
{
	return (uint16_t)(1 + (seq + IDS - 1) % IDS);
}

/* How many were begun after this one. */
static uint32_t
age(const struct inflight_slot *slot, uint32_t seq)
{
	return seq >= slot->seq ? seq - slot->seq : seq + (SEQS - slot->seq);
}

/* A ring without the holes, with room for one more. */
static void
rebuild(struct inflight **fp)
{
	struct inflight *f = *fp, *g;
	uint32_t cap = f == NULL ? CAP_MIN : f->mask + 1;

	if (f != NULL && f->live > cap / 4 * 3)
		cap *= 2;
	CHECK(cap <= CAP_MAX);
	g = slab_new(size_of(cap));
	*g = (struct inflight){ .mask = cap - 1 };
	if (f != NULL) {
		for (uint32_t i = f->head; i != f->tail; i++)
			if (f->a[i & f->mask].state != INFLIGHT_DONE)
				g->a[g->tail++] = f->a[i & f->mask];
		g->live = g->resend = g->tail;
		g->on_way = f->on_way;
		slab_free(f, size_of(f->mask + 1));
	}
	*fp = g;
}

/* The slot of this age, or NULL.  The oldest comes first; one stands so far from the tail
 * as it is old, or nearer where holes went. */
static struct inflight_slot *
find_age(struct inflight *f, uint32_t seq, uint32_t wanted)
{
	uint32_t from = f->head, to = f->tail;

	if (wanted < to - from)
		from = to - 1 - wanted;
	for (uint32_t i = from; from != to; i = from + (to - from) / 2) {
		struct inflight_slot *slot = &f->a[i & f->mask];
		uint32_t its = age(slot, seq);

		if (its == wanted)
			return slot;
		if (its < wanted)
			to = i;
		else
			from = i + 1;
	}
	return NULL;
}

struct inflight_slot *
inflight_find(struct inflight *f, uint32_t seq, uint16_t id)
{
	uint32_t behind, oldest;

	if (f == NULL || id == 0 || f->head == f->tail)
		return NULL;
	oldest = age(&f->a[f->head & f->mask], seq);
	/* How far the id lies behind the newest one, or behind that by rounds of all ids. */
	for (behind = (seq % IDS + IDS - id) % IDS; behind <= oldest; behind += IDS) {
		struct inflight_slot *slot = find_age(f, seq, behind);

		if (slot != NULL && slot->state != INFLIGHT_DONE)
			return slot;
	}
	return NULL;
}

/* Has one that was begun at least 65535 before the id of @seq? */
static bool
is_taken(struct inflight *f, uint32_t seq)
{
	return f->head != f->tail && age(&f->a[f->head & f->mask], seq) >= IDS &&
	       inflight_find(f, seq, id_of(seq)) != NULL;
}

uint16_t
inflight_push(struct inflight **fp, uint32_t *seq, struct inflight_slot slot)
{
	struct inflight *f;

	CHECK(*fp == NULL || (*fp)->resend == (*fp)->tail);
	if (*fp == NULL || (*fp)->tail - (*fp)->head > (*fp)->mask)
		rebuild(fp);
	f = *fp;
	do
		*seq = *seq == SEQS - 1 ? 0 : *seq + 1;
	while (is_taken(f, *seq));
	slot.seq = *seq;
	f->a[f->tail++ & f->mask] = slot;
	f->resend++;
	f->live++;
	f->on_way++;
	return id_of(*seq);
}

bool
inflight_is_seq(uint32_t seq)
{
	return seq < SEQS;
}

bool
inflight_restore(struct inflight **fp, uint32_t seq, struct inflight_slot slot)
{
	struct inflight *f = *fp;

	CHECK(slot.state != INFLIGHT_DONE && slot.seq < SEQS && seq < SEQS);
	if (f != NULL &&
	    (f->live >= IDS || (f->head != f->tail && age(&f->a[(f->tail - 1) & f->mask],
							  seq) <= age(&slot, seq))))
		return false;
	if (f == NULL || f->tail - f->head > f->mask)
		rebuild(fp);
	f = *fp;
	f->a[f->tail++ & f->mask] = slot;
	f->live++;
	f->on_way = 0;
	f->resend = f->head;
	return true;
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
inflight_resend(struct inflight *f, uint16_t window, uint16_t *id)
{
	while (f != NULL && f->resend != f->tail && f->on_way < window) {
		struct inflight_slot *slot = &f->a[f->resend++ & f->mask];

		if (slot->state == INFLIGHT_DONE)
			continue;
		f->on_way++;
		*id = id_of(slot->seq);
		return slot;
	}
	return NULL;
}

bool
inflight_has_more(const struct inflight *f)
{
	return f != NULL && f->resend != f->tail;
}

void
inflight_begin_all(struct inflight *f)
{
	if (f != NULL)
		f->resend = f->tail;
}

struct inflight_slot *
inflight_next(struct inflight *f, uint32_t *at, uint16_t *id)
{
	while (f != NULL && *at < f->resend - f->head) {
		struct inflight_slot *slot = &f->a[(f->head + (*at)++) & f->mask];

		if (slot->state == INFLIGHT_DONE)
			continue;
		*id = id_of(slot->seq);
		return slot;
	}
	return NULL;
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
