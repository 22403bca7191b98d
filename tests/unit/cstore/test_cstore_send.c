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
