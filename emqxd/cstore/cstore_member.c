/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cstore_member: see cstore_raft.h.
 *
 * A change of the members that is proposed while the quorum is being lost, and rolled back
 * later, can break libraft 0.15 (canonical/raft#250, #323).  So a change is made only right
 * behind a proof that most members answer: a barrier that came back within the last
 * 100 ms, and which tells them too that the change before is committed; with no other
 * change under way; some time apart; and a new voter must have the log nearly whole, so
 * that libraft has no rounds of catching up in between.
 *
 * Who votes is changed in tune.change_gap_ms at most once.  What changes no quorum (a node
 * is let in, as a standby; one that does not vote goes) is made after a few heartbeats, and
 * before a change of the voters that still waits: somebody waits for it.
 */
#include "emqxd/cstore/cstore_raft.h"
#include "ipc/base/mem.h"

#define PROOF_AGE span_ms(100)
#define TRIES 5
#define HEARTBEATS 2  /* between any two changes */
#define BEHIND_MAX 64 /* entries that a new voter may lack */
#define CATCH_UP_MAX span_s(60)

struct barrier {                  /* that the parent asked for */
	struct raft_barrier raft; /* first */
	struct cstore_child *child;
	uint32_t req;
};

static void
change_over(struct cstore_raft *g, em_err err, const char *text)
{
	g->guard.phase = CSTORE_PHASE_NONE;
	cstore_child_done(g->child, g->guard.req, err, "%s", text);
}

static void
on_changed(struct raft_change *req, int status)
{
	struct cstore_raft *g = req->data;

	CHECK_OBJ(g, CSTORE_RAFT_MAGIC);
	g->guard.last_change = span_mono_now();
	if (g->guard.is_of_voters)
		g->guard.last_vote = g->guard.last_change;
	if (g->guard.phase == CSTORE_PHASE_CHANGING)
		change_over(
		    g, cstore_raft_err(status), status != 0 ? raft_strerror(status) : "");
}

static int
change_now(struct cstore_raft *g)
{
	struct cstore_guard *u = &g->guard;

	u->change.data = g;
	switch (u->what) {
	case CSTORE_ADD:
		return raft_add(&g->raft, &u->change, u->id, u->name, on_changed);
	case CSTORE_MAKE_STANDBY:
		return raft_assign(&g->raft, &u->change, u->id, RAFT_STANDBY, on_changed);
	case CSTORE_MAKE_VOTER:
		return raft_assign(&g->raft, &u->change, u->id, RAFT_VOTER, on_changed);
	case CSTORE_REMOVE: return raft_remove(&g->raft, &u->change, u->id, on_changed);
	}
	UNREACHABLE();
}

static void
on_proof(struct raft_barrier *req, int status)
{
	struct cstore_raft *g = req->data;

	CHECK_OBJ(g, CSTORE_RAFT_MAGIC);
	if (g->guard.phase != CSTORE_PHASE_PROOF)
		return;
	if (status != 0) {
		change_over(g, EM_AGAIN, "leadership was lost meanwhile");
		return;
	}
	g->guard.proven = span_mono_now();
	g->guard.phase = CSTORE_PHASE_PROVEN;
}

static bool
is_changing(const struct cstore_raft *g)
{
	return g->raft.configuration_uncommitted_index != 0 || g->raft.transfer != NULL ||
	       g->raft.leader_state.change != NULL ||
	       g->raft.leader_state.promotee_id != 0;
}

/* A voter-to-be has nearly all of the log. */
static bool
has_caught_up(const struct cstore_raft *g)
{
	int i = cstore_raft_member(g, g->guard.id);

	return i < 0 || raft_compat_match(&g->raft, (unsigned)i) + BEHIND_MAX >=
			    g->raft.last_stored;
}

static void
ask_for_proof(struct cstore_raft *g)
{
	struct cstore_guard *u = &g->guard;
	int rv;

	if (u->tries++ == TRIES) {
		change_over(g, EM_AGAIN, "the members answer too slowly for a change");
		return;
	}
	u->barrier.data = g;
	u->phase = CSTORE_PHASE_PROOF;
	rv = raft_barrier(&g->raft, &u->barrier, on_proof);
	if (rv != 0)
		change_over(g, EM_AGAIN, raft_errmsg(&g->raft));
}

/* Does it change who votes? */
static bool
is_of_voters(const struct cstore_raft *g, enum cstore_change what, uint64_t id)
{
	int i = cstore_raft_member(g, id);

	return what == CSTORE_MAKE_VOTER ||
	       (i >= 0 && g->raft.configuration.servers[i].role == RAFT_VOTER);
}

static bool
is_too_early(const struct cstore_guard *u, const struct cstore_tune *t, mono_t now)
{
	span_t calm = span_ms(HEARTBEATS * t->heartbeat_ms);
	span_t gap = span_ms(t->change_gap_ms);

	if (u->last_change.ns != 0 && mono_since(now, u->last_change).ns < calm.ns)
		return true;
	return u->is_of_voters && u->last_vote.ns != 0 &&
	       mono_since(now, u->last_vote).ns < gap.ns;
}

static void
look_at_waiting(struct cstore_raft *g)
{
	struct cstore_guard *u = &g->guard;
	mono_t now = span_mono_now();

	if (is_too_early(u, &g->child->tune, now))
		return;
	if (!is_changing(g) && (u->what != CSTORE_MAKE_VOTER || has_caught_up(g)))
		ask_for_proof(g);
	else if (mono_since(now, u->since).ns > CATCH_UP_MAX.ns)
		change_over(g, EM_TIMEOUT,
		    is_changing(g) ? "another change does not end"
				   : "the member does not catch up with the log");
}

/* Who asked before, and did not hear the answer, asks again. */
static bool
is_so(const struct cstore_raft *g)
{
	int i = cstore_raft_member(g, g->guard.id);
	int role = i < 0 ? -1 : g->raft.configuration.servers[i].role;

	return (g->guard.what == CSTORE_MAKE_VOTER && role == RAFT_VOTER) ||
	       (g->guard.what == CSTORE_MAKE_STANDBY && role == RAFT_STANDBY);
}

static void
look_at_proven(struct cstore_raft *g)
{
	struct cstore_guard *u = &g->guard;
	int rv;

	if (mono_since(span_mono_now(), u->proven).ns > PROOF_AGE.ns || is_changing(g)) {
		u->phase = CSTORE_PHASE_WAIT;
		return;
	}
	if (is_so(g)) {
		change_over(g, EM_OK, "");
		return;
	}
	u->begun = span_mono_now();
	u->phase = CSTORE_PHASE_CHANGING;
	rv = change_now(g);
	if (rv != 0)
		change_over(g, cstore_raft_err(rv), raft_errmsg(&g->raft));
}

void
cstore_member_look(struct cstore_raft *g)
{
	struct cstore_guard *u = &g->guard;

	if (u->phase == CSTORE_PHASE_NONE)
		return;
	if (raft_state(&g->raft) != RAFT_LEADER) {
		/* A change that libraft works at may still be committed by the next leader;
		 * libraft may or may not call back, which is not waited for. */
		change_over(g, EM_AGAIN, "leadership was lost meanwhile");
		return;
	}
	if (u->phase == CSTORE_PHASE_WAIT)
		look_at_waiting(g);
	else if (u->phase == CSTORE_PHASE_PROVEN)
		look_at_proven(g);
}

static unsigned
voters(const struct cstore_raft *g)
{
	unsigned n = 0;

	for (unsigned i = 0; i < g->raft.configuration.n; i++)
		n += g->raft.configuration.servers[i].role == RAFT_VOTER;
	return n;
}

static bool
goes_first(const struct cstore_raft *g, const struct cstore_frame *f)
{
	return g->guard.phase == CSTORE_PHASE_WAIT && g->guard.is_of_voters &&
	       !is_of_voters(g, (enum cstore_change)f->op, f->id);
}

/* What can be said before any proof; EM_OK: it may begin. */
static em_err
refuse(struct cstore_raft *g, const struct cstore_frame *f, const char **text)
{
	int i = cstore_raft_member(g, f->id);

	*text = "";
	if (!g->is_started || raft_state(&g->raft) != RAFT_LEADER) {
		*text = "this node does not lead the group";
		return EM_REFUSED;
	}
	if (g->guard.phase != CSTORE_PHASE_NONE && !goes_first(g, f)) {
		*text = "another change is under way";
		return EM_BUSY;
	}
	if (f->op == CSTORE_ADD && g->raft.configuration.n >= CSTORE_MEMBERS_MAX) {
		*text = "there are 64 members";
		return EM_FULL;
	}
	if (f->op == CSTORE_ADD ? i >= 0 : i < 0) {
		*text = i >= 0 ? "it is a member already" : "it is no member";
		return i >= 0 ? EM_EXISTS : EM_NOTFOUND;
	}
	if (f->op == CSTORE_MAKE_VOTER &&
	    g->raft.configuration.servers[i].role == RAFT_SPARE) {
		*text = "it gets no entries yet: make it a standby first";
		return EM_STATE;
	}
	if (f->op == CSTORE_MAKE_VOTER && voters(g) >= CSTORE_VOTERS_MAX &&
	    g->raft.configuration.servers[i].role != RAFT_VOTER) {
		*text = "there are 5 voters";
		return EM_FULL;
	}
	return EM_OK;
}

void
cstore_member_change(struct cstore_raft *g, const struct cstore_frame *f)
{
	struct cstore_guard *u = &g->guard;
	char name[CSTORE_NAME_MAX] = "";
	const char *text;
	em_err err =
	    f->op <= CSTORE_REMOVE && f->id != 0 ? refuse(g, f, &text) : EM_USAGE;

	if (err == EM_OK && f->op == CSTORE_ADD &&
	    cstore_wire_name(f->text, name) != EM_OK)
		err = EM_USAGE;
	if (err != EM_OK) {
		cstore_child_done(g->child, f->req, err, "%s",
		    err == EM_USAGE ? "no such change" : text);
		return;
	}
	if (u->phase != CSTORE_PHASE_NONE)
		change_over(g, EM_BUSY, "another change goes first");
	u->req = f->req;
	u->what = (enum cstore_change)f->op;
	u->id = f->id;
	memcpy(u->name, name, sizeof u->name);
	u->is_of_voters = is_of_voters(g, u->what, u->id);
	u->tries = 0;
	u->since = span_mono_now();
	u->phase = CSTORE_PHASE_WAIT;
	cstore_member_look(g);
}

void
cstore_member_stop(struct cstore_raft *g)
{
	if (g->guard.phase != CSTORE_PHASE_NONE)
		change_over(g, EM_AGAIN, "the group was closed meanwhile");
}

static void
on_transferred(struct raft_transfer *req)
{
	struct cstore_raft *g = req->data;
	raft_id id = 0;
	const char *name = NULL;
	uint32_t number = g->transfer_req;

	CHECK_OBJ(g, CSTORE_RAFT_MAGIC);
	g->transfer_req = 0;
	raft_leader(&g->raft, &id, &name);
	if (g->transfer_id != 0 ? id == g->transfer_id : id != g->id && id != 0)
		cstore_child_done(g->child, number, EM_OK, "%s", "");
	else
		cstore_child_done(
		    g->child, number, EM_TIMEOUT, "the other node did not take over");
}

void
cstore_member_transfer(struct cstore_raft *g, const struct cstore_frame *f)
{
	int rv;

	if (g->transfer_req != 0) {
		cstore_child_done(
		    g->child, f->req, EM_BUSY, "another transfer is under way");
		return;
	}
	g->transfer.data = g;
	g->transfer_req = f->req;
	g->transfer_id = f->id;
	rv = raft_transfer(&g->raft, &g->transfer, f->id, on_transferred);
	if (rv == 0)
		return;
	g->transfer_req = 0;
	cstore_child_done(
	    g->child, f->req, cstore_raft_err(rv), "%s", raft_errmsg(&g->raft));
}

static void
on_barrier(struct raft_barrier *req, int status)
{
	struct barrier *b = (struct barrier *)req;

	cstore_child_done(b->child, b->req, cstore_raft_err(status), "%s",
	    status != 0 ? raft_strerror(status) : "");
	mem_free(b);
}

void
cstore_member_barrier(struct cstore_raft *g, const struct cstore_frame *f)
{
	struct barrier *b = MEM_NEW(struct barrier);
	int rv;

	b->child = g->child;
	b->req = f->req;
	rv = raft_barrier(&g->raft, &b->raft, on_barrier);
	if (rv == 0)
		return;
	mem_free(b);
	cstore_child_done(
	    g->child, f->req, cstore_raft_err(rv), "%s", raft_errmsg(&g->raft));
}
