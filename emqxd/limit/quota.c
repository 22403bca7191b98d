/* SPDX-License-Identifier: Apache-2.0 */
/* quota: see quota.h. */
#include "emqxd/limit/quota.h"
#include "emqxd/core/worker.h"
#include "ipc/base/mem.h"

struct quota {
	_Atomic uint64_t max, elsewhere;
	_Atomic bool is_closed;
};

static struct quota *
self(void)
{
	return node_slot(ROOM_QUOTA);
}

void
quota_birth(void)
{
	struct quota *q = MEM_NEW(struct quota);

	CHECK(self() == NULL);
	q->max = QUOTA_NONE;
	node_slot_set(ROOM_QUOTA, q);
}

void
quota_death(void)
{
	mem_free(self());
	node_slot_set(ROOM_QUOTA, NULL);
}

enum quota_verdict
quota_ask(uint64_t here)
{
	const struct quota *q = self();

	if (q == NULL)
		return QUOTA_OPEN;
	if (atomic_load_explicit(&q->is_closed, memory_order_relaxed))
		return QUOTA_CLOSED;
	return here + quota_elsewhere() <
		       atomic_load_explicit(&q->max, memory_order_relaxed)
		   ? QUOTA_OPEN
		   : QUOTA_REACHED;
}

bool
quota_is_on(void)
{
	const struct quota *q = self();

	return q != NULL &&
	       (atomic_load_explicit(&q->is_closed, memory_order_relaxed) ||
		   atomic_load_explicit(&q->max, memory_order_relaxed) != QUOTA_NONE);
}

void
quota_set_max(uint64_t sessions)
{
	atomic_store_explicit(&self()->max, sessions, memory_order_relaxed);
}

void
quota_close(bool is_closed)
{
	atomic_store_explicit(&self()->is_closed, is_closed, memory_order_relaxed);
}

void
quota_set_elsewhere(uint64_t sessions)
{
	struct quota *q = self();

	if (q != NULL)
		atomic_store_explicit(&q->elsewhere, sessions, memory_order_relaxed);
}

uint64_t
quota_elsewhere(void)
{
	const struct quota *q = self();

	return q != NULL ? atomic_load_explicit(&q->elsewhere, memory_order_relaxed) : 0;
}
