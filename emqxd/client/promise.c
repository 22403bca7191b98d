/* SPDX-License-Identifier: Apache-2.0 */
/* promise: see promise.h.  Sets are added at the end and never change, so readers need no
 * lock. */
#include "emqxd/client/promise.h"

struct promise
promise_of(const struct zone *zone)
{
	return (struct promise){ .max_packet_size = zone->max_packet_size,
		.max_awaiting_rel = zone->max_awaiting_rel,
		.max_topic_alias = zone->max_topic_alias,
		.max_qos = zone->max_qos_allowed,
		.retain_available = zone->retain_available };
}

static bool
is_same(const struct promise *a, const struct promise *b)
{
	return a->max_packet_size == b->max_packet_size &&
	       a->max_awaiting_rel == b->max_awaiting_rel &&
	       a->max_topic_alias == b->max_topic_alias && a->max_qos == b->max_qos &&
	       a->retain_available == b->retain_available;
}

/* The newest first: it is the one of most who come. */
static uint16_t
find(const struct promises *all, const struct promise *p, uint32_t n)
{
	while (n-- > 0) {
		if (is_same(&all->set[n], p))
			return (uint16_t)n;
	}
	return PROMISE_NONE;
}

/* Under the flag, held for a few instructions, and by nobody as a rule. */
static uint16_t
add(struct promises *all, const struct promise *p)
{
	uint32_t n = atomic_load_explicit(&all->n, memory_order_acquire);
	uint16_t found = find(all, p, n);

	if (found != PROMISE_NONE || n == PROMISES_MAX)
		return found;
	all->set[n] = *p;
	atomic_store_explicit(&all->n, n + 1, memory_order_release);
	return (uint16_t)n;
}

uint16_t
promise_make(struct promises *all, const struct zone *zone)
{
	struct promise p = promise_of(zone);
	uint32_t n = atomic_load_explicit(&all->n, memory_order_acquire);
	uint16_t found = find(all, &p, n);

	if (found != PROMISE_NONE || n == PROMISES_MAX)
		return found;
	while (atomic_flag_test_and_set_explicit(&all->is_changing, memory_order_acquire))
		;
	found = add(all, &p);
	atomic_flag_clear_explicit(&all->is_changing, memory_order_release);
	return found;
}
