/* SPDX-License-Identifier: Apache-2.0 */
/* cstore_send: who was away for long gets what it lacks piece by piece. */
#include "emqxd/cstore/cstore_raft.h"
#include "tests/unit/cstore/cstore_nodes.h"

#include <dirent.h>
#include <sys/stat.h>

TEST(a_message_has_as_many_entries_as_fit_and_one_at_least)
{
	struct raft_entry e[4] = { { .buf.len = 100 }, { .buf.len = 200 },
		{ .buf.len = 8 }, { .buf.len = 8 } };

	EQ(cstore_send_fit(e, 0, 300), 0);
	EQ(cstore_send_fit(e, 4, 1), 1);
	EQ(cstore_send_fit(e, 4, 299), 1);
	EQ(cstore_send_fit(e, 4, 300), 2);
	EQ(cstore_send_fit(e, 4, 316), 4);
	EQ(cstore_send_fit(e, 2, 1000), 2);
}

/* Of the files of that node's log. */
static off_t
largest(const struct node *n)
{
	char path[96];
	struct dirent *d;
	struct stat st;
	off_t max = 0;
	DIR *dir;

	snprintf(path, sizeof path, "%s/meta", n->dir);
	dir = opendir(path);
	OK(dir != NULL);
	while ((d = readdir(dir)) != NULL) {
		OK(fstatat(dirfd(dir), d->d_name, &st, 0) == 0);
		if (S_ISREG(st.st_mode) && st.st_size > max)
			max = st.st_size;
	}
	closedir(dir);
	return max;
}

static void
propose_large(uint32_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		size_t acked = node[1].acked.n;

		OK(propose_sized(1, first + i, 50000) == EM_OK);
		NODES_UNTIL(node[1].acked.n > acked);
	}
}

TEST(who_was_away_catches_up_and_no_segment_of_its_log_grows_for_it)
{
	struct cstore_tune tune = { .election_ms = 3000,
		.heartbeat_ms = 40,
		.connect_retry_ms = 30,
		.segment_bytes = 1 << 20 };

	start_three(&tune);
	propose_some(1, 1, 3);
	NODES_UNTIL(same_rows(&node[1], &node[3]));
	node_stop(3);
	propose_large(100, 60);
	node_start(3, &tune);
	node_open(3, CSTORE_JOIN);
	propose_large(200, 10);
	NODES_UNTIL(same_rows(&node[1], &node[2]) && same_rows(&node[1], &node[3]) &&
		    has_row(&node[3], 209));
	OK(largest(&node[3]) <= 1 << 20);
	nodes_end();
}

TEST(of_a_change_of_the_voters_one_learns_first_or_last)
{
	struct cstore_guard u = { .phase = CSTORE_PHASE_CHANGING,
		.what = CSTORE_MAKE_VOTER,
		.id = 4,
		.is_of_voters = true,
		.begun = { 1000 } };
	mono_t now = { 2000 };
	span_t limit = { 5000 };

	OK(cstore_send_is_held(&u, 2, false, now, limit));
	OK(!cstore_send_is_held(&u, 4, false, now, limit));
	OK(!cstore_send_is_held(&u, 2, true, now, limit));
	OK(!cstore_send_is_held(&u, 2, false, (mono_t){ 6000 }, limit));
	u.what = CSTORE_MAKE_STANDBY;
	OK(cstore_send_is_held(&u, 4, false, (mono_t){ 6000 }, limit));
	OK(!cstore_send_is_held(&u, 2, false, now, limit));
	u.is_of_voters = false; /* a spare */
	OK(!cstore_send_is_held(&u, 4, false, now, limit));
	u.is_of_voters = true;
	u.phase = CSTORE_PHASE_PROVEN;
	OK(!cstore_send_is_held(&u, 4, false, now, limit));
}

#ifndef RAFT_REQUEST_VOTE_VERSION /* see raft_compat.h: later ones hide the progress */

/* What goes out to members 1 to 4, while 4 becomes a voter by entry 12. */
static unsigned sent;
static raft_index sent_commit;

static int
on_sent(struct raft_io *io, struct raft_io_send *req, const struct raft_message *message,
    raft_io_send_cb cb)
{
	(void)io, (void)req, (void)cb;
	sent = message->append_entries.n_entries;
	sent_commit = message->append_entries.leader_commit;
	return 0;
}

/* Entries 11 to 13 to that member: how many go. */
static unsigned
send_three(struct cstore_raft *g, raft_id to)
{
	struct raft_entry e[3] = { { .type = RAFT_COMMAND, .buf.len = 8 },
		{ .type = RAFT_CHANGE, .buf.len = 8 },
		{ .type = RAFT_COMMAND, .buf.len = 8 } };
	struct raft_message m = { .type = RAFT_IO_APPEND_ENTRIES,
		.server_id = to,
		.append_entries = { .prev_log_index = 10,
		    .leader_commit = g->raft.commit_index,
		    .entries = e,
		    .n_entries = 3 } };

	sent = 99;
	EQ(g->io.send(&g->io, NULL, &m, NULL), 0);
	return sent;
}

TEST(an_entry_that_is_held_goes_out_when_the_one_it_is_about_has_it)
{
	struct raft_server server[4] = { { .id = 1 }, { .id = 2 }, { .id = 3 },
		{ .id = 4 } };
	struct raft_progress progress[4] = { 0 };
	struct cstore_child child = { .tune = { .election_ms = 1000 * 1000,
					  .segment_bytes = 1 << 20 } };
	struct cstore_raft g = { .magic = CSTORE_RAFT_MAGIC,
		.child = &child,
		.io.send = on_sent,
		.raft = { .commit_index = 11,
		    .configuration = { .servers = server, .n = 4 },
		    .leader_state.progress = progress },
		.guard = { .phase = CSTORE_PHASE_CHANGING,
		    .what = CSTORE_MAKE_VOTER,
		    .id = 4,
		    .is_of_voters = true,
		    .begun = span_mono_now() } };

	cstore_send_birth(&g);
	EQ(send_three(&g, 4), 3);
	EQ(send_three(&g, 2), 1);
	EQ(sent_commit, 11);
	EQ(g.cuts_n, 1);
	EQ(g.cut[0].next, 12); /* the one that was held is sent again */
	progress[3].match_index = 12;
	EQ(send_three(&g, 2), 3);
	/* Member 4 gives its vote up: it learns so when that is agreed on. */
	g.guard.what = CSTORE_MAKE_STANDBY;
	EQ(send_three(&g, 2), 3);
	EQ(send_three(&g, 4), 1);
	g.raft.commit_index = 12;
	EQ(send_three(&g, 4), 3);
	EQ(sent_commit, 12);
}

#endif
