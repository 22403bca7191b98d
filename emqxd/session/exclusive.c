/* SPDX-License-Identifier: Apache-2.0 */
/* exclusive: see exclusive.h. */
#include "emqxd/session/exclusive.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/lock.h"
#include "emqxd/core/order.h"
#include "emqxd/core/slab.h"
#include "emqxd/model/nodes.h"
#include "emqxd/session/inside.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

struct holder {
	char *clientid;
	size_t clientid_n;
	uint64_t claimed;       /* a claim's stamp; 0: it is sure */
	struct order_node node; /* key: the filter */
};

/* All of it under the lock, so nothing need be retired. */
struct exclusive {
	struct order order;
	struct lock lock;
	uint64_t stamp; /* the latest that was seen */
	_Atomic(const struct exclusive_remote *) remote;
};

static struct exclusive *
self(void)
{
	struct session_node *n = node_slot(ROOM_SESSION);

	return n->exclusive;
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

static void
add(struct exclusive *e, struct slice filter, struct slice clientid, uint64_t claimed)
{
	unsigned height = order_height();
	struct holder *h = slab_new(sizeof *h + order_room(height, filter.n));

	h->clientid = mem_dup(clientid.p, clientid.n);
	h->clientid_n = clientid.n;
	h->claimed = claimed;
	order_node_init(&h->node, height, filter);
	order_add(&e->order, &h->node);
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
	const struct holder *h;
	em_err err = EM_OK;

	lock_take(&e->lock);
	h = holder_of(order_find(&e->order, filter));
	if (h == NULL)
		add(e, filter, clientid, 0);
	else if (!has(h, clientid))
		err = EM_BUSY;
	lock_give(&e->lock);
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

static uint64_t
next_stamp(struct exclusive *e)
{
	uint64_t now = (uint64_t)clock_wall().ns;

	e->stamp = now > e->stamp ? now : e->stamp + 1;
	return e->stamp;
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
		add(e, c->filter, c->clientid, c->stamp);
	else if (!has(h, c->clientid))
		err = EM_BUSY;
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

	/* Who had it before keeps it: the others know it as his. */
	is_busy = is_busy && c->is_new;
	lock_take(&e->lock);
	h = holder_of(order_find(&e->order, c->filter));
	if (h != NULL && has(h, c->clientid) && h->claimed == c->stamp)
		h->claimed = 0;
	lock_give(&e->lock);
	if (is_busy)
		exclusive_give(c->filter, c->clientid);
	c->done(c, is_busy ? EM_BUSY : EM_OK);
}

bool
exclusive_is_ours(
    struct slice filter, struct slice clientid, uint64_t stamp, uint64_t site)
{
	struct exclusive *e = self();
	const struct holder *h;
	bool is_ours = false;

	lock_take(&e->lock);
	if (stamp > e->stamp)
		e->stamp = stamp;
	h = holder_of(order_find(&e->order, filter));
	if (h != NULL && !has(h, clientid))
		is_ours =
		    h->claimed < stamp || (h->claimed == stamp && nodes_site() < site);
	lock_give(&e->lock);
	return is_ours;
}

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
	if (is_out) {
		order_del(&e->order, &h->node);
		holder_free(h);
	}
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
exclusive_next(struct slice after, struct str *filter, struct str *clientid)
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
	}
	lock_give(&e->lock);
	str_fini(&from);
	return h != NULL;
}
