/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mqueue: see mqueue.h.
 *
 * A ring.  One that is pushed out of the middle leaves a hole (message NULL);
 * `qos0_from` is a position before which no QoS 0 stands, so that finding the
 * oldest one costs a step a message in all, not a walk each time.
 */
#include "emqxd/session/mqueue.h"
#include "emqxd/core/slab.h"

#define CAP_MIN 4u

struct mqueue {
	uint32_t head, tail, mask;
	uint32_t live, qos0, qos0_from;
	uint64_t bytes;
	struct mqueue_entry a[];
};

static size_t
size_of(uint32_t cap)
{
	return sizeof(struct mqueue) + cap * sizeof(struct mqueue_entry);
}

/* Moves what is there to a ring of @cap without the holes. */
static bool
resize(struct mqueue **qp, uint32_t cap)
{
	struct mqueue *q = *qp, *g = slab_try(size_of(cap));

	if (g == NULL)
		return false;
	*g = (struct mqueue){ .mask = cap - 1 };
	if (q != NULL) {
		for (uint32_t i = q->head; i != q->tail; i++)
			if (q->a[i & q->mask].message != NULL)
				g->a[g->tail++] = q->a[i & q->mask];
		g->live = q->live;
		g->qos0 = q->qos0;
		g->bytes = q->bytes;
		slab_free(q, size_of(q->mask + 1));
	}
	*qp = g;
	return true;
}

static void
take(struct mqueue *q, uint32_t i, struct mqueue_entry *out)
{
	struct mqueue_entry *e = &q->a[i & q->mask];

	*out = *e;
	e->message = NULL;
	q->live--;
	q->bytes -= message_bytes(out->message);
	if (out->qos == 0)
		q->qos0--;
	while (q->head != q->tail && q->a[q->head & q->mask].message == NULL)
		q->head++;
}

static void
push_one_out(struct mqueue *q)
{
	uint32_t i = q->head;
	struct mqueue_entry gone;

	if (q->qos0 > 0) {
		if ((int32_t)(q->qos0_from - q->head) > 0)
			i = q->qos0_from;
		while (q->a[i & q->mask].message == NULL || q->a[i & q->mask].qos != 0)
			i++;
		q->qos0_from = i + 1;
	}
	take(q, i, &gone);
	message_unref(&gone.message);
}

uint32_t
mqueue_push(struct mqueue **qp, const struct mqueue_bounds *b, struct mqueue_entry e)
{
	uint64_t bytes = message_bytes(e.message);
	struct mqueue *q = *qp;
	uint32_t gone = 0;

	if (bytes > b->bytes || b->messages == 0) {
		message_unref(&e.message);
		return 1;
	}
	while (q != NULL && (q->live >= b->messages || q->bytes > b->bytes - bytes)) {
		push_one_out(q);
		gone++;
	}
	if (q == NULL || q->tail - q->head > q->mask) {
		/* Mostly holes: the same size, without them. */
		uint32_t cap = q == NULL ? CAP_MIN : q->mask + 1;

		if (q != NULL && q->live > cap / 2)
			cap *= 2;
		if (!resize(qp, cap)) {
			message_unref(&e.message);
			return gone + 1;
		}
		q = *qp;
	}
	q->a[q->tail++ & q->mask] = e;
	q->live++;
	q->bytes += bytes;
	if (e.qos == 0 && q->qos0++ == 0)
		q->qos0_from = q->tail - 1;
	return gone;
}

const struct mqueue_entry *
mqueue_peek(struct mqueue *q)
{
	return q != NULL && q->live > 0 ? &q->a[q->head & q->mask] : NULL;
}

bool
mqueue_pop(struct mqueue **qp, struct mqueue_entry *out)
{
	struct mqueue *q = *qp;

	if (q == NULL || q->live == 0)
		return false;
	take(q, q->head, out);
	if (q->live == 0)
		mqueue_free(qp);
	return true;
}

bool
mqueue_has_qos0(const struct mqueue *q)
{
	return q != NULL && q->qos0 > 0;
}

uint32_t
mqueue_count(const struct mqueue *q)
{
	return q != NULL ? q->live : 0;
}

uint64_t
mqueue_bytes(const struct mqueue *q)
{
	return q != NULL ? q->bytes : 0;
}

void
mqueue_free(struct mqueue **qp)
{
	struct mqueue *q = *qp;

	if (q == NULL)
		return;
	for (uint32_t i = q->head; i != q->tail; i++)
		message_unref(&q->a[i & q->mask].message);
	slab_free(q, size_of(q->mask + 1));
	*qp = NULL;
}
