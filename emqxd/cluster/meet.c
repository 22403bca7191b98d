/* SPDX-License-Identifier: Apache-2.0 */
/* meet: see meet.h. */
#include "emqxd/cluster/meet.h"
#include "emqxd/cluster/inside.h"
#include "emqxd/cluster/join.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/timer.h"
#include "emqxd/members/members.h"
#include "emqxd/routes/routes.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

#include <stdatomic.h>

#define LOOK span_ms(5)
#define MEET_REFUSED span_ms(500) /* both may just start, and miss each other once */

struct meet {
	struct timer timer;
	mono_t since;
	atomic_bool is_over;
};

static bool
is_whole(unsigned place)
{
	struct owner_info info;

	owner_info(routes_owner(cluster_inside()->routes), place, &info);
	return info.is_whole;
}

static bool
is_missed(const struct meet *m, const struct members_entry *e)
{
	struct link_peer_info info;

	if (e->peer == NULL || e->place >= NODES_MAX)
		return false;
	link_peer_info(e->peer, &info);
	if (info.is_reachable)
		return !is_whole(e->place);
	return info.err == EM_OK ||
	       mono_since(clock_mono(), m->since).ns < MEET_REFUSED.ns;
}

static void
on_look(struct timer *t)
{
	struct meet *m = LIST_OWNER(t, struct meet, timer);
	bool misses = false;

	if (join_is_member() && join_is_settled())
		for (unsigned i = 0; i < members_count(); i++)
			misses = misses || is_missed(m, members_at(i));
	if (misses)
		timer_arm(t, LOOK, on_look);
	else
		atomic_store(&m->is_over, true);
}

void
meet_birth(void)
{
	cluster_inside()->meet = MEM_NEW(struct meet);
}

void
meet_death(void)
{
	MEM_FREE(cluster_inside()->meet);
}

void
meet_start(void)
{
	cluster_inside()->meet->since = clock_mono();
	timer_arm(&cluster_inside()->meet->timer, span_ms(0), on_look);
}

void
meet_stop(void)
{
	timer_cancel(&cluster_inside()->meet->timer);
}

bool
meet_is_over(void)
{
	return atomic_load(&cluster_inside()->meet->is_over);
}
