/* SPDX-License-Identifier: Apache-2.0 */
/* finding: see finding.h. */
#include "emqxd/cluster/finding.h"
#include "emqxd/cluster/heal.h"
#include "emqxd/cluster/inside.h"
#include "emqxd/cluster/join.h"
#include "emqxd/cluster/look.h"
#include "emqxd/members/members.h"
#include "emqxd/core/alarm.h"
#include "emqxd/core/log.h"
#include "emqxd/discover/seek.h"
#include "ipc/base/hash.h"
#include "ipc/base/mem.h"

#include <stdio.h>
#include <string.h>

static const char alarm[] = "cluster_two";

struct finding {
	struct seek *seek; /* NULL: the strategy finds nothing */
	enum discover_strategy strategy;
	bool is_stranger_there;      /* in the pass that is under way */
	uint64_t told[DISCOVER_MAX]; /* hashes of what was said of targets in vain */
	unsigned told_n;
	char why[FINDING_TEXT_MAX]; /* what failed last; "": nothing did */
};

static struct finding *
finding(void)
{
	return cluster_inside()->finding;
}

/* ---- looks and joins */

struct attempt {
	seek_done_fn *done;
	void *arg;
	char target[DISCOVER_TEXT_MAX];
};

/* Once each; the table begins anew when it is full. */
static void
tell_failure(struct finding *f, const char *target, em_err err, const char *text)
{
	uint64_t hash = hash_sip24(slice_str(target), 0, 0) ^
			hash_sip24(slice_str(text), 1, (uint64_t)err);

	snprintf(f->why, sizeof f->why, "%s", text);
	for (unsigned i = 0; i < f->told_n; i++)
		if (f->told[i] == hash)
			return;
	if (f->told_n == DISCOVER_MAX)
		f->told_n = 0;
	f->told[f->told_n++] = hash;
	LOG(WARN, "cluster_seek_failed", "target", target, "error", err_name(err), "why",
	    text);
}

/* Of a member: is that a cluster beside ours? */
static void
look_for_strangers(struct finding *f, const char *target, const struct look_end *e)
{
	if (!e->is_member || e->is_related || f->is_stranger_there)
		return;
	f->is_stranger_there = true;
	if (!alarm_raise(alarm, NULL,
		"%.100s belongs to another cluster than this node: they are never made "
		"one; "
		"emqx_ctl cluster leave on the nodes of one of them, then they join",
		target))
		return;
	LOG(WARN, "cluster_two", "node", target, "members", e->members, "hint",
	    "emqx_ctl cluster leave on the nodes of one of the two");
}

static void
on_looked(void *arg, const struct look_end *e)
{
	struct attempt *a = arg;
	struct finding *f = finding();

	if (f->seek != NULL && e->err != EM_OK)
		tell_failure(f, a->target, e->err, e->text);
	else if (f->seek != NULL && join_is_member() && members_me() != NULL)
		look_for_strangers(f, a->target, e);
	a->done(a->arg, e->err, e->members > 0 ? e->members : 1);
	mem_free(a);
}

static void
on_joined(void *arg, const struct join_end *e)
{
	struct attempt *a = arg;
	struct finding *f = finding();

	if (f->seek != NULL && e->err != EM_OK)
		tell_failure(f, a->target, e->err, e->text);
	a->done(a->arg, e->err, e->members);
	mem_free(a);
}

static bool
is_member(void)
{
	return join_is_member() || !join_is_settled();
}

/* Begins a look or a join. */
static void
try(const char *target, bool only_look, seek_done_fn *done, void *arg)
{
	struct attempt *a = MEM_NEW(struct attempt);

	*a = (struct attempt){ .done = done, .arg = arg };
	snprintf(a->target, sizeof a->target, "%s", target);
	if (only_look)
		look_at(slice_str(a->target), on_looked, a);
	else
		join_cluster(slice_str(a->target), false, true, on_joined, a);
}

static bool
is_ours(const char *address)
{
	for (unsigned i = 0; i < members_count(); i++)
		if (slice_eq_str(members_at(i)->m.address, address))
			return true;
	return false;
}

static void
on_pass(bool is_over)
{
	struct finding *f = finding();

	if (is_over && !f->is_stranger_there && alarm_clear(alarm))
		LOG(INFO, "cluster_two_over");
	if (!is_over)
		f->is_stranger_there = false;
}

static const struct seek_ops ops = {
	.is_member = is_member, .is_ours = is_ours, .on_pass = on_pass, .join = try
};

/* ---- life */

void
finding_birth(const struct discover_keys *keys, const struct discover_self *self)
{
	struct finding *f = MEM_NEW(struct finding);
	struct discover_conf c;

	f->strategy = keys->discovery_strategy;
	cluster_inside()->finding = f;
	if (discover_conf_of(keys, self, &c) == EM_OK)
		f->seek = seek_start(&c, &ops);
	else
		LOG(ERROR, "discovery_impossible", "address", self->advertised, "hint",
		    "node.name or cluster.advertise is no address that others can dial");
	if (heal_is_cast_out())
		finding_pause();
}

void
finding_stop(void)
{
	seek_stop(&finding()->seek);
}

void
finding_death(void)
{
	MEM_FREE(cluster_inside()->finding);
}

bool
finding_pause(void)
{
	struct finding *f = finding();

	if (f->seek == NULL)
		return false;
	if (!seek_is_paused(f->seek))
		LOG(INFO, "discovery_paused", "hint",
		    heal_is_cast_out()
			? "emqx_ctl cluster discovery enable goes on with it"
			: "emqx_ctl cluster discovery enable, or a restart, "
			  "goes on with it");
	seek_pause(f->seek);
	return true;
}

bool
finding_resume(void)
{
	return seek_resume(finding()->seek);
}

bool
finding_is_singleton(void)
{
	return finding()->strategy == DISCOVER_SINGLETON;
}

/* ---- its state */

static void
fill_hint(const struct finding *f, struct finding_state *out, const char *why)
{
	char text[DISCOVER_TEXT_MAX];
	const char *whom = seek_waits_for(f->seek, text);

	if (strcmp(out->state, "paused") == 0)
		snprintf(out->hint, sizeof out->hint,
		    "emqx_ctl cluster discovery enable goes on with it");
	else if (why != NULL)
		snprintf(out->hint, sizeof out->hint, "%s", why);
	else if (whom != NULL && f->why[0] != '\0')
		snprintf(
		    out->hint, sizeof out->hint, "waits for %s; %.150s", whom, f->why);
	else if (whom != NULL)
		snprintf(out->hint, sizeof out->hint, "waits for %s", whom);
}

void
finding_state(struct finding_state *out)
{
	const struct finding *f = finding();
	struct discover_status s = seek_status(f->seek);
	char text[DISCOVER_TEXT_MAX];

	*out = (struct finding_state){ .strategy = discover_strategy_name(f->strategy),
		.rounds = s.rounds,
		.failed = s.failed,
		.refused = s.refused,
		.found = s.found };
	out->state = f->seek == NULL                 ? "off"
		     : join_is_member()              ? "member"
		     : seek_is_paused(f->seek)       ? "paused"
		     : s.why != NULL                 ? "failing"
		     : seek_waits_for(f->seek, text) ? "waiting"
						     : "seeking";
	if (f->seek != NULL && !join_is_member())
		fill_hint(f, out, s.why);
}
