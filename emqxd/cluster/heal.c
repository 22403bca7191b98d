/* SPDX-License-Identifier: Apache-2.0 */
/* heal: see heal.h. */
#include "emqxd/cluster/heal.h"
#include "emqxd/cluster/clean.h"
#include "emqxd/cluster/finding.h"
#include "emqxd/members/groups.h"
#include "emqxd/cluster/inside.h"
#include "emqxd/cluster/join.h"
#include "emqxd/cluster/join_note.h"
#include "emqxd/cluster/look.h"
#include "emqxd/members/members.h"
#include "emqxd/core/alarm.h"
#include "emqxd/core/log.h"
#include "emqxd/core/timer.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

#include <stdio.h>
#include <string.h>

#define LOOK span_s(1)
#define REST_MAX span_s(30) /* between attempts to join again */
#define SURE 2u             /* so often a leader says it */
#define ELECTION 8u         /* and so often where those here may elect one yet */

static const char alarm[] = "cluster_removed", disowned[] = "cluster_disowned";

struct heal {
	struct timer timer;
	bool is_on;
	bool is_asking;      /* a look, or a join, is under way */
	bool is_healing;     /* to join again */
	bool is_cleaned;     /* as the leader said */
	bool is_disowned;    /* the alarm is active */
	unsigned said;       /* so often in a row */
	unsigned leaderless; /* heard it so often without a leader here */
	unsigned next;       /* of the targets */
	unsigned turn;       /* of the members, the next to be asked */
	span_t rest;
	char ask[LINK_ADDRESS_MAX + 1]; /* the leader that was named; "" */
	char target[NODES_MAX][LINK_ADDRESS_MAX + 1];
	unsigned targets;
};

static struct heal *
heal(void)
{
	return cluster_inside()->heal;
}

static void
copy(char out[LINK_ADDRESS_MAX + 1], struct slice s)
{
	snprintf(out, LINK_ADDRESS_MAX + 1, "%.*s", SLICE_FMT(s));
}

static void
remember(struct heal *h)
{
	h->targets = h->next = 0;
	for (unsigned i = 0; i < members_count() && h->targets < NODES_MAX; i++)
		if (!slice_eq_str(members_at(i)->m.name, nodes_me()))
			copy(h->target[h->targets++], members_at(i)->m.address);
}

static void
own_again(struct heal *h)
{
	if (h->is_disowned)
		alarm_clear(disowned);
	h->is_disowned = false;
}

/* ---- joining again */

static void on_tick(struct timer *t);

static void
on_joined(void *arg, const struct join_end *e)
{
	struct heal *h = arg;

	h->is_asking = false;
	if (e->err == EM_OK || !h->is_healing)
		return; /* heal_joined() was called, or an operator wants none of it */
	h->rest = h->rest.ns * 2 < REST_MAX.ns ? span_ns(h->rest.ns * 2) : REST_MAX;
	timer_arm(&h->timer, h->rest, on_tick);
}

static void
join_next(struct heal *h)
{
	h->is_asking = true;
	join_again(slice_str(h->target[h->next++ % h->targets]), on_joined, h);
}

static void
begin_healing(struct heal *h)
{
	h->is_healing = true;
	h->rest = LOOK;
	LOG(WARN, "cluster_heals", "node", nodes_me(), "why",
	    "it was away for longer than cluster.autoclean, and was removed");
	alarm_raise(alarm, NULL,
	    "this node was removed from its cluster because it was away for long, and "
	    "joins it again by itself");
}

/* ---- alone */

static void
tell_cast_out(void)
{
	alarm_raise(alarm, NULL,
	    "this node was removed from its cluster and is alone, with the rows that it "
	    "had; emqx_ctl cluster join makes it a member again, cluster leave ends the "
	    "alarm");
}

bool
heal_is_cast_out(void)
{
	return join_note()->is_removed;
}

bool
heal_is_healing(void)
{
	return heal()->is_healing;
}

void
heal_stay_alone(void)
{
	struct heal *h = heal();

	if (h->is_healing)
		timer_arm(&h->timer, LOOK, on_tick);
	h->is_healing = false;
	join_note_removed(false);
	alarm_clear(alarm);
}

void
heal_cast_out(void)
{
	struct heal *h = heal();

	if (h->is_healing)
		return;
	h->said = 0;
	join_note_removed(true);
	finding_pause();
	tell_cast_out();
}

static void
be_removed(struct heal *h)
{
	remember(h);
	if (h->is_on && h->is_cleaned && h->targets > 0) {
		join_anew_give_up();
		begin_healing(h);
	} else
		join_cast_out(h->is_cleaned
				  ? "it was away for longer than cluster.autoclean"
				  : "a member removed it");
}

/* ---- hearing of it */

/* Both have a quorum: one of them was recovered while the other lived.  @by: who leads
 * there, from a peer. */
static void
disown(struct heal *h, struct slice by)
{
	struct str name = { 0 };
	static const char hint[] =
	    "on one node here emqx_ctl cluster force-leave of each such member, which "
	    "makes them two clusters; then, node by node of one of the two, cluster "
	    "leave and cluster join to the other";

	if (h->is_disowned)
		return;
	h->is_disowned = true;
	str_add_escaped(&name, by);
	alarm_raise(disowned, NULL,
	    "%s, a member of this cluster, goes on without it (force-leave --recover): "
	    "%s",
	    str_get(&name), hint);
	LOG(ERROR, "cluster_disowned", "node", nodes_me(), "by", by, "hint", hint);
	str_fini(&name);
}

/* Reaches more than half of its own list, itself among them. */
static bool
reaches_most(void)
{
	unsigned most = 0;

	for (unsigned i = 0; i < members_count(); i++) {
		const struct link_peer *p = members_at(i)->peer;

		most += p == NULL || link_peer_is_reachable(p);
	}
	return 2 * most > members_count();
}

/* They have a leader of meta as well; or may still find one, as right after a start.  Not a
 * leader alone: a child that nobody calls any more still believes in the one that it had. */
static bool
may_agree(struct heal *h)
{
	if (!reaches_most()) {
		h->leaderless = 0;
		return false;
	}
	if (groups_leader(CSTORE_META)[0] == '\0')
		return ++h->leaderless < ELECTION;
	h->leaderless = 0;
	return true;
}

static void
on_looked(void *arg, const struct look_end *e)
{
	struct heal *h = arg;

	h->is_asking = false;
	h->ask[0] = '\0';
	if (e->err != EM_OK || !e->has_quorum || h->is_healing || !join_is_member())
		return;
	if (e->has_me) {
		h->said = 0;
		return;
	}
	if (!e->is_leader) {
		copy(h->ask, e->leader_at);
		return;
	}
	if (may_agree(h)) {
		h->said = 0;
		if (h->leaderless == 0)
			disown(h, e->leader);
		return;
	}
	h->is_cleaned = e->is_cleaned;
	if (++h->said >= SURE)
		be_removed(h);
}

/* A member that does not know this node as one. */
static bool
is_refusing(const struct members_entry *e)
{
	struct link_peer_info info;

	if (e->peer == NULL)
		return false;
	link_peer_info(e->peer, &info);
	return !info.is_reachable && info.err == EM_NOTMEMBER;
}

/* By turns: one that is alone itself refuses too, and knows nothing. */
static const struct members_entry *
next_refusing(struct heal *h)
{
	for (unsigned i = members_count(); i > 0; i--) {
		const struct members_entry *e = members_at(h->turn++ % members_count());

		if (is_refusing(e))
			return e;
	}
	return NULL;
}

static void
ask_who_refuses(struct heal *h)
{
	const struct members_entry *refusing = next_refusing(h);

	if (refusing == NULL) {
		h->said = 0;
		own_again(h);
		return;
	}
	if (h->ask[0] == '\0')
		copy(h->ask, refusing->m.address);
	h->is_asking = true;
	look_at(slice_str(h->ask), on_looked, h);
}

static void
on_tick(struct timer *t)
{
	struct heal *h = LIST_OWNER(t, struct heal, timer);

	timer_arm(t, LOOK, on_tick);
	if (h->is_asking)
		return;
	if (h->is_healing)
		join_next(h);
	else if (!join_is_member()) {
		h->said = 0;
		own_again(h); /* it left, or was cast out: there is nothing to disown */
	} else if (!join_is_settled())
		h->said = 0;
	else if (members_me() == NULL)
		heal_removed();
	else
		ask_who_refuses(h);
}

void
heal_removed(void)
{
	struct heal *h = heal();

	if (h->is_healing)
		return;
	h->is_cleaned = clean_has(slice_str(nodes_me()), nodes_site());
	be_removed(h);
}

void
heal_joined(void)
{
	struct heal *h = heal();

	h->said = 0;
	heal_stay_alone();
	own_again(h);
}

void
heal_left_over(void)
{
	struct heal *h = heal();

	if (!h->is_on || !clean_has(slice_str(nodes_me()), nodes_site()))
		return;
	remember(h);
	if (h->targets > 0)
		begin_healing(h);
}

/* ---- life */

void
heal_birth(bool is_on)
{
	struct heal *h = MEM_NEW(struct heal);

	h->is_on = is_on;
	cluster_inside()->heal = h;
	timer_arm(&h->timer, LOOK, on_tick);
	if (heal_is_cast_out())
		tell_cast_out();
}

void
heal_death(void)
{
	timer_cancel(&heal()->timer);
	MEM_FREE(cluster_inside()->heal);
}
