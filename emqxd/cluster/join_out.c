/* SPDX-License-Identifier: Apache-2.0 */
/* join_out: leaving, removing a dead member. */
#include "emqxd/cluster/finding.h"
#include "emqxd/cluster/inside.h"
#include "emqxd/cluster/join_inside.h"
#include "emqxd/ordering/ordering.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/store/change.h"
#include "emqxd/store/ordered.h"

#include <string.h>

#define TRANSFER_LIMIT span_s(5)
#define HEARD span_s(5) /* so long the others talk to who has no row any more */
#define LOOK span_ms(50)

const char join_hint_recover[] =
    "with most members lost for good: emqx_ctl cluster force-leave NODE --recover";

static void
finish_ok(unsigned members)
{
	join_finish(&(struct join_end){ .err = EM_OK, .text = "", .members = members });
}

static void
remove_row(const char *name, change_done_fn *then)
{
	em_err err = join_delete_row(slice_str(name), then);

	if (err != EM_OK)
		join_fail(err, NULL, "nothing has changed: %s", err_text(err));
}

/* ---- leaving */

static void
on_rows_dropped(void)
{
	LOG(INFO, "cluster_left", "node", nodes_me());
	finding_pause();
	finish_ok(join_self()->left);
}

static void
on_alone(void)
{
	join_drop_rows_then(on_rows_dropped);
}

/* The others remove what is left of this node by themselves, should they not have heard. */
static void
on_let_out(void *arg, em_err err, const char *text)
{
	struct join *j = arg;

	if (err != EM_OK && err != EM_NOTFOUND)
		LOG(WARN, "cluster_left_unheard", "error", err_name(err), "why", text);
	if (--j->left > 0)
		return;
	j->left = members_count();
	join_go_alone(on_alone);
}

/* A row is still there; or, after EM_TIMEOUT, perhaps not. */
static void
fail_row(em_err err, const char *what)
{
	if (err == EM_TIMEOUT)
		join_fail(err, "emqx_ctl cluster status, in a while",
		    "it is not known whether it is a member still: the cluster did not "
		    "answer in time");
	else
		join_fail(err, err == EM_NOQUORUM ? join_hint_recover : NULL, "%s: %s",
		    what, err_text(err));
}

static void
on_own_row_gone(void *arg, em_err err)
{
	struct join *j = arg;

	if (err != EM_OK)
		fail_row(err, "this node is still a member");
	else
		join_change_both(j, CSTORE_REMOVE, j->raft_id, slice_str(nodes_me()),
		    HEARD, on_let_out);
}

/* Those without its row do not talk to it: as a voter it would count against them. */
static void
on_votes_no_more(void *arg, em_err err, const char *text)
{
	struct join *j = arg;

	if (!join_is_last(j, err, text))
		return;
	if (j->err == EM_OK)
		remove_row(nodes_me(), on_own_row_gone);
	else
		join_fail(j->err, j->err == EM_NOQUORUM ? join_hint_recover : NULL,
		    "this node is still a member: %s", str_get(&j->why));
}

static bool
leads_any(void)
{
	for (unsigned g = 0; g < CSTORE_GROUP_N; g++)
		if (strcmp(groups_leader((enum cstore_group)g), nodes_me()) == 0)
			return true;
	return false;
}

static void
on_transfer_wait(struct timer *t)
{
	struct join *j = LIST_OWNER(t, struct join, wait);

	if ((leads_any() || !groups_have_quorum()) && clock_mono().ns < j->until.ns) {
		timer_arm(t, LOOK, on_transfer_wait);
		return;
	}
	if (groups_have_quorum())
		join_change_both(j, CSTORE_MAKE_STANDBY, j->raft_id,
		    slice_str(nodes_me()), JOIN_CHANGE_LIMIT, on_votes_no_more);
	else
		on_own_row_gone(j, EM_NOQUORUM);
}

static void
on_transferred(void *arg, em_err err, const char *text)
{
	(void)arg;
	if (err != EM_OK)
		LOG(INFO, "cluster_transfer_failed", "error", err_name(err), "why", text);
}

void
join_leave(bool is_dry_run, join_done_fn *done, void *arg)
{
	struct join *j = join_self();

	if ((j->is_detached || j->task == JOIN_ANEW) && j->done == NULL && !is_dry_run) {
		j->gives_up = true; /* which it sees at its next step */
		j->done = done;
		j->arg = arg;
		return;
	}
	if (!join_take(JOIN_OUT, done, arg))
		return;
	if (!j->is_member) {
		join_fail(
		    EM_STATE, NULL, "this node is alone: there is nothing to leave");
		return;
	}
	if (is_dry_run) {
		finish_ok(members_count() > 0 ? members_count() - 1 : 0);
		return;
	}
	if (members_count() < 2) { /* the others have left: nobody is to be asked */
		j->left = 0;
		join_go_alone(on_alone);
		return;
	}
	for (unsigned g = 0; g < CSTORE_GROUP_N; g++)
		if (strcmp(groups_leader((enum cstore_group)g), nodes_me()) == 0)
			cstore_transfer(groups_cstore(), (enum cstore_group)g, 0,
			    on_transferred, NULL);
	j->until = mono_add(clock_mono(), TRANSFER_LIMIT);
	timer_arm(&j->wait, LOOK, on_transfer_wait);
}

/* ---- removing another */

static void
on_other_out(void *arg, em_err err, const char *text)
{
	struct join *j = arg;

	if (!join_is_last(j, err, text))
		return;
	if (j->err != EM_OK)
		join_fail(j->err, NULL, "it is no member any more, but counts still: %s",
		    str_get(&j->why));
	else
		finish_ok(members_count());
}

static void
on_row_gone(void *arg, em_err err)
{
	struct join *j = arg;

	if (err == EM_OK)
		join_change_both(j, CSTORE_REMOVE, j->old_id,
		    slice_str(str_get(&j->victim)), JOIN_CHANGE_LIMIT, on_other_out);
	else
		fail_row(err, "nothing has changed");
}

void
join_force_leave(
    struct slice name, bool with_recovery, bool is_dry_run, join_done_fn *done, void *arg)
{
	struct join *j = join_self();
	const struct members_entry *e;

	if (!join_take(JOIN_REMOVE, done, arg))
		return;
	e = members_find(name);
	str_add_slice(&j->victim, name);
	if (e == NULL || !j->is_member) {
		join_fail(EM_NOTFOUND, "emqx_ctl cluster status", "no member '%s'",
		    str_get(&j->victim));
	} else if (e->place == 0) {
		join_fail(
		    EM_USAGE, "emqx_ctl cluster leave", "a node does not remove itself");
	} else if (strcmp(groups_leader(CSTORE_META), str_get(&j->victim)) == 0 &&
		   e->peer != NULL && link_peer_is_reachable(e->peer)) {
		join_fail(EM_STATE, "emqx_ctl cluster leave, typed on that node",
		    "%s runs, and leads: nothing has changed", str_get(&j->victim));
	} else if (is_dry_run && (groups_have_quorum() || with_recovery)) {
		finish_ok(members_count() - 1);
	} else if (groups_have_quorum()) {
		j->old_id = e->m.raft_id;
		remove_row(str_get(&j->victim), on_row_gone);
	} else if (with_recovery) {
		join_recover(j);
	} else {
		join_fail(EM_NOQUORUM, join_hint_recover,
		    "no quorum: most members do not answer; nothing has changed");
	}
}
