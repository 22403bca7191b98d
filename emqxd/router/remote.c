/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote: see remote.h.
 *
 * Walks go along the order of filters and remember where they were by the filter's text:
 * what comes and goes between two steps does them no harm.
 */
#include "emqxd/router/remote.h"
#include "emqxd/router/dispatch.h"
#include "emqxd/router/inside.h"
#include "emqxd/router/memo.h"
#include "emqxd/router/relay.h"
#include "emqxd/router/route.h"
#include "emqxd/router/share.h"
#include "ipc/base/check.h"
#include "ipc/base/list.h"

void
router_remote_use(const struct router_remote *remote)
{
	struct router *node = inside_node();

	/* Under the lock: who changes a row tells it, or a walk that begins now sees it. */
	lock_take(&node->lock);
	atomic_store_explicit(&node->remote, remote, memory_order_release);
	lock_give(&node->lock);
}

void
router_remote_set_full(uint64_t places)
{
	atomic_store_explicit(&inside_node()->full, places, memory_order_relaxed);
	mailbox_block(places != 0);
}

static uint64_t
bit(unsigned place)
{
	return (uint64_t)1 << place;
}

static void
count(struct router *node, int by)
{
	atomic_fetch_add_explicit(
	    &node->remotes, (uint64_t)(int64_t)by, memory_order_relaxed);
}

/* ---- rows of others, under the lock */

/* How many rows more there are: 1, 0 or -1. */
static int
set_node(struct route *r, unsigned place, bool is_there)
{
	uint64_t was = atomic_load_explicit(&r->nodes, memory_order_relaxed);
	uint64_t now = is_there ? was | bit(place) : was & ~bit(place);

	atomic_store_explicit(&r->nodes, now, memory_order_release);
	return (was & bit(place)) == 0 ? is_there : is_there - 1;
}

em_err
router_remote_set(unsigned place, struct slice group, struct slice filter,
    uint32_t online, uint32_t offline)
{
	struct router *node = inside_node();
	bool is_there = online > 0 || offline > 0;
	struct route *r;

	CHECK(place > 0 && place < NODES_MAX);
	if (filter.n == 0 || filter.n > UINT16_MAX)
		return EM_MALFORMED;
	lock_take(&node->lock);
	r = trie_find(&node->trie, filter);
	if (r == NULL && is_there)
		r = router_take_route(node, filter);
	if (r != NULL) {
		count(node, group.n == 0 ? set_node(r, place, online > 0)
					 : share_set_node(r, group, place,
					       (struct share_count){ online, offline }));
		router_give_route(node, r);
	}
	lock_give(&node->lock);
	return EM_OK;
}

/* ---- walks */

/* The first one behind @after. */
static struct order_node *
behind(struct router *node, const struct str *after)
{
	struct order_node *at = order_seek(&node->order, str_slice(after));

	if (at != NULL && slice_eq(order_key(at), str_slice(after)))
		at = order_next(at);
	return at;
}

static void
purge_route(
    struct router *node, struct route *r, unsigned place, router_keep_fn *keep, void *arg)
{
	bool is_there =
	    (atomic_load_explicit(&r->nodes, memory_order_relaxed) & bit(place)) != 0;

	if (is_there && (keep == NULL || !keep(arg, SLICE_NONE, route_filter(r))))
		count(node, set_node(r, place, false));
	if (route_has_more(r) != NULL)
		count(node, -(int)share_purge(r, place, keep, arg));
	router_give_route(node, r);
}

bool
router_remote_purge(
    unsigned place, struct str *after, unsigned most, router_keep_fn *keep, void *arg)
{
	struct router *node = inside_node();
	struct order_node *at, *next;

	CHECK(place > 0 && place < NODES_MAX && most > 0);
	lock_take(&node->lock);
	at = behind(node, after);
	for (; at != NULL && most > 0; at = next, most--) {
		next = order_next(at);
		if (next == NULL || most == 1) {
			str_reset(after);
			str_add_slice(after, order_key(at));
		}
		purge_route(node, LIST_OWNER(at, struct route, node), place, keep, arg);
	}
	lock_give(&node->lock);
	return at != NULL;
}

bool
router_remote_own(struct str *after, unsigned most, router_row_fn *row, void *arg)
{
	struct order_node *at = behind(inside_node(), after);

	CHECK(most > 0);
	for (; at != NULL && most > 0; at = order_next(at), most--) {
		const struct route *r = LIST_OWNER(at, struct route, node);

		if (atomic_load_explicit(&r->workers, memory_order_relaxed) != 0)
			row(arg, SLICE_NONE, order_key(at), 1, 0);
		if (route_has_more(r) != NULL)
			share_each_here(r, row, arg);
		if (most == 1) {
			str_reset(after);
			str_add_slice(after, order_key(at));
		}
	}
	return at != NULL;
}

/* ---- what comes from others */

struct router_result
router_remote_publish(struct message *m)
{
	return dispatch_here(inside_worker(), m);
}

struct router_result
router_remote_share(
    struct slice group, struct slice filter, uint64_t tried, struct message *m)
{
	struct router_worker *here = inside_worker();
	struct router_result result = { 0, NULL };
	struct route *r = filter.n > 0 ? trie_find(&here->router->trie, filter) : NULL;

	if (r != NULL)
		result.receivers =
		    share_publish_here(here, r, group, tried, m, &result.is_full);
	return result;
}

bool
router_remote_is_used(void)
{
	return inside_remote(inside_node()) != NULL;
}

bool
router_remote_settle(struct router_settle *s)
{
	const struct router_remote *remote = inside_remote(inside_node());

	if (EM_LIKELY(remote == NULL))
		return false;
	remote->settle(s);
	return true;
}

/* ---- questions */

uint64_t
router_remote_nodes(struct slice filter)
{
	struct route *r = filter.n > 0 ? trie_find(&inside_node()->trie, filter) : NULL;

	if (r == NULL)
		return 0;
	return atomic_load_explicit(&r->nodes, memory_order_relaxed) | share_places(r) |
	       (atomic_load_explicit(&r->workers, memory_order_relaxed) != 0);
}

uint64_t
router_remote_count(void)
{
	return atomic_load_explicit(&inside_node()->remotes, memory_order_relaxed);
}
