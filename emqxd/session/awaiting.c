/* SPDX-License-Identifier: Apache-2.0 */
/*
 * awaiting: see awaiting.h.  An array in order of arrival; one that leaves the middle is
 * a hole (id 0); neither the first nor the last is one.
 */
#include "emqxd/session/awaiting.h"
#include "emqxd/core/slab.h"
#include "ipc/base/check.h"

#include <string.h>

#define CAP_MIN 8u
#define SET_FROM 64u    /* from so many on there is a set */
#define SET_WORDS 1024u /* a bit for each id */

struct awaiting {
	uint64_t *set; /* or NULL */
	uint32_t head, tail, cap, live;
	struct {
		uint32_t since; /* mono seconds */
		uint16_t id;    /* 0: a hole */
	} a[];
};

static size_t
size_of(uint32_t cap)
{
	struct awaiting *a = NULL;

	return sizeof *a + cap * sizeof a->a[0];
}

static uint32_t
seconds(mono_t t)
{
	return (uint32_t)(t.ns / 1000000000);
}

static void
set_bit(struct awaiting *a, uint16_t id, bool on)
{
	uint64_t bit = UINT64_C(1) << id % 64;

	if (a->set == NULL)
		return;
	if (on)
		a->set[id / 64] |= bit;
	else
		a->set[id / 64] &= ~bit;
}

/* The place of an id, or the tail: from both ends on, one of which it mostly is near. */
static uint32_t
index_of(const struct awaiting *a, uint16_t id)
{
	if (a->set != NULL && (a->set[id / 64] >> id % 64 & 1) == 0)
		return a->tail;
	for (uint32_t i = a->head, end = a->tail; i < end; i++) {
		if (a->a[i].id == id)
			return i;
		if (a->a[--end].id == id)
			return end;
	}
	return a->tail;
}

static void
set_begin(struct awaiting *a)
{
	a->set = slab_new_zero(SET_WORDS * sizeof *a->set);
	for (uint32_t i = a->head; i < a->tail; i++)
		if (a->a[i].id != 0)
			set_bit(a, a->a[i].id, true);
}

/* Room for one more behind the tail: without the holes, or in a larger array. */
static struct awaiting *
make_room(struct awaiting *a)
{
	uint32_t n = 0;

	if (a->tail < a->cap)
		return a;
	for (uint32_t i = a->head; i < a->tail; i++)
		if (a->a[i].id != 0)
			a->a[n++] = a->a[i];
	a->head = 0;
	a->tail = n;
	CHECK(n == a->live);
	if (n > a->cap / 4 * 3) {
		a = slab_resize(a, size_of(a->cap), size_of(2 * a->cap));
		a->cap *= 2;
	}
	return a;
}

em_err
awaiting_add(struct awaiting **ap, uint16_t id, uint32_t max, mono_t now)
{
	struct awaiting *a = *ap;

	CHECK(id != 0);
	if (a != NULL && index_of(a, id) < a->tail)
		return EM_EXISTS;
	if (a != NULL && a->live >= max)
		return EM_FULL;
	if (a == NULL) {
		a = slab_new(size_of(CAP_MIN));
		*a = (struct awaiting){ .cap = CAP_MIN };
	}
	a = *ap = make_room(a);
	a->a[a->tail].since = seconds(now);
	a->a[a->tail++].id = id;
	a->live++;
	if (a->set == NULL && a->live >= SET_FROM)
		set_begin(a);
	else
		set_bit(a, id, true);
	return EM_OK;
}

/* Takes the one at @i out. */
static void
cut(struct awaiting **ap, uint32_t i)
{
	struct awaiting *a = *ap;

	set_bit(a, a->a[i].id, false);
	a->a[i].id = 0;
	a->live--;
	while (a->head < a->tail && a->a[a->head].id == 0)
		a->head++;
	while (a->head < a->tail && a->a[a->tail - 1].id == 0)
		a->tail--;
	if (a->live == 0)
		awaiting_free(ap);
}

em_err
awaiting_del(struct awaiting **ap, uint16_t id)
{
	uint32_t i;

	if (*ap == NULL || (i = index_of(*ap, id)) == (*ap)->tail)
		return EM_NOTFOUND;
	cut(ap, i);
	return EM_OK;
}

uint32_t
awaiting_expire(struct awaiting **ap, span_t timeout, mono_t now)
{
	uint32_t n = 0;

	if (span_is_infinite(timeout))
		return 0;
	while (*ap != NULL && seconds(now) - (*ap)->a[(*ap)->head].since >
				  (uint32_t)span_to_s(timeout)) {
		cut(ap, (*ap)->head);
		n++;
	}
	return n;
}

mono_t
awaiting_due(const struct awaiting *a, span_t timeout)
{
	if (a == NULL || span_is_infinite(timeout))
		return (mono_t){ INT64_MAX };
	/* A second more: it is a whole number of them that must have passed. */
	return mono_add((mono_t){ (int64_t)(a->a[a->head].since + 1) * 1000000000 },
	    span_s(span_to_s(timeout)));
}

bool
awaiting_next(const struct awaiting *a, uint32_t *at, uint16_t *id, mono_t *since)
{
	while (a != NULL && *at < a->tail - a->head) {
		uint32_t i = a->head + (*at)++;

		if (a->a[i].id == 0)
			continue;
		*id = a->a[i].id;
		*since = (mono_t){ (int64_t)a->a[i].since * 1000000000 };
		return true;
	}
	return false;
}

uint32_t
awaiting_count(const struct awaiting *a)
{
	return a != NULL ? a->live : 0;
}

void
awaiting_free(struct awaiting **ap)
{
	if (*ap == NULL)
		return;
	if ((*ap)->set != NULL)
		slab_free((*ap)->set, SET_WORDS * sizeof *(*ap)->set);
	slab_free(*ap, size_of((*ap)->cap));
	*ap = NULL;
}
