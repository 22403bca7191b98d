/* SPDX-License-Identifier: Apache-2.0 */
/* members: see members.h. */
#include "emqxd/members/members.h"
#include "emqxd/members/inside.h"
#include "emqxd/members/levels.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "emqxd/routes/routes.h"
#include "emqxd/store/change.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/vec.h"

#define LINGER span_s(5)
#define ENTRIES_MAX (2 * NODES_MAX) /* then no more are known */

struct entry {
	struct members_entry e;
	bool is_expected; /* no row names it: not yet, or no more */
	mono_t leaves;    /* until then it is talked to; ns 0: until it is dropped */
	char text[];      /* the name, the address, the version */
};

struct members {
	struct link_house *house; /* NULL: not started */
	struct routes *routes;    /* the same */
	members_event_fn *on_event;
	void *arg;
	struct timer sweep;
	VEC(struct entry *) v; /* by name, expected ones among them */
};

/* A row on its way to the link thread. */
struct row {
	struct letter letter;
	uint16_t key_n;
	bool is_gone;
	uint32_t blob_n;
	uint8_t bytes[];
};

static struct members *
members(void)
{
	return members_inside()->members;
}

static const struct members_ops *
ops(void)
{
	return members_inside()->ops;
}

/* ---- the table */

/* The place of @name in the table, or where it would be. */
static size_t
place_of(const struct members *t, struct slice name, bool *is_there)
{
	size_t i = 0;

	while (i < t->v.n && slice_cmp(t->v.p[i]->e.m.name, name) < 0)
		i++;
	*is_there = i < t->v.n && slice_eq(t->v.p[i]->e.m.name, name);
	return i;
}

static struct entry *
find(const struct members *t, struct slice name)
{
	bool is_there;
	size_t i = place_of(t, name, &is_there);

	return is_there ? t->v.p[i] : NULL;
}

static struct entry *
entry_new(const struct member *m)
{
	struct entry *e = mem_new(sizeof *e + m->name.n + m->address.n + m->product.n);

	*e = (struct entry){ .e = { .m = *m, .place = NODES_MAX } };
	memcpy(e->text, m->name.p, m->name.n);
	if (m->address.n > 0)
		memcpy(e->text + m->name.n, m->address.p, m->address.n);
	if (m->product.n > 0)
		memcpy(e->text + m->name.n + m->address.n, m->product.p, m->product.n);
	e->e.m.product = slice_of(e->text + m->name.n + m->address.n, m->product.n);
	e->e.m.name = slice_of(e->text, m->name.n);
	e->e.m.address = slice_of(e->text + m->name.n, m->address.n);
	return e;
}

static void
insert(struct members *t, size_t at, struct entry *e)
{
	VEC_ADD(&t->v, e);
	memmove(&t->v.p[at + 1], &t->v.p[at], (t->v.n - 1 - at) * sizeof t->v.p[0]);
	t->v.p[at] = e;
}

static void
take_out(struct members *t, size_t at)
{
	memmove(&t->v.p[at], &t->v.p[at + 1], (t->v.n - 1 - at) * sizeof t->v.p[0]);
	t->v.n--;
}

static bool
is_me(const struct entry *e)
{
	return slice_eq_str(e->e.m.name, nodes_me());
}

/* ---- peers and places */

static void
on_forgotten(void *arg, unsigned place)
{
	(void)arg;
	nodes_del(place);
	ops()->on_places();
}

static void
disconnect(struct members *t, struct entry *e)
{
	unsigned place = e->e.place;

	if (e->e.peer != NULL)
		link_peer_del(&e->e.peer);
	e->e.place = NODES_MAX;
	if (place == NODES_MAX || place == 0)
		return;
	nodes_set_running(place, false);
	nodes_set_member(place, false);
	if (t->routes != NULL)
		routes_forget(t->routes, place, on_forgotten, NULL);
	else
		on_forgotten(NULL, place);
}

static void
connect_to(struct members *t, struct entry *e)
{
	em_err err;

	if (t->house == NULL)
		return;
	if (is_me(e)) {
		e->e.place = 0;
		return;
	}
	e->e.silent_since = clock_mono();
	err = nodes_add(e->e.m.name, e->e.m.site, &e->e.place);
	if (err == EM_OK)
		err = link_peer_add(t->house, e->e.m.name, e->e.m.address, e->e.m.site,
		    e->e.place, &e->e.peer);
	ops()->on_places();
	if (err == EM_OK)
		return;
	LOG(ERROR, "cluster_member_without_place", "node", e->e.m.name, "error",
	    err_name(err));
}

/* Says whether a row names it, and with which version. */
static void
say_member(const struct entry *e)
{
	if (e->e.place == NODES_MAX || e->e.place == 0)
		return;
	nodes_set_member(e->e.place, !e->is_expected);
	if (e->e.m.product.n > 0)
		nodes_set_version(e->e.place, e->e.m.product);
}

/* The same node as before, perhaps elsewhere? */
static bool
is_same(const struct entry *e, const struct member *m)
{
	return e->e.m.site == m->site || e->e.m.site == 0;
}

/* An entry takes over what the one before it had. */
static void
inherit(struct entry *e, struct entry *before)
{
	e->e.peer = before->e.peer;
	e->e.place = before->e.place;
	e->e.silent_since = before->e.silent_since;
	before->e.peer = NULL;
	before->e.place = NODES_MAX;
	if (e->e.peer != NULL && !slice_eq(e->e.m.address, before->e.m.address))
		link_peer_move(e->e.peer, e->e.m.address);
}

static void
put(struct members *t, const struct member *m, bool is_expected)
{
	bool is_there;
	size_t at = place_of(t, m->name, &is_there);
	struct entry *e, *before = is_there ? t->v.p[at] : NULL;

	if (!is_there && t->v.n >= ENTRIES_MAX) {
		LOG(ERROR, "cluster_member_without_place", "node", m->name, "error",
		    err_name(EM_FULL));
		return;
	}
	e = entry_new(m);
	e->is_expected = is_expected;
	if (before == NULL) {
		insert(t, at, e);
		connect_to(t, e);
		say_member(e);
		return;
	}
	t->v.p[at] = e;
	if (is_same(before, m)) {
		inherit(e, before);
	} else {
		disconnect(t, before);
		connect_to(t, e);
	}
	say_member(e);
	mem_free(before);
}

static void
drop(struct members *t, size_t at)
{
	struct entry *e = t->v.p[at];

	take_out(t, at);
	disconnect(t, e);
	mem_free(e);
}

/* ---- rows */

static em_err
on_recovered(struct slice key, struct slice blob)
{
	struct member m;
	em_err err = member_read(key, blob, &m);

	if (err != EM_OK)
		return err;
	if (m.is_cleaned)
		ops()->on_cleaned(&m);
	else
		put(members(), &m, false);
	return EM_OK;
}

static void
tell(struct members *t, enum members_event event)
{
	levels_follow();
	if (t->on_event != NULL)
		t->on_event(event, t->arg);
}

/* Who leaves must hear that it may: its links stay for a while.  Not longer: by their end it
 * hears that it is no member.  Who cannot be reached hears nothing: one that was removed
 * while it was dead comes back to closed doors, however soon. */
static void
on_sweep(struct timer *timer)
{
	struct members *t = LIST_OWNER(timer, struct members, sweep);
	mono_t now = clock_mono(), next = { 0 };

	for (size_t i = t->v.n; i-- > 0;) {
		struct entry *e = t->v.p[i];

		if (!e->is_expected || e->leaves.ns == 0)
			continue;
		if (e->leaves.ns <= now.ns)
			drop(t, i);
		else if (next.ns == 0 || e->leaves.ns < next.ns)
			next = e->leaves;
	}
	if (next.ns != 0)
		timer_arm(timer, mono_since(next, now), on_sweep);
}

static void
let_go_after(struct members *t, struct entry *e, span_t wait)
{
	e->leaves = mono_add(clock_mono(), wait);
	timer_arm(&t->sweep, span_ns(0), on_sweep); /* it finds who is the next */
}

static bool
hears(const struct entry *e)
{
	return e->e.peer != NULL && link_peer_is_reachable(e->e.peer);
}

static void
row_went(struct members *t, struct slice name)
{
	bool is_there;
	size_t at = place_of(t, name, &is_there);
	bool was_me = is_there && is_me(t->v.p[at]);

	ops()->on_gone(name);
	if (is_there && !was_me && ops()->is_member() && hears(t->v.p[at])) {
		t->v.p[at]->is_expected = true;
		say_member(t->v.p[at]);
		let_go_after(t, t->v.p[at], LINGER);
	} else if (is_there)
		drop(t, at);
	tell(t, was_me ? MEMBERS_REMOVED : MEMBERS_CHANGED);
}

static void
row_came(struct members *t, const struct row *row)
{
	struct slice key = slice_of(row->bytes, row->key_n);
	struct slice blob = slice_of(row->bytes + row->key_n, row->blob_n);
	struct member m;

	if (row->is_gone) {
		ops()->on_not_cleaned(key);
		row_went(t, key);
		return;
	}
	if (member_read(key, blob, &m) != EM_OK) {
		LOG(ERROR, "cluster_member_unreadable");
		return;
	}
	if (m.is_cleaned) {
		ops()->on_cleaned(&m);
		row_went(t, key);
		return;
	}
	ops()->on_not_cleaned(key);
	put(t, &m, false);
	tell(t, MEMBERS_CHANGED);
}

static void
on_row(struct letter *l)
{
	struct row *row = LIST_OWNER(l, struct row, letter);

	if (members_inside() != NULL)
		row_came(members(), row);
	mem_free(row);
}

/* On the store thread. */
static void
on_followed(struct slice key, struct slice blob, bool is_own)
{
	struct row *row = mem_new(sizeof *row + key.n + blob.n);

	(void)is_own;
	*row = (struct row){ .letter = { .open = on_row },
		.key_n = (uint16_t)key.n,
		.is_gone = blob.p == NULL,
		.blob_n = (uint32_t)blob.n };
	if (key.n > 0)
		memcpy(row->bytes, key.p, key.n);
	if (blob.n > 0)
		memcpy(row->bytes + key.n, blob.p, blob.n);
	worker_post_now(worker_link(), &row->letter);
}

/* ---- life */

void
members_birth(const struct members_ops *o)
{
	struct members_room *room = MEM_NEW(struct members_room);

	room->ops = o;
	room->members = MEM_NEW(struct members);
	node_slot_set(ROOM_MEMBERS, room);
	store_register(CHANGE_MEMBER, on_recovered);
	store_follow(CHANGE_MEMBER, on_followed);
}

void
members_death(void)
{
	struct members *t = members();

	for (size_t i = 0; i < t->v.n; i++)
		mem_free(t->v.p[i]);
	VEC_FINI(&t->v);
	mem_free(t);
	mem_free(members_inside());
	node_slot_set(ROOM_MEMBERS, NULL);
}

static void
on_peer(struct link_peer *p, enum link_event event, void *arg)
{
	struct members *t = arg;
	struct entry *e;

	if (link_peer_is_guest(p) ||
	    (event != LINK_REACHABLE && event != LINK_UNREACHABLE))
		return;
	e = find(t, slice_str(link_peer_name(p)));
	if (e == NULL || e->e.peer != p)
		return;
	e->e.silent_since = event == LINK_REACHABLE ? (mono_t){ 0 } : clock_mono();
}

void
members_start(
    struct link_house *h, struct routes *routes, members_event_fn *fn, void *arg)
{
	struct members *t = members();

	t->house = h;
	t->routes = routes;
	t->on_event = fn;
	t->arg = arg;
	link_on_peer(h, on_peer, t);
	for (size_t i = 0; i < t->v.n; i++) {
		connect_to(t, t->v.p[i]);
		say_member(t->v.p[i]);
	}
}

/* The peers end with their house. */
void
members_stop(void)
{
	struct members *t = members();

	for (size_t i = 0; i < t->v.n; i++)
		t->v.p[i]->e.peer = NULL;
	timer_cancel(&t->sweep);
	t->house = NULL;
	t->routes = NULL;
	t->on_event = NULL;
}

/* ---- those that are expected */

em_err
members_expect(struct slice name, struct slice address, uint64_t site, span_t keep)
{
	const struct member m = { .name = name, .address = address, .site = site };
	struct members *t = members();
	struct entry *e = find(t, name);

	if (!member_is_name(name) || !member_is_address(address))
		return EM_MALFORMED;
	if (e == NULL && t->v.n >= ENTRIES_MAX)
		return EM_FULL;
	if (e != NULL && !e->is_expected && e->e.m.site != site)
		return EM_EXISTS;
	if (e == NULL || e->is_expected)
		put(t, &m, true);
	if (keep.ns > 0 && find(t, name)->is_expected)
		let_go_after(t, find(t, name), keep);
	return EM_OK;
}

void
members_drop_expected(void)
{
	struct members *t = members();

	for (size_t i = t->v.n; i-- > 0;)
		if (t->v.p[i]->is_expected)
			drop(t, i);
}

/* ---- questions */

unsigned
members_count(void)
{
	struct members *t = members();
	unsigned n = 0;

	for (size_t i = 0; i < t->v.n; i++)
		n += !t->v.p[i]->is_expected;
	return n;
}

const struct members_entry *
members_at(unsigned i)
{
	struct members *t = members();

	for (size_t at = 0; at < t->v.n; at++)
		if (!t->v.p[at]->is_expected && i-- == 0)
			return &t->v.p[at]->e;
	return NULL;
}

const struct members_entry *
members_find(struct slice name)
{
	struct entry *e = find(members(), name);

	return e != NULL && !e->is_expected ? &e->e : NULL;
}

const struct members_entry *
members_find_raft(uint64_t raft_id)
{
	struct members *t = members();

	for (size_t i = 0; i < t->v.n; i++)
		if (!t->v.p[i]->is_expected && t->v.p[i]->e.m.raft_id == raft_id)
			return &t->v.p[i]->e;
	return NULL;
}

const struct members_entry *
members_me(void)
{
	return members_find(slice_str(nodes_me()));
}

/* ---- rows to be */

struct change *
members_change(const struct member *m)
{
	struct wbuf w = wbuf_growing(1024);
	struct change *c;
	uint8_t *blob;

	member_write(m, &w);
	c = w.err == EM_OK ? change_put(CHANGE_MEMBER, m->name, w.n, &blob) : NULL;
	if (c != NULL)
		memcpy(blob, w.p, w.n);
	wbuf_fini(&w);
	return c;
}
