/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share: groups, their members, and who gets the next message.
 *
 * The array has those online in front: a pick is a number below their count, and the
 * rest, whom a message reaches only when nobody is online or all online ones refused,
 * follows.  Places are exchanged one store at a time: a reader may meet a member twice
 * or not at all during a change, never one that is not there.
 *
 * What a letter that is sent on may name: only what was found alive in this turn.  A
 * group without members has none to send to, so a chain of letters ends with it.
 */
#include "emqxd/router/share.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/slab.h"
#include "emqxd/router/relay.h"
#include "ipc/base/hash.h"
#include "ipc/base/mem.h"
#include "ipc/base/rand.h"

struct share_array {
	uint32_t cap;
	_Atomic(struct share_member *) v[];
};

struct share_group {
	_Atomic(struct share_group *) next;  /* of the route */
	_Atomic(struct share_group *) *link; /* what points here; under the lock */
	_Atomic(struct share_array *) array;
	_Atomic uint32_t n, online; /* members; of them in front */
	_Atomic uint32_t turn;      /* round_robin_per_group */
	share_seen rule;
	uint32_t name_n;
	_Atomic(struct share_sticky *) sticky; /* made at first use; or NULL */
	/* For each thread, its own: the next turn of round_robin.  Behind them the name. */
	_Atomic uint32_t own_turn[];
};

#define STICKY_CELLS 64u

/* What was chosen for whom: by a hash of the publisher's client id, the member's slot and
 * its number; 0: nobody yet.  Publishers that meet in a cell share the choice. */
struct share_sticky {
	_Atomic uint64_t choice[STICKY_CELLS];
};

#define ARRAY_MIN 4u
#define QOS0_TRIES 32u
#define ANEW_MAX 3u /* that is what its bits hold */
#define FEW 16u     /* groups of a route that are walked; more are found by name */

static unsigned
threads(void)
{
	return worker_all();
}

static size_t
group_size(const struct share_group *g)
{
	return sizeof *g + threads() * sizeof g->own_turn[0] + g->name_n;
}

static size_t
array_size(uint32_t cap)
{
	return sizeof(struct share_array) + cap * sizeof(struct share_member *);
}

static struct slice
group_name(const struct share_group *g)
{
	return slice_of(&g->own_turn[threads()], g->name_n);
}

struct slice
share_name(const struct share_member *member)
{
	return group_name(member->group);
}

static uint32_t
load(const _Atomic uint32_t *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

static void
store(_Atomic uint32_t *n, uint32_t v)
{
	atomic_store_explicit(n, v, memory_order_release);
}

static struct share_group *
first_group(const struct route *r)
{
	struct route_more *more = route_has_more(r);

	return more != NULL ? atomic_load_explicit(&more->groups, memory_order_acquire)
			    : NULL;
}

static struct share_group *
next_group(const struct share_group *g)
{
	return atomic_load_explicit(&g->next, memory_order_acquire);
}

/* ---- the groups of a route, under the router's lock */

/* All groups by their names, from now on. */
static struct map *
index_make(struct route *r)
{
	struct map *m = MEM_NEW(struct map);

	for (struct share_group *g = first_group(r); g != NULL; g = next_group(g))
		map_put(m, group_name(g), g);
	route_more(r)->by_name = m;
	return m;
}

static void
index_free(struct route_more *more)
{
	map_fini(more->by_name);
	MEM_FREE(more->by_name);
}

static struct share_group *
find_group(struct route *r, struct slice name)
{
	struct route_more *more = route_has_more(r);
	struct share_group *g = first_group(r);

	if (g == NULL)
		return NULL;
	if (more->by_name != NULL)
		return map_find(more->by_name, name);
	for (unsigned i = 0; g != NULL; g = next_group(g), i++) {
		if (slice_eq(group_name(g), name))
			return g;
		if (i == FEW)
			return map_find(index_make(r), name);
	}
	return NULL;
}

static void
group_enter_route(struct share_group *g, struct route *r)
{
	struct route_more *more = route_more(r);
	struct share_group *second = first_group(r);

	atomic_init(&g->next, second);
	g->link = &more->groups;
	if (second != NULL)
		second->link = &g->next;
	if (more->by_name != NULL)
		map_put(more->by_name, group_name(g), g);
	atomic_store_explicit(&more->groups, g, memory_order_release);
}

/* Readers that stand on it go on from there. */
static void
group_leave_route(struct share_group *g, struct route *r)
{
	struct route_more *more = route_more(r);
	struct share_group *next = next_group(g);

	atomic_store_explicit(g->link, next, memory_order_release);
	if (next != NULL)
		next->link = g->link;
	if (more->by_name == NULL)
		return;
	map_take(more->by_name, group_name(g));
	if (more->by_name->n < FEW / 2)
		index_free(more);
}

/* ---- members come and go, under the router's lock */

static struct share_array *
array_of(const struct share_group *g)
{
	return atomic_load_explicit(&g->array, memory_order_acquire);
}

static struct share_array *
array_new(uint32_t cap)
{
	struct share_array *a = slab_new_zero(array_size(cap));

	a->cap = cap;
	return a;
}

static struct share_group *
group_new(struct route *r, struct slice name)
{
	struct share_group *g =
	    slab_new_zero(sizeof *g + threads() * sizeof g->own_turn[0] + name.n);

	g->name_n = (uint32_t)name.n;
	memcpy(&g->own_turn[threads()], name.p, name.n);
	atomic_init(&g->array, array_new(ARRAY_MIN));
	/* The first turns fall anywhere: publishers rotate independently. */
	for (unsigned i = 0; i < threads(); i++)
		atomic_init(&g->own_turn[i], (uint32_t)rand_u64());
	group_enter_route(g, r);
	return g;
}

static void
set_slot(struct share_group *g, uint32_t slot, struct share_member *member)
{
	struct share_array *a = array_of(g);

	atomic_store_explicit(&a->v[slot], member, memory_order_release);
	if (member != NULL)
		member->slot = slot;
}

static struct share_member *
member_at(const struct share_group *g, uint32_t slot)
{
	const struct share_array *a = array_of(g);

	if (slot >= a->cap)
		return NULL; /* it grew meanwhile */
	return atomic_load_explicit(&a->v[slot], memory_order_acquire);
}

static void
exchange(struct share_group *g, uint32_t a, uint32_t b)
{
	struct share_member *ma = member_at(g, a), *mb = member_at(g, b);

	set_slot(g, a, mb);
	set_slot(g, b, ma);
}

static void
grow(struct share_group *g)
{
	struct share_array *was = array_of(g), *now = array_new(was->cap * 2);

	for (uint32_t i = 0; i < was->cap; i++)
		atomic_init(&now->v[i], member_at(g, i));
	atomic_store_explicit(&g->array, now, memory_order_release);
	qsbr_retire(was, array_size(was->cap), slab_free);
}

struct share_member *
share_join(struct router *node, struct route *r, struct slice name, struct subscriber *s,
    uint32_t index)
{
	struct share_group *g = find_group(r, name);
	struct share_member *member = slab_new_zero(sizeof *member);
	uint32_t n;

	if (g == NULL)
		g = group_new(r, name);
	*member = (struct share_member){ .group = g,
		.s = s,
		.index = index,
		.number = ++node->member_number,
		.worker = s->home };
	n = load(&g->n);
	if (n == array_of(g)->cap)
		grow(g);
	set_slot(g, n, member);
	store(&g->n, n + 1);
	if (s->is_online)
		share_set_online(member, true);
	return member;
}

void
share_set_online(struct share_member *member, bool online)
{
	struct share_group *g = member->group;
	uint32_t edge = load(&g->online);

	if ((member->slot < edge) == online)
		return;
	if (online) {
		exchange(g, member->slot, edge);
		store(&g->online, edge + 1);
	} else {
		exchange(g, member->slot, edge - 1);
		store(&g->online, edge - 1);
	}
}

/* Until nobody reads it a publisher may still make the choices. */
static void
group_free(void *p, size_t n)
{
	struct share_group *g = p;

	slab_free(atomic_load_explicit(&g->sticky, memory_order_acquire),
	    sizeof(struct share_sticky));
	slab_free(g, n);
}

static void
group_end(struct share_group *g, struct route *r)
{
	struct share_array *a = array_of(g);

	group_leave_route(g, r);
	qsbr_retire(a, array_size(a->cap), slab_free);
	qsbr_retire(g, group_size(g), group_free);
}

void
share_leave(struct route *r, struct share_member *member)
{
	struct share_group *g = member->group;
	uint32_t last = load(&g->n) - 1;

	share_set_online(member, false);
	exchange(g, member->slot, last);
	store(&g->n, last);
	set_slot(g, last, NULL);
	member->s = NULL;
	if (last == 0)
		group_end(g, r);
	qsbr_retire(member, sizeof *member, slab_free);
}

unsigned
share_members(const struct route *r)
{
	unsigned n = 0;

	for (struct share_group *g = first_group(r); g != NULL; g = next_group(g))
		n += load(&g->n);
	return n;
}

void
share_free(struct route *r)
{
	struct share_group *g = first_group(r);

	if (g != NULL && route_has_more(r)->by_name != NULL)
		index_free(route_has_more(r));
	while (g != NULL) {
		struct share_group *next = next_group(g);
		struct share_array *a = array_of(g);

		for (uint32_t i = 0; i < load(&g->n); i++)
			slab_free(member_at(g, i), sizeof(struct share_member));
		slab_free(a, array_size(a->cap));
		group_free(g, group_size(g));
		g = next;
	}
}

/* ---- who gets it */

static uint32_t
next_turn(const struct router_worker *here, struct share_group *g)
{
	uint32_t turn = load(&g->own_turn[here->id]);

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
	struct share_member *member = slot < n ? member_at(g, slot) : NULL;

	if (member != NULL && member->number == number)
		return slot;
	slot = number != 0 ? 0 : n;
	for (; slot < n; slot++) { /* others moved: it may stand elsewhere */
		member = member_at(g, slot);
		if (member != NULL && member->number == number)
			break;
	}
	if (slot == n)
		slot = pick_by(here, g, n, m,
		    share_rule_sticky_pick(rules_of(here), &g->rule, group_name(g)));
	member = member_at(g, slot);
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
	if (n == 1 && strategy != SHARE_STICKY) /* which remembers it */
		return 0;
	switch (strategy) {
	case SHARE_INHERITS: break;
	case SHARE_RANDOM:
	case SHARE_LOCAL: /* of this node: all are */ return (uint32_t)rand_below(n);
	case SHARE_ROUND_ROBIN: return next_turn(here, g) % n;
	case SHARE_ROUND_ROBIN_PER_GROUP:
		return atomic_fetch_add_explicit(&g->turn, 1, memory_order_relaxed) % n;
	case SHARE_STICKY: return stick(here, g, n, m);
	case SHARE_HASH_CLIENTID: return (uint32_t)(hash_bytes(m->from) % n);
	case SHARE_HASH_TOPIC: return (uint32_t)(hash_bytes(m->topic) % n);
	}
	UNREACHABLE();
}

/* The slot of the try number @tried: round those online from @start, then the others. */
static uint32_t
slot_of_try(struct share_turn turn, uint32_t online, uint32_t n)
{
	if (turn.tried < online)
		return (turn.start + turn.tried) % online;
	if (online == 0)
		return (turn.start + turn.tried) % n;
	return turn.tried;
}

enum answer {
	TAKEN,
	LOST,    /* nobody else is asked */
	REFUSED, /* ask another */
	AWAY     /* likewise: its client has gone, its session is over perhaps */
};

/* Asks a member of this worker.  QoS 0 is lost when one online refuses it; from one that
 * is away it goes on, though not along a whole row of such. */
static enum answer
ask_member(struct router_worker *here, const struct share_member *member,
    struct share_turn turn, struct message *m)
{
	struct subscriber *s = member->s;
	bool is_online = s->is_online;

	if (here->router->deliver(s, &router_subscriptions(s)[member->index], m))
		return TAKEN;
	if (m->qos == 0 && (is_online || turn.tried >= QOS0_TRIES))
		return LOST;
	return is_online ? REFUSED : AWAY;
}

/* Goes on with the group from @turn until a member took @m or a letter is under way. */
static bool
ask(struct router_worker *here, struct share_group *g, struct share_turn turn,
    struct message *m, struct worker **full)
{
	uint32_t n = load(&g->n), online = load(&g->online);

	for (; turn.tried < n; turn.tried++) {
		struct share_member *member =
		    member_at(g, slot_of_try(turn, online < n ? online : n, n));
		enum answer answer;

		if (member == NULL)
			continue;
		if (member->worker != here->id) {
			turn.tried++;
			relay_member(here, member, turn, m);
			if (mailbox_is_full(worker_get(member->worker)))
				*full = worker_get(member->worker);
			return true;
		}
		if (member->s == NULL)
			continue;
		answer = ask_member(here, member, turn, m);
		if (answer == TAKEN || answer == LOST)
			return answer == TAKEN;
	}
	return false;
}

/* Asks the group from a fresh pick on. */
static bool
ask_anew(struct router_worker *here, struct share_group *g, unsigned anew,
    struct message *m, struct worker **full)
{
	uint32_t n = load(&g->n), online = load(&g->online);
	struct share_turn turn = { .anew = anew & ANEW_MAX };

	if (n == 0)
		return false;
	turn.start = pick_by(here, g, online > 0 && online < n ? online : n, m,
	    share_rule_strategy(rules_of(here), &g->rule, group_name(g)));
	return ask(here, g, turn, m, full);
}

unsigned
share_publish(
    struct router_worker *here, struct route *r, struct message *m, struct worker **full)
{
	unsigned got = 0;

	for (struct share_group *g = first_group(r); g != NULL; g = next_group(g))
		got += ask_anew(here, g, 0, m, full);
	return got;
}

bool
share_publish_to(
    struct router_worker *here, struct route *r, struct slice group, struct message *m)
{
	struct worker *full = NULL;
	struct share_group *g;

	lock_take(&here->router->lock);
	g = find_group(r, group);
	lock_give(&here->router->lock);
	return g != NULL && ask_anew(here, g, 0, m, &full);
}

void
share_receive(struct router_worker *here, struct share_member *member,
    struct share_turn turn, struct message *m)
{
	bool is_there = member->s != NULL;
	enum answer answer = is_there ? ask_member(here, member, turn, m) : AWAY;
	struct worker *full = NULL;

	/* The going of one moved others, so that @turn says little any more. */
	if (answer == AWAY && (!is_there || turn.anew < ANEW_MAX))
		ask_anew(here, member->group, turn.anew + (is_there ? 1u : 0u), m, &full);
	else if (answer == AWAY || answer == REFUSED)
		ask(here, member->group, turn, m, &full);
}
