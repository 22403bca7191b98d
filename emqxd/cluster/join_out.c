/* SPDX-License-Identifier: Apache-2.0 */
/*
 * join_out: leaving, removing a dead member.
 *
 * Who leaves asks the leaders first whether most of the other voters run (groups_spare.c),
 * for a dry run too; another leads then; then it votes no more, and its row goes.  Where
 * that ends before the row is gone, the leader makes it a voter again.
 */
#include "emqxd/cluster/finding.h"
#include "emqxd/cluster/heal.h"
#include "emqxd/cluster/inside.h"
#include "emqxd/cluster/join_inside.h"
#include "emqxd/ordering/ordering.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/store/change.h"
#include "emqxd/store/ordered.h"

#include <string.h>

#define LEADER_LIMIT span_s(5) /* to find one, or another */
#define VOTE_LIMIT span_s(15)
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
	heal_stay_alone();
	finding_pause();
	finish_ok(join_self()->left);
}

static void
on_alone(void)
{
	join_drop_rows_then(on_rows_dropped);
}

/* The others have left: nobody is to be asked. */
static void
leave_last(struct join *j)
{
	if (j->only_looks) {
		finish_ok(0);
		return;
	}
	j->left = 0;
	join_go_alone(on_alone);
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

static void on_row_again(struct timer *t);

static void
on_own_row_gone(void *arg, em_err err)
{
	struct join *j = arg;

	/* One that led, and votes no more, leads no more: another is found soon. */
	if (err == EM_NOQUORUM && clock_mono().ns < j->until.ns)
		timer_arm(&j->wait, LOOK, on_row_again);
	else if (err != EM_OK)
		fail_row(err, "this node is still a member");
	else
		join_change_both(j, CSTORE_REMOVE, j->raft_id, slice_str(nodes_me()),
		    HEARD, on_let_out);
}

static void
on_row_again(struct timer *t)
{
	(void)t;
	remove_row(nodes_me(), on_own_row_gone);
}

/* Whom this node does not hear, to be named in a hint. */
static const char *
first_silent(void)
{
	for (unsigned i = 0; i < members_count(); i++) {
		const struct members_entry *e = members_at(i);

		if (e->peer != NULL && !link_peer_is_reachable(e->peer))
			return link_peer_name(e->peer);
	}
	return "NODE";
}

/* Whom, or its own store, it does not hear. */
static void
fail_for_quorum(const struct join *j)
{
	struct str hint = { 0 };

	if (groups_trouble()[0] != '\0') {
		join_fail(EM_NOQUORUM, "emqx_ctl cluster status, in a while",
		    "%s: nothing has changed", groups_trouble());
		return;
	}
	str_addf(&hint,
	    "with most members lost for good: emqx_ctl cluster force-leave %s "
	    "--recover%s",
	    first_silent(), j->task == JOIN_OUT ? ", and leave then" : "");
	join_fail(EM_NOQUORUM, str_get(&hint),
	    "no quorum: most members do not answer; nothing has changed");
	str_fini(&hint);
}

/* Nothing of it is done, or the leader gives the vote back: the row is there. */
static void
fail_leave(const struct join *j, const char *missing)
{
	const char *who = j->task == JOIN_OUT ? "this node" : str_get(&j->victim);
	const char *comma = strchr(missing, ',');
	struct str hint = { 0 };

	if (missing[0] == '\0')
		str_add(&hint, "once emqx_ctl cluster status shows another voter");
	else
		str_addf(&hint, "emqx_ctl cluster force-leave %.*s first, or start %s",
		    comma != NULL ? (int)(comma - missing) : (int)strlen(missing),
		    missing, comma != NULL ? "one of them" : "it");
	join_fail(EM_STATE, str_get(&hint),
	    "without %s most voters would not run%s%s: nothing has changed", who,
	    missing[0] != '\0' ? ", for want of " : "", missing);
	str_fini(&hint);
}

/* Those without its row do not talk to it: as a voter it would count against them. */
static void
on_votes_no_more(void *arg, em_err err, const char *text)
{
	struct join *j = arg;

	if (!join_is_last(j, err, text))
		return;
	if (j->err == EM_OK) {
		j->until = mono_add(clock_mono(), LEADER_LIMIT);
		remove_row(nodes_me(), on_own_row_gone);
	} else if (members_count() < 2)
		leave_last(j);
	else if (j->err == EM_DENIED) /* of several that leave at once */
		fail_leave(j, str_get(&j->why));
	else
		join_fail(j->err,
		    j->err == EM_NOQUORUM && !groups_have_quorum() ? join_hint_recover
								   : NULL,
		    "this node is still a member: %s", str_get(&j->why));
}

/* ---- would the others be most of the voters? */

static void on_look(struct timer *t);

static void
on_spare(void *arg, em_err err, const char *missing)
{
	struct join *j = arg;
	bool is_final = err == EM_OK || (err == EM_STATE && missing[0] != '\0');

	if (join_self() == NULL || (j->task != JOIN_OUT && j->task != JOIN_REMOVE))
		return;
	if (!is_final && clock_mono().ns < j->until.ns)
		timer_arm(&j->wait, LOOK, on_look);
	else if (err == EM_NOQUORUM)
		fail_for_quorum(j);
	else if (err != EM_OK)
		fail_leave(j, missing);
	else
		j->then();
}

static void
on_look(struct timer *t)
{
	struct join *j = LIST_OWNER(t, struct join, wait);

	if (j->task == JOIN_OUT && members_count() < 2) /* meanwhile */
		leave_last(j);
	else
		groups_spare_ask(
		    j->task == JOIN_OUT ? j->raft_id : j->old_id, on_spare, j);
}

static void
look_then(struct join *j, void (*then)(void))
{
	j->then = then;
	j->until = mono_add(clock_mono(), LEADER_LIMIT);
	timer_arm(&j->wait, span_ms(0), on_look);
}

static void
give_up_vote(void)
{
	struct join *j = join_self();

	join_change_both(j, CSTORE_MAKE_STANDBY, j->raft_id, slice_str(nodes_me()),
	    VOTE_LIMIT, on_votes_no_more);
}

/* ---- another leads */

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

	if ((leads_any() || !groups_have_quorum()) && clock_mono().ns < j->until.ns)
		timer_arm(t, LOOK, on_transfer_wait);
	else
		look_then(j, give_up_vote);
}

static void
on_transferred(void *arg, em_err err, const char *text)
{
	(void)arg;
	if (err != EM_OK)
		LOG(INFO, "cluster_transfer_failed", "error", err_name(err), "why", text);
}

static void
transfer(void)
{
	struct join *j = join_self();

	if (j->only_looks) {
		finish_ok(members_count() > 0 ? members_count() - 1 : 0);
		return;
	}
	for (unsigned g = 0; g < CSTORE_GROUP_N; g++)
		if (strcmp(groups_leader((enum cstore_group)g), nodes_me()) == 0)
			cstore_transfer(groups_cstore(), (enum cstore_group)g, 0,
			    on_transferred, NULL);
	j->until = mono_add(clock_mono(), LEADER_LIMIT);
	timer_arm(&j->wait, LOOK, on_transfer_wait);
}

static void
stay_alone(bool is_dry_run)
{
	if (!is_dry_run) {
		heal_stay_alone();
		finding_pause();
	}
	join_finish(&(struct join_end){ .err = EM_OK, .text = "", .was_removed = true });
}

void
join_leave(bool is_dry_run, join_done_fn *done, void *arg)
{
	struct join *j = join_self();

	if ((j->is_detached || j->task == JOIN_ANEW) && j->done == NULL) {
		if (is_dry_run) { /* on a terminal it is asked about like that first */
			done(arg, &(struct join_end){ .err = EM_OK, .text = "" });
			return;
		}
		heal_stay_alone();
		j->gives_up = true; /* which it sees at its next step */
		j->done = done;
		j->arg = arg;
		return;
	}
	if (!join_take(JOIN_OUT, done, arg))
		return;
	j->only_looks = is_dry_run;
	if (!j->is_member && (heal_is_cast_out() || heal_is_healing())) {
		stay_alone(is_dry_run);
	} else if (!j->is_member) {
		join_fail(
		    EM_STATE, NULL, "this node is alone: there is nothing to leave");
	} else if (members_count() >= 2) {
		look_then(j, transfer);
	} else {
		leave_last(j);
	}
}

/* ---- removing another */

void
join_finish_removed(struct join *j, unsigned members)
{
	join_finish(&(struct join_end){ .err = EM_OK,
	    .text = "",
	    .others = j->others.n > 0 ? str_get(&j->others) : NULL,
	    .runs = j->victim_runs,
	    .members = members });
}

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
		join_finish_removed(j, members_count());
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

static void
remove_other(void)
{
	struct join *j = join_self();

	if (j->only_looks)
		join_finish_removed(j, members_count() - 1);
	else
		remove_row(str_get(&j->victim), on_row_gone);
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
	j->only_looks = is_dry_run;
	if (!j->is_member) {
		join_fail(EM_NOTFOUND, "emqx_ctl cluster status",
		    "no member '%s': this node is alone", str_get(&j->victim));
	} else if (e == NULL) {
		join_fail(EM_NOTFOUND, "emqx_ctl cluster status", "no member '%s'",
		    str_get(&j->victim));
	} else if (e->place == 0) {
		join_fail(
		    EM_USAGE, "emqx_ctl cluster leave", "a node does not remove itself");
	} else if (strcmp(groups_leader(CSTORE_META), str_get(&j->victim)) == 0 &&
		   e->peer != NULL && link_peer_is_reachable(e->peer)) {
		join_fail(EM_STATE, "emqx_ctl cluster leave, typed on that node",
		    "%s runs, and leads: nothing has changed", str_get(&j->victim));
	} else if (groups_have_quorum()) {
		j->old_id = e->m.raft_id;
		j->victim_runs = e->peer != NULL && link_peer_is_reachable(e->peer);
		if (j->victim_runs) /* it counts for the quorum */
			look_then(j, remove_other);
		else
			remove_other();
	} else if (with_recovery) {
		join_recover(j);
	} else {
		fail_for_quorum(j);
	}
}
