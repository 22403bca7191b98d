/* SPDX-License-Identifier: Apache-2.0 */
/*
 * join_anew: a member whose log and the leader's fell apart gives its own up and comes back
 * under another Raft id; its row, and so its links, stay.
 *
 * First the leader lets the old id out: it counts no more before its log is gone, so two
 * that do this at once do not take the quorum with them; a leader that cannot do that is
 * none, and nothing happens.  From the note on there is no way back, and no end but success:
 * what fails is tried again, also after a restart, at whatever member is reachable.
 */
#include "emqxd/cluster/finding.h"
#include "emqxd/cluster/heal.h"
#include "emqxd/cluster/inside.h"
#include "emqxd/cluster/join_inside.h"
#include "emqxd/ordering/ordering.h"
#include "emqxd/core/log.h"
#include "ipc/base/mem.h"
#include "ipc/base/rand.h"

#define AGAIN span_s(1)

static void on_again(struct timer *t);

static void
again(struct join *j, em_err err, const char *why)
{
	LOG(WARN, "cluster_anew_again", "error", err_name(err), "why", why);
	j->err = err;
	timer_arm(&j->wait, AGAIN, on_again);
}

/* ---- the end */

static void
on_settled(void *arg, em_err err)
{
	if (err != EM_OK) {
		again(arg, err, "the note stays");
		return;
	}
	LOG(INFO, "cluster_joined_anew", "node", nodes_me());
	join_finish_in(&(struct join_end){ .err = EM_OK, .text = "" });
}

static void
close_again(void)
{
	again(join_self(), EM_AGAIN, "it was not let in");
}

static void
wipe_again(void)
{
	join_close_groups(close_again);
}

static void
on_entered(void *arg, em_err err)
{
	struct join *j = arg;

	if (err == EM_OK) {
		join_note_write(JOIN_SETTLED, 0, on_settled, j);
		return;
	}
	LOG(WARN, "cluster_anew_failed", "error", err_name(err), "why", str_get(&j->why));
	join_let_out(j, j->raft_id, wipe_again);
}

/* ---- alone after all */

static void
go_alone(struct join *j, void (*then)(void))
{
	ordering_stop();
	j->is_member = false;
	join_drop_rows_then(then);
}

/* The others have its row still, and cannot be told. */
static void
on_given_up(void)
{
	LOG(WARN, "cluster_left_unheard", "error", "cancelled", "why",
	    "the cluster did not take it back");
	if (join_self()->done != NULL) { /* an operator wants it so */
		heal_stay_alone();
		finding_pause();
	} else
		heal_cast_out();
	join_note_write(JOIN_SETTLED, 0, NULL, NULL);
	join_finish(&(struct join_end){ .err = EM_OK, .text = "" });
}

static void
on_no_member(void)
{
	LOG(WARN, "cluster_left_by_others", "node", nodes_me());
	heal_cast_out();
	join_note_write(JOIN_SETTLED, 0, NULL, NULL);
	join_finish(&(struct join_end){ .err = EM_OK, .text = "" });
}

/* ---- the rows */

static void
on_fetched(void *arg, em_err err, const char *text)
{
	struct join *j = arg;
	uint64_t id = 0;

	if (err != EM_OK) {
		again(j, err, text);
		return;
	}
	if (members_me() == NULL) { /* removed meanwhile */
		heal_left_over();
		go_alone(j, on_no_member);
		return;
	}
	while (id == 0)
		rand_bytes(&id, sizeof id);
	join_open_groups(CSTORE_JOIN, id);
	join_enter(j, on_entered);
}

/* Who led last, else anybody; by turns, when that came to nothing. */
static struct link_peer *
someone(struct join *j)
{
	struct link_peer *p = link_peer_find(j->house, str_slice(&j->leader));

	if (j->err != EM_OK)
		p = link_peer_next(j->house, p);
	while (p != NULL && !link_peer_is_reachable(p))
		p = link_peer_next(j->house, p);
	if (p == NULL)
		p = link_peer_next(j->house, NULL);
	while (p != NULL && !link_peer_is_reachable(p))
		p = link_peer_next(j->house, p);
	return p;
}

static void
on_again(struct timer *t)
{
	struct join *j = LIST_OWNER(t, struct join, wait);
	struct link_peer *p = someone(j);

	if (groups_cstore() != NULL) { /* entered, but for the note */
		on_entered(j, EM_OK);
		return;
	}
	if (j->gives_up) {
		go_alone(j, on_given_up);
		return;
	}
	if (p == NULL) {
		timer_arm(&j->wait, AGAIN, on_again);
		return;
	}
	j->err = EM_OK;
	str_reset(&j->leader);
	str_add(&j->leader, link_peer_name(p));
	ordering_fetch(p, on_fetched, j);
}

void
join_anew_give_up(void)
{
	if (join_self()->task == JOIN_ANEW)
		join_self()->gives_up = true; /* which it sees at its next step */
}

/* ---- the beginning */

static void
begin_fetch(void)
{
	timer_arm(&join_self()->wait, span_ms(0), on_again);
}

static void
on_noted(void *arg, em_err err)
{
	(void)arg;
	if (err == EM_OK)
		join_close_groups(begin_fetch);
	else
		join_fail(err, NULL, "the store does not take this node's notes");
}

static void
on_old_out(void *arg, em_err err, const char *text)
{
	struct join *j = arg;

	if (!join_is_last(j, err, text))
		return;
	if (j->err != EM_OK)
		join_fail(j->err, NULL, "the leader did not let the old log out: %s",
		    str_get(&j->why));
	else
		join_note_write(JOIN_REENTERING, 0, on_noted, j);
}

void
join_anew(const char *leader)
{
	struct join *j = join_self();

	if (!j->is_member || members_me() == NULL || !join_take(JOIN_ANEW, NULL, NULL))
		return;
	LOG(WARN, "cluster_joins_anew", "node", nodes_me(), "leader", leader);
	str_add(&j->leader, leader);
	str_add(&j->target, leader);
	join_change_both(j, CSTORE_REMOVE, j->raft_id, slice_str(nodes_me()),
	    JOIN_CHANGE_LIMIT, on_old_out);
}

void
join_anew_resume(void)
{
	struct join *j = join_self();

	if (!join_take(JOIN_ANEW, NULL, NULL))
		return;
	LOG(WARN, "cluster_anew_resumes", "node", nodes_me());
	j->is_member = true;
	groups_remove_logs(j->raft_dir);
	timer_arm(&j->wait, span_ms(0), on_again);
}

static void note_lost(struct timer *t);

static void
on_noted_lost(void *arg, em_err err)
{
	struct join *j = arg;

	if (err == EM_OK)
		join_close_groups(begin_fetch);
	else
		timer_arm(&j->wait, AGAIN, note_lost);
}

static void
note_lost(struct timer *t)
{
	join_note_write(
	    JOIN_REENTERING, 0, on_noted_lost, LIST_OWNER(t, struct join, wait));
}

void
join_anew_without_log(void)
{
	struct join *j = join_self();

	if (!join_take(JOIN_ANEW, NULL, NULL))
		return;
	LOG(ERROR, "cluster_log_lost", "node", nodes_me(), "dir", j->raft_dir);
	j->is_member = true;
	timer_arm(&j->wait, span_ms(0), note_lost);
}
