/* SPDX-License-Identifier: Apache-2.0 */
/* groups: the child's life, its streams, and the questions at the top of groups.h. */
#include "emqxd/members/groups.h"
#include "emqxd/members/groups_inside.h"
#include "emqxd/members/inside.h"
#include "emqxd/core/log.h"
#include "emqxd/cstore/cstore_log.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"

#include <stdio.h>
#include <unistd.h>

struct groups *
groups(void)
{
	return members_inside()->groups;
}

/* CSTORE_GROUP_N: there is none of that name. */
static enum cstore_group
group_of(struct slice name)
{
	unsigned g = 0;

	while (g < CSTORE_GROUP_N &&
	       !slice_eq_str(name, cstore_log_name((enum cstore_group)g)))
		g++;
	return (enum cstore_group)g;
}

/* ---- streams between children */

struct dial {
	uint32_t request;
	uint64_t life; /* of the child that asked */
};

static void
on_stream(em_err err, int fd, void *arg)
{
	struct dial *d = arg;
	struct groups *all = groups();

	if (all != NULL && all->cstore != NULL && d->life == all->life)
		cstore_connected(all->cstore, d->request, err == EM_OK ? fd : -1);
	else if (fd >= 0)
		close(fd);
	mem_free(d);
}

static void
dial(struct groups *all, const struct cstore_event *e)
{
	struct dial *d = MEM_NEW(struct dial);

	d->request = e->request;
	d->life = all->life;
	link_raft_connect(all->house, slice_str(e->name),
	    slice_str(cstore_log_name(e->group)), on_stream, d);
}

static void
on_accept(struct link_peer *from, struct slice group, int fd, void *arg)
{
	struct groups *all = arg;
	enum cstore_group g = group_of(group);

	if (g == CSTORE_GROUP_N || all->cstore == NULL) {
		close(fd);
		return;
	}
	cstore_accepted(all->cstore, g, link_peer_name(from), fd);
}

/* ---- the child */

static bool
is_any_unusable(const struct groups *all)
{
	for (unsigned g = 0; g < CSTORE_GROUP_N; g++)
		if (all->part[g].is_unusable)
			return true;
	return false;
}

static void
note_state(struct groups *all, const struct cstore_event *e)
{
	struct groups_part *part = &all->part[e->group];

	if (e->state == CSTORE_LEADER && !part->leads)
		part->led_since = worker_self()->now;
	part->leads = e->state == CSTORE_LEADER;
	part->differs_since = (mono_t){ 0 };
	part->denied = 0;
	if (e->name[0] != '\0' && !is_any_unusable(all))
		all->trouble[0] = '\0';
	LOG(INFO, "cluster_leader", "group", cstore_log_name(e->group), "leader", e->name,
	    "term", e->term);
}

/* The first of several says what it is about. */
static void
note_trouble(struct groups *all, const char *text)
{
	if (all->trouble[0] == '\0')
		snprintf(all->trouble, sizeof all->trouble, "the log is down: %s", text);
}

/* No STATE says so.  Who led may not come up again: it is to be one that looks. */
static void
note_down(struct groups *all, const struct cstore_event *e)
{
	for (unsigned g = 0; g < CSTORE_GROUP_N; g++)
		all->part[g].leads = false;
	all->well = 0;
	LOG(WARN, "cluster_store_down", "why", e->text);
	note_trouble(all, e->text);
}

static void
note_opened(struct groups *all, const struct cstore_event *e)
{
	struct groups_part *part = &all->part[e->group];

	part->is_unusable = e->err != EM_OK;
	if (e->err == EM_OK)
		return;
	part->leads = false;
	LOG(ERROR, "cluster_log_unusable", "group", cstore_log_name(e->group), "error",
	    err_name(e->err), "why", e->text);
	note_trouble(all, e->text);
}

/* Who was asked before is not waited for. */
static void
note_up(struct groups *all)
{
	all->life++;
	for (unsigned g = 0; g < CSTORE_GROUP_N; g++)
		all->part[g].is_asked = false;
}

static void
on_cstore(void *arg, const struct cstore_event *e)
{
	struct groups *all = arg;

	switch (e->kind) {
	case CSTORE_CONNECT: dial(all, e); return;
	case CSTORE_STATE: note_state(all, e); break;
	case CSTORE_UP: note_up(all); break;
	case CSTORE_DOWN: note_down(all, e); break;
	case CSTORE_OPENED: note_opened(all, e); break;
	case CSTORE_ENTRY:
	case CSTORE_MARKER:
	case CSTORE_PROPOSED: break;
	}
	all->ops->on_cstore(e);
}

void
groups_start(const struct groups_start *s)
{
	struct groups *all = groups();
	const struct cstore_conf conf = {
		.folder = s->folder, .on_event = on_cstore, .arg = all
	};

	CHECK(all->cstore == NULL);
	all->raft_id = s->raft_id;
	all->cstore = cstore_start(&conf);
	for (unsigned g = 0; g < CSTORE_GROUP_N; g++) {
		const struct cstore_open how = { .mode = s->mode,
			.raft_id = s->raft_id,
			.name = nodes_me(),
			.applied = s->applied[g] };

		all->part[g] = (struct groups_part){ .lag = -1 };
		if (cstore_group_open(all->cstore, (enum cstore_group)g, &how) != EM_OK)
			LOG(ERROR, "cluster_log_unusable", "group",
			    cstore_log_name((enum cstore_group)g), "error", "state",
			    "why", "it is open");
	}
	groups_watch_start(all);
}

void
groups_stop(void)
{
	struct groups *all = groups();

	if (all->cstore == NULL)
		return;
	groups_watch_stop(all);
	cstore_stop(&all->cstore);
	all->raft_id = 0;
}

void
groups_remove_logs(const char *folder)
{
	for (unsigned g = 0; g < CSTORE_GROUP_N; g++) {
		char *path = cstore_log_path(folder, (enum cstore_group)g);
		int error = cstore_log_remove(path);

		if (error != 0)
			LOG(ERROR, "cluster_log_stays", "error",
			    err_name(err_from_errno(error)), "why", path);
		mem_free(path);
	}
}

bool
groups_have_logs(const char *folder)
{
	bool have = true;

	for (unsigned g = 0; g < CSTORE_GROUP_N; g++) {
		char *path = cstore_log_path(folder, (enum cstore_group)g);

		have = have && cstore_log_is_there(path);
		mem_free(path);
	}
	return have;
}

/* ---- life */

void
groups_birth(struct link_house *h, const struct groups_ops *ops)
{
	struct groups *all = MEM_NEW(struct groups);

	all->house = h;
	all->ops = ops;
	members_inside()->groups = all;
	link_on_raft(h, on_accept, all);
	groups_ask_birth(all);
}

void
groups_death(void)
{
	struct groups *all = groups();

	groups_stop();
	groups_ask_death(all);
	MEM_FREE(members_inside()->groups);
}

/* ---- questions */

struct cstore *
groups_cstore(void)
{
	return groups()->cstore;
}

uint64_t
groups_raft_id(void)
{
	return groups()->raft_id;
}

const char *
groups_leader(enum cstore_group g)
{
	struct groups *all = groups();

	if (all->cstore == NULL || all->part[g].denied >= GROUPS_DENIED)
		return "";
	return cstore_status(all->cstore, g)->leader;
}

bool
groups_have_quorum(void)
{
	for (unsigned g = 0; g < CSTORE_GROUP_N; g++)
		if (groups_leader((enum cstore_group)g)[0] == '\0')
			return false;
	return true;
}

const char *
groups_trouble(void)
{
	return groups()->cstore != NULL ? groups()->trouble : "";
}

int64_t
groups_lag(void)
{
	const struct groups_part *part = groups()->part;

	if (part[0].lag < 0 || part[1].lag < 0)
		return -1;
	return part[0].lag > part[1].lag ? part[0].lag : part[1].lag;
}

const char *
groups_role(enum cstore_group g, uint64_t raft_id)
{
	/* Who has just come is a spare for a moment: it does not vote either. */
	static const char *const name[] = { "standby", "standby", "voter" };
	struct groups *all = groups();
	const struct cstore_status *s;

	if (all->cstore == NULL)
		return "-";
	s = cstore_status(all->cstore, g);
	if (s->leader_id == raft_id && raft_id != 0 && groups_leader(g)[0] != '\0')
		return "leader";
	for (unsigned i = 0; i < s->members_n; i++)
		if (s->member[i].id == raft_id)
			return name[s->member[i].role];
	return "-";
}
