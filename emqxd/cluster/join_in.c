/* SPDX-License-Identifier: Apache-2.0 */
/*
 * join_in: joining, and what is left of it after a crash.
 *
 * The steps: ask, back up, note FETCHING, fetch the rows, note ENTERING, enter (join_enter.c),
 * no note.  When one fails: note FETCHING, let out what was let in, remove the logs, the
 * rows of the backup, no note.  Where those do not come back the note stays: the next start,
 * or the next join that fails, tries it again, from the same backup.
 *
 * Behind ENTERING a member's word is needed to turn back: who was taken for a member and
 * does not know it would be half of one.  So when the cluster falls silent there, the command
 * ends with that, and the node goes on trying, over restarts too, until it is in, was told
 * no, or is told to leave.
 */
#include "emqxd/cluster/cluster.h"
#include "emqxd/cluster/finding.h"
#include "emqxd/cluster/heal.h"
#include "emqxd/cluster/inside.h"
#include "emqxd/cluster/join_inside.h"
#include "emqxd/ordering/ordering.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/session/session_end.h"
#include "emqxd/store/ordered.h"
#include "ipc/base/mem.h"
#include "ipc/base/rand.h"
#include "ipc/base/rbuf.h"

#define ASK_LIMIT span_s(20) /* it may have to begin its cluster */
#define AGAIN span_s(2)

static const char hint_own_rows[] = "this node is alone, with its own rows again";
static const char hint_mixed[] =
    "start emqxd again, which tries it once more; or, with emqxd stopped, put the "
    "backup's folder in the place of node.data_dir/store";

static void enter(struct join *j);

/* ---- undoing */

static void
on_settled(void *arg, em_err err)
{
	struct join *j = arg;

	if (err != EM_OK)
		LOG(ERROR, "cluster_note_not_written", "error", err_name(err));
	else /* its rows are back: each attempt would leave a copy */
		store_backup_remove(str_get(&join_note()->backup));
	if (j->gives_up)
		join_finish(&(struct join_end){ .err = EM_OK, .text = "" });
	else
		join_fail(j->err, hint_own_rows, "%s", str_get(&j->why));
}

static void
on_rows_dropped(void)
{
	struct join *j = join_self();

	if (j->is_mixed)
		join_fail(j->err, hint_mixed,
		    "%s; this node is alone, and its own rows could not be put back",
		    str_get(&j->why));
	else
		join_note_write(JOIN_SETTLED, 0, on_settled, j);
}

static void
on_restored(void *arg, em_err err)
{
	struct join *j = arg;

	if (err != EM_OK) {
		LOG(ERROR, "cluster_rows_not_restored", "backup",
		    str_get(&join_note()->backup), "error", err_name(err));
	} else {
		LOG(WARN, "cluster_rows_restored", "backup",
		    str_get(&join_note()->backup));
	}
	j->is_mixed = err != EM_OK;
	ordering_stop();
	j->is_member = false;
	members_drop_expected();
	join_drop_rows_then(on_rows_dropped);
}

static void
restore(void)
{
	ordering_restore(str_get(&join_note()->backup), on_restored, join_self());
}

static void
close_and_restore(void)
{
	join_close_groups(restore);
}

static void
on_undoing(void *arg, em_err err)
{
	struct join *j = arg;

	if (err != EM_OK)
		LOG(ERROR, "cluster_note_not_written", "error", err_name(err));
	if (groups_cstore() != NULL)
		join_let_out(j, j->raft_id, close_and_restore);
	else
		restore();
}

/* What was let in is to be let out, if somebody can be told; then the rows. */
static void
undo(struct join *j, em_err err, const char *text)
{
	struct str why = { 0 };

	str_add(&why, text);
	j->err = err;
	str_reset(&j->why);
	str_add(&j->why, str_get(&why));
	str_fini(&why);
	join_note_write(JOIN_FETCHING, 0, on_undoing, j);
}

/* ---- the end */

static void
on_noted_member(void *arg, em_err err)
{
	struct join *j = arg;

	if (err != EM_OK) /* the next start sees the row, and knows */
		LOG(ERROR, "cluster_note_not_written", "error", err_name(err));
	join_finish_in(&(struct join_end){ .err = EM_OK,
	    .text = "",
	    .cluster = str_get(&j->target),
	    .backup = str_get(&join_note()->backup),
	    .licence = str_get(&j->licence),
	    .members = members_count() });
}

static void
be_in(struct join *j)
{
	if (!j->is_again)
		session_end_all();
	j->is_mixed = false;
	heal_joined();
	LOG(INFO, "cluster_joined", "node", nodes_me(), "asked", str_get(&j->target));
	join_note_write(JOIN_SETTLED, 0, on_noted_member, j);
}

/* The others may have this node's row, and do not answer. */
static bool
is_silence(em_err err)
{
	return err == EM_NOQUORUM || err == EM_TIMEOUT || err == EM_UNREACHABLE ||
	       err == EM_AGAIN || err == EM_BUSY || err == EM_CANCELLED;
}

static void
detach(struct join *j, em_err err)
{
	const struct join_end e = { .err = err,
		.text = str_get(&j->why),
		.hint = "this node goes on trying; emqx_ctl cluster leave gives it up" };
	join_done_fn *done = j->done;

	LOG(WARN, "cluster_join_goes_on", "asked", str_get(&join_note()->address), "why",
	    str_get(&j->why));
	j->is_detached = true;
	j->done = NULL;
	if (done != NULL)
		done(j->arg, &e);
}

static void
on_guest_again(struct link_peer *guest, const struct fault *f, void *arg)
{
	struct join *j = arg;

	(void)f;
	j->guest = guest;
	if (j->gives_up)
		undo(j, EM_CANCELLED, "it was told to leave");
	else
		enter(j); /* also without: it may be let in already */
}

static void
on_again(struct timer *t)
{
	struct join *j = LIST_OWNER(t, struct join, wait);

	if (j->guest != NULL)
		on_guest_again(j->guest, NULL, j);
	else
		link_guest_open(
		    j->house, str_slice(&join_note()->address), on_guest_again, j);
}

static void
on_entered(void *arg, em_err err)
{
	struct join *j = arg;

	if (err == EM_OK) {
		be_in(j);
		return;
	}
	if (!is_silence(err) || j->gives_up) {
		undo(j, err, str_get(&j->why));
		return;
	}
	if (!j->is_detached)
		detach(j, err);
	timer_arm(&j->wait, AGAIN, on_again);
}

static void
enter(struct join *j)
{
	join_enter(j, on_entered);
}

/* ---- the rows */

static void
on_noted_entering(void *arg, em_err err)
{
	struct join *j = arg;

	if (err != EM_OK) {
		undo(j, err, "the store does not take this node's notes");
		return;
	}
	join_open_groups(CSTORE_JOIN, join_note()->raft_id);
	enter(j);
}

static void
on_fetched(void *arg, em_err err, const char *text)
{
	struct join *j = arg;
	struct str why = { 0 };
	uint64_t id = 0;

	if (err != EM_OK) {
		str_addf(&why, "the cluster's rows were not fetched: %s",
		    text[0] != '\0' ? text : err_text(err));
		undo(j, err, str_get(&why));
		str_fini(&why);
		return;
	}
	while (id == 0)
		rand_bytes(&id, sizeof id);
	join_note_write(JOIN_ENTERING, id, on_noted_entering, j);
}

/* Before anything was fetched. */
static void
turn_back(struct join *j)
{
	if (j->is_again)
		join_drop_rows(); /* it went alone already */
	else
		members_drop_expected();
}

static void
on_noted_fetching(void *arg, em_err err)
{
	struct join *j = arg;

	if (err != EM_OK) {
		turn_back(j);
		if (!j->is_mixed)
			store_backup_remove(str_get(&j->backup));
		join_fail(err, "nothing has changed",
		    "the store does not take this node's notes: %s", err_text(err));
		return;
	}
	ordering_fetch(j->guest, on_fetched, j);
}

static void
on_backed_up(void *arg, em_err err)
{
	struct join *j = arg;

	if (err != EM_OK) {
		turn_back(j);
		join_fail(err, "nothing has changed",
		    "the store cannot be copied to %s: %s", str_get(&j->backup),
		    err_text(err));
		return;
	}
	join_note_keep(str_slice(&j->address), str_slice(&j->backup));
	join_note_write(JOIN_FETCHING, 0, on_noted_fetching, j);
}

/* ---- after a crash */

static void
on_resumed(struct timer *t)
{
	struct join *j = LIST_OWNER(t, struct join, wait);

	if (join_note()->phase == JOIN_FETCHING)
		undo(j, EM_CANCELLED, "joining was interrupted");
	else
		on_again(t);
}

void
join_in_resume(void)
{
	struct join *j = join_self();

	if (!join_take(JOIN_IN, NULL, NULL))
		return;
	LOG(WARN, "cluster_join_resumes", "asked", str_get(&join_note()->address));
	j->is_detached = true;
	str_add_slice(&j->target, str_slice(&join_note()->address));
	if (join_note()->phase == JOIN_ENTERING)
		join_open_groups(CSTORE_JOIN, join_note()->raft_id);
	timer_arm(&j->wait, span_ms(0), on_resumed);
}

/* A mixture is not worth a copy, and the one of its own rows is there. */
static void
back_up(void)
{
	struct join *j = join_self();

	if (j->is_mixed) {
		str_add(&j->backup, str_get(&join_note()->backup));
		on_backed_up(j, EM_OK);
	} else
		join_back_up("join", on_backed_up);
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
		em_err err = r.err == EM_OK
				 ? members_expect(name, address, site, span_s(0))
				 : EM_MALFORMED;

		if (err != EM_OK)
			return err;
	}
	return r.err;
}

/* It stands behind the members; an older node sends none. */
static void
take_licence(struct join *j, struct slice body)
{
	struct rbuf r = rbuf_of(body);
	struct slice text;

	rbuf_bytes16(&r);
	rbuf_bytes16(&r);
	for (unsigned n = rbuf_u8(&r); n > 0 && r.err == EM_OK; n--) {
		rbuf_bytes16(&r);
		rbuf_bytes16(&r);
		rbuf_u64(&r);
	}
	text = rbuf_bytes16(&r);
	if (r.err == EM_OK && text.n <= CLUSTER_LICENCE_MAX)
		str_add_slice(&j->licence, text);
}

static const char *
hint_for(em_err err)
{
	switch ((int)err) {
	case EM_EXISTS:
		return "emqx_ctl cluster status there shows its members; if that was "
		       "this "
		       "node before: emqx_ctl cluster force-leave NODE there, then join";
	case EM_NOQUORUM: return "emqx_ctl cluster status there says who is missing";
	case EM_UNSUPPORTED: return "the other node is older: upgrade it first";
	case EM_UNREACHABLE:
		return "is emqxd running there, is this its cluster port, and is "
		       "cluster.tls.enable the same on both?";
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
	take_licence(j, body);
	if (j->is_member)
		join_go_alone(back_up); /* what waits for an order is in the copy too */
	else
		back_up();
}

static void
on_looked(struct link_peer *p, em_err err, struct slice body, void *arg)
{
	struct join *j = arg;

	if (err != EM_OK) {
		on_answer(p, err, body, arg);
		return;
	}
	take_licence(j, body);
	str_addf(&j->backup, "%s/backup", j->data_dir);
	join_finish(&(struct join_end){ .err = EM_OK,
	    .text = "",
	    .cluster = str_get(&j->target),
	    .licence = str_get(&j->licence),
	    .backup = str_get(&j->backup) });
}

static void
ask(struct join *j)
{
	struct wbuf w = wbuf_growing(1024);
	em_err err;

	wbuf_u8(&w, j->only_looks ? 1 : 0);
	wbuf_bytes16(&w, slice_str(nodes_me()));
	wbuf_bytes16(&w, slice_str(j->advertise));
	wbuf_u64(&w, nodes_site());
	err = link_request(j->guest, LINK_JOIN_ASK, wbuf_slice(&w), ASK_LIMIT,
	    j->only_looks ? on_looked : on_answer, j);
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
		join_fail(
		    f->err, f->hint != NULL ? f->hint : hint_for(f->err), "%s", f->text);
	else if (!j->is_found && !j->is_again &&
		 !member_is_called(
		     slice_str(link_peer_name(guest)), str_slice(&j->target)))
		join_fail(EM_NOTFOUND, "give the name of that node, if it is meant",
		    "%s is at %s, not %s", link_peer_name(guest), str_get(&j->address),
		    str_get(&j->target));
	else
		ask(j);
}

/* What an operator types has a name; what was found, or stands in a row, need not. */
static bool
take_target(struct join *j, struct slice target, bool is_typed)
{
	str_reset(&j->target);
	str_add_slice(&j->target, target);
	str_reset(&j->address);
	if ((!is_typed || (target.n > 0 && memchr(target.p, '@', target.n) != NULL)) &&
	    cluster_address_of(target, &j->address))
		return true;
	join_fail(EM_USAGE, "such as emqx@10.0.0.1, or emqx@10.0.0.1:4370",
	    "NAME@HOST or NAME@HOST:PORT is expected");
	return false;
}

/* The member that is typed, by its whole name or by its address. */
static const struct members_entry *
find_member(const struct join *j)
{
	struct slice target = str_slice(&j->target);

	for (unsigned i = 0; i < members_count(); i++) {
		const struct members_entry *e = members_at(i);

		if (slice_eq(e->m.name, target) ||
		    (slice_eq(e->m.address, str_slice(&j->address)) &&
			member_is_called(e->m.name, target)))
			return e;
	}
	return NULL;
}

static bool
is_me(const struct join *j)
{
	return slice_eq_str(str_slice(&j->target), nodes_me()) ||
	       (slice_eq_str(str_slice(&j->address), j->advertise) &&
		   member_is_called(slice_str(nodes_me()), str_slice(&j->target)));
}

void
join_cluster(
    struct slice target, bool is_dry_run, bool is_found, join_done_fn *done, void *arg)
{
	struct join *j = join_self();

	if (!join_take(JOIN_IN, done, arg))
		return;
	j->is_found = is_found;
	if (!take_target(j, target, !is_found)) {
		return;
	} else if (is_me(j)) {
		join_fail(EM_USAGE, NULL, "that is this node itself");
	} else if (j->is_member && find_member(j) != NULL) {
		join_fail(EM_EXISTS, "who is: emqx_ctl cluster status",
		    "%s and this node are of one cluster already", str_get(&j->target));
	} else if (j->is_member) {
		join_fail(EM_EXISTS, "emqx_ctl cluster leave first",
		    "this node is a member of a cluster already");
	} else if (finding_is_singleton()) {
		join_fail(EM_STATE, NULL,
		    "cluster.discovery_strategy is singleton: this node is never a "
		    "member");
	} else {
		j->only_looks = is_dry_run;
		link_guest_open(j->house, str_slice(&j->address), on_guest, j);
	}
}

void
join_again(struct slice target, join_done_fn *done, void *arg)
{
	struct join *j = join_self();

	if (!join_take(JOIN_IN, done, arg))
		return;
	j->is_again = true;
	if (take_target(j, target, false))
		link_guest_open(j->house, str_slice(&j->address), on_guest, j);
}
