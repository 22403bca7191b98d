/* SPDX-License-Identifier: Apache-2.0 */
/* stats: see stats.h. */
#include "emqxd/observe/stats.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "emqxd/core/timer.h"
#include "emqxd/limit/quota.h"
#include "emqxd/publish/delayed.h"
#include "emqxd/retain/retain.h"
#include "emqxd/router/router.h"
#include "emqxd/session/registry.h"
#include "emqxd/observe/observe.h"

static uint64_t
none(void)
{
	return 0;
}

static uint64_t
sessions_of_all_nodes(void)
{
	return registry_count_all() + quota_elsewhere();
}

/* What EMQX calls a connection or a channel stays while its session does; a live one is
 * connected now. */
static const struct {
	const char *name, *help;
	uint64_t (*count)(void);
} table[] = {
	{ "channels", "sessions, connected or kept", registry_count_all },
	{ "cluster_sessions", "sessions of all nodes", sessions_of_all_nodes },
	{ "connections", "sessions, connected or kept", registry_count_all },
	{ "delayed", "messages that wait for their time ($delayed/)", delayed_count },
	{ "durable_subscriptions", "subscriptions of sessions on disk", none },
	{ "live_connections", "clients connected now", registry_online_all },
	{ "retained", "retained messages", retain_count },
	{ "routes", "topic filters subscribed to", router_filters },
	{ "sessions", "sessions, connected or kept", registry_count_all },
	{ "suboptions", "subscriptions", router_subscriptions_count },
	{ "subscribers", "subscriptions", router_subscriptions_count },
	{ "subscriptions", "subscriptions", router_subscriptions_count },
	{ "subscriptions.shared", "shared subscriptions", router_shared_count },
	{ "topics", "topic filters subscribed to", router_filters },
};
enum { TABLE_N = sizeof table / sizeof table[0] };

#define PERIOD span_s(1)

struct observe_maxima {
	struct timer timer;
	uint64_t max[TABLE_N];
};

static uint64_t
sample(struct observe_maxima *m, unsigned i)
{
	uint64_t n = table[i].count();

	if (n > m->max[i])
		m->max[i] = n;
	return n;
}

bool
observe_stats_get(unsigned i, struct observe_stat *out)
{
	struct observe_maxima *m = observe_maxima();

	if (i >= TABLE_N)
		return false;
	*out = (struct observe_stat){ .name = table[i].name, .help = table[i].help };
	out->count = sample(m, i);
	out->max = m->max[i];
	return true;
}

static void
on_time(struct timer *t)
{
	struct observe_maxima *m = LIST_OWNER(t, struct observe_maxima, timer);

	for (unsigned i = 0; i < TABLE_N; i++)
		(void)sample(m, i);
	timer_arm(t, PERIOD, on_time);
}

struct observe_maxima *
observe_stats_new(void)
{
	return MEM_NEW(struct observe_maxima);
}

void
observe_stats_free(struct observe_maxima **mp)
{
	MEM_FREE(*mp);
}

void
observe_stats_serve(void)
{
	timer_arm(&observe_maxima()->timer, PERIOD, on_time);
}

void
observe_stats_stop(void)
{
	timer_cancel(&observe_maxima()->timer);
}
