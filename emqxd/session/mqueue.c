/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mqueue: see mqueue.h.
 *
 * A ring for each priority, in a list from the highest down.  One that is pushed out
 * of the middle leaves a hole (message NULL); `qos0_from` is a position before which no
 * QoS 0 stands, so that finding the oldest one costs a step a message in all, not a
 * walk each time.  A ring that is empty stays while another is not.
 */
#include "emqxd/session/mqueue.h"
#include "emqxd/core/slab.h"

#define CAP_MIN 4u
#define TURN_STEP 10u

struct mqueue {
	struct mqueue *lower; /* the ring of the next lower priority */
	uint32_t priority;
	uint32_t turn, left; /* of the first ring: whose turn it is, and how long */
	uint32_t head, tail, mask;
	uint32_t live, qos0, qos0_from;
	uint64_t bytes;
	struct mqueue_entry a[];
};

_Static_assert(sizeof(struct mqueue_entry) == 16, "a million sessions have some");

static size_t
size_of(uint32_t cap)
{
	return sizeof(struct mqueue) + cap * sizeof(struct mqueue_entry);
}

/* ---- one ring */

/* Moves what is there to a ring of @cap without the holes. */
static bool
resize(struct mqueue **rp, uint32_t cap)
{
	struct mqueue *r = *rp, *g = slab_try(size_of(cap));

	if (g == NULL)
		return false;
	*g = *r;
	g->head = g->tail = g->qos0_from = 0;
	g->mask = cap - 1;
	for (uint32_t i = r->head; i != r->tail; i++)
		if (r->a[i & r->mask].message != NULL)
			g->a[g->tail++] = r->a[i & r->mask];
	slab_free(r, size_of(r->mask + 1));
	*rp = g;
	return true;
}

static bool
ring_new(struct mqueue **at, uint32_t priority)
{
	struct mqueue *r = slab_try(size_of(CAP_MIN));

	if (r == NULL)
		return false;
	*r = (struct mqueue){ .lower = *at,
		.priority = priority,
		.turn = UINT32_MAX, /* nobody had one yet */
		.mask = CAP_MIN - 1 };
	if (*at != NULL) { /* it may be the first now */
		r->turn = (*at)->turn;
		r->left = (*at)->left;
	}
	*at = r;
	return true;
}

static void
take(struct mqueue *r, uint32_t i, struct mqueue_entry *out)
{
	struct mqueue_entry *e = &r->a[i & r->mask];

	*out = *e;
	e->message = NULL;
	r->live--;
	r->bytes -= message_bytes(out->message);
	if (out->qos == 0)
		r->qos0--;
	while (r->head != r->tail && r->a[r->head & r->mask].message == NULL)
		r->head++;
}

static void
push_one_out(struct mqueue *r)
{
	uint32_t i = r->head;
	struct mqueue_entry gone;

	if (r->qos0 > 0) {
		if ((int32_t)(r->qos0_from - r->head) > 0)
			i = r->qos0_from;
		while (r->a[i & r->mask].message == NULL || r->a[i & r->mask].qos != 0)
			i++;
		r->qos0_from = i + 1;
	}
	take(r, i, &gone);
	message_unref(&gone.message);
}

static bool
add(struct mqueue **rp, const struct mqueue_entry *e)
{
	struct mqueue *r = *rp;

	if (r->tail - r->head > r->mask) {
		/* Mostly holes: the same size, without them. */
		uint32_t cap = r->mask + 1;

		if (r->live > cap / 2)
			cap *= 2;
		if (!resize(rp, cap))
			return false;
		r = *rp;
	}
	r->a[r->tail++ & r->mask] = *e;
	r->live++;
	r->bytes += message_bytes(e->message);
	if (e->qos == 0 && r->qos0++ == 0)
		r->qos0_from = r->tail - 1;
	return true;
}

static void
ring_free(struct mqueue *r)
{
	for (uint32_t i = r->head; i != r->tail; i++)
		message_unref(&r->a[i & r->mask].message);
	slab_free(r, size_of(r->mask + 1));
}

/* ---- all of them */

/* The link to the ring of @priority, or to where it belongs. */
static struct mqueue **
place_of(struct mqueue **qp, uint32_t priority)
{
	while (*qp != NULL && (*qp)->priority > priority)
		qp = &(*qp)->lower;
	return qp;
}

/* The lowest one that is not empty, or NULL. */
static struct mqueue *
lowest(struct mqueue *q)
{
	struct mqueue *found = NULL;

	for (; q != NULL; q = q->lower)
		if (q->live > 0)
			found = q;
	return found;
}

/* Makes room for one; false: the new one is what has to go. */
static bool
make_room(struct mqueue *q, uint32_t priority, uint8_t qos)
{
	struct mqueue *r = lowest(q);

	if (r == NULL || r->priority > priority ||
	    (r->priority == priority && qos == 0 && r->qos0 == 0))
		return false;
	push_one_out(r);
	return true;
}

static void
tidy(struct mqueue **qp)
{
	if (mqueue_count(*qp) == 0)
		mqueue_free(qp);
}

static bool
is_over(const struct mqueue *q, const struct mqueue_bounds *b, uint64_t more)
{
	return q != NULL &&
	       (mqueue_count(q) >= b->messages || mqueue_bytes(q) > b->bytes - more);
}

uint32_t
mqueue_push(struct mqueue **qp, const struct mqueue_bounds *b, uint32_t priority,
    struct mqueue_entry e)
{
	uint64_t bytes = message_bytes(e.message);
	uint32_t gone = 0;
	struct mqueue **rp;

	if (bytes > b->bytes || b->messages == 0) {
		message_unref(&e.message);
		return 1;
	}
	for (; is_over(*qp, b, bytes); gone++) {
		if (!make_room(*qp, priority, (uint8_t)e.qos)) {
			message_unref(&e.message);
			tidy(qp);
			return gone + 1;
		}
	}
	rp = place_of(qp, priority);
	if ((*rp == NULL || (*rp)->priority != priority) && !ring_new(rp, priority)) {
		message_unref(&e.message);
		return gone + 1;
	}
	if (!add(rp, &e)) {
		message_unref(&e.message);
		tidy(qp);
		return gone + 1;
	}
	return gone;
}

/* The next lower one that is not empty, or the highest again. */
static struct mqueue *
after(struct mqueue *q, uint32_t priority)
{
	struct mqueue *highest = NULL;

	for (; q != NULL; q = q->lower) {
		if (q->live == 0)
			continue;
		if (q->priority < priority)
			return q;
		if (highest == NULL)
			highest = q;
	}
	return highest;
}

/* The ring whose turn it is, its first entry at its head. */
static struct mqueue *
turn_of(struct mqueue *q)
{
	struct mqueue *r = q;

	if (EM_LIKELY(q->lower == NULL))
		return q;
	if (q->left > 0) {
		r = *place_of(&r, q->turn);
		if (r != NULL && r->priority == q->turn && r->live > 0)
			return r;
	}
	r = after(q, q->turn);
	q->turn = r->priority;
	q->left = 1 + TURN_STEP * r->priority;
	return r;
}

const struct mqueue_entry *
mqueue_peek(struct mqueue *q)
{
	struct mqueue *r;

	if (q == NULL || mqueue_count(q) == 0)
		return NULL;
	r = turn_of(q);
	return &r->a[r->head & r->mask];
}

bool
mqueue_pop(struct mqueue **qp, struct mqueue_entry *out)
{
	struct mqueue *q = *qp, *r;

	if (q == NULL || mqueue_count(q) == 0)
		return false;
	r = turn_of(q);
	take(r, r->head, out);
	if (q->left > 0)
		q->left--;
	tidy(qp);
	return true;
}

void
mqueue_take_share(struct mqueue **qp, uint32_t share, mqueue_fn *fn, void *arg)
{
	for (struct mqueue *r = *qp; r != NULL; r = r->lower) {
		for (uint32_t i = r->head, end = r->tail; i != end; i++) {
			struct mqueue_entry e = r->a[i & r->mask];

			if (e.message == NULL || e.share != share)
				continue;
			take(r, i, &e);
			fn(&e, arg);
		}
	}
	tidy(qp);
}

const struct mqueue_entry *
mqueue_next(const struct mqueue *q, struct mqueue_at *at, uint32_t *priority)
{
	if (!at->is_begun)
		*at = (struct mqueue_at){ q, q != NULL ? q->head : 0, true };
	while (at->ring != NULL) {
		const struct mqueue *r = at->ring;

		while (at->i != r->tail) {
			const struct mqueue_entry *e = &r->a[at->i++ & r->mask];

			if (e->message == NULL)
				continue;
			*priority = r->priority;
			return e;
		}
		at->ring = r->lower;
		at->i = r->lower != NULL ? r->lower->head : 0;
	}
	return NULL;
}

void
mqueue_turn(const struct mqueue *q, uint32_t *priority, uint32_t *left)
{
	*priority = q != NULL ? q->turn : UINT32_MAX;
	*left = q != NULL ? q->left : 0;
}

void
mqueue_set_turn(struct mqueue *q, uint32_t priority, uint32_t left)
{
	if (q == NULL)
		return;
	q->turn = priority;
	q->left = left;
}

bool
mqueue_has_qos0(const struct mqueue *q)
{
	for (; q != NULL; q = q->lower)
		if (q->qos0 > 0)
			return true;
	return false;
}

uint32_t
mqueue_count(const struct mqueue *q)
{
	uint32_t n = 0;

	for (; q != NULL; q = q->lower)
		n += q->live;
	return n;
}

uint64_t
mqueue_bytes(const struct mqueue *q)
{
	uint64_t n = 0;

	for (; q != NULL; q = q->lower)
		n += q->bytes;
	return n;
}

void
mqueue_free(struct mqueue **qp)
{
	struct mqueue *r = *qp;

	while (r != NULL) {
		struct mqueue *lower = r->lower;

		ring_free(r);
		r = lower;
	}
	*qp = NULL;
}
