/* SPDX-License-Identifier: Apache-2.0 */
/* join_in: joining, and joining anew after the groups and this node fell apart. */
#include "emqxd/cluster/cluster.h"
#include "emqxd/cluster/inside.h"
#include "emqxd/cluster/join_inside.h"
#include "emqxd/cluster/ordering.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/store/ordered.h"
#include "emqxd/store/change.h"
#include "ipc/base/mem.h"
#include "ipc/base/rand.h"
#include "ipc/base/rbuf.h"

#define ASK_LIMIT span_s(20) /* it may have to begin its cluster */
#define MEMBER_LIMIT span_s(20)
#define LOOK span_ms(50)

static const char hint_alone[] =
    "this node is alone now, with the cluster's rows; its own are in the backup";

/* ---- undoing */

static void
on_rows_dropped(void)
{
	struct join *j = join_self();

	join_fail(j->err, hint_alone, "%s", str_get(&j->why));
}

static void
on_undone(void)
{
	join_drop_rows_then(on_rows_dropped);
}

static void
on_taken_back(void *arg, em_err err, const char *text)
{
	struct join *j = arg;

	(void)err;
	(void)text;
	if (--j->left == 0)
		join_go_alone(on_undone);
}

/* What was let in is to be let out, if somebody can be told. */
static void
undo(struct join *j, em_err err, const char *text)
{
	j->err = err;
	str_reset(&j->why);
	str_add(&j->why, text);
	j->left = CSTORE_GROUP_N;
	for (unsigned g = 0; g < CSTORE_GROUP_N; g++) {
		const struct groups_change c = { .group = (enum cstore_group)g,
			.what = CSTORE_REMOVE,
			.raft_id = j->raft_id,
			.name = slice_str(nodes_me()),
			.via = j->task == JOIN_IN ? &j->guest : NULL,
			.limit = span_s(5) };

		groups_change(&c, on_taken_back, j);
	}
}

/* ---- the last steps: let in, and the row */

static void
on_row(void *arg, em_err err)
{
	struct join *j = arg;

	if (err != EM_OK) {
		undo(j, err, "the cluster did not take this node's row");
		return;
	}
	if (j->task == JOIN_IN)
		join_end_sessions();
	LOG(INFO, "cluster_joined", "node", nodes_me(), "asked", str_get(&j->target));
	join_finish(&(struct join_end){ .err = EM_OK,
	    .text = "",
	    .cluster = str_get(&j->target),
	    .backup = j->backup.n > 0 ? str_get(&j->backup) : NULL,
	    .members = members_count() });
}

static void
on_quorum_wait(struct timer *t)
{
	struct join *j = LIST_OWNER(t, struct join, wait);

	if (groups_have_quorum())
		join_write_row(j->raft_id, on_row);
	else if (clock_mono().ns < j->until.ns)
		timer_arm(t, LOOK, on_quorum_wait);
	else
		undo(j, EM_NOQUORUM, "no leader of the cluster reached this node");
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
		struct str why = { 0 };

		str_add(&why, str_get(&j->why));
		undo(j, j->err, str_get(&why));
		str_fini(&why);
		return;
	}
	j->until = mono_add(clock_mono(), MEMBER_LIMIT);
	timer_arm(&j->wait, LOOK, on_quorum_wait);
}

static void
let_in(struct join *j, enum cstore_group g, enum cstore_change what, groups_done_fn *then,
    void *arg)
{
	const struct groups_change c = { .group = g,
		.what = what,
		.raft_id = j->raft_id,
		.site = nodes_site(),
		.name = slice_str(nodes_me()),
		.address = slice_str(j->advertise),
		.via = j->task == JOIN_IN ? &j->guest : NULL,
		.limit = JOIN_CHANGE_LIMIT };

	groups_change(&c, then, arg);
}

static void
on_added_meta(void *arg, em_err err, const char *text)
{
	if (err == EM_OK)
		let_in(arg, CSTORE_META, CSTORE_MAKE_STANDBY, on_let_in, arg);
	else
		on_let_in(arg, err, text);
}

static void
on_added_ret(void *arg, em_err err, const char *text)
{
	if (err == EM_OK)
		let_in(arg, CSTORE_RET, CSTORE_MAKE_STANDBY, on_let_in, arg);
	else
		on_let_in(arg, err, text);
}

static void
open_and_enter(struct join *j)
{
	uint64_t id = 0;

	while (id == 0)
		rand_bytes(&id, sizeof id);
	join_open_groups(CSTORE_JOIN, id);
	j->left = CSTORE_GROUP_N;
	j->err = EM_OK;
	let_in(j, CSTORE_META, CSTORE_ADD, on_added_meta, j);
	let_in(j, CSTORE_RET, CSTORE_ADD, on_added_ret, j);
}

/* ---- the rows */

static void
on_fetched(void *arg, em_err err, const char *text)
{
	struct join *j = arg;

	if (err != EM_OK) {
		ordering_stop();
		join_drop_rows();
		join_fail(err, hint_alone, "the cluster's rows were not fetched: %s",
		    text[0] != '\0' ? text : err_text(err));
		return;
	}
	open_and_enter(j);
}

static void
on_backed_up(void *arg, em_err err)
{
	struct join *j = arg;

	if (err != EM_OK) {
		members_drop_expected();
		join_fail(err, "nothing has changed",
		    "the store cannot be copied to %s: %s", str_get(&j->backup),
		    err_text(err));
		return;
	}
	ordering_fetch(j->guest, on_fetched, j);
}

static void
back_up(struct join *j)
{
	char stamp[SPAN_TEXT_MAX];

	str_addf(&j->backup, "%s/backup/join-%s", j->data_dir,
	    wall_print(clock_wall(), true, stamp));
	store_backup(str_get(&j->backup), on_backed_up, j);
}

/* ---- the answer of the member that was asked */

static em_err
expect_all(struct join *j, struct slice body)
{
	struct rbuf r = rbuf_of(body);
	unsigned n;

	str_reset(&j->leader);
	str_add_slice(&j->leader, rbuf_bytes16(&r));
	rbuf_bytes16(&r);
	n = rbuf_u8(&r);
	for (; n > 0 && r.err == EM_OK; n--) {
		struct slice name = rbuf_bytes16(&r), address = rbuf_bytes16(&r);
		uint64_t site = rbuf_u64(&r);
		em_err err =
		    r.err == EM_OK ? members_expect(name, address, site) : EM_MALFORMED;

		if (err != EM_OK)
			return err;
	}
	return r.err;
}

static const char *
hint_for(em_err err)
{
	switch ((int)err) {
	case EM_EXISTS: return "emqx_ctl cluster status there shows its members";
	case EM_NOQUORUM: return "emqx_ctl cluster status there says who is missing";
	case EM_UNSUPPORTED: return "the other node is older: upgrade it first";
	default: return NULL;
	}
}

static void
on_answer(struct link_peer *p, em_err err, struct slice body, void *arg)
{
	struct join *j = arg;
	struct str text = { 0 };

	(void)p;
	if (err != EM_OK) {
		str_add_escaped(&text, body);
		if (err == EM_UNREACHABLE)
			j->guest = NULL; /* it is gone by itself */
		join_fail(err, hint_for(err), "%s says: %s", str_get(&j->target),
		    body.n > 0 ? str_get(&text) : err_text(err));
		str_fini(&text);
		return;
	}
	err = expect_all(j, body);
	if (err != EM_OK) {
		members_drop_expected();
		join_fail(err, NULL, "the answer of %s makes no sense: %s",
		    str_get(&j->target), err_text(err));
		return;
	}
	back_up(j);
}

static void
on_looked(struct link_peer *p, em_err err, struct slice body, void *arg)
{
	struct join *j = arg;

	if (err != EM_OK) {
		on_answer(p, err, body, arg);
		return;
	}
	str_addf(&j->backup, "%s/backup", j->data_dir);
	join_finish(&(struct join_end){ .err = EM_OK,
	    .text = "",
	    .cluster = str_get(&j->target),
	    .backup = str_get(&j->backup) });
}

static void
ask(struct join *j, bool only_look)
{
	struct wbuf w = wbuf_growing(1024);
	em_err err;

	wbuf_u8(&w, only_look ? 1 : 0);
	wbuf_bytes16(&w, slice_str(nodes_me()));
	wbuf_bytes16(&w, slice_str(j->advertise));
	wbuf_u64(&w, nodes_site());
	err = link_request(j->guest, LINK_JOIN_ASK, wbuf_slice(&w), ASK_LIMIT,
	    only_look ? on_looked : on_answer, j);
	wbuf_fini(&w);
	if (err != EM_OK)
		join_fail(err, NULL, "%s cannot be asked: %s", str_get(&j->target),
		    err_text(err));
}

static void
on_guest(struct link_peer *guest, const struct fault *f, void *arg)
{
	struct join *j = arg;

	j->guest = guest;
	if (guest == NULL)
		join_fail(f->err, f->hint, "%s", f->text);
	else
		ask(j, false);
}

static void
on_guest_to_look(struct link_peer *guest, const struct fault *f, void *arg)
{
	struct join *j = arg;

	j->guest = guest;
	if (guest == NULL)
		join_fail(f->err, f->hint, "%s", f->text);
	else
		ask(j, true);
}

/* "name@host[:port]" -> "host:port"; the port follows from the name as everywhere. */
static bool
address_of(struct slice target, struct str *out)
{
	const uint8_t *at = memchr(target.p, '@', target.n);
	struct slice host = target;
	struct str name = { 0 };

	if (at != NULL)
		host = slice_from(target, (size_t)(at - target.p) + 1);
	if (host.n == 0 || host.n > MEMBER_ADDRESS_MAX)
		return false;
	str_add_slice(out, host);
	str_add_slice(&name, target);
	if (memchr(host.p, ':', host.n) == NULL)
		str_addf(out, ":%u", cluster_port_of(str_get(&name)));
	str_fini(&name);
	return true;
}

void
join_cluster(struct slice target, bool is_dry_run, join_done_fn *done, void *arg)
{
	struct join *j = join_self();
	struct str address = { 0 };

	if (!join_take(JOIN_IN, done, arg))
		return;
	str_add_slice(&j->target, target);
	if (slice_eq_str(target, nodes_me())) {
		join_fail(EM_USAGE, NULL, "that is this node itself");
	} else if (j->is_member) {
		join_fail(EM_STATE, "emqx_ctl cluster leave first",
		    "this node is a member of a cluster already");
	} else if (!address_of(target, &address)) {
		join_fail(EM_USAGE, NULL, "NAME@HOST or NAME@HOST:PORT is expected");
	} else {
		link_guest_open(j->house, slice_str(str_get(&address)),
		    is_dry_run ? on_guest_to_look : on_guest, j);
	}
	str_fini(&address);
}

/* ---- anew */

static void
on_fetched_anew(void *arg, em_err err, const char *text)
{
	if (err == EM_OK) {
		open_and_enter(arg);
		return;
	}
	ordering_stop();
	join_fail(err, NULL, "the cluster's rows were not fetched again: %s", text);
}

static void
fetch_anew(void)
{
	struct join *j = join_self();
	struct link_peer *p = link_peer_find(j->house, slice_str(str_get(&j->leader)));

	if (p == NULL)
		join_fail(EM_UNREACHABLE, NULL, "the leader is away");
	else
		ordering_fetch(p, on_fetched_anew, j);
}

void
join_anew(void)
{
	struct join *j = join_self();
	const char *leader = groups_leader(CSTORE_META);

	if (leader[0] == '\0' || !join_take(JOIN_ANEW, NULL, NULL))
		return;
	LOG(WARN, "cluster_joins_anew", "node", nodes_me(), "leader", leader);
	str_add(&j->leader, leader);
	str_add(&j->target, leader);
	join_go_alone(fetch_anew);
}
