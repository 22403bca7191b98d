/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot: the cell of a node: one pointer to what is in force.
 */
#include "emqxd/conf/snapshot.h"
#include "emqxd/conf/snapshot_body.h"
#include "ipc/base/mem.h"

_Static_assert(offsetof(struct conf_snapshot, part) == 0, "conf_get() reads the head");

void
conf_birth(void (*retire)(void *p, size_t n, void (*free)(void *p, size_t n)))
{
	struct conf_cell *cell = MEM_NEW(struct conf_cell);

	atomic_init(&cell->current, NULL);
	cell->retire = retire;
	node_slot_set(ROOM_CONF, cell);
}

static void
free_retired(void *p, size_t n)
{
	struct conf_snapshot *s = p;

	(void)n;
	conf_snapshot_free(&s);
}

void
conf_snapshot_free(struct conf_snapshot **sp)
{
	struct conf_snapshot *s = *sp;

	if (s == NULL)
		return;
	*sp = NULL;
	tree_fini(&s->tree);
	conf_pool_fini(&s->pool);
	VEC_FINI(&s->ignored);
	VEC_FINI(&s->pending);
	mem_free(s);
}

/* The cell holds the head; the whole is ours to free. */
static struct conf_snapshot *
swap(struct conf_cell *cell, struct conf_snapshot *s)
{
	return atomic_exchange_explicit(&cell->current, s, memory_order_acq_rel);
}

void
conf_publish(struct conf_snapshot **sp)
{
	struct conf_cell *cell = node_slot(ROOM_CONF);
	struct conf_snapshot *old;

	CHECK(cell != NULL && *sp != NULL);
	old = swap(cell, *sp);
	*sp = NULL;
	if (old == NULL)
		return;
	if (cell->retire != NULL)
		cell->retire(old, sizeof(*old) + old->tree.bytes, free_retired);
	else
		conf_snapshot_free(&old);
}

const struct conf_snapshot *
conf_current(void)
{
	struct conf_cell *cell = node_slot(ROOM_CONF);

	CHECK(cell != NULL);
	return atomic_load_explicit(&cell->current, memory_order_acquire);
}

void
conf_taken(enum conf_id id, const char *name)
{
	struct conf_cell *cell = node_slot(ROOM_CONF);
	struct conf_snapshot *s =
	    atomic_load_explicit(&cell->current, memory_order_acquire);

	for (size_t i = 0; i < s->pending.n; i++) {
		struct conf_pending *p = &s->pending.p[i];

		if (p->id == id && strcmp(p->owner, name) == 0)
			atomic_store(&p->is_over, true);
	}
}

const struct conf_pending *
snapshot_pending(const struct conf_snapshot *s, const char *path)
{
	for (size_t i = 0; i < s->pending.n; i++) {
		const struct conf_pending *p = &s->pending.p[i];

		if (strcmp(p->path, path) == 0)
			return atomic_load(&p->is_over) ? NULL : p;
	}
	return NULL;
}

void
conf_death(void)
{
	struct conf_cell *cell = node_slot(ROOM_CONF);
	struct conf_snapshot *s;

	if (cell == NULL)
		return;
	s = swap(cell, NULL);
	conf_snapshot_free(&s);
	node_slot_set(ROOM_CONF, NULL);
	mem_free(cell);
}

const void *
conf_snapshot_get(const struct conf_snapshot *s, enum conf_id id, size_t *n)
{
	if (n != NULL)
		*n = s->part[id].n;
	return s->part[id].first;
}
