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
#include "emqxd/router/share_inside.h"
#include "emqxd/router/share_pick.h"
#include "ipc/base/hash.h"
#include "ipc/base/mem.h"
#include "ipc/base/rand.h"

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

struct slice
share_name(const struct share_member *member)
{
	return share_group_name(member->group);
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
		map_put(m, share_group_name(g), g);
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
		if (slice_eq(share_group_name(g), name))
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
		map_put(more->by_name, share_group_name(g), g);
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
	map_take(more->by_name, share_group_name(g));
	if (more->by_name->n < FEW / 2)
		index_free(more);
}

/* ---- members come and go, under the router's lock */

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

	g->route = r;
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
	struct share_array *a = share_array(g);

	atomic_store_explicit(&a->v[slot], member, memory_order_release);
	if (member != NULL)
		member->slot = slot;
}

static void
exchange(struct share_group *g, uint32_t a, uint32_t b)
{
	struct share_member *ma = share_member_at(g, a), *mb = share_member_at(g, b);

	set_slot(g, a, mb);
	set_slot(g, b, ma);
}

static void
grow(struct share_group *g)
{
	struct share_array *was = share_array(g), *now = array_new(was->cap * 2);

	for (uint32_t i = 0; i < was->cap; i++)
		atomic_init(&now->v[i], share_member_at(g, i));
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
	n = share_load(&g->n);
	if (n == share_array(g)->cap)
		grow(g);
	set_slot(g, n, member);
	store(&g->n, n + 1);
	if (s->is_online)
		(void)share_set_online(member, true);
	return member;
}

bool
share_set_online(struct share_member *member, bool online)
{
	struct share_group *g = member->group;
	uint32_t edge = share_load(&g->online);

	if ((member->slot < edge) == online)
		return false;
	if (online) {
		exchange(g, member->slot, edge);
		store(&g->online, edge + 1);
	} else {
		exchange(g, member->slot, edge - 1);
		store(&g->online, edge - 1);
	}
	return true;
}

/* Until nobody reads it a publisher may still make the choices. */
static void
group_free(void *p, size_t n)
{
	struct share_group *g = p;

	slab_free(atomic_load_explicit(&g->sticky, memory_order_acquire),
	    sizeof(struct share_sticky));
	if (share_elsewhere(g) != NULL) /* only at the end of all */
		slab_free(share_elsewhere(g), share_nodes_size(share_elsewhere(g)));
	slab_free(g, n);
}

static void
group_end(struct share_group *g, struct route *r)
{
	struct share_array *a = share_array(g);

	group_leave_route(g, r);
	qsbr_retire(a, array_size(a->cap), slab_free);
	qsbr_retire(g, group_size(g), group_free);
}

void
share_leave(struct route *r, struct share_member *member)
{
	struct share_group *g = member->group;
	uint32_t last = share_load(&g->n) - 1;

	(void)share_set_online(member, false);
	exchange(g, member->slot, last);
	store(&g->n, last);
	set_slot(g, last, NULL);
	member->s = NULL;
	if (last == 0 && share_elsewhere(g) == NULL)
		group_end(g, r);
	qsbr_retire(member, sizeof *member, slab_free);
}

/* ---- members of other nodes, under the router's lock */

/* Puts another table in place of the one that is there. */
static void
replace_nodes(struct share_group *g, struct share_nodes *now)
{
	struct share_nodes *was = share_elsewhere(g);

	atomic_store_explicit(&g->nodes, now, memory_order_release);
	if (was != NULL)
		qsbr_retire(was, share_nodes_size(was), slab_free);
	if (now == NULL && share_load(&g->n) == 0)
		group_end(g, g->route);
}

static bool
has_node(const struct share_group *g, unsigned place)
{
	struct share_count n = share_nodes_at(share_elsewhere(g), place);

	return n.online > 0 || n.offline > 0;
}

int
share_set_node(struct route *r, struct slice name, unsigned place, struct share_count n)
{
	struct share_group *g = find_group(r, name);
	bool is_there = n.online > 0 || n.offline > 0;
	bool was_there = g != NULL && has_node(g, place);

	if (!is_there && !was_there)
		return 0;
	if (g == NULL)
		g = group_new(r, name);
	replace_nodes(g, share_nodes_with(share_elsewhere(g), place, n));
	return is_there - was_there;
}

unsigned
share_purge(struct route *r, unsigned place,
    bool (*keep)(void *arg, struct slice group, struct slice filter), void *arg)
{
	struct share_group *g = first_group(r), *next;
	struct share_count none = { 0, 0 };
	unsigned gone = 0;

	for (; g != NULL; g = next) {
		next = next_group(g);
		if (!has_node(g, place) ||
		    (keep != NULL && keep(arg, share_group_name(g), route_filter(r))))
			continue;
		replace_nodes(g, share_nodes_with(share_elsewhere(g), place, none));
		gone++;
	}
	return gone;
}

/* ---- how many there are, any thread */

struct share_count
share_count(const struct share_group *g)
{
	uint32_t n = share_load(&g->n), online = share_load(&g->online);

	if (online > n)
		online = n;
	return (struct share_count){ online, n - online };
}

void
share_each_here(const struct route *r,
    void (*row)(void *arg, struct slice group, struct slice filter, uint32_t online,
	uint32_t offline),
    void *arg)
{
	for (struct share_group *g = first_group(r); g != NULL; g = next_group(g)) {
		struct share_count n = share_count(g);

		if (n.online > 0 || n.offline > 0)
			row(arg, share_group_name(g), route_filter(r), n.online,
			    n.offline);
	}
}

uint64_t
share_places(const struct route *r)
{
	uint64_t places = 0;

	for (struct share_group *g = first_group(r); g != NULL; g = next_group(g)) {
		const struct share_nodes *t = share_elsewhere(g);

		places |= share_load(&g->n) > 0;
		for (uint32_t i = 0; t != NULL && i < t->n; i++)
			places |= (uint64_t)1 << t->v[i].place;
	}
	return places;
}

unsigned
share_members(const struct route *r)
{
	unsigned n = 0;

	for (struct share_group *g = first_group(r); g != NULL; g = next_group(g))
		n += share_load(&g->n);
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
		struct share_array *a = share_array(g);

		for (uint32_t i = 0; i < share_load(&g->n); i++)
			slab_free(share_member_at(g, i), sizeof(struct share_member));
		slab_free(a, array_size(a->cap));
		group_free(g, group_size(g));
		g = next;
	}
}

/* ---- who gets it */

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

/* ---- which node gets it, when others have members too */

/* To a node that was not asked yet; false: there is none. */
static bool
pass_on(struct router_worker *here, struct share_group *g, struct share_turn turn,
    struct message *m, struct worker **full)
{
	struct share_choice c = share_nodes_choice(
	    share_elsewhere(g), (struct share_count){ 0, 0 }, turn.nodes | 1);
	uint32_t offset;
	unsigned place;

	if (c.total == 0)
		return false;
	place = share_nodes_of(&c, (uint32_t)rand_below(c.total), &offset);
	if (place == NODES_MAX)
		return false;
	relay_group(here, place, turn.nodes | 1, g->route, share_group_name(g), m);
	if (inside_is_full(here->router, UINT64_C(1) << place, m))
		*full = worker_link();
	return true;
}

/* ---- asking */

/* Goes on with the group from @turn until a member took @m or a letter is under way. */
static bool
ask(struct router_worker *here, struct share_group *g, struct share_turn turn,
    struct message *m, struct worker **full)
{
	uint32_t n = share_load(&g->n), online = share_load(&g->online);

	for (; turn.tried < n; turn.tried++) {
		struct share_member *member =
		    share_member_at(g, slot_of_try(turn, online < n ? online : n, n));
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
	return EM_UNLIKELY(share_elsewhere(g) != NULL) && pass_on(here, g, turn, m, full);
}

/* From a fresh pick on, among the members here. */
static bool
ask_here(struct router_worker *here, struct share_group *g, struct share_turn turn,
    struct message *m, struct worker **full)
{
	uint32_t n = share_load(&g->n), online = share_load(&g->online);

	if (n > 0)
		turn.start =
		    share_pick_member(here, g, online > 0 && online < n ? online : n, m);
	return ask(here, g, turn, m, full);
}

/* Do the members of a node go by one order, of which the picker's number is a part? */
static bool
is_counted(enum share_strategy strategy)
{
	return strategy == SHARE_ROUND_ROBIN || strategy == SHARE_ROUND_ROBIN_PER_GROUP ||
	       strategy == SHARE_RANDOM || strategy == SHARE_LOCAL;
}

/* From a fresh pick on, among all nodes' members. */
static bool
ask_anywhere(struct router_worker *here, struct share_group *g, struct share_turn turn,
    struct message *m, struct worker **full)
{
	enum share_strategy strategy = share_pick_strategy(here, g);
	struct share_choice c =
	    share_nodes_choice(share_elsewhere(g), share_count(g), turn.nodes);
	unsigned place;

	if (c.total == 0)
		return false;
	place = share_pick_place(here, g, &c, m, &turn.start);
	if (place == 0 && is_counted(strategy))
		return ask(here, g, turn, m, full);
	if (place == 0)
		return ask_here(here, g, turn, m, full);
	if (place == NODES_MAX)
		return false;
	relay_group(here, place, turn.nodes, g->route, share_group_name(g), m);
	if (inside_is_full(here->router, UINT64_C(1) << place, m))
		*full = worker_link();
	return true;
}

/* Asks the group from a fresh pick on. */
static bool
ask_anew(struct router_worker *here, struct share_group *g, struct share_turn turn,
    struct message *m, struct worker **full)
{
	turn.start = turn.tried = 0;
	if (EM_UNLIKELY(share_elsewhere(g) != NULL))
		return ask_anywhere(here, g, turn, m, full);
	return ask_here(here, g, turn, m, full);
}

unsigned
share_publish(
    struct router_worker *here, struct route *r, struct message *m, struct worker **full)
{
	unsigned got = 0;

	for (struct share_group *g = first_group(r); g != NULL; g = next_group(g))
		got += ask_anew(here, g, (struct share_turn){ 0 }, m, full);
	return got;
}

static struct share_group *
group_of(struct router_worker *here, struct route *r, struct slice name)
{
	struct share_group *g;

	lock_take(&here->router->lock);
	g = find_group(r, name);
	lock_give(&here->router->lock);
	return g;
}

bool
share_publish_to(
    struct router_worker *here, struct route *r, struct slice group, struct message *m)
{
	struct worker *full = NULL;
	struct share_group *g = group_of(here, r, group);

	return g != NULL && ask_anew(here, g, (struct share_turn){ 0 }, m, &full);
}

bool
share_publish_here(struct router_worker *here, struct route *r, struct slice group,
    uint64_t tried, struct message *m, struct worker **full)
{
	struct share_group *g = group_of(here, r, group);

	return g != NULL &&
	       ask_here(here, g, (struct share_turn){ .nodes = tried }, m, full);
}

void
share_receive(struct router_worker *here, struct share_member *member,
    struct share_turn turn, struct message *m)
{
	bool is_there = member->s != NULL;
	enum answer answer = is_there ? ask_member(here, member, turn, m) : AWAY;
	struct worker *full = NULL;

	/* The going of one moved others, so that @turn says little any more. */
	if (answer == AWAY && (!is_there || turn.anew < ANEW_MAX)) {
		turn.anew = (turn.anew + (is_there ? 1u : 0u)) & ANEW_MAX;
		ask_anew(here, member->group, turn, m, &full);
	} else if (answer == AWAY || answer == REFUSED)
		ask(here, member->group, turn, m, &full);
}
