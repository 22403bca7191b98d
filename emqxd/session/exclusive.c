/* SPDX-License-Identifier: Apache-2.0 */
/* exclusive: see exclusive.h. */
#include "emqxd/session/exclusive.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/lock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/order.h"
#include "emqxd/core/slab.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/metrics.h"
#include "emqxd/model/nodes.h"
#include "emqxd/session/claim.h"
#include "emqxd/session/inside.h"
#include "emqxd/session/registry.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

struct holder {
	char *clientid;
	size_t clientid_n;
	uint64_t stamp;         /* since when */
	bool is_claim;          /* others are being asked */
	bool is_lost;           /* and one has it */
	struct order_node node; /* key: the filter */
};

#define AHEAD span_s(3600) /* a stamp that is later than that is nobody's clock */

/* All of it under the lock, so nothing need be retired. */
struct exclusive {
	struct order order;
	struct lock lock;
	uint64_t stamp; /* the latest that was seen */
	_Atomic(const struct exclusive_remote *) remote;
};

/* NULL: the node has ended; letters are opened after that. */
static struct exclusive *
self(void)
{
	struct session_node *n = node_slot(ROOM_SESSION);

	return n != NULL ? n->exclusive : NULL;
}

static struct holder *
holder_of(struct order_node *n)
{
	return n != NULL ? LIST_OWNER(n, struct holder, node) : NULL;
}

static void
holder_free(struct holder *h)
{
	mem_free(h->clientid);
	slab_free(h, sizeof *h + order_room(h->node.height, h->node.n));
}

struct exclusive *
exclusive_new(void)
{
	struct exclusive *e = MEM_NEW(struct exclusive);

	lock_init(&e->lock, LOCK_EXCLUSIVE);
	return e;
}

void
exclusive_free(struct exclusive **ep)
{
	struct holder *h = holder_of(order_seek(&(*ep)->order, SLICE_NONE));

	while (h != NULL) {
		struct holder *next = holder_of(order_next(&h->node));

		holder_free(h);
		h = next;
	}
	lock_fini(&(*ep)->lock);
	MEM_FREE(*ep);
}

/* Later than all that were seen. */
static uint64_t
next_stamp(struct exclusive *e)
{
	uint64_t now = (uint64_t)clock_wall().ns;

	e->stamp = now > e->stamp ? now : e->stamp + 1;
	return e->stamp;
}

static void
see(struct exclusive *e, uint64_t stamp)
{
	if (stamp > e->stamp && stamp <= (uint64_t)clock_wall().ns + (uint64_t)AHEAD.ns)
		e->stamp = stamp;
}

static struct holder *
add(struct exclusive *e, struct slice filter, struct slice clientid, uint64_t stamp)
{
	unsigned height = order_height();
	struct holder *h = slab_new(sizeof *h + order_room(height, filter.n));

	h->clientid = mem_dup(clientid.p, clientid.n);
	h->clientid_n = clientid.n;
	h->stamp = stamp;
	h->is_claim = h->is_lost = false;
	order_node_init(&h->node, height, filter);
	order_add(&e->order, &h->node);
	return h;
}

static void
drop(struct exclusive *e, struct holder *h)
{
	order_del(&e->order, &h->node);
	holder_free(h);
}

static bool
has(const struct holder *h, struct slice clientid)
{
	return slice_eq(slice_of(h->clientid, h->clientid_n), clientid);
}

em_err
exclusive_take(struct slice filter, struct slice clientid)
{
	struct exclusive *e = self();
	const struct exclusive_remote *remote = atomic_load(&e->remote);
	struct exclusive_row row = { filter, clientid, 0 };
	const struct holder *h;
	em_err err = EM_OK;

	lock_take(&e->lock);
	h = holder_of(order_find(&e->order, filter));
	if (h == NULL)
		row.stamp = add(e, filter, clientid, next_stamp(e))->stamp;
	else if (!has(h, clientid))
		err = EM_BUSY;
	lock_give(&e->lock);
	if (row.stamp != 0 && remote != NULL)
		remote->tell(&row);
	return err;
}

/* ---- with other nodes */

void
exclusive_use(const struct exclusive_remote *remote)
{
	atomic_store(&self()->remote, remote);
}

bool
exclusive_has_others(void)
{
	return atomic_load_explicit(&self()->remote, memory_order_acquire) != NULL;
}

em_err
exclusive_claim(struct exclusive_claim *c)
{
	struct exclusive *e = self();
	const struct exclusive_remote *remote = atomic_load(&e->remote);
	const struct holder *h;
	em_err err = EM_OK;

	CHECK(remote != NULL);
	lock_take(&e->lock);
	h = holder_of(order_find(&e->order, c->filter));
	c->stamp = next_stamp(e);
	c->is_new = h == NULL;
	if (h == NULL)
		add(e, c->filter, c->clientid, c->stamp)->is_claim = true;
	else if (!has(h, c->clientid))
		err = EM_BUSY;
	else if (h->is_claim) /* one of the same client's: the two are one */
		c->stamp = h->stamp;
	lock_give(&e->lock);
	if (err == EM_OK)
		remote->ask(c);
	return err;
}

void
exclusive_claimed(struct exclusive_claim *c, bool is_busy)
{
	struct exclusive *e = self();
	struct holder *h;

	if (e == NULL ||
	    session_worker() == NULL) { /* the node or the thread has ended */
		c->done(c, EM_BUSY);
		return;
	}
	lock_take(&e->lock);
	h = holder_of(order_find(&e->order, c->filter));
	if (h != NULL && !has(h, c->clientid))
		h = NULL;
	if (h != NULL && h->is_claim && h->stamp == c->stamp) {
		/* Of several claims the first answer is for all. */
		h->is_claim = false;
		is_busy = is_busy || h->is_lost;
		if (is_busy)
			drop(e, h);
	} else if (h != NULL) {
		is_busy = false; /* who has it keeps it: the others know it as his */
	}
	lock_give(&e->lock);
	c->done(c, is_busy ? EM_BUSY : EM_OK);
}

static bool
is_subscribed(const struct exclusive_claim *c)
{
	struct session *s = registry_find(c->clientid);
	const struct subscription *sub =
	    s != NULL ? router_find(&s->subscriber, SLICE_NONE, c->filter) : NULL;

	return sub != NULL && sub->opts.exclusive;
}

void
exclusive_unclaim(const struct exclusive_claim *c)
{
	if (c->is_new && !is_subscribed(c))
		exclusive_give(c->filter, c->clientid);
}

/* Of two holders. */
static bool
is_before(const struct holder *h, uint64_t stamp, uint64_t site)
{
	return h->stamp < stamp || (h->stamp == stamp && nodes_site() < site);
}

bool
exclusive_is_ours(
    struct slice filter, struct slice clientid, uint64_t stamp, uint64_t site)
{
	struct exclusive *e = self();
	const struct holder *h;
	bool is_ours = false;

	lock_take(&e->lock);
	see(e, stamp);
	h = holder_of(order_find(&e->order, filter));
	if (h != NULL && !has(h, clientid))
		is_ours = !h->is_claim || is_before(h, stamp, site);
	lock_give(&e->lock);
	return is_ours;
}

void
exclusive_lost(struct slice filter, struct slice clientid, unsigned place)
{
	const char *node = nodes_name(place);

	metric_inc(METRIC_SESSION_EXCLUSIVE_ENDED);
	LOG(INFO, "exclusive_ended", "filter", filter, "clientid", clientid, "node",
	    node != NULL ? node : "");
}

/* A subscription that another client's goes before. */
struct ending {
	struct letter letter;
	unsigned place; /* of that client's node */
	size_t filter_n, clientid_n;
	uint8_t bytes[];
};

static void
end_one(const struct ending *n)
{
	struct slice filter = slice_of(n->bytes, n->filter_n);
	struct slice clientid = slice_of(n->bytes + n->filter_n, n->clientid_n);
	struct session *s = registry_find(clientid);
	const struct subscription *sub = NULL;

	if (s != NULL)
		sub = router_find(&s->subscriber, SLICE_NONE, filter);
	if (sub != NULL && sub->opts.exclusive) {
		/* One that is moving is told of again where it ends up. */
		if (session_unsubscribe(s, SLICE_NONE, filter) == EM_OK)
			exclusive_lost(filter, clientid, n->place);
	} else if (s != NULL || !claim_is_bringing(clientid))
		exclusive_give(filter, clientid);
}

static void
on_ending(struct letter *l)
{
	struct ending *n = LIST_OWNER(l, struct ending, letter);

	if (session_worker() != NULL) /* NULL: the thread has ended */
		end_one(n);
	mem_free(n);
}

static struct ending *
ending_new(const struct holder *h, unsigned place)
{
	struct slice filter = order_key(&h->node);
	struct ending *n = mem_new(sizeof *n + filter.n + h->clientid_n);

	*n = (struct ending){ .letter.open = on_ending,
		.place = place,
		.filter_n = filter.n,
		.clientid_n = h->clientid_n };
	memcpy(n->bytes, filter.p, filter.n);
	memcpy(n->bytes + filter.n, h->clientid, h->clientid_n);
	return n;
}

static void
post(struct ending *n)
{
	if (n != NULL)
		worker_post(
		    registry_home(slice_of(n->bytes + n->filter_n, n->clientid_n)),
		    &n->letter);
}

bool
exclusive_meet(const struct exclusive_row *theirs, unsigned place, struct str *clientid,
    uint64_t *stamp)
{
	struct exclusive *e = self();
	struct ending *ending = NULL;
	struct holder *h;
	bool is_ours = false;

	lock_take(&e->lock);
	see(e, theirs->stamp);
	h = holder_of(order_find(&e->order, theirs->filter));
	/* A client at two nodes is the same one: twins are settled elsewhere. */
	if (h != NULL && !has(h, theirs->clientid)) {
		is_ours = is_before(h, theirs->stamp, nodes_site_of(place));
		if (is_ours) {
			str_add_bytes(clientid, h->clientid, h->clientid_n);
			*stamp = h->stamp;
		} else if (h->is_claim)
			h->is_lost = true;
		else
			ending = ending_new(h, place);
	}
	lock_give(&e->lock);
	post(ending);
	return is_ours;
}

/* ---- of sessions that move */

uint64_t
exclusive_stamp(struct slice filter, struct slice clientid)
{
	struct exclusive *e = self();
	const struct holder *h;
	uint64_t stamp = 0;

	lock_take(&e->lock);
	h = holder_of(order_find(&e->order, filter));
	if (h != NULL && has(h, clientid))
		stamp = h->stamp;
	lock_give(&e->lock);
	return stamp;
}

em_err
exclusive_bring(struct slice filter, struct slice clientid, uint64_t stamp)
{
	struct exclusive *e = self();
	struct ending *ending = NULL;
	struct holder *h;
	em_err err = EM_OK;

	lock_take(&e->lock);
	see(e, stamp);
	if (stamp == 0)
		stamp = next_stamp(e);
	h = holder_of(order_find(&e->order, filter));
	if (h == NULL)
		add(e, filter, clientid, stamp);
	else if (!has(h, clientid) && (h->is_claim || h->stamp <= stamp))
		err = EM_BUSY;
	else if (!has(h, clientid)) {
		ending = ending_new(h, 0);
		mem_free(h->clientid);
		h->clientid = mem_dup(clientid.p, clientid.n);
		h->clientid_n = clientid.n;
		h->stamp = stamp;
	}
	lock_give(&e->lock);
	post(ending);
	return err;
}

void
exclusive_tell(struct session *s)
{
	const struct exclusive_remote *remote = atomic_load(&self()->remote);
	const struct subscription *v = router_subscriptions(&s->subscriber);

	if (!s->has_exclusive || remote == NULL)
		return;
	for (uint32_t i = 0; i < s->subscriber.n; i++) {
		struct exclusive_row row = { .clientid = session_clientid(s) };

		if (!v[i].opts.exclusive)
			continue;
		row.filter = router_filter(&v[i]);
		row.stamp = exclusive_stamp(row.filter, row.clientid);
		if (row.stamp != 0)
			remote->tell(&row);
	}
}

/* ---- giving back */

/* Whose it is, or, with no client, anybody's. */
static bool
take_out(struct slice filter, const struct slice *clientid)
{
	struct exclusive *e = self();
	struct holder *h;
	bool is_out;

	lock_take(&e->lock);
	h = holder_of(order_find(&e->order, filter));
	is_out = h != NULL && (clientid == NULL || has(h, *clientid));
	if (is_out)
		drop(e, h);
	lock_give(&e->lock);
	return is_out;
}

void
exclusive_give(struct slice filter, struct slice clientid)
{
	take_out(filter, &clientid);
}

bool
exclusive_drop(struct slice filter)
{
	return take_out(filter, NULL);
}

bool
exclusive_next(
    struct slice after, struct str *filter, struct str *clientid, uint64_t *stamp)
{
	struct exclusive *e = self();
	struct str from = { 0 };
	const struct holder *h;

	str_add_slice(&from, after);
	if (after.n > 0)
		str_add_char(&from, '\0');
	lock_take(&e->lock);
	h = holder_of(order_seek(&e->order, str_slice(&from)));
	if (h != NULL) {
		str_add_slice(filter, order_key(&h->node));
		str_add_bytes(clientid, h->clientid, h->clientid_n);
		*stamp = h->stamp;
	}
	lock_give(&e->lock);
	str_fini(&from);
	return h != NULL;
}
