/* SPDX-License-Identifier: Apache-2.0 */
/* share_pick: see share_pick.h. */
#include "emqxd/router/share_pick.h"
#include "emqxd/core/slab.h"
#include "emqxd/router/share_inside.h"
#include "ipc/base/check.h"
#include "ipc/base/hash.h"
#include "ipc/base/rand.h"

#define STUCK_TO_NODE UINT32_MAX /* a slot: the number is a place */

static uint32_t
next_turn(const struct router_worker *here, struct share_group *g)
{
	uint32_t turn = share_load(&g->own_turn[here->id]);

	atomic_store_explicit(&g->own_turn[here->id], turn + 1, memory_order_relaxed);
	return turn;
}

/* Where the choice for this publisher is kept. */
static _Atomic uint64_t *
choice_for(struct share_group *g, struct slice publisher)
{
	struct share_sticky *now = atomic_load_explicit(&g->sticky, memory_order_acquire);

	if (EM_UNLIKELY(now == NULL)) {
		struct share_sticky *made = slab_new_zero(sizeof *made);

		if (atomic_compare_exchange_strong(&g->sticky, &now, made))
			now = made;
		else /* another thread was first */
			slab_free(made, sizeof *made);
	}
	return &now->choice[hash_bytes(publisher) % STICKY_CELLS];
}

static const struct share_rules *
rules_of(const struct router_worker *here)
{
	return atomic_load_explicit(&here->router->rules, memory_order_acquire);
}

/* The same on all nodes, and over a restart: nothing is gained by who chooses a name. */
static uint64_t
stable_hash(struct slice s)
{
	return hash_sip24(s, 0x656d7178, 0x7368617265);
}

static uint32_t pick_by(struct router_worker *here, struct share_group *g, uint32_t n,
    const struct message *m, enum share_strategy strategy);

/* Chooses one of @n for this publisher, for good: until it is gone or no longer among
 * them. */
static uint32_t
stick(struct router_worker *here, struct share_group *g, uint32_t n,
    const struct message *m)
{
	_Atomic uint64_t *kept = choice_for(g, m->from);
	uint64_t choice = atomic_load_explicit(kept, memory_order_relaxed);
	uint32_t slot = (uint32_t)(choice >> 32), number = (uint32_t)choice;
	struct share_member *member = slot < n ? share_member_at(g, slot) : NULL;

	if (slot == STUCK_TO_NODE)
		number = 0;
	if (member != NULL && member->number == number)
		return slot;
	slot = number != 0 ? 0 : n;
	for (; slot < n; slot++) { /* others moved: it may stand elsewhere */
		member = share_member_at(g, slot);
		if (member != NULL && member->number == number)
			break;
	}
	if (slot == n)
		slot = pick_by(here, g, n, m,
		    share_rule_sticky_pick(
			rules_of(here), &g->rule, share_group_name(g)));
	member = share_member_at(g, slot);
	if (member != NULL)
		atomic_store_explicit(
		    kept, (uint64_t)slot << 32 | member->number, memory_order_relaxed);
	return slot;
}

/* The first slot to ask, of @n. */
static uint32_t
pick_by(struct router_worker *here, struct share_group *g, uint32_t n,
    const struct message *m, enum share_strategy strategy)
{
	CHECK(n > 0);
	if (n == 1 && strategy != SHARE_STICKY) /* which remembers it */
		return 0;
	switch (strategy) {
	case SHARE_INHERITS: break;
	case SHARE_RANDOM:
	case SHARE_LOCAL: /* of this node: all here are */ return (uint32_t)rand_below(n);
	case SHARE_ROUND_ROBIN: return next_turn(here, g) % n;
	case SHARE_ROUND_ROBIN_PER_GROUP:
		return atomic_fetch_add_explicit(&g->turn, 1, memory_order_relaxed) % n;
	case SHARE_STICKY: return stick(here, g, n, m);
	case SHARE_HASH_CLIENTID: return (uint32_t)((stable_hash(m->from) >> 32) % n);
	case SHARE_HASH_TOPIC: return (uint32_t)((stable_hash(m->topic) >> 32) % n);
	}
	UNREACHABLE();
}

/* One of those that may be chosen, to whom this publisher's messages go for good. */
static unsigned stick_to_node(struct router_worker *here, struct share_group *g,
    const struct share_choice *c, const struct message *m, uint32_t *offset);

/* The place, by the strategy; *@offset: which of its members, if it is this node. */
static unsigned
place_by(struct router_worker *here, struct share_group *g, const struct share_choice *c,
    const struct message *m, enum share_strategy strategy, uint32_t *offset)
{
	uint32_t i = 0, n = c->total;

	switch (strategy) {
	case SHARE_INHERITS: UNREACHABLE();
	case SHARE_LOCAL:
		if (share_nodes_weight(c, 0) > 0)
			n = share_nodes_weight(c, 0);
		*offset = (uint32_t)rand_below(n);
		if (n != c->total || c->others == NULL)
			return 0;
		i = *offset;
		break;
	case SHARE_RANDOM: i = (uint32_t)rand_below(n); break;
	case SHARE_ROUND_ROBIN: i = next_turn(here, g) % n; break;
	case SHARE_ROUND_ROBIN_PER_GROUP:
		i = atomic_fetch_add_explicit(&g->turn, 1, memory_order_relaxed) % n;
		break;
	case SHARE_STICKY: return stick_to_node(here, g, c, m, offset);
	case SHARE_HASH_CLIENTID: i = (uint32_t)stable_hash(m->from) % n; break;
	case SHARE_HASH_TOPIC: i = (uint32_t)stable_hash(m->topic) % n; break;
	}
	return share_nodes_of(c, i, offset);
}

static unsigned
stick_to_node(struct router_worker *here, struct share_group *g,
    const struct share_choice *c, const struct message *m, uint32_t *offset)
{
	_Atomic uint64_t *kept = choice_for(g, m->from);
	uint64_t choice = atomic_load_explicit(kept, memory_order_relaxed);
	uint32_t slot = (uint32_t)(choice >> 32), number = (uint32_t)choice;
	unsigned place = slot == STUCK_TO_NODE ? number : 0;

	if (choice != 0 && share_nodes_weight(c, place) > 0)
		return place;
	place = place_by(here, g, c, m,
	    share_rule_sticky_pick(rules_of(here), &g->rule, share_group_name(g)),
	    offset);
	if (place > 0 && place < NODES_MAX)
		atomic_store_explicit(
		    kept, (uint64_t)STUCK_TO_NODE << 32 | place, memory_order_relaxed);
	return place;
}

/* ---- the room's side */

enum share_strategy
share_pick_strategy(const struct router_worker *here, struct share_group *g)
{
	return share_rule_strategy(rules_of(here), &g->rule, share_group_name(g));
}

uint32_t
share_pick_member(struct router_worker *here, struct share_group *g, uint32_t n,
    const struct message *m)
{
	return pick_by(here, g, n, m, share_pick_strategy(here, g));
}

unsigned
share_pick_place(struct router_worker *here, struct share_group *g,
    const struct share_choice *c, const struct message *m, uint32_t *offset)
{
	return place_by(here, g, c, m, share_pick_strategy(here, g), offset);
}
