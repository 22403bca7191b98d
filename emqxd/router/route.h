/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route: one filter and who wants what it matches: the leaf of the trie.
 *
 * Its subscribers stand in columns, one a worker, written and read by that worker
 * only, without a lock.  Nearly every filter has one subscriber: so one column is
 * inline, with its worker's number, and a column of one needs no array.  Columns of
 * further workers hang in a table that is replaced whole under the router's lock.
 * A seat in a column and the subscription in its subscriber's list hold each
 * other's index.
 *
 * The filter's text is the key of the node in the order index: it ends the struct.
 */
#ifndef ROUTER_ROUTE_H
#define ROUTER_ROUTE_H

#include "emqxd/core/order.h"
#include "emqxd/router/router.h"

struct map;

struct seat {
	struct subscriber *s;
	uint32_t index; /* in the subscriber's list */
};

struct column {
	union {
		struct seat one; /* cap 0 */
		struct seat *v;
	};
	_Atomic uint32_t n; /* written by its worker; others may look how many */
	uint32_t cap;
};

struct route_table {
	uint64_t workers;        /* a bit for each that has a column here */
	struct column *column[]; /* in order of their workers */
};

/* What few routes have; made when it is needed first, and there to stay. */
struct route_more {
	_Atomic(struct share_group *) groups;
	_Atomic(struct route_table *) table; /* columns but the inline one; or NULL */
	struct map *by_name; /* the groups, when they are many; under the lock */
};

struct route {
	_Atomic uint64_t workers;          /* whose column is not empty */
	_Atomic(struct route_more *) more; /* or NULL */
	_Atomic uint64_t nodes;            /* places of others that want it, not shared */
	struct column own;                 /* the inline one */
	struct order_node node; /* spare: worker of the inline column; then the filter */
};

#define ROUTE_NOBODY UINT32_MAX /* the inline column is free */

/* An empty one, and what it weighs. */
struct route *route_new(struct slice filter);
size_t route_size(const struct route *r);
/* Frees what hangs on it too; only where nobody reads any more. */
void route_free(struct route *r);

static inline struct slice
route_filter(const struct route *r)
{
	return order_key(&r->node);
}

static inline struct route_more *
route_has_more(const struct route *r)
{
	return atomic_load_explicit(&r->more, memory_order_acquire);
}

/* Under the lock: the same, made when there was none. */
struct route_more *route_more(struct route *r);

struct column *route_table_column(const struct route *r, unsigned worker);

/* The worker's column, or NULL. */
static inline struct column *
route_column(struct route *r, unsigned worker)
{
	if (atomic_load_explicit(&r->node.spare, memory_order_relaxed) == worker)
		return &r->own;
	return route_table_column(r, worker);
}

/* Under the router's lock: gives @worker, the caller's own, an empty column; takes it
 * away when it is empty again. */
struct column *route_open_column(struct route *r, unsigned worker);
void route_close_column(struct route *r, unsigned worker);
/* Has it neither columns nor nodes nor groups?  Under the lock. */
bool route_is_unused(const struct route *r);
/* Subscribers of all workers, those in groups not; any thread. */
unsigned route_subscribers(const struct route *r);

/* By the column's worker. */
static inline struct seat *
column_seats(struct column *c)
{
	return c->cap > 0 ? c->v : &c->one;
}

static inline uint32_t
column_count(const struct column *c)
{
	return atomic_load_explicit(&c->n, memory_order_relaxed);
}

/* Puts @s with @index of its list at the end; returns the place. */
uint32_t column_add(struct column *c, struct subscriber *s, uint32_t index);
/* The last one moves to the place that is free now. */
void column_del(struct column *c, uint32_t pos);

#endif
