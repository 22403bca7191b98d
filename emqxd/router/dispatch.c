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

#define AHEAD 4u /* subscribers whose memory is asked for before their turn */

unsigned
dispatch_column(struct router_worker *here, struct route *r, struct message *m)
{
	router_deliver_fn *deliver = here->router->deliver;
	struct column *c = route_column(r, here->id);
	uint32_t n = c != NULL ? column_count(c) : 0;

	for (uint32_t i = n; i-- > 0;) {
		struct seat *v;
		struct subscriber *s;

		c = route_column(r, here->id);
		if (EM_UNLIKELY(c == NULL))
			break;
		if (EM_UNLIKELY(i >= column_count(c)))
			continue;
		v = column_seats(c);
		if (i >= AHEAD)
			__builtin_prefetch(v[i - AHEAD].s);
		s = v[i].s;
		deliver(s, &router_subscriptions(s)[v[i].index], m);
	}
	return n;
}

static void
note_full(struct worker *to, struct router_result *result)
{
	if (EM_UNLIKELY(mailbox_is_full(to)))
		result->is_full = to;
}

static struct router_result
fan_out(struct router_worker *here, struct memo_routes routes, struct message *m)
{
	struct router_result result = { 0, NULL };
	uint64_t others = 0;

	for (size_t i = 0; i < routes.n; i++) {
		struct route *r = routes.v[i];
		uint64_t workers =
		    atomic_load_explicit(&r->workers, memory_order_relaxed);

		if ((workers & here->own) != 0)
			result.receivers += dispatch_column(here, r, m);
		others |= workers & ~here->own;
		if (EM_UNLIKELY(route_has_more(r) != NULL))
			result.receivers += share_publish(here, r, m, &result.is_full);
	}
	for (; others != 0; others &= others - 1) {
		unsigned to = (unsigned)__builtin_ctzll(others);

		result.receivers += relay_columns(here, to, routes, m);
		note_full(worker_get(to), &result);
	}
	return result;
}

/* A publish from inside a delivery. */
static struct router_result
publish_inside(struct router_worker *here, struct message *m)
{
	struct trie_hits h = { 0 };
	struct router_result result;

	trie_match(&here->router->trie, m->topic, &h);
	result = fan_out(here, (struct memo_routes){ h.routes.p, h.routes.n }, m);
	trie_hits_fini(&h);
	return result;
}

struct router_result
router_publish(struct message *m)
{
	struct router_worker *here = inside_worker();
	struct router_result result;

	if (here->depth++ == 0)
		result = fan_out(here, memo_match(here, m->topic), m);
	else
		result = publish_inside(here, m);
	here->depth--;
	return result;
}
