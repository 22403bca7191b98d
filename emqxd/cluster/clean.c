/* SPDX-License-Identifier: Apache-2.0 */
/* clean: see clean.h. */
#include "emqxd/cluster/clean.h"
#include "emqxd/members/groups.h"
#include "emqxd/cluster/inside.h"
#include "emqxd/cluster/join.h"
#include "emqxd/members/members.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/timer.h"
#include "emqxd/store/change.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/vec.h"

#include <string.h>

#define LOOK span_s(1)
#define SEAT_LIMIT span_s(30)

struct cleaned {
	char name[NODES_NAME_MAX + 1];
	uint64_t site;
	wall_t at;
};

struct clean {
	VEC(struct cleaned) v;
	span_t after;
	struct timer timer;
	bool is_busy; /* a change is under way */
	/* Who is being removed. */
	char victim[NODES_NAME_MAX + 1];
	uint64_t raft_id;
	unsigned left; /* of its seats */
	bool has_failed;
};

static struct clean *
clean(void)
{
	return cluster_inside()->clean;
}

/* ---- the list */

static struct cleaned *
find(struct slice name)
{
	struct clean *c = clean();

	for (size_t i = 0; i < c->v.n; i++)
		if (slice_eq_str(name, c->v.p[i].name))
			return &c->v.p[i];
	return NULL;
}

void
clean_note(const struct member *m)
{
	struct cleaned *e = find(m->name);

	if (e == NULL) {
		VEC_ADD(&clean()->v, (struct cleaned){ .site = 0 });
		e = &clean()->v.p[clean()->v.n - 1];
	}
	memcpy(e->name, m->name.p, m->name.n);
	e->name[m->name.n] = '\0';
	e->site = m->site;
	e->at = m->joined;
}

void
clean_forget(struct slice name)
{
	struct clean *c = clean();
	struct cleaned *e = find(name);

	if (e != NULL)
		*e = c->v.p[--c->v.n];
}

bool
clean_has(struct slice name, uint64_t site)
{
	const struct cleaned *e = find(name);

	return e != NULL && e->site == site;
}

static void
on_changed(void *arg, em_err err)
{
	struct clean *c = cluster_inside() != NULL ? clean() : NULL;

	(void)arg;
	if (c != NULL)
		c->is_busy = false;
	if (err != EM_OK)
		LOG(WARN, "cluster_clean_failed", "error", err_name(err));
}

static void
delete_row(const struct cleaned *e)
{
	struct change *row = change_del(CHANGE_MEMBER, slice_str(e->name));

	if (row == NULL)
		return;
	clean()->is_busy = true;
	change_send(&row, on_changed, NULL);
}

void
clean_drop_rows(void)
{
	for (size_t i = 0; i < clean()->v.n; i++)
		delete_row(&clean()->v.p[i]);
}

/* What is over, or too much. */
static bool
forget_oldest(struct clean *c)
{
	const struct cleaned *oldest = NULL;

	for (size_t i = 0; i < c->v.n; i++)
		if (oldest == NULL || c->v.p[i].at.ns < oldest->at.ns)
			oldest = &c->v.p[i];
	if (oldest == NULL ||
	    (c->v.n <= CLEAN_MAX && oldest->at.ns > clock_wall().ns - CLEAN_KEEP.ns))
		return false;
	delete_row(oldest);
	return true;
}

/* ---- who goes */

static bool
is_silent(const struct members_entry *e)
{
	return e->place != 0 && e->silent_since.ns != 0;
}

/* The one that has been silent for longest, and for long enough; while most are there. */
static const struct members_entry *
next_to_go(const struct clean *c)
{
	const struct members_entry *longest = NULL;
	unsigned n = members_count(), silent = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct members_entry *e = members_at(i);

		if (!is_silent(e))
			continue;
		silent++;
		if (longest == NULL || e->silent_since.ns < longest->silent_since.ns)
			longest = e;
	}
	if (longest == NULL || 2 * silent >= n ||
	    mono_add(longest->silent_since, c->after).ns > clock_mono().ns)
		return NULL;
	return longest;
}

/* Its seats are gone: now its row says so. */
static void
write_row(struct clean *c)
{
	const struct members_entry *e = members_find(slice_str(c->victim));
	struct change *row;
	struct member m;

	if (e == NULL || e->m.raft_id != c->raft_id) {
		c->is_busy = false;
		return;
	}
	m = e->m;
	m.is_cleaned = true;
	m.joined = clock_wall();
	row = members_change(&m);
	if (row == NULL)
		c->is_busy = false;
	else
		change_send(&row, on_changed, NULL);
}

static void
on_seat_gone(void *arg, em_err err, const char *text)
{
	struct clean *c = arg;

	if (err != EM_OK && err != EM_NOTFOUND) {
		c->has_failed = true;
		LOG(WARN, "cluster_clean_failed", "error", err_name(err), "why", text);
	}
	if (--c->left > 0)
		return;
	if (c->has_failed)
		c->is_busy = false; /* it is looked at again */
	else
		write_row(c);
}

/* The seats first: a node that comes back with a row, but without a seat, joins anew; one
 * that were let in while its old seat is there would be refused. */
static void
remove_one(struct clean *c, const struct members_entry *e)
{
	c->raft_id = e->m.raft_id;
	memcpy(c->victim, e->m.name.p, e->m.name.n);
	c->victim[e->m.name.n] = '\0';
	LOG(WARN, "cluster_cleaned", "node", c->victim, "silent_s",
	    span_to_s(mono_since(clock_mono(), e->silent_since)));
	c->is_busy = true;
	c->has_failed = false;
	c->left = CSTORE_GROUP_N;
	for (unsigned g = 0; g < CSTORE_GROUP_N; g++) {
		const struct groups_change change = { .group = (enum cstore_group)g,
			.what = CSTORE_REMOVE,
			.raft_id = c->raft_id,
			.name = slice_str(c->victim),
			.limit = SEAT_LIMIT };

		groups_change(&change, on_seat_gone, c);
	}
}

static void
on_look(struct timer *t)
{
	struct clean *c = LIST_OWNER(t, struct clean, timer);
	const struct members_entry *e;

	timer_arm(t, LOOK, on_look);
	if (c->is_busy || !join_is_member() || !groups_have_quorum() ||
	    strcmp(groups_leader(CSTORE_META), nodes_me()) != 0 || forget_oldest(c))
		return;
	e = c->after.ns > 0 ? next_to_go(c) : NULL;
	if (e != NULL)
		remove_one(c, e);
}

/* ---- life */

void
clean_birth(void)
{
	cluster_inside()->clean = MEM_NEW(struct clean);
}

void
clean_death(void)
{
	VEC_FINI(&clean()->v);
	MEM_FREE(cluster_inside()->clean);
}

void
clean_start(span_t after)
{
	clean()->after = after;
	timer_arm(&clean()->timer, LOOK, on_look);
}

void
clean_stop(void)
{
	timer_cancel(&clean()->timer);
}
