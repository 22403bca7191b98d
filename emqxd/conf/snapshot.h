/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot: the configuration that is in force: immutable, published whole.
 *
 * Main loads a new one, publishes it, and the former is retired: its readers are
 * gone after a grace period.  conf_get() gives a pointer into the current one,
 * good until the end of the loop's turn; keep = copy.  Names keep
 * their place in an array over a reload (a zone's or listener's number stays
 * valid): new names come behind, removed ones stay: zones with their
 * defaults, listeners as they were, not enabled and marked as removed.
 *
 * Threads: loaded and published by main, read by any.
 */
#ifndef CONF_SNAPSHOT_H
#define CONF_SNAPSHOT_H

#include "emqxd/conf/section.h"
#include "emqxd/core/worker.h"

#include <stdatomic.h>

struct conf_snapshot; /* made by conf_load() (conf/load.h) */

/* What conf_get reads: at the head of every snapshot. */
struct conf_part {
	const void *first; /* the struct, or the first of the array */
	size_t n;          /* how many */
};

/* The node's slot of this room: one pointer that main swaps. */
struct conf_cell {
	_Atomic(struct conf_snapshot *) current;
	void (*retire)(void *p, size_t n, void (*free)(void *p, size_t n));
};

/* Makes the cell of this node.  @retire frees a former snapshot when its readers are gone
 * (app gives qsbr_retire); NULL: at once. */
void conf_birth(void (*retire)(void *p, size_t n, void (*free)(void *p, size_t n)));
void conf_death(void);
/* Puts it in force; takes it. */
void conf_publish(struct conf_snapshot **sp);
/* What is in force, or NULL before the first. */
const struct conf_snapshot *conf_current(void);
void conf_snapshot_free(struct conf_snapshot **sp);
/* The struct of that name (listener "tcp:default") was started with what is published: its
 * values wait for no restart any more.  Any thread. */
void conf_taken(enum conf_id id, const char *name);

static inline const struct conf_part *
conf_part(enum conf_id id)
{
	struct conf_cell *cell = node_slot(ROOM_CONF);

	/* a snapshot starts with its parts */
	return (const struct conf_part *)(const void *)atomic_load_explicit(
		   &cell->current, memory_order_acquire) +
	       id;
}

/* The section's struct (the first, of an array). */
static inline const void *
conf_get(enum conf_id id)
{
	return conf_part(id)->first;
}

/* How many structs the section's array has. */
static inline size_t
conf_count(enum conf_id id)
{
	return conf_part(id)->n;
}

/* Of a snapshot that is not (yet) in force. */
const void *conf_snapshot_get(const struct conf_snapshot *s, enum conf_id id, size_t *n);

#endif
