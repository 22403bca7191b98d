/* SPDX-License-Identifier: Apache-2.0 */
/* outage: see outage.h. */
#include "emqxd/cluster/outage.h"
#include "emqxd/members/groups.h"
#include "emqxd/cluster/inside.h"
#include "emqxd/cluster/join.h"
#include "emqxd/members/members.h"
#include "emqxd/core/alarm.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/timer.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

#include <stdio.h>
#include <string.h>

#define LOOK span_s(1)
#define SURE span_s(5) /* longer than a restart, an election */

static const char no_quorum[] = "cluster_no_quorum";

struct outage {
	struct timer timer;
	mono_t powerless_since; /* ns 0: there is a quorum */
	unsigned down_n;
	char down[NODES_MAX][NODES_NAME_MAX + 1]; /* whose alarm is active */
};

static bool
is_long(mono_t since)
{
	return since.ns != 0 && mono_add(since, SURE).ns <= clock_mono().ns;
}

/* ---- members */

static void
name_of(const char *node, char out[ALARM_NAME_MAX])
{
	snprintf(out, ALARM_NAME_MAX, "cluster_member_down/%s", node);
}

static bool
is_told(const struct outage *o, struct slice node)
{
	for (unsigned i = 0; i < o->down_n; i++)
		if (slice_eq_str(node, o->down[i]))
			return true;
	return false;
}

static void
raise_down(struct outage *o, struct slice node)
{
	char *name = o->down[o->down_n++], alarm[ALARM_NAME_MAX];

	snprintf(name, sizeof o->down[0], "%.*s", SLICE_FMT(node));
	name_of(name, alarm);
	alarm_raise(alarm, NULL,
	    "this node does not reach the member %s; why: emqx_ctl cluster status; if it "
	    "is gone for good: emqx_ctl cluster force-leave",
	    name);
}

static void
clear_down(struct outage *o, unsigned i)
{
	char alarm[ALARM_NAME_MAX];

	name_of(o->down[i], alarm);
	alarm_clear(alarm);
	o->down_n--;
	memmove(o->down[i], o->down[o->down_n], sizeof o->down[0]);
}

static void
look_at_members(struct outage *o, bool is_member)
{
	for (unsigned i = o->down_n; i-- > 0;) {
		const struct members_entry *e = members_find(slice_str(o->down[i]));

		if (!is_member || e == NULL || e->peer == NULL || e->silent_since.ns == 0)
			clear_down(o, i);
	}
	for (unsigned i = 0; is_member && i < members_count(); i++) {
		const struct members_entry *e = members_at(i);

		if (e->peer != NULL && is_long(e->silent_since) &&
		    o->down_n < NODES_MAX && !is_told(o, e->m.name))
			raise_down(o, e->m.name);
	}
}

/* ---- the quorum */

static void
look_at_quorum(struct outage *o, bool is_member)
{
	if (!is_member || groups_have_quorum()) {
		if (is_long(o->powerless_since))
			alarm_clear(no_quorum);
		o->powerless_since = (mono_t){ 0 };
		return;
	}
	if (o->powerless_since.ns == 0)
		o->powerless_since = clock_mono();
	if (is_long(o->powerless_since))
		alarm_raise(no_quorum, NULL,
		    "most of the members that vote are not reached from this node: what "
		    "all "
		    "must agree on cannot be changed here; who is missing: emqx_ctl "
		    "cluster status");
}

/* ---- life */

static void
on_look(struct timer *t)
{
	struct outage *o = LIST_OWNER(t, struct outage, timer);
	bool is_member = join_is_member();

	timer_arm(t, LOOK, on_look);
	if (is_member && !join_is_settled())
		return; /* while it joins or leaves, who is there changes */
	look_at_members(o, is_member);
	look_at_quorum(o, is_member);
}

void
outage_birth(void)
{
	cluster_inside()->outage = MEM_NEW(struct outage);
	timer_arm(&cluster_inside()->outage->timer, LOOK, on_look);
}

void
outage_death(void)
{
	timer_cancel(&cluster_inside()->outage->timer);
	MEM_FREE(cluster_inside()->outage);
}
