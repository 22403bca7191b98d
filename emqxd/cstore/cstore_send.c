/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cstore_send: messages of a bounded size, and in an order.
 *
 * The size: between libraft and its libuv back end, since libraft 0.15 sends all that
 * another node lacks as one message, and the whole of it again with each heartbeat until the
 * first is answered; the other node holds it in memory and writes it as one piece, which may
 * be larger than a segment of the log and is then, on a full disk or when the power fails, a
 * log that cannot be read again.
 *
 * So a message ends after an eighth of a segment, or one entry.  It must then not say
 * that more is committed than it reaches, as the other node would believe that of whatever
 * it has behind it.  The rest follows when this is answered, if libraft is told that it has
 * not been sent; where it cannot be told (raft_compat.h) it finds out by a refusal.
 *
 * The order: that of a change of the voters.  In libraft a node votes, and stands for
 * election, only if it is a voter by its own log, while who counts votes goes by his.  If
 * the leader dies when node A has the entry that makes X a voter, and X has not, then A
 * needs three votes of four and X gives none; and who has not the entry is behind A and
 * gets none: one node is dead, and nobody can lead.  The same when X has the entry that
 * takes its vote and the others have not.  So X has the first before all others do, and the
 * second when it is committed: whoever knows of the change then has X's vote if he counts
 * it.  If X does not answer, the others wait as long as for an election, and no longer.
 */
#include "emqxd/cstore/cstore_raft.h"
#include "ipc/base/list.h"

unsigned
cstore_send_fit(const struct raft_entry *entries, unsigned n, size_t max)
{
	size_t bytes = 0;
	unsigned i = 0;

	while (i < n && (i == 0 || bytes + entries[i].buf.len <= max))
		bytes += entries[i++].buf.len;
	return i;
}

bool
cstore_send_is_held(
    const struct cstore_guard *u, uint64_t to, bool has_it, mono_t now, span_t limit)
{
	if (u->phase != CSTORE_PHASE_CHANGING || !u->is_of_voters)
		return false;
	if (u->what == CSTORE_MAKE_VOTER)
		return to != u->id && !has_it && mono_since(now, u->begun).ns < limit.ns;
	return to == u->id;
}

/* How many of the entries may go to that member now. */
static unsigned
not_held(struct cstore_raft *g, uint64_t to, const struct raft_append_entries *a)
{
	int who = cstore_raft_member(g, g->guard.id);
	unsigned i = 0;

	for (; i < a->n_entries; i++) {
		raft_index index = a->prev_log_index + 1 + i;

		if (a->entries[i].type == RAFT_CHANGE && index > g->raft.commit_index &&
		    cstore_send_is_held(&g->guard, to,
			who < 0 || raft_compat_has(&g->raft, (unsigned)who, index),
			span_mono_now(), span_ms(g->child->tune.election_ms)))
			break;
	}
	return i;
}

/* The message to that node is cut; the last cut counts. */
static void
note(struct cstore_raft *g, uint64_t id, raft_index believed, raft_index next)
{
	unsigned i = 0;

	while (i < g->cuts_n && g->cut[i].id != id)
		i++;
	if (i == CSTORE_MEMBERS_MAX)
		return;
	if (i == g->cuts_n)
		g->cuts_n++;
	g->cut[i] = (struct cstore_cut){ id, believed, next };
}

static int
on_send(struct raft_io *io, struct raft_io_send *req, const struct raft_message *message,
    raft_io_send_cb cb)
{
	struct cstore_raft *g = LIST_OWNER(io, struct cstore_raft, io);
	struct raft_message m = *message;
	struct raft_append_entries *a = &m.append_entries;
	raft_index whole, part;
	int rv;

	CHECK_OBJ(g, CSTORE_RAFT_MAGIC);
	if (message->type != RAFT_IO_APPEND_ENTRIES)
		return g->send(io, req, message, cb);
	whole = a->prev_log_index + a->n_entries;
	a->n_entries = cstore_send_fit(
	    a->entries, not_held(g, m.server_id, a), g->child->tune.segment_bytes / 8);
	part = a->prev_log_index + a->n_entries;
	if (part == whole)
		return g->send(io, req, message, cb);
	if (a->leader_commit > part)
		a->leader_commit = part;
	rv = g->send(io, req, &m, cb);
	if (rv == 0)
		note(g, m.server_id, whole + 1, part + 1);
	return rv;
}

void
cstore_send_birth(struct cstore_raft *g)
{
	g->send = g->io.send;
	g->io.send = on_send;
}

void
cstore_send_look(struct cstore_raft *g)
{
	bool leads = raft_state(&g->raft) == RAFT_LEADER;

	for (unsigned i = 0; leads && i < g->cuts_n; i++) {
		int at = cstore_raft_member(g, g->cut[i].id);

		if (at >= 0)
			raft_compat_set_next(
			    &g->raft, (unsigned)at, g->cut[i].believed, g->cut[i].next);
	}
	g->cuts_n = 0;
}
