/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dispatch: matched once, then this worker's columns by a call for each subscriber,
 * other workers' by one record for each worker, and one member of each shared group.
 *
 * deliver may take the subscriber that it is called for out of the column, and may
 * publish (a will, when a connection breaks): a column is walked from its end, so
 * that the seat that moves into a gap has had its message; a publish inside another
 * has its own memory for what it matches.
 */
#include "emqxd/router/dispatch.h"
#include "emqxd/router/memo.h"
#include "emqxd/router/relay.h"
#include "emqxd/router/share.h"
#include "ipc/base/check.h"
#include "ipc/base/mem.h"

#define AHEAD 4u /* subscribers whose memory is asked for before their turn */

static inline void
bring(router_deliver_fn *deliver, const struct seat *seat, struct message *m)
{
	struct subscriber *s = seat->s;

	deliver(s, &router_subscriptions(s)[seat->index], m);
}

/* A column of several.  It may change under the walk, and even pass to another worker
 * when its last subscriber left: so it is looked at anew each time. */
static void
walk_column(struct router_worker *here, struct route *r, uint32_t n, struct message *m)
{
	router_deliver_fn *deliver = here->router->deliver;
	unsigned own = here->id;

	for (uint32_t i = n; i-- > 0;) {
		struct column *c = route_column(r, own);
		struct seat *v;

		if (EM_UNLIKELY(c == NULL))
			return;
		if (EM_UNLIKELY(i >= column_count(c)))
			continue;
		v = column_seats(c);
		if (i >= AHEAD)
			__builtin_prefetch(v[i - AHEAD].s);
		bring(deliver, &v[i], m);
	}
}

static inline unsigned
deliver_column(struct router_worker *here, struct route *r, struct message *m)
{
	struct column *c = route_column(r, here->id);
	uint32_t n = c != NULL ? column_count(c) : 0;

	if (EM_LIKELY(n == 1))
		bring(here->router->deliver, column_seats(c), m);
	else
		walk_column(here, r, n, m);
	return n;
}

unsigned
dispatch_column(struct router_worker *here, struct route *r, struct message *m)
{
	return deliver_column(here, r, m);
}

/* One letter record for each worker in @others. */
static void
send(struct router_worker *here, struct memo_routes routes, uint64_t others,
    struct message *m, struct router_result *result)
{
	for (; others != 0; others &= others - 1) {
		unsigned to = (unsigned)__builtin_ctzll(others);

		result->receivers += relay_columns(here, to, routes, m);
		if (EM_UNLIKELY(mailbox_is_full(worker_get(to))))
			result->is_full = worker_get(to);
	}
}

/* One record to the link thread for all of @nodes. */
static __attribute__((noinline)) void
send_away(struct router_worker *here, uint64_t nodes, struct message *m,
    struct router_result *result)
{
	result->receivers += relay_nodes(here, nodes, m);
	if (EM_UNLIKELY(inside_is_full(here->router, nodes, m)))
		result->is_full = worker_link();
}

static inline struct router_result
fan_out(struct router_worker *here, struct memo_routes routes, struct message *m)
{
	struct router_result result = { 0, NULL };
	uint64_t others = 0, nodes = 0;

	for (size_t i = 0; i < routes.n; i++) {
		struct route *r = routes.v[i];
		uint64_t workers =
		    atomic_load_explicit(&r->workers, memory_order_relaxed);

		if ((workers & here->own) != 0)
			result.receivers += deliver_column(here, r, m);
		others |= workers & ~here->own;
		nodes |= atomic_load_explicit(&r->nodes, memory_order_relaxed);
		if (EM_UNLIKELY(route_has_more(r) != NULL))
			result.receivers += share_publish(here, r, m, &result.is_full);
	}
	if (others != 0)
		send(here, routes, others, m, &result);
	if (EM_UNLIKELY(nodes != 0))
		send_away(here, nodes, m, &result);
	return result;
}

struct router_result
dispatch_here(struct router_worker *here, struct message *m)
{
	struct memo_routes routes = memo_match(here, m->topic);
	struct router_result result = { 0, NULL };
	uint64_t others = 0;

	CHECK(here->own == 0 && !here->is_busy);
	for (size_t i = 0; i < routes.n; i++)
		others |=
		    atomic_load_explicit(&routes.v[i]->workers, memory_order_relaxed);
	send(here, routes, others, m, &result);
	return result;
}

struct router_result
router_publish(struct message *m)
{
	struct router_worker *here = inside_worker();
	struct trie_hits *inner = NULL;
	struct memo_routes routes;
	struct router_result result;

	if (EM_LIKELY(!here->is_busy)) {
		here->is_busy = true;
		routes = memo_match(here, m->topic);
	} else { /* from inside a delivery */
		inner = MEM_NEW(struct trie_hits);
		routes = memo_match_apart(here, m->topic, inner);
	}
	result = fan_out(here, routes, m);
	if (EM_LIKELY(inner == NULL)) {
		here->is_busy = false;
	} else {
		trie_hits_fini(inner);
		mem_free(inner);
	}
	return result;
}
