/* SPDX-License-Identifier: Apache-2.0 */
/*
 * groups_ask: a change of who is in a group, carried to its leader.
 *
 * The leader may be this node, another, or nobody for a while: what it refuses because it
 * does not lead, or is busy, is tried again until the limit, at whom it named.
 *
 * A node that is joining asks a member through its guest's link; that one passes it on.
 *
 * GROUP_CHANGE, asked: u8 group, u8 change, u64 Raft id, u64 site, then name and address
 * (2 bytes of size each).  The answer of one that does not lead is EM_REFUSED, and its body
 * names who does.
 *
 * A guest speaks for itself alone: of who has the cookie and is no member, nobody else's seat
 * is given or taken.  One that wants to be let out has given up joining: its row goes first.
 */
#include "emqxd/members/groups_inside.h"
#include "emqxd/members/inside.h"
#include "emqxd/members/members.h"
#include "emqxd/core/clock.h"
#include "emqxd/store/change.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/str.h"
#include "ipc/base/wbuf.h"

#include <stdio.h>

#define AGAIN span_ms(200)
#define REPLY_WITHIN span_s(10) /* a voter catches up first */
#define PASS_ON_LIMIT span_s(8)
#define EXPECTED span_s(90) /* longer than a seat waits for its row */
enum { BODY_MAX = 1024, ASKS_MAX = 64 };

struct groups_ask {
	struct groups_ask *next;
	struct groups_change c; /* slices of its own */
	groups_done_fn *done;
	void *arg;
	mono_t until;
	struct timer timer;
	bool is_away;                 /* at the leader */
	char leader[CSTORE_NAME_MAX]; /* as it was told; "": not known */
	char asked[CSTORE_NAME_MAX];  /* last, without being named by anybody */
	struct str text;              /* name, address; what they point into */
};

static void attempt(struct groups_ask *a);

/* ---- asking */

static void
finish(struct groups_ask *a, em_err err, const char *text)
{
	struct groups_ask **at = &groups()->asks;

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	groups()->asks_n--;
	timer_cancel(&a->timer);
	a->done(a->arg, err, text);
	str_fini(&a->text);
	mem_free(a);
}

static void
on_again(struct timer *t)
{
	attempt(LIST_OWNER(t, struct groups_ask, timer));
}

static bool
is_worth_it(em_err err)
{
	return err == EM_REFUSED || err == EM_BUSY || err == EM_AGAIN ||
	       err == EM_UNREACHABLE || err == EM_TIMEOUT || err == EM_FULL ||
	       err == EM_STATE || err == EM_NOQUORUM;
}

static void
answered(struct groups_ask *a, em_err err, const char *text)
{
	a->is_away = false;
	if (!is_worth_it(err)) {
		finish(a, err, text);
		return;
	}
	if (clock_mono().ns >= a->until.ns) {
		finish(a, EM_NOQUORUM,
		    text[0] != '\0' ? text : "no leader of the cluster answered");
		return;
	}
	timer_arm(&a->timer, AGAIN, on_again);
}

static void
on_changed(void *arg, em_err err, const char *text)
{
	struct groups_ask *a = arg;

	if (err != EM_OK)
		groups_spare_keep(a->c.group, a->c.raft_id);
	answered(a, err, text);
}

static void
learn_leader(struct groups_ask *a, struct slice name)
{
	if (name.n >= sizeof a->leader)
		return;
	if (name.n > 0)
		memcpy(a->leader, name.p, name.n);
	a->leader[name.n] = '\0';
}

static void
on_reply(struct link_peer *p, em_err err, struct slice body, void *arg)
{
	struct groups_ask *a = arg;
	struct str text = { 0 };

	(void)p;
	if (err == EM_REFUSED)
		learn_leader(a, body);
	else if (err == EM_CANCELLED) /* there: it leaves its cluster, or ends */
		err = EM_AGAIN;
	else
		str_add_escaped(&text, body);
	if (err == EM_TIMEOUT || err == EM_UNREACHABLE)
		a->leader[0] = '\0';
	answered(a, err, str_get(&text));
	str_fini(&text);
}

static em_err
send(struct groups_ask *a, struct link_peer *p)
{
	uint8_t body[BODY_MAX];
	struct wbuf w = wbuf_fixed(body, sizeof body);

	wbuf_u8(&w, (uint8_t)a->c.group);
	wbuf_u8(&w, (uint8_t)a->c.what);
	wbuf_u64(&w, a->c.raft_id);
	wbuf_u64(&w, a->c.site);
	wbuf_bytes16(&w, a->c.name);
	wbuf_bytes16(&w, a->c.address);
	CHECK(w.err == EM_OK);
	return link_request(
	    p, LINK_GROUP_CHANGE, wbuf_slice(&w), REPLY_WITHIN, on_reply, a);
}

static struct link_peer *
reachable(const char *name)
{
	struct link_peer *p = link_peer_find(groups()->house, slice_str(name));

	return p != NULL && link_peer_is_reachable(p) ? p : NULL;
}

/* A member that may know who leads: not the one that was asked last, and does not. */
static struct link_peer *
someone(struct groups_ask *a)
{
	struct link_house *h = groups()->house;
	struct link_peer *p = link_peer_next(h, link_peer_find(h, slice_str(a->asked)));

	while (p != NULL && !link_peer_is_reachable(p))
		p = link_peer_next(h, p);
	snprintf(a->asked, sizeof a->asked, "%s", p != NULL ? link_peer_name(p) : "");
	return p;
}

/* Who leads: as this node knows, else as it was told; or who may know. */
static struct link_peer *
whom(struct groups_ask *a)
{
	struct link_peer *p;

	if (a->c.via != NULL)
		return *a->c.via;
	p = reachable(groups_leader(a->c.group));
	if (p == NULL)
		p = reachable(a->leader);
	return p != NULL ? p : someone(a);
}

/* This node leads. */
static void
change_itself(struct groups_ask *a)
{
	struct str missing = { 0 };
	em_err err = EM_OK;

	if (a->c.what == CSTORE_MAKE_STANDBY)
		err = groups_spare_take(a->c.group, a->c.raft_id, &missing);
	if (err == EM_OK)
		cstore_change(groups_cstore(), a->c.group, a->c.what, a->c.raft_id,
		    (const char *)a->c.name.p, on_changed, a);
	else
		answered(a, err, str_get(&missing));
	str_fini(&missing);
}

static void
attempt(struct groups_ask *a)
{
	struct link_peer *p;
	em_err err = EM_UNREACHABLE;

	a->is_away = true;
	/* Not by its name: others may still take it for what it was before it left. */
	if (groups_cstore() != NULL && groups()->part[a->c.group].leads) {
		change_itself(a);
		return;
	}
	p = whom(a);
	if (p != NULL)
		err = send(a, p);
	if (err != EM_OK) {
		a->leader[0] = '\0';
		answered(a, err, "");
	}
}

void
groups_change(const struct groups_change *c, groups_done_fn *done, void *arg)
{
	struct groups *all = groups();
	struct groups_ask *a = MEM_NEW(struct groups_ask);

	CHECK(c->name.n < CSTORE_NAME_MAX && c->address.n <= MEMBER_ADDRESS_MAX);
	str_add_slice(&a->text, c->name);
	str_add_slice(&a->text, SLICE_LIT("\0"));
	str_add_slice(&a->text, c->address);
	a->c = *c;
	a->c.name = slice_of(str_get(&a->text), c->name.n);
	a->c.address = slice_of(str_get(&a->text) + c->name.n + 1, c->address.n);
	a->c.leader = SLICE_NONE;
	learn_leader(a, c->leader);
	a->done = done;
	a->arg = arg;
	a->until = mono_add(clock_mono(), c->limit);
	a->next = all->asks;
	all->asks = a;
	all->asks_n++;
	timer_arm(&a->timer, span_ms(0), on_again);
}

/* ---- being asked */

struct asked {
	struct link_ask ask;
	enum cstore_group group; /* of a change here */
	uint64_t raft_id;
};

static void
on_done(void *arg, em_err err, const char *text)
{
	struct asked *q = arg;

	link_reply(q->ask, err, slice_str(err == EM_REFUSED ? "" : text));
	mem_free(q);
}

static void
on_changed_here(void *arg, em_err err, const char *text)
{
	struct asked *q = arg;

	if (err != EM_OK)
		groups_spare_keep(q->group, q->raft_id);
	on_done(q, err, text);
}

static void
change_here(struct link_ask ask, enum cstore_group g, enum cstore_change what,
    uint64_t raft_id, struct slice name)
{
	struct asked *q = MEM_NEW(struct asked);
	struct str text = { 0 };

	*q = (struct asked){ ask, g, raft_id };
	str_add_slice(&text, name);
	cstore_change(
	    groups_cstore(), g, what, raft_id, str_get(&text), on_changed_here, q);
	str_fini(&text);
}

/* Another Raft id of that node: of a membership that it gave up, and could tell nobody. */
static uint64_t
old_seat(struct groups *all, enum cstore_group g, struct slice name, uint64_t raft_id)
{
	const struct cstore_status *s = cstore_status(all->cstore, g);

	for (unsigned i = 0; i < s->members_n; i++)
		if (s->member[i].id != raft_id && slice_eq_str(name, s->member[i].name))
			return s->member[i].id;
	return 0;
}

static void
on_old_out(void *arg, em_err err, const char *text)
{
	struct asked *q = arg;

	/* Then it asks again. */
	link_reply(q->ask, err == EM_OK || err == EM_NOTFOUND ? EM_AGAIN : err,
	    slice_str(err == EM_REFUSED ? "" : text));
	mem_free(q);
}

static void
let_old_out(struct link_ask ask, enum cstore_group g, uint64_t old_id)
{
	struct asked *q = MEM_NEW(struct asked);

	q->ask = ask;
	cstore_change(groups_cstore(), g, CSTORE_REMOVE, old_id, "", on_old_out, q);
}

static void
on_row_out(void *arg, em_err err)
{
	struct asked *q = arg;

	/* Then it asks again. */
	if (members_inside() != NULL && groups() != NULL)
		link_reply(q->ask, err == EM_OK ? EM_AGAIN : err, SLICE_NONE);
	mem_free(q);
}

/* Who turns back may have become a member without having heard of it. */
static void
let_row_out(struct link_ask ask, struct slice name)
{
	struct change *row = change_del(CHANGE_MEMBER, name);
	struct asked *q;

	if (row == NULL) {
		link_reply(ask, EM_NOMEM, SLICE_NONE);
		return;
	}
	q = MEM_NEW(struct asked);
	q->ask = ask;
	change_send(&row, on_row_out, q);
}

/* For a node that is no member yet, and that the leader does not let in. */
static void
pass_on(struct link_ask ask, const struct groups_change *c)
{
	struct asked *q;

	if (groups()->asks_n >= ASKS_MAX) {
		link_reply(ask, EM_BUSY, SLICE_LIT("too many nodes join just now"));
		return;
	}
	q = MEM_NEW(struct asked);
	q->ask = ask;
	groups_change(c, on_done, q);
}

/* Does it ask for its own seat, or for the end of one that is nobody else's? */
static bool
is_its_own(const struct link_peer *from, uint64_t raft_id, uint8_t what,
    struct slice name, uint64_t site)
{
	const struct members_entry *e = members_find_raft(raft_id);

	return what != CSTORE_MAKE_VOTER && site == link_peer_site(from) &&
	       slice_eq_str(name, link_peer_name(from)) &&
	       (e == NULL || e->m.site == site);
}

static void
on_group_change(struct link_peer *from, struct link_ask ask, struct slice body, void *arg)
{
	struct groups *all = arg;
	struct rbuf r = rbuf_of(body);
	uint8_t g = rbuf_u8(&r), what = rbuf_u8(&r);
	uint64_t raft_id = rbuf_u64(&r), site = rbuf_u64(&r);
	struct slice name = rbuf_bytes16(&r), address = rbuf_bytes16(&r);
	struct str why = { 0 };
	em_err err = EM_OK;

	if (r.err != EM_OK || g >= CSTORE_GROUP_N || what > CSTORE_REMOVE ||
	    raft_id == 0 || !member_is_name(name) || !member_is_address(address)) {
		link_reply(ask, EM_MALFORMED, SLICE_NONE);
		return;
	}
	if (link_peer_is_guest(from) && !is_its_own(from, raft_id, what, name, site)) {
		link_reply(ask, EM_DENIED, SLICE_LIT("it is no member"));
		return;
	}
	if (link_peer_is_guest(from) && what == CSTORE_REMOVE && g == CSTORE_META &&
	    members_find_raft(raft_id) != NULL) {
		let_row_out(ask, name);
		return;
	}
	if (all->cstore != NULL && !all->part[g].leads && link_peer_is_guest(from)) {
		pass_on(ask, &(struct groups_change){ .group = (enum cstore_group)g,
				 .what = (enum cstore_change)what,
				 .raft_id = raft_id,
				 .site = site,
				 .name = name,
				 .address = address,
				 .limit = PASS_ON_LIMIT });
		return;
	}
	if (all->cstore == NULL || !all->part[g].leads) {
		link_reply(
		    ask, EM_REFUSED, slice_str(groups_leader((enum cstore_group)g)));
		return;
	}
	if (what == CSTORE_ADD) {
		err = members_expect(name, address, site, EXPECTED);
		if (err != EM_OK)
			str_add(&why, err == EM_EXISTS ? "another node has that name"
						       : "too many nodes are members, or "
							 "join just now");
		groups_watch_expect(&all->part[g], raft_id);
	}
	if (what == CSTORE_MAKE_STANDBY)
		err = groups_spare_take((enum cstore_group)g, raft_id, &why);
	if (err != EM_OK)
		link_reply(ask, err, str_slice(&why));
	else if (what == CSTORE_ADD && old_seat(all, g, name, raft_id) != 0)
		let_old_out(ask, (enum cstore_group)g, old_seat(all, g, name, raft_id));
	else
		change_here(
		    ask, (enum cstore_group)g, (enum cstore_change)what, raft_id, name);
	str_fini(&why);
}

void
groups_ask_birth(struct groups *all)
{
	link_on(all->house, LINK_GROUP_CHANGE, on_group_change, all);
	groups_watch_birth(all);
}

/* Those that are at a leader are answered by the link's end, which comes first. */
void
groups_ask_death(struct groups *all)
{
	while (all->asks != NULL)
		finish(all->asks, EM_CANCELLED, "");
}
