/* SPDX-License-Identifier: Apache-2.0 */
/*
 * join_enter: the last steps of joining: let into both groups, a leader that is heard, and
 * the row that makes it a member.  Each may have been done before, by a former life.
 */
#include "emqxd/cluster/inside.h"
#include "emqxd/cluster/join_inside.h"
#include "emqxd/core/clock.h"

#define MEMBER_LIMIT span_s(20)
#define OUT_LIMIT span_s(5)
#define LOOK span_ms(50)

static bool
is_in(const struct join *j)
{
	const struct members_entry *me = members_me();

	return me != NULL && me->m.raft_id == j->raft_id;
}

static void
entered(struct join *j, em_err err, const char *why)
{
	struct str text = { 0 };

	str_add(&text, why); /* which may be j->why */
	j->err = err;
	str_reset(&j->why);
	str_add(&j->why, str_get(&text));
	str_fini(&text);
	j->entered(j, err);
}

/* ---- the row */

static void
on_row(void *arg, em_err err)
{
	entered(arg, err, "the cluster did not take this node's row");
}

static void
on_quorum_wait(struct timer *t)
{
	struct join *j = LIST_OWNER(t, struct join, wait);

	if (is_in(j))
		entered(j, EM_OK, "");
	else if (groups_have_quorum())
		join_write_row(j->raft_id, on_row);
	else if (clock_mono().ns < j->until.ns)
		timer_arm(t, LOOK, on_quorum_wait);
	else
		entered(j, EM_NOQUORUM, "no leader of the cluster reached this node");
}

/* ---- let in */

static struct groups_change
change_of(const struct join *j, enum cstore_group g, enum cstore_change what)
{
	return (struct groups_change){ .group = g,
		.what = what,
		.raft_id = j->raft_id,
		.site = nodes_site(),
		.name = slice_str(nodes_me()),
		.address = slice_str(j->advertise),
		.leader = str_slice(&j->leader),
		.via = j->task == JOIN_IN ? &join_self()->guest : NULL,
		.limit = JOIN_CHANGE_LIMIT };
}

void
join_change_both(struct join *j, enum cstore_change what, uint64_t raft_id,
    struct slice name, span_t limit, groups_done_fn *on_each)
{
	j->left = CSTORE_GROUP_N;
	for (unsigned g = 0; g < CSTORE_GROUP_N; g++) {
		struct groups_change c = change_of(j, (enum cstore_group)g, what);

		c.raft_id = raft_id;
		c.name = name;
		c.limit = limit;
		groups_change(&c, on_each, j);
	}
}

bool
join_is_last(struct join *j, em_err err, const char *text)
{
	if (err != EM_OK && err != EM_NOTFOUND && err != EM_EXISTS && j->err == EM_OK) {
		j->err = err;
		str_reset(&j->why);
		str_add(&j->why, text[0] != '\0' ? text : err_text(err));
	}
	return --j->left == 0;
}

static void
on_let_in(void *arg, em_err err, const char *text)
{
	struct join *j = arg;

	if (err != EM_OK && j->err == EM_OK) {
		j->err = err;
		str_reset(&j->why);
		str_addf(&j->why, "the cluster did not let this node in: %s",
		    text[0] != '\0' ? text : err_text(err));
	}
	if (--j->left > 0)
		return;
	if (j->err != EM_OK) {
		entered(j, j->err, str_get(&j->why));
		return;
	}
	j->until = mono_add(clock_mono(), MEMBER_LIMIT);
	timer_arm(&j->wait, LOOK, on_quorum_wait);
}

static void
on_added(struct join *j, enum cstore_group g, em_err err, const char *text)
{
	struct groups_change c = change_of(j, g, CSTORE_MAKE_STANDBY);

	if (err == EM_OK || err == EM_EXISTS)
		groups_change(&c, on_let_in, j);
	else
		on_let_in(j, err, text);
}

static void
on_added_meta(void *arg, em_err err, const char *text)
{
	on_added(arg, CSTORE_META, err, text);
}

static void
on_added_ret(void *arg, em_err err, const char *text)
{
	on_added(arg, CSTORE_RET, err, text);
}

void
join_enter(struct join *j, change_done_fn *then)
{
	static groups_done_fn *const on[CSTORE_GROUP_N] = { on_added_meta, on_added_ret };

	j->entered = then;
	if (is_in(j)) {
		entered(j, EM_OK, "");
		return;
	}
	j->left = CSTORE_GROUP_N;
	j->err = EM_OK;
	for (unsigned g = 0; g < CSTORE_GROUP_N; g++) {
		struct groups_change c = change_of(j, (enum cstore_group)g, CSTORE_ADD);

		groups_change(&c, on[g], j);
	}
}

/* ---- let out */

static void
on_let_out(void *arg, em_err err, const char *text)
{
	struct join *j = arg;

	(void)err;
	(void)text;
	if (--j->left == 0)
		j->then();
}

void
join_let_out(struct join *j, uint64_t raft_id, void (*then)(void))
{
	j->then = then;
	join_change_both(
	    j, CSTORE_REMOVE, raft_id, slice_str(nodes_me()), OUT_LIMIT, on_let_out);
}
