/* SPDX-License-Identifier: Apache-2.0 */
/* cstore_write: a log that cannot be written ends the child, and is written again. */
#include "tests/unit/cstore/cstore_nodes.h"

#include <sys/resource.h>

TEST(a_child_whose_log_cannot_be_written_is_started_again_and_loses_nothing)
{
	struct rlimit none = { 0, 0 };
	struct cstore_tune tune = { .election_ms = 3000, .heartbeat_ms = 40 };
	uint32_t number = 0;
	unsigned ups;

	nodes_end();
	node_start(1, &tune);
	node_open(1, CSTORE_BOOTSTRAP);
	NODES_UNTIL(leads(1));
	propose_some(1, 1, 5);
	ups = node[1].ups;
	/* It opens no file any more: its next segment cannot be made. */
	OK(prlimit(cstore_pid(node[1].c), RLIMIT_NOFILE, &none, NULL) == 0);
	for (number = 100; node[1].downs == 0; number++) {
		size_t n = node[1].acked.n;

		OK(number < 200 && propose_sized(1, number, 100000) == EM_OK);
		NODES_UNTIL(node[1].acked.n > n || node[1].downs > 0);
	}
	OK(strstr(node[1].text, "cannot be written: ") != NULL);
	NODES_UNTIL(node[1].ups > ups && leads(1));
	propose_some(1, 500, 40);
	NODES_UNTIL(has_acked(&node[1], &node[1]));
	EQ(node[1].downs, 1);
	nodes_end();
}
