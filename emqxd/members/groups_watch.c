/* SPDX-License-Identifier: Apache-2.0 */
/*
 * groups_watch: once a second, the leader of a group brings its members to what the rows
 * say, one change at a time; every other node asks it who the members are, and how far
 * the log goes.
 *
 * CLUSTER.md wants the list as an entry of the log, which each node compares.  It is asked
 * for instead: an entry tells nothing to the very node that a broken list has left out, nor
 * to one that goes through the log with a list of its own making, while an answer of whoever
 * leads reaches both, costs nothing while all is well, and needs no order of its own: what
 * is compared is what the leader counts by now with what this node would count by, when it
 * has the whole log.  tests/cluster/test_repair.py forces such a list.
 *
 * GROUP_STATE, asked: u8 group, and perhaps u64 Raft id of a voter that would leave.  Answer
 * of the leader: u64 commit index, u8 n, then n times u64 Raft id and u8 role; of that
 * voter u8 may it, and which others do not run (names, 2 bytes of size).  Who does not
 * lead answers EM_REFUSED.
 */
#include "emqxd/members/groups_inside.h"
#include "emqxd/members/members.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/cstore/cstore_log.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

#include <stdio.h>
#include <string.h>

#define TICK span_s(1)
#define WELL 3u /* ticks */
#define DIFFERS span_s(GROUPS_DIFFER_S)
#define GRACE span_s(60) /* between being let in and the row */
#define SILENT span_s(30)

/* ---- what the leader does */

void
groups_watch_expect(struct groups_part *part, uint64_t raft_id)
{
	mono_t now = clock_mono();
	struct groups_added *at = &part->added[0];

	for (unsigned i = 0; i < GROUPS_ADDED_MAX; i++) {
		struct groups_added *a = &part->added[i];

		if (a->raft_id == raft_id || a->until.ns < now.ns) {
			at = a;
			break;
		}
	}
	*at = (struct groups_added){ raft_id, mono_add(now, GRACE) };
}

/* Let in lately, by this leader or perhaps by the one before it. */
static bool
is_expected(const struct groups_part *part, uint64_t raft_id)
{
	mono_t now = clock_mono();

	if (mono_add(part->led_since, GRACE).ns > now.ns)
		return true;
	for (unsigned i = 0; i < GROUPS_ADDED_MAX; i++)
		if (part->added[i].raft_id == raft_id)
			return part->added[i].until.ns > now.ns;
	return false;
}

static bool
is_running(const struct members_entry *m)
{
	return m->place == 0 || m->silent_since.ns == 0 ||
	       mono_add(m->silent_since, SILENT).ns > clock_mono().ns;
}

/* Seats for the rule; those that are expected are none of its business yet. */
static size_t
seats_of(const struct groups_part *part, const struct cstore_status *s,
    struct member_seat *out)
{
	size_t n = 0;

	for (unsigned i = 0; i < s->members_n; i++) {
		const struct cstore_member *m = &s->member[i];
		const struct members_entry *row = members_find_raft(m->id);

		if (row == NULL && is_expected(part, m->id))
			continue;
		out[n++] = (struct member_seat){ .raft_id = m->id,
			.role = (enum member_role)m->role,
			.is_running = row != NULL && is_running(row),
			.is_member = row != NULL };
	}
	return n;
}

static void
on_changed(void *arg, em_err err, const char *text)
{
	struct groups_part *part = arg;

	part->is_changing = false;
	if (err != EM_OK && err != EM_BUSY && err != EM_AGAIN)
		LOG(WARN, "cluster_change_failed", "error", err_name(err), "why", text);
}

/* Once, however often it is tried. */
static void
tell_change(enum cstore_group g, struct groups_part *part, const struct member_change *c,
    const char *name)
{
	if (part->told.raft_id == c->raft_id && part->told.what == c->what)
		return;
	part->told = *c;
	LOG(INFO, "cluster_change", "group", cstore_log_name(g), "node", name, "what",
	    c->what == MEMBER_PROMOTE  ? "voter"
	    : c->what == MEMBER_DEMOTE ? "standby"
				       : "remove");
}

static void
keep_order(struct groups *all, enum cstore_group g)
{
	static const enum cstore_change what[] = {
		[MEMBER_PROMOTE] = CSTORE_MAKE_VOTER,
		[MEMBER_DEMOTE] = CSTORE_MAKE_STANDBY,
		[MEMBER_REMOVE] = CSTORE_REMOVE,
	};
	const struct cstore_status *s = cstore_status(all->cstore, g);
	struct groups_part *part = &all->part[g];
	struct member_seat seats[CSTORE_MEMBERS_MAX];
	struct member_change c;
	const char *name = "";

	if (part->is_changing)
		return;
	if (!member_next_change(seats, seats_of(part, s, seats), &c)) {
		part->told = (struct member_change){ 0 };
		return;
	}
	for (unsigned i = 0; i < s->members_n; i++)
		if (s->member[i].id == c.raft_id)
			name = s->member[i].name;
	tell_change(g, part, &c, name);
	if (c.what == MEMBER_PROMOTE)
		groups_spare_keep(g, c.raft_id);
	part->is_changing = true;
	cstore_change(all->cstore, g, what[c.what], c.raft_id, name, on_changed, part);
}

/* At most CSTORE_VOTERS_MAX names. */
static void
put_spare(struct wbuf *w, enum cstore_group g, uint64_t raft_id)
{
	struct str missing = { 0 };

	wbuf_u8(w, groups_spare_check(g, raft_id, &missing));
	wbuf_bytes16(w, str_slice(&missing));
	str_fini(&missing);
}

static void
on_group_state(struct link_peer *from, struct link_ask ask, struct slice body, void *arg)
{
	struct groups *all = arg;
	uint8_t room[1024 + 9 * CSTORE_MEMBERS_MAX];
	struct wbuf w = wbuf_fixed(room, sizeof room);
	struct rbuf r = rbuf_of(body);
	uint8_t g = rbuf_u8(&r);
	const struct cstore_status *s;

	(void)from;
	if (r.err != EM_OK || g >= CSTORE_GROUP_N) {
		link_reply(ask, EM_MALFORMED, SLICE_NONE);
		return;
	}
	if (all->cstore == NULL || !all->part[g].leads) {
		link_reply(ask, EM_REFUSED, SLICE_NONE);
		return;
	}
	s = cstore_status(all->cstore, (enum cstore_group)g);
	wbuf_u64(&w, s->commit);
	wbuf_u8(&w, (uint8_t)s->members_n);
	for (unsigned i = 0; i < s->members_n; i++) {
		wbuf_u64(&w, s->member[i].id);
		wbuf_u8(&w, (uint8_t)s->member[i].role);
	}
	if (body.n > 1)
		put_spare(&w, (enum cstore_group)g, rbuf_u64(&r));
	link_reply(ask, w.err, wbuf_slice(&w));
}

/* ---- what the others do */

/* Is the leader's list ours? */
static bool
is_same_list(
    const struct cstore_status *s, struct rbuf *r, unsigned n, bool *has_me, uint64_t me)
{
	bool is_same = n == s->members_n;

	*has_me = false;
	for (unsigned i = 0; i < n; i++) {
		uint64_t id = rbuf_u64(r);
		uint8_t role = rbuf_u8(r);
		bool is_found = false;

		*has_me = *has_me || id == me;
		for (unsigned k = 0; k < s->members_n; k++)
			is_found =
			    is_found || (s->member[k].id == id &&
					    s->member[k].role == (enum cstore_role)role);
		is_same = is_same && is_found;
	}
	return is_same;
}

static bool
has_row(uint64_t raft_id)
{
	const struct members_entry *me = members_me();

	return me != NULL && me->m.raft_id == raft_id;
}

/* Barriers and changes of the members are given to nobody. */
static void
note_lag(struct groups_part *part, const struct cstore_status *s, uint64_t commit)
{
	uint64_t has = s->waiting > 0 ? s->given : s->commit;

	part->lag = commit > has ? (int64_t)(commit - has) : 0;
}

static void
compare(struct groups *all, enum cstore_group g, const char *leader, struct rbuf *r)
{
	struct groups_part *part = &all->part[g];
	const struct cstore_status *s = cstore_status(all->cstore, g);
	uint64_t commit = rbuf_u64(r);
	unsigned n = rbuf_u8(r);
	bool has_me, is_same = is_same_list(s, r, n, &has_me, all->raft_id);

	if (r->err != EM_OK)
		return;
	note_lag(part, s, commit);
	/* Who has not the whole log yet may well have an older list; but not for having
	 * been left out, nor when it will never have it.  Who is being let in is not on it
	 * yet, and has no row. */
	if ((!part->is_unusable && (is_same || (has_me && s->commit < commit))) ||
	    !has_row(all->raft_id)) {
		part->differs_since = (mono_t){ 0 };
		return;
	}
	if (part->differs_since.ns == 0)
		part->differs_since = clock_mono();
	if (mono_add(part->differs_since, DIFFERS).ns > clock_mono().ns)
		return;
	part->differs_since = (mono_t){ 0 };
	LOG(ERROR, "cluster_members_differ", "group", cstore_log_name(g), "is_left_out",
	    !has_me, "is_log_unusable", part->is_unusable);
	all->ops->on_diverged(g, leader);
}

/* A child that nobody calls, as one that does not vote, believes in the leader that it had
 * for ever: so he is asked.  A voter's child notices silence by itself. */
static void
note_denial(struct groups *all, enum cstore_group g, const char *who, em_err err)
{
	const struct cstore_status *s = cstore_status(all->cstore, g);
	struct groups_part *part = &all->part[g];
	bool votes = false, had_one = groups_leader(g)[0] != '\0';

	if (s->leader[0] == '\0' || strcmp(s->leader, who) != 0)
		return;
	for (unsigned i = 0; i < s->members_n; i++)
		votes = votes || (s->member[i].id == all->raft_id &&
				     s->member[i].role == CSTORE_VOTER);
	if (err == EM_OK)
		part->denied = 0;
	else if ((err == EM_REFUSED || !votes) && part->denied < GROUPS_DENIED)
		part->denied++;
	if (had_one != (groups_leader(g)[0] != '\0'))
		all->ops->on_denied(g, had_one);
}

struct look {
	enum cstore_group g;
	uint64_t life;
};

static void
on_state(struct link_peer *p, em_err err, struct slice body, void *arg)
{
	struct look *l = arg;
	struct groups *all = groups();
	struct rbuf r = rbuf_of(body);

	if (all != NULL && all->cstore != NULL && all->life == l->life) {
		all->part[l->g].is_asked = false;
		note_denial(all, l->g, link_peer_name(p), err);
		if (err == EM_OK)
			compare(all, l->g, link_peer_name(p), &r);
	}
	mem_free(l);
}

/* Whom to ask: the leader; who hears of none asks all by turns, since one that went on
 * without him (force-leave --recover) does not talk to his child; and every second time a
 * leader that was denied: it may be one still, behind a link that is back. */
static struct link_peer *
whom(struct groups *all, enum cstore_group g)
{
	struct groups_part *part = &all->part[g];
	struct slice leader = slice_str(cstore_status(all->cstore, g)->leader);
	struct link_peer *p = link_peer_find(all->house, leader);

	if (leader.n > 0 && part->denied < GROUPS_DENIED)
		return p;
	part->asks_denied = !part->asks_denied && p != NULL && link_peer_is_reachable(p);
	if (part->asks_denied)
		return p;
	p = link_peer_find(all->house, slice_str(part->asked));
	p = link_peer_next(all->house, p);
	while (p != NULL && !link_peer_is_reachable(p))
		p = link_peer_next(all->house, p);
	snprintf(
	    part->asked, sizeof part->asked, "%s", p != NULL ? link_peer_name(p) : "");
	return p;
}

static void
look(struct groups *all, enum cstore_group g)
{
	struct link_peer *p = whom(all, g);
	uint8_t body = (uint8_t)g;
	struct look *l;

	if (p == NULL) {
		all->part[g].lag = -1;
		note_denial(all, g, groups_leader(g), EM_UNREACHABLE);
		return;
	}
	if (all->part[g].is_asked)
		return;
	l = MEM_NEW(struct look);
	*l = (struct look){ .g = g, .life = all->life };
	all->part[g].is_asked = true;
	if (link_request(
		p, LINK_GROUP_STATE, slice_of(&body, 1), span_s(5), on_state, l) == EM_OK)
		return;
	all->part[g].is_asked = false;
	note_denial(all, g, link_peer_name(p), EM_UNREACHABLE);
	mem_free(l);
}

/* ---- the tick */

/* A log that is up again without a leader is down no more: the others are missing. */
static void
look_at_trouble(struct groups *all)
{
	bool is_well = true;

	for (unsigned g = 0; g < CSTORE_GROUP_N; g++)
		is_well = is_well && !all->part[g].is_unusable &&
			  cstore_status(all->cstore, (enum cstore_group)g)->state !=
			      CSTORE_CLOSED;
	all->well = is_well ? all->well + 1 : 0;
	if (all->well > WELL)
		all->trouble[0] = '\0';
}

static void
on_tick(struct timer *t)
{
	struct groups *all = LIST_OWNER(t, struct groups, watch);

	timer_arm(t, TICK, on_tick);
	look_at_trouble(all);
	for (unsigned g = 0; g < CSTORE_GROUP_N; g++) {
		if (all->part[g].leads) {
			const struct cstore_status *s =
			    cstore_status(all->cstore, (enum cstore_group)g);

			note_lag(&all->part[g], s, s->commit);
			keep_order(all, (enum cstore_group)g);
		} else
			look(all, (enum cstore_group)g);
	}
}

void
groups_watch_start(struct groups *all)
{
	timer_arm(&all->watch, TICK, on_tick);
}

void
groups_watch_stop(struct groups *all)
{
	timer_cancel(&all->watch);
}

void
groups_watch_birth(struct groups *all)
{
	link_on(all->house, LINK_GROUP_STATE, on_group_state, all);
}
