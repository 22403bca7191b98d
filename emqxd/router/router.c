/* SPDX-License-Identifier: Apache-2.0 */
/*
 * router: the room's face: births, subscribing and leaving, questions.
 *
 * A subscription is an entry in its subscriber's list and a seat in a column (or a
 * membership); each holds the other's index, and taking one out moves the last of
 * either list into the gap.  Only a column that opens or closes needs the lock: a
 * further subscriber of a worker's column finds it, and adds itself, without.
 */
#include "emqxd/router/router.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/slab.h"
#include "emqxd/router/inside.h"
#include "emqxd/router/memo.h"
#include "emqxd/router/relay.h"
#include "emqxd/router/remote.h"
#include "emqxd/router/route.h"
#include "emqxd/router/share.h"
#include "emqxd/router/sublist.h"
#include "ipc/base/check.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

_Static_assert(sizeof(struct subscription) == 32, "a subscription, in its list");
_Static_assert(sizeof(struct subscriber) == 48, "a session without, or with one");

#define WAITING_MAX (64u << 20) /* bytes that wait to be freed: then no new filters */
#define AT_ONCE 256u            /* memberships under one hold of the lock */

/* ---- birth and death */

void
router_birth(router_deliver_fn *deliver)
{
	struct router *node = MEM_NEW(struct router);

	CHECK(inside_node() == NULL && deliver != NULL);
	trie_init(&node->trie);
	lock_init(&node->lock, LOCK_ROUTER);
	node->deliver = deliver;
	node_slot_set(ROOM_ROUTER, node);
}

void
router_worker_birth(void)
{
	struct worker *w = worker_self();
	struct router_worker *here = MEM_NEW(struct router_worker);

	here->router = inside_node();
	CHECK(here->router != NULL && w->slot[ROOM_ROUTER] == NULL);
	here->id = w->id;
	here->own = w->kind == WORKER_CLIENTS ? (uint64_t)1 << w->id : 0;
	here->cache = memo_new();
	relay_birth(here);
	w->slot[ROOM_ROUTER] = here;
}

void
router_worker_death(void)
{
	struct worker *w = worker_self();
	struct router_worker *here = inside_worker();

	relay_death(here);
	trie_hits_fini(&here->hits);
	memo_free(&here->cache);
	MEM_FREE(here);
	w->slot[ROOM_ROUTER] = NULL;
}

void
router_death(void)
{
	struct router *node = inside_node();
	struct order_node *at = order_seek(&node->order, SLICE_NONE);

	trie_fini(&node->trie);
	while (at != NULL) {
		struct route *r = LIST_OWNER(at, struct route, node);

		at = order_next(at);
		share_free(r);
		route_free(r);
	}
	lock_fini(&node->lock);
	share_rules_free(atomic_load_explicit(&node->rules, memory_order_relaxed));
	MEM_FREE(node);
	node_slot_set(ROOM_ROUTER, NULL);
}

static void
retired_rules(void *p, size_t n)
{
	(void)n;
	share_rules_free(p);
}

void
router_configure(const struct share_conf *v, size_t n, enum share_strategy strategy,
    enum share_strategy sticky_pick)
{
	_Atomic(struct share_rules *) *place = &inside_node()->rules;
	struct share_rules *was = atomic_load_explicit(place, memory_order_relaxed);

	atomic_store_explicit(place,
	    share_rules_new(v, n, strategy, sticky_pick, share_rules_generation(was) + 1),
	    memory_order_release);
	if (was != NULL)
		qsbr_retire(was, 0, retired_rules);
}

/* ---- routes come and go, under the lock */

struct route *
router_take_route(struct router *node, struct slice filter)
{
	struct route *r = trie_find(&node->trie, filter);

	if (r != NULL)
		return r;
	r = route_new(filter);
	order_add(&node->order, &r->node);
	trie_add(&node->trie, r);
	atomic_fetch_add_explicit(&node->filters, 1, memory_order_relaxed);
	return r;
}

static void
retired_route(void *p, size_t n)
{
	CHECK(route_size(p) == n);
	route_free(p);
}

void
router_give_route(struct router *node, struct route *r)
{
	if (!route_is_unused(r))
		return;
	order_del(&node->order, &r->node);
	trie_del(&node->trie, r);
	atomic_fetch_sub_explicit(&node->filters, 1, memory_order_relaxed);
	qsbr_retire(r, route_size(r), retired_route);
}

/* ---- what the other nodes are told, under the lock */

/* Somebody of this node wants the filter now, or nobody any more. */
static void
tell_column(struct router *node, const struct route *r, bool is_there)
{
	const struct router_remote *remote = inside_remote(node);

	if (EM_UNLIKELY(remote != NULL))
		remote->changed(SLICE_NONE, route_filter(r), is_there, 0);
}

static void
tell_group(struct router *node, const struct route *r, const struct share_member *member)
{
	const struct router_remote *remote = inside_remote(node);
	struct share_count n;

	if (EM_LIKELY(remote == NULL))
		return;
	n = share_count(member->group);
	remote->changed(share_name(member), route_filter(r), n.online, n.offline);
}

static bool
has_columns(const struct route *r)
{
	return atomic_load_explicit(&r->workers, memory_order_relaxed) != 0;
}

/* ---- subscribing */

static void
count(_Atomic uint64_t *counter, uint64_t by)
{
	atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

/* Does this worker have a column there that nobody can close meanwhile? */
static bool
is_open(const struct router_worker *here, const struct route *r)
{
	return r != NULL &&
	       (atomic_load_explicit(&r->workers, memory_order_relaxed) & here->own) != 0;
}

static void
enter_column(struct router_worker *here, struct route *r, struct slice filter,
    struct subscriber *s, struct subscription *sub)
{
	struct router *node = here->router;
	struct column *c;

	if (is_open(here, r)) {
		c = route_column(r, here->id);
	} else {
		lock_take(&node->lock);
		r = router_take_route(node, filter);
		if (!has_columns(r))
			tell_column(node, r, true);
		c = route_open_column(r, here->id);
		lock_give(&node->lock);
	}
	sub->route = r;
	sub->pos = column_add(c, s, sublist_next(s, false));
}

static void
enter_group(struct router *node, struct slice filter, struct slice group,
    struct subscriber *s, struct subscription *sub)
{
	lock_take(&node->lock);
	sub->route = router_take_route(node, filter);
	sub->group = share_join(node, sub->route, group, s, sublist_next(s, true));
	tell_group(node, sub->route, sub->group);
	lock_give(&node->lock);
	sub->pos = sublist_hash(group);
	count(&node->shared, 1);
}

em_err
router_subscribe(struct subscriber *s, struct slice group, struct slice filter,
    struct subopts opts, bool *is_new)
{
	struct router_worker *here = inside_worker();
	struct subscription sub = { .opts = opts };
	struct route *r;
	uint32_t i;

	CHECK(here->own != 0);
	*is_new = false;
	if (s->n == 0)
		s->home = here->id;
	CHECK_HOME(s);
	if (filter.n == 0 || filter.n > UINT16_MAX)
		return EM_MALFORMED;
	r = trie_find(&here->router->trie, filter);
	i = r != NULL ? sublist_find(here, s, r, group) : s->n;
	if (i < s->n) {
		router_subscriptions(s)[i].opts = opts;
		return EM_OK;
	}
	if (!is_open(here, r) && qsbr_waiting() > WAITING_MAX)
		return EM_FULL;
	if (group.n > 0)
		enter_group(here->router, filter, group, s, &sub);
	else
		enter_column(here, r, filter, s, &sub);
	sublist_add(here, s, &sub);
	count(&here->router->subscriptions, 1);
	*is_new = true;
	return EM_OK;
}

static void
leave_group(struct router *node, struct subscription *sub)
{
	lock_take(&node->lock);
	share_leave(sub->route, sub->group);
	tell_group(node, sub->route, sub->group);
	router_give_route(node, sub->route);
	lock_give(&node->lock);
	count(&node->shared, (uint64_t)-1);
}

static void
leave_column(struct router_worker *here, struct subscription *sub)
{
	struct column *c = route_column(sub->route, here->id);

	column_del(c, sub->pos);
	if (column_count(c) > 0)
		return;
	lock_take(&here->router->lock);
	route_close_column(sub->route, here->id);
	if (!has_columns(sub->route))
		tell_column(here->router, sub->route, false);
	router_give_route(here->router, sub->route);
	lock_give(&here->router->lock);
}

static void
leave(struct router_worker *here, struct subscriber *s, uint32_t i)
{
	struct subscription *sub = &router_subscriptions(s)[i];

	if (sub->group != NULL)
		leave_group(here->router, sub);
	else
		leave_column(here, sub);
	sublist_del(here, s, i);
	count(&here->router->subscriptions, (uint64_t)-1);
}

/* The entry of a list; s->n when there is none. */
static uint32_t
find(struct router_worker *here, struct subscriber *s, struct slice group,
    struct slice filter)
{
	struct route *r;

	if (s->n == 0 || filter.n == 0)
		return s->n;
	CHECK_HOME(s);
	r = trie_find(&here->router->trie, filter);
	return r != NULL ? sublist_find(here, s, r, group) : s->n;
}

const struct subscription *
router_find(struct subscriber *s, struct slice group, struct slice filter)
{
	uint32_t i = find(inside_worker(), s, group, filter);

	return i < s->n ? &router_subscriptions(s)[i] : NULL;
}

em_err
router_unsubscribe(struct subscriber *s, struct slice group, struct slice filter)
{
	struct router_worker *here = inside_worker();
	uint32_t i = find(here, s, group, filter);

	if (i == s->n)
		return EM_NOTFOUND;
	leave(here, s, i);
	return EM_OK;
}

void
router_unsubscribe_some(struct subscriber *s, uint32_t most)
{
	struct router_worker *here = inside_worker();

	if (s->n == 0)
		return;
	CHECK_HOME(s);
	for (; most > 0 && s->n > 0; most--)
		leave(here, s, s->n - 1);
}

void
router_set_online(struct subscriber *s, bool online)
{
	struct router *node = inside_node();
	struct subscription *v = router_subscriptions(s);
	uint32_t i = s->n - s->shared;

	s->is_online = online;
	while (i < s->n) {
		CHECK_HOME(s);
		lock_take(&node->lock);
		/* Others may have it between: a session can be in very many groups. */
		for (uint32_t at = 0; i < s->n && at < AT_ONCE; at++, i++)
			if (share_set_online(v[i].group, online))
				tell_group(node, v[i].route, v[i].group);
		lock_give(&node->lock);
	}
}

/* ---- questions */

struct slice
router_filter(const struct subscription *sub)
{
	return route_filter(sub->route);
}

struct slice
router_group(const struct subscription *sub)
{
	return sub->group != NULL ? share_name(sub->group) : SLICE_NONE;
}

uint32_t
router_membership(const struct subscription *sub)
{
	return sub->group != NULL ? sub->group->number : 0;
}

bool
router_redispatch(struct slice group, struct slice filter, struct message *m)
{
	struct router_worker *here = inside_worker();
	struct route *r = trie_find(&here->router->trie, filter);

	return r != NULL && share_publish_to(here, r, group, m);
}

bool
router_lookup(struct slice filter)
{
	return filter.n > 0 && trie_find(&inside_node()->trie, filter) != NULL;
}

unsigned
router_subscribers(struct slice filter)
{
	struct route *r = filter.n > 0 ? trie_find(&inside_node()->trie, filter) : NULL;

	return r != NULL ? route_subscribers(r) + share_members(r) : 0;
}

bool
router_next(struct slice after, struct str *out)
{
	struct order_node *at = order_seek(&inside_node()->order, after);

	if (at != NULL && slice_eq(order_key(at), after))
		at = order_next(at);
	str_reset(out);
	if (at == NULL)
		return false;
	str_add_slice(out, order_key(at));
	return true;
}

static uint64_t
counted(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

uint64_t
router_filters(void)
{
	return counted(&inside_node()->filters);
}

uint64_t
router_subscriptions_count(void)
{
	return counted(&inside_node()->subscriptions);
}

uint64_t
router_shared_count(void)
{
	return counted(&inside_node()->shared);
}
