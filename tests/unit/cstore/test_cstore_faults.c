/* SPDX-License-Identifier: Apache-2.0 */
/* cstore: a child that is none, and a store that stands still. */
#include "tests/unit/cstore/cstore_nodes.h"

#include <dirent.h>
#include <sys/stat.h>

/* Starts node 1 with a script as its child. */
static void
start_script(const char *text)
{
	struct node *n = &node[1];
	struct cstore_conf conf = { .on_event = on_event, .arg = n };
	char path[96];
	FILE *file;

	nodes_end();
	nodes_birth();
	strcpy(n->dir, "/tmp/test_cstore.XXXXXX");
	OK(mkdtemp(n->dir) != NULL);
	snprintf(path, sizeof path, "%s/child", n->dir);
	file = fopen(path, "w");
	OK(file != NULL);
	fputs(text, file);
	fclose(file);
	OK(chmod(path, 0700) == 0);
	conf.folder = n->dir;
	conf.program = path;
	n->c = cstore_start(&conf);
}

TEST(a_child_that_says_nonsense_is_killed_and_started_again)
{
	start_script("#!/bin/sh\nprintf 'xxxxyyyyzzzz' >&3\nexec sleep 60\n");
	NODES_UNTIL(node[1].downs == 2);
	OK(!cstore_is_up(node[1].c));
	STR_EQ(node[1].text, "it said what cannot be");
}

TEST(one_that_always_ends_early_raises_an_alarm)
{
	start_script("#!/bin/sh\nexit 3\n");
	NODES_UNTIL(node[1].downs == 5);
	STR_EQ(node[1].text, "it ended with status 3");
	OK(alarm_is_active("cstore_down"));
	OK(cstore_pid(node[1].c) == 0);
	alarm_clear("cstore_down");
}

TEST(a_program_that_is_not_there_takes_nobody_down)
{
	struct cstore_conf conf = { .folder = "/tmp",
		.program = "/nowhere",
		.on_event = on_event,
		.arg = &node[1] };

	nodes_end();
	node[1].c = cstore_start(&conf);
	turn_for(span_ms(100));
	OK(!cstore_is_up(node[1].c) && cstore_pid(node[1].c) == 0);
}

/* Cuts what is in the node's log of that group. */
static void
cut_log(const struct node *n, const char *group)
{
	char path[96];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof path, "%s/%s", n->dir, group);
	dir = opendir(path);
	OK(dir != NULL);
	while ((d = readdir(dir)) != NULL) {
		char file[400];

		snprintf(file, sizeof file, "%s/%s", path, d->d_name);
		if (strncmp(d->d_name, "open-", 5) == 0)
			OK(truncate(file, 10000) == 0);
	}
	closedir(dir);
}

TEST(a_log_that_cannot_be_read_is_given_up_and_the_other_group_goes_on)
{
	struct node *n = &node[1];
	struct cstore_open how;

	nodes_end();
	node_start(1, NULL);
	how = node_how(n, CSTORE_BOOTSTRAP, CSTORE_RET);
	OK(cstore_group_open(n->c, CSTORE_RET, &how) == EM_OK);
	node_open(1, CSTORE_BOOTSTRAP);
	NODES_UNTIL(leads(1) && n->opened == 2);
	OK(propose_sized(1, 1, 20000) == EM_OK);
	NODES_UNTIL(n->acked.n == 1);
	node_stop(1);
	cut_log(n, "meta");
	n->opened = n->downs = 0;
	node_start(1, NULL);
	how = node_how(n, CSTORE_JOIN, CSTORE_META);
	OK(cstore_group_open(n->c, CSTORE_META, &how) == EM_OK);
	how = node_how(n, CSTORE_JOIN, CSTORE_RET);
	OK(cstore_group_open(n->c, CSTORE_RET, &how) == EM_OK);
	NODES_UNTIL(cstore_status(n->c, CSTORE_RET)->state == CSTORE_LEADER);
	OK(n->opened == 2 && n->downs <= 5);
	OK(propose(1, 100) == EM_STATE);
	nodes_end();
}

TEST(a_node_whose_store_stands_still_is_away_until_it_goes_on)
{
	struct cstore_tune tune = { .election_ms = 300,
		.heartbeat_ms = 40,
		.connect_retry_ms = 30,
		.window_bytes = 2000,
		.hold_bytes = 20000 };
	uint32_t number = 0;

	nodes_end();
	for (unsigned i = 1; i <= 2; i++)
		node_start(i, &tune);
	node_open(1, CSTORE_BOOTSTRAP);
	NODES_UNTIL(leads(1));
	node_open(2, CSTORE_JOIN);
	cstore_change(node[1].c, CSTORE_META, CSTORE_ADD, node[2].id, node[2].name,
	    on_done, &node[1]);
	NODES_UNTIL(node[1].answers == 1);
	cstore_change(node[1].c, CSTORE_META, CSTORE_MAKE_STANDBY, node[2].id, "",
	    on_done, &node[1]);
	NODES_UNTIL(node[1].answers == 2);
	node[2].is_stuck = true;
	while (cstore_status(node[2].c, CSTORE_META)->waiting <= 20000) {
		OK(number < 2000);
		OK(propose(1, ++number) == EM_OK);
		NODES_UNTIL(node[1].acked.n == number);
	}
	/* Cut off: it gets no more, and the leader goes on. */
	turn_for(span_ms(200));
	for (unsigned i = 0; i < 50; i++) {
		OK(propose(1, ++number) == EM_OK);
		NODES_UNTIL(node[1].acked.n == number);
	}
	turn_for(span_ms(300));
	OK(cstore_status(node[2].c, CSTORE_META)->last <
	    cstore_status(node[1].c, CSTORE_META)->last);
	node[2].is_stuck = false;
	node[2].applied[CSTORE_META] =
	    node[2].rows[CSTORE_META].p[node[2].rows[CSTORE_META].n - 1].index;
	NODES_UNTIL(same_rows(&node[1], &node[2]));
	nodes_end();
}
