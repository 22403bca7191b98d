/* SPDX-License-Identifier: Apache-2.0 */
/*
 * join_recover: force-leave --recover: most members are gone for good, and one of the others
 * goes on alone, with all that is in its log taken as agreed on.
 *
 * First all members are asked how far their logs are.  One that hears a leader means that
 * there is a quorum; one whose log is longer should be the one that goes on: both are named
 * and nothing is done.  Of the groups META decides, where one is ahead in either.
 *
 * Then libraft is told that it is the only member, both groups have a leader, and the rows
 * of those that did not answer are deleted.  Those that did answer, and any that stay by
 * their rows, are on no list of the leader's any more: they see that (groups_watch.c) and
 * join anew.  Of the dead, one that comes back is refused by the links, since no row names
 * it, and is told so by a leader (heal.h).  Those that together were most of the old cluster
 * and find each other again are a second one, and say so (alarm cluster_disowned).  Neither
 * hears the other's Raft: this node leads alone from the moment it opens its log again, so
 * its child listens to nobody who is not on the recovered list (cstore_raft_may_hear), also
 * while rows still name the dead; and by the time that anybody else may lead, no row does.
 * No number of an epoch is needed: a Raft id counts for one membership, and the recovered
 * list has none of theirs.
 *
 * GROUP_LAST, asked: nothing.  Answer: for each group u8 hears a leader, u64 term of the
 * last entry, u64 its index.
 */
#include "emqxd/cluster/heal.h"
#include "emqxd/cluster/inside.h"
#include "emqxd/cluster/join_inside.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/store/ordered.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"

#include <stdio.h>

#define ASK_LIMIT span_s(5)
#define LEAD_LIMIT span_s(20)
#define LOOK span_ms(50)

/* ---- how far the others are */

struct how_far {
	bool has_leader;
	uint64_t term, index;
};

static struct how_far
mine(enum cstore_group g)
{
	const struct cstore_status *s = cstore_status(groups_cstore(), g);

	return (struct how_far){ groups_leader(g)[0] != '\0', s->last_term, s->last };
}

static void
on_asked(struct link_peer *from, struct link_ask ask, struct slice body, void *arg)
{
	uint8_t room[17 * CSTORE_GROUP_N];
	struct wbuf w = wbuf_fixed(room, sizeof room);

	(void)from;
	(void)body;
	(void)arg;
	if (groups_cstore() == NULL) {
		link_reply(ask, EM_STATE, slice_str("it is joining or leaving"));
		return;
	}
	for (unsigned g = 0; g < CSTORE_GROUP_N; g++) {
		struct how_far h = mine((enum cstore_group)g);

		wbuf_u8(&w, h.has_leader);
		wbuf_u64(&w, h.term);
		wbuf_u64(&w, h.index);
	}
	link_reply(ask, w.err, wbuf_slice(&w));
}

/* ---- the rows of the dead */

static void
on_row_gone(void *arg, em_err err)
{
	struct join *j = arg;

	if (err != EM_OK && j->err == EM_OK)
		j->err = err;
	if (--j->left > 0)
		return;
	if (j->err != EM_OK)
		join_fail(j->err, "emqx_ctl cluster force-leave again, without --recover",
		    "this node has a quorum again, but not all that are gone are "
		    "removed");
	else {
		heal_joined();
		join_finish_removed(j, members_count());
	}
}

static bool
is_gone(const struct join *j, const struct members_entry *e)
{
	return e->place != 0 && (slice_eq(e->m.name, str_slice(&j->victim)) ||
				    e->peer == NULL || !link_peer_is_reachable(e->peer));
}

/* How many are; the others than the one that was named, by name. */
static unsigned
name_gone(struct join *j)
{
	unsigned n = 0;

	str_reset(&j->others);
	for (unsigned i = 0; i < members_count(); i++) {
		struct slice name = members_at(i)->m.name;

		if (!is_gone(j, members_at(i)))
			continue;
		n++;
		if (slice_eq(name, str_slice(&j->victim)))
			continue;
		str_add(&j->others, j->others.n > 0 ? ", " : "");
		str_add_slice(&j->others, name);
	}
	return n;
}

static void
remove_gone(struct join *j)
{
	struct str names[NODES_MAX] = { 0 };
	unsigned n = 0, count = members_count();

	for (unsigned i = 0; i < count && n < NODES_MAX; i++)
		if (is_gone(j, members_at(i)))
			str_add_slice(&names[n++], members_at(i)->m.name);
	name_gone(j);
	j->left = n + 1;
	for (unsigned i = 0; i < n; i++) {
		em_err err = join_delete_row(str_slice(&names[i]), on_row_gone);

		LOG(WARN, "cluster_removed", "node", str_get(&names[i]));
		if (err != EM_OK)
			on_row_gone(j, err);
		str_fini(&names[i]);
	}
	on_row_gone(j, EM_OK);
}

/* ---- the logs */

static void
on_lead_wait(struct timer *t)
{
	struct join *j = LIST_OWNER(t, struct join, wait);

	if (groups_have_quorum())
		remove_gone(j);
	else if (clock_mono().ns < j->until.ns)
		timer_arm(t, LOOK, on_lead_wait);
	else
		join_fail(EM_TIMEOUT, NULL, "this node does not lead what is left");
}

static void
on_recovered(void *arg, em_err err, const char *text)
{
	struct join *j = arg;

	if (err != EM_OK && j->err == EM_OK) {
		j->err = err;
		str_reset(&j->why);
		str_add(&j->why, text[0] != '\0' ? text : err_text(err));
	}
	if (--j->left > 0)
		return;
	if (j->err != EM_OK) {
		join_fail(
		    j->err, NULL, "the log cannot be recovered: %s", str_get(&j->why));
		return;
	}
	j->until = mono_add(clock_mono(), LEAD_LIMIT);
	timer_arm(&j->wait, LOOK, on_lead_wait);
}

static void
recover(struct join *j)
{
	struct cstore_member me = { .id = j->raft_id, .role = CSTORE_VOTER };

	snprintf(me.name, sizeof me.name, "%s", nodes_me());
	j->left = CSTORE_GROUP_N;
	LOG(WARN, "cluster_recovers", "node", nodes_me());
	for (unsigned g = 0; g < CSTORE_GROUP_N; g++) {
		const struct cstore_open how = { .mode = CSTORE_JOIN,
			.raft_id = j->raft_id,
			.name = nodes_me(),
			.applied = store_applied((enum change_group)g) };

		cstore_recover(
		    groups_cstore(), (enum cstore_group)g, &how, &me, 1, on_recovered, j);
	}
}

/* ---- asking */

static void
answered(struct join *j)
{
	if (--j->left > 0)
		return;
	if (j->err != EM_OK)
		join_fail(j->err, "nothing has changed", "%s", str_get(&j->why));
	else if (groups_cstore() == NULL)
		join_fail(
		    EM_STATE, NULL, "nothing has changed: this node has no log now");
	else if (j->only_looks)
		join_finish_removed(j, members_count() - name_gone(j));
	else
		recover(j);
}

static void
object(struct join *j, em_err err, const char *node, const char *what)
{
	if (j->err != EM_OK)
		return;
	j->err = err;
	str_reset(&j->why);
	str_addf(&j->why, "%s %s", node, what);
}

static int
order_of(struct how_far a, struct how_far b)
{
	if (a.term != b.term)
		return a.term < b.term ? -1 : 1;
	return (a.index > b.index) - (a.index < b.index);
}

static void
compare(struct join *j, const char *node, struct slice body)
{
	struct rbuf r = rbuf_of(body);
	int order[CSTORE_GROUP_N];

	for (unsigned g = 0; g < CSTORE_GROUP_N; g++) {
		bool has_leader = rbuf_u8(&r) != 0;
		uint64_t term = rbuf_u64(&r);
		struct how_far theirs = { has_leader, term, rbuf_u64(&r) };

		order[g] = order_of(mine((enum cstore_group)g), theirs);
		if (r.err == EM_OK && has_leader)
			object(j, EM_STATE, node, "hears a leader: there is a quorum");
	}
	if (r.err != EM_OK)
		object(j, r.err, node, "does not say how far its log is");
	else if (order[CSTORE_META] < 0 ||
		 (order[CSTORE_META] == 0 && order[CSTORE_RET] < 0))
		object(j, EM_REFUSED, node,
		    "has more of what was agreed on: type it on that node");
	else if (order[CSTORE_RET] < 0)
		LOG(WARN, "cluster_recovers_with_less", "node", node, "group", "ret");
}

static void
on_answer(struct link_peer *p, em_err err, struct slice body, void *arg)
{
	struct join *j = arg;

	if (join_self() == NULL)
		return;
	if (err == EM_OK && groups_cstore() != NULL)
		compare(j, link_peer_name(p), body);
	else if (err != EM_UNREACHABLE && err != EM_CANCELLED) /* those are gone */
		object(j, err, link_peer_name(p),
		    "runs, but does not say how far its log is");
	answered(j);
}

void
join_recover(struct join *j)
{
	const struct members_entry *victim = members_find(str_slice(&j->victim));

	if (victim->peer != NULL && link_peer_is_reachable(victim->peer)) {
		join_fail(EM_STATE, "emqx_ctl cluster leave, typed on that node",
		    "%s runs: nothing has changed", str_get(&j->victim));
		return;
	}
	j->left = 1;
	for (unsigned i = 0; i < members_count(); i++) {
		const struct members_entry *e = members_at(i);

		if (e->peer == NULL || !link_peer_is_reachable(e->peer))
			continue;
		j->left++;
		if (link_request(e->peer, LINK_GROUP_LAST, SLICE_NONE, ASK_LIMIT,
			on_answer, j) != EM_OK)
			j->left--;
	}
	answered(j);
}

void
join_recover_birth(struct join *j)
{
	link_on(j->house, LINK_GROUP_LAST, on_asked, j);
}
