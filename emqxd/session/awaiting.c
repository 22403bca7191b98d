/* SPDX-License-Identifier: Apache-2.0 */
/* awaiting: see awaiting.h. */
#include "emqxd/session/awaiting.h"
#include "emqxd/core/slab.h"

#define CAP_MIN 8u

struct awaiting {
	uint32_t n, cap;
	struct {
		uint32_t since; /* mono seconds */
		uint16_t id;
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

static uint32_t
index_of(const struct awaiting *a, uint16_t id)
{
	uint32_t i = 0;

	while (i < a->n && a->a[i].id != id)
		i++;
	return i;
}

em_err
awaiting_add(struct awaiting **ap, uint16_t id, uint32_t max, mono_t now)
{
	struct awaiting *a = *ap;

	if (a != NULL && index_of(a, id) < a->n)
		return EM_EXISTS;
	if (a != NULL && a->n >= max)
		return EM_FULL;
	if (a == NULL) {
		a = *ap = slab_new(size_of(CAP_MIN));
		*a = (struct awaiting){ .cap = CAP_MIN };
	} else if (a->n == a->cap) {
		a = *ap = slab_resize(a, size_of(a->cap), size_of(2 * a->cap));
		a->cap *= 2;
	}
	a->a[a->n].since = seconds(now);
	a->a[a->n++].id = id;
	return EM_OK;
}

/* Takes @n out at @i. */
static void
cut(struct awaiting **ap, uint32_t i, uint32_t n)
{
	struct awaiting *a = *ap;

	a->n -= n;
	memmove(&a->a[i], &a->a[i + n], (a->n - i) * sizeof a->a[0]);
	if (a->n == 0)
		awaiting_free(ap);
}

em_err
awaiting_del(struct awaiting **ap, uint16_t id)
{
	uint32_t i;

	if (*ap == NULL || (i = index_of(*ap, id)) == (*ap)->n)
		return EM_NOTFOUND;
	cut(ap, i, 1);
	return EM_OK;
}

uint32_t
awaiting_expire(struct awaiting **ap, span_t timeout, mono_t now)
{
	struct awaiting *a = *ap;
	uint32_t n = 0;

	if (a == NULL || span_is_infinite(timeout))
		return 0;
	while (n < a->n && seconds(now) - a->a[n].since > (uint32_t)span_to_s(timeout))
		n++;
	if (n > 0)
		cut(ap, 0, n);
	return n;
}

uint32_t
awaiting_count(const struct awaiting *a)
{
	return a != NULL ? a->n : 0;
}

void
awaiting_free(struct awaiting **ap)
{
	if (*ap != NULL)
		slab_free(*ap, size_of((*ap)->cap));
	*ap = NULL;
}
