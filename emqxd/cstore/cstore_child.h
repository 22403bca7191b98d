/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cstore_child: the program `emqxd --cstore`: a libuv loop with the socket to the parent
 * and the groups.  It lives as long as the parent and this socket; it keeps no state
 * outside its logs, so it ends at any time without a word (_exit), and does so itself
 * where going on would be wrong.
 *
 * One thread (libuv's others only write files).
 */
#ifndef CSTORE_CHILD_H
#define CSTORE_CHILD_H

#include "emqxd/cstore/cstore_pipe.h"

#include <uv.h>

struct cstore_raft;

struct cstore_child {
	uv_loop_t loop;
	uv_poll_t control; /* the socket */
	uv_prepare_t prepare;
	uv_timer_t tick;
	int events; /* that control waits for */
	struct cstore_pipe pipe;
	struct cstore_tune tune;
	char *folder;   /* NULL: the first frame has not come */
	uint32_t dials; /* numbers of requests for a connection */
	struct cstore_raft *group[CSTORE_GROUP_N]; /* NULL: not open */
};

#define CSTORE_TICK_MS 50

/* Serves the parent on CSTORE_FD until it is gone; the process's exit status. */
int cstore_child_run(void);

/* To the parent. */
void cstore_child_send(struct cstore_child *c, const struct cstore_frame *f);
void cstore_child_done(struct cstore_child *c, uint32_t req, em_err err, const char *fmt,
    ...) EM_PRINTF(4, 5);
void cstore_child_note(struct cstore_child *c, const char *fmt, ...) EM_PRINTF(2, 3);
/* Says why, and ends the process. */
EM_NORETURN void cstore_child_die(struct cstore_child *c, const char *fmt, ...)
    EM_PRINTF(2, 3);

#endif
