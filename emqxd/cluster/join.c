/* SPDX-License-Identifier: Apache-2.0 */
/*
 * join: the room's face; what is done at boot; and a member that is asked.
 *
 * JOIN_ASK, asked of a guest's or member's link: u8 flags (1: only look), name and address
 * (2 bytes of size each), u64 site.  Answer: the leaders' names of both groups, u8 n, then n
 * times name, address, u64 site; behind them the licence in force there, with 2 bytes of size.
 */
#include "emqxd/cluster/join.h"
#include "emqxd/cluster/cluster.h"
#include "emqxd/cluster/clean.h"
#include "emqxd/cluster/finding.h"
#include "emqxd/cluster/heal.h"
#include "emqxd/cluster/inside.h"
#include "emqxd/cluster/join_inside.h"
#include "emqxd/members/levels.h"
#include "emqxd/ordering/ordering.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/level.h"
#include "emqxd/core/log.h"
#include "emqxd/retain/retain.h"
#include "emqxd/store/change.h"
#include "emqxd/store/ordered.h"
#include "ipc/base/mem.h"
#include "ipc/base/rand.h"
#include "ipc/base/rbuf.h"

#include <stdarg.h>

#define LEADER_LOOK span_ms(50)
#define DROP_LIMIT span_s(5)
#define WAITERS_MAX 64
#define QUORUM_LIMIT span_s(8) /* in which a member that was started finds a leader */

struct join *
join_self(void)
{
	return cluster_inside()->join;
}

bool
join_is_member(void)
{
	return join_self()->is_member;
}

bool
join_is_settled(void)
{
	return join_self()->task == JOIN_NOTHING || join_self()->task == JOIN_ANEW;
}

/* ---- tasks */

static void
end_at_once(join_done_fn *done, void *arg, em_err err, const char *text)
{
	const struct join_end e = { .err = err, .text = text };

	done(arg, &e);
}

bool
join_take(enum join_task task, join_done_fn *done, void *arg)
{
	struct join *j = join_self();

	if (j->task != JOIN_NOTHING || j->is_ending) {
		if (done != NULL)
			end_at_once(done, arg, EM_BUSY,
			    "this node is joining or leaving a cluster just now");
		return false;
	}
	j->task = task;
	j->done = done;
	j->arg = arg;
	j->err = EM_OK;
	j->is_detached = j->gives_up = j->is_again = j->only_looks = j->victim_runs =
	    j->is_found = false;
	str_reset(&j->target);
	str_reset(&j->leader);
	str_reset(&j->backup);
	str_reset(&j->licence);
	str_reset(&j->victim);
	str_reset(&j->others);
	str_reset(&j->why);
	return true;
}

void
join_finish(const struct join_end *e)
{
	struct join *j = join_self();
	join_done_fn *done = j->done;

	timer_cancel(&j->wait);
	if (j->guest != NULL)
		link_guest_close(&j->guest);
	j->task = JOIN_NOTHING;
	j->is_detached = false;
	j->done = NULL;
	if (e->err != EM_OK)
		LOG(WARN, "cluster_task_failed", "error", err_name(e->err), "why",
		    e->text);
	if (done != NULL)
		done(j->arg, e);
	if (j->is_member && members_me() == NULL && j->task == JOIN_NOTHING &&
	    !j->is_ending)
		heal_removed(); /* meanwhile */
}

void
join_finish_in(const struct join_end *e)
{
	if (join_self()->gives_up)
		join_fail(EM_AGAIN, "emqx_ctl cluster leave, now that it is a member",
		    "the cluster took this node in meanwhile");
	else
		join_finish(e);
}

void
join_fail(em_err err, const char *hint, const char *fmt, ...)
{
	struct str text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	join_finish(
	    &(struct join_end){ .err = err, .text = str_get(&text), .hint = hint });
	str_fini(&text);
}

/* ---- this node's part */

void
join_open_groups(enum cstore_open_mode mode, uint64_t raft_id)
{
	struct join *j = join_self();
	const struct groups_start s = { .folder = j->raft_dir,
		.mode = mode,
		.raft_id = raft_id,
		.applied = {
		    store_applied(CHANGE_GROUP_META), store_applied(CHANGE_GROUP_RET) } };

	if (store_is_born() && !retain_is_durable(slice_str("any")))
		LOG(WARN, "cluster_retained_in_ram", "why",
		    "retained messages of this node stay on it: "
		    "retainer.backend.storage_type is ram");
	j->raft_id = raft_id;
	j->is_member = true;
	groups_start(&s);
	ordering_start(groups_cstore());
}

static void
on_close(struct timer *t)
{
	struct join *j = LIST_OWNER(t, struct join, wait);

	groups_stop();
	groups_remove_logs(j->raft_dir);
	ordering_pause();
	j->raft_id = 0;
	j->then();
}

/* The child is not ended within what it says; nor is it asked: it may be down. */
void
join_close_groups(void (*then)(void))
{
	struct join *j = join_self();

	j->then = then;
	timer_arm(&j->wait, span_ms(0), on_close);
}

static void
on_closed(void)
{
	struct join *j = join_self();

	ordering_stop();
	j->is_member = false;
	j->then_alone();
}

void
join_go_alone(void (*then)(void))
{
	join_self()->then_alone = then;
	join_close_groups(on_closed);
}

/* A job makes it, which may end when this room has ended. */
static void
on_backed_up(void *arg, em_err err)
{
	struct join *j = cluster_inside() != NULL ? join_self() : NULL;

	(void)arg;
	if (j != NULL)
		j->backed_up(j, err);
}

void
join_back_up(const char *why, change_done_fn *then)
{
	struct join *j = join_self();
	char stamp[SPAN_TEXT_MAX];

	j->backed_up = then;
	str_reset(&j->backup);
	str_addf(&j->backup, "%s/backup/%s-%s", j->data_dir, why,
	    wall_print(clock_wall(), true, stamp));
	store_backup(str_get(&j->backup), on_backed_up, NULL);
}

void
join_write_row(uint64_t raft_id, change_done_fn *then)
{
	struct join *j = join_self();
	const struct member m = { .name = slice_str(nodes_me()),
		.address = slice_str(j->advertise),
		.level = LEVEL_MAX,
		.product = SLICE_LIT(EMQXD_VERSION),
		.site = nodes_site(),
		.raft_id = raft_id,
		.joined = clock_wall() };
	struct change *c = members_change(&m);

	if (c == NULL)
		then(j, EM_NOMEM);
	else
		change_send(&c, then, j);
}

em_err
join_delete_row(struct slice name, change_done_fn *then)
{
	struct change *c = change_del(CHANGE_MEMBER, name);

	if (c == NULL)
		return EM_NOMEM;
	change_send(&c, then, join_self());
	return EM_OK;
}

/* ---- a cluster of one */

static bool is_refused(struct link_ask ask, struct slice name, uint64_t site);

static void
answer_waiters(struct join *j, em_err err, const char *text)
{
	while (j->waiters != NULL) {
		struct join_waiter *w = j->waiters;

		j->waiters = w->next;
		if (err != EM_OK)
			link_reply(w->ask, err, slice_str(text));
		else if (!is_refused(w->ask, str_slice(&w->name), w->site))
			join_in_asked(w->ask);
		str_fini(&w->name);
		mem_free(w);
	}
}

static void
begun(struct join *j, em_err err, const char *text)
{
	const struct join_end e = { .err = err, .text = text };

	if (err == EM_OK && cluster_inside()->licence != NULL)
		cluster_inside()->licence->share();
	join_finish(&e);
	answer_waiters(j, err, text);
}

static void
not_begun(void)
{
	begun(join_self(), EM_FAILED,
	    "the node that was asked could not begin a cluster; its log says why");
}

static void
on_first_row(void *arg, em_err err)
{
	struct join *j = arg;

	if (err == EM_OK) {
		heal_joined();
		begun(j, EM_OK, "");
	} else
		join_go_alone(not_begun);
}

static void
on_leader_wait(struct timer *t)
{
	struct join *j = LIST_OWNER(t, struct join, wait);

	if (groups_have_quorum())
		join_write_row(j->raft_id, on_first_row);
	else if (clock_mono().ns < j->until.ns)
		timer_arm(t, LEADER_LOOK, on_leader_wait);
	else
		join_go_alone(not_begun);
}

/* The rows that this node has are the first state of its cluster. */
static void
begin(struct join *j)
{
	uint64_t id = 0;

	LOG(INFO, "cluster_begins", "node", nodes_me());
	while (id == 0)
		rand_bytes(&id, sizeof id);
	join_open_groups(CSTORE_BOOTSTRAP, id);
	j->until = mono_add(clock_mono(), span_s(15));
	timer_arm(&j->wait, LEADER_LOOK, on_leader_wait);
}

/* ---- being asked */

static void
put_licence(struct wbuf *w)
{
	const struct cluster_licence *licence = cluster_inside()->licence;
	uint8_t text[CLUSTER_LICENCE_MAX];

	wbuf_bytes16(w, slice_of(text, licence != NULL ? licence->text(text) : 0));
}

void
join_in_asked(struct link_ask ask)
{
	struct wbuf w = wbuf_growing(64u << 10);
	unsigned n = members_count();

	wbuf_bytes16(&w, slice_str(groups_leader(CSTORE_META)));
	wbuf_bytes16(&w, slice_str(groups_leader(CSTORE_RET)));
	wbuf_u8(&w, (uint8_t)n);
	for (unsigned i = 0; i < n; i++) {
		const struct members_entry *e = members_at(i);

		wbuf_bytes16(&w, e->m.name);
		wbuf_bytes16(&w, e->m.address);
		wbuf_u64(&w, e->m.site);
	}
	put_licence(&w);
	link_reply(ask, w.err, wbuf_slice(&w));
	wbuf_fini(&w);
}

/* Somebody else of that name, or the same node that is one already? */
static bool
is_refused(struct link_ask ask, struct slice name, uint64_t site)
{
	const struct members_entry *e = members_find(name);

	if (e == NULL && !slice_eq_str(name, nodes_me()))
		return false;
	link_reply(ask, EM_EXISTS,
	    slice_str(e != NULL && e->m.site == site
			  ? "it is a member already"
			  : "another node of that name is a member: give each its own "
			    "node.name"));
	return true;
}

static void
wait_for_beginning(struct join *j, struct link_ask ask, struct slice name, uint64_t site)
{
	struct join_waiter *w = j->waiters;
	unsigned n = 0;

	for (; w != NULL; w = w->next)
		n++;
	if (n >= WAITERS_MAX) {
		link_reply(ask, EM_BUSY, SLICE_LIT("too many nodes join just now"));
		return;
	}
	w = MEM_NEW(struct join_waiter);
	w->ask = ask;
	w->site = site;
	str_add_slice(&w->name, name);
	w->next = j->waiters;
	j->waiters = w;
}

/* Rows of a member that has no leader, or lacks entries that it has, may be out of date. */
static bool
is_behind(void)
{
	return !groups_have_quorum() || groups_lag() != 0;
}

static void
on_quorum_look(struct timer *t)
{
	struct join *j = LIST_OWNER(t, struct join, quorum);
	bool is_there = j->waits_for_rows ? !is_behind() : groups_have_quorum();

	if (!is_there && clock_mono().ns < j->quorum_until.ns)
		timer_arm(t, LEADER_LOOK, on_quorum_look);
	else if (groups_have_quorum())
		answer_waiters(j, EM_OK, "");
	else
		answer_waiters(j, EM_NOQUORUM, "");
}

static void
wait_for_quorum(struct join *j, struct link_ask ask, struct slice name, uint64_t site)
{
	bool is_known = members_find(name) != NULL;

	wait_for_beginning(j, ask, name, site);
	if (timer_is_armed(&j->quorum)) {
		j->waits_for_rows = j->waits_for_rows || is_known;
		return;
	}
	j->waits_for_rows = is_known;
	j->quorum_until = mono_add(clock_mono(), QUORUM_LIMIT);
	on_quorum_look(&j->quorum);
}

static void
on_join_ask(struct link_peer *from, struct link_ask ask, struct slice body, void *arg)
{
	struct join *j = arg;
	struct rbuf r = rbuf_of(body);
	bool only_look = (rbuf_u8(&r) & 1) != 0;
	struct slice name = rbuf_bytes16(&r), address = rbuf_bytes16(&r);
	uint64_t site = rbuf_u64(&r);

	if (r.err != EM_OK || !member_is_name(name) || !member_is_address(address)) {
		link_reply(ask, EM_MALFORMED, SLICE_NONE);
		return;
	}
	if (members_find(name) != NULL && members_me() != NULL && j->is_member &&
	    !slice_eq_str(name, nodes_me()) && is_behind()) {
		wait_for_quorum(j, ask, name, site);
		return;
	}
	if (is_refused(ask, name, site))
		return;
	if (finding_is_singleton()) {
		link_reply(ask, EM_STATE,
		    SLICE_LIT("its cluster.discovery_strategy is singleton: it is never "
			      "a member"));
		return;
	}
	if (j->is_mixed) {
		link_reply(ask, EM_STATE,
		    SLICE_LIT("its own rows could not be put back after a join that "
			      "failed: start it again first"));
		return;
	}
	if (!only_look)
		levels_hold(link_peer_protocol(from));
	if (j->is_member && members_me() != NULL) {
		if (groups_have_quorum() || only_look)
			join_in_asked(ask);
		else
			wait_for_quorum(j, ask, name, site);
		return;
	}
	if (only_look) {
		join_in_asked(ask);
		return;
	}
	if (j->task != JOIN_BEGIN && !join_take(JOIN_BEGIN, NULL, NULL)) {
		link_reply(ask, EM_BUSY,
		    slice_str("it is joining or leaving a cluster just now"));
		return;
	}
	wait_for_beginning(j, ask, name, site);
	if (!j->is_member)
		begin(j);
}

/* ---- life */

static void
on_cstore(const struct cstore_event *e)
{
	ordering_on_event(e);
}

static void
on_diverged(enum cstore_group g, const char *leader)
{
	(void)g;
	join_anew(leader);
}

/* No STATE of the child's says so, and what waits must not wait for that leader. */
static void
on_denied(enum cstore_group g, bool is_denied)
{
	if (ordering_is_started())
		store_set_leader((enum change_group)g, !is_denied);
}

static void
on_row_dropped(void *arg, em_err err)
{
	(void)arg;
	if (err != EM_OK)
		LOG(ERROR, "cluster_row_stays", "error", err_name(err));
}

/* Alone, rows of members mean nothing: what a leave or an interrupted join has left. */
void
join_drop_rows(void)
{
	members_drop_expected();
	clean_drop_rows();
	for (unsigned i = members_count(); i-- > 0;)
		if (join_delete_row(members_at(i)->m.name, on_row_dropped) != EM_OK)
			LOG(ERROR, "cluster_row_stays", "error", "nomem");
}

static void
on_dropped_wait(struct timer *t)
{
	struct join *j = LIST_OWNER(t, struct join, wait);

	if (members_count() > 0 && clock_mono().ns < j->until.ns)
		timer_arm(t, LEADER_LOOK, on_dropped_wait);
	else
		j->then();
}

void
join_drop_rows_then(void (*then)(void))
{
	struct join *j = join_self();

	join_drop_rows();
	j->then = then;
	j->until = mono_add(clock_mono(), DROP_LIMIT);
	on_dropped_wait(&j->wait);
}

/* ---- removed by the others */

static void
on_cast_out_rows(void)
{
	struct join *j = join_self();

	LOG(WARN, "cluster_left_by_others", "node", nodes_me(), "backup",
	    str_get(&j->backup));
	heal_cast_out();
	join_finish(&(struct join_end){ .err = EM_OK, .text = "" });
}

static void
on_cast_out(void)
{
	join_drop_rows_then(on_cast_out_rows);
}

/* Without room for a copy it goes without: its rows stay where they are. */
static void
on_cast_out_copy(void *arg, em_err err)
{
	struct join *j = arg;

	if (err != EM_OK) {
		LOG(WARN, "cluster_backup_failed", "dir", str_get(&j->backup), "error",
		    err_name(err));
		str_reset(&j->backup);
	}
	join_go_alone(on_cast_out);
}

void
join_cast_out(const char *why)
{
	struct join *j = join_self();

	join_anew_give_up();
	if (!j->is_member || !join_take(JOIN_OUT, NULL, NULL))
		return;
	LOG(ERROR, "cluster_removed_here", "node", nodes_me(), "why", why);
	join_back_up("removed", on_cast_out_copy);
}

static void
on_members(enum members_event event, void *arg)
{
	(void)arg;
	if (event == MEMBERS_REMOVED && join_is_member() && join_is_settled())
		heal_removed();
}

static const struct groups_ops ops = {
	.on_cstore = on_cstore, .on_diverged = on_diverged, .on_denied = on_denied
};

/* ---- what a start finds */

static void
be_alone(struct join *j)
{
	heal_left_over();
	if (members_count() > 0)
		LOG(WARN, "cluster_rows_left_over", "members", members_count());
	if (store_is_ordered(CHANGE_GROUP_META) || store_is_ordered(CHANGE_GROUP_RET))
		ordering_stop();
	join_drop_rows();
	groups_remove_logs(j->raft_dir);
}

static void
be_member(uint64_t raft_id)
{
	/* It ended right behind its row: what it was before that is over. */
	heal_stay_alone();
	if (join_note()->phase != JOIN_SETTLED)
		join_note_write(JOIN_SETTLED, 0, NULL, NULL);
	join_open_groups(CSTORE_JOIN, raft_id);
}

static void
resume(struct join *j)
{
	const struct members_entry *me = members_me();
	const struct join_note *note = join_note();
	bool is_named = me != NULL && me->m.site == nodes_site();

	switch (note->phase) {
	case JOIN_SETTLED:
		if (is_named && groups_have_logs(j->raft_dir))
			be_member(me->m.raft_id);
		else if (is_named && members_count() > 1)
			join_anew_without_log();
		else
			be_alone(j);
		break;
	case JOIN_FETCHING:
	case JOIN_ENTERING:
		if (note->phase == JOIN_ENTERING && is_named &&
		    me->m.raft_id == note->raft_id)
			be_member(me->m.raft_id);
		else
			join_in_resume();
		break;
	case JOIN_REENTERING: join_anew_resume(); break;
	}
}

static void
on_peer(struct link_peer *p, enum link_event event, void *arg)
{
	struct join *j = arg;

	if (event == LINK_GUEST_GONE && p == j->guest)
		j->guest = NULL;
}

void
join_birth(struct link_house *h, const char *data_dir, const char *advertise)
{
	struct join *j = MEM_NEW(struct join);
	struct str dir = { 0 };

	str_addf(&dir, "%s/raft", data_dir);
	j->house = h;
	j->data_dir = mem_strdup(data_dir);
	j->raft_dir = str_take(&dir);
	j->advertise = mem_strdup(advertise);
	cluster_inside()->join = j;
	groups_birth(h, &ops);
	link_on(h, LINK_JOIN_ASK, on_join_ask, j);
	join_recover_birth(j);
	link_on_peer(h, on_peer, j);
	members_start(h, cluster_inside()->routes, on_members, j);
	resume(j);
}

void
join_death(void)
{
	struct join *j = join_self();

	j->is_ending = true;
	timer_cancel(&j->quorum);
	answer_waiters(j, EM_CANCELLED, "it ends");
	if (j->task != JOIN_NOTHING)
		join_finish(
		    &(struct join_end){ .err = EM_CANCELLED, .text = "the node ends" });
	groups_death();
	members_stop();
	timer_cancel(&j->wait); /* what groups answered at their end may have armed it */
	mem_free(j->data_dir);
	mem_free(j->raft_dir);
	mem_free(j->advertise);
	str_fini(&j->target);
	str_fini(&j->address);
	str_fini(&j->leader);
	str_fini(&j->backup);
	str_fini(&j->licence);
	str_fini(&j->victim);
	str_fini(&j->others);
	str_fini(&j->why);
	MEM_FREE(cluster_inside()->join);
}
