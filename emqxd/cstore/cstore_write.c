/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cstore_write: is the log being written?  Between libraft and its libuv back end, which
 * is not to be trusted any more when a write has failed (on a full disk, say): libraft 0.15
 * goes on with a log that takes nothing, or takes entries at other places than it thinks,
 * also when there is room again.  So a write that fails, or has not ended in STALLED, ends
 * the process; it is started again, and may write by then.
 *
 * A slow disk is none that has failed: what counts is turns of the loop in which no write
 * has ended, so neither a busy machine nor a process that was stopped for a while look
 * like it.
 */
#include "emqxd/cstore/cstore_raft.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

#define STALLED \
	(30 * 1000 / CSTORE_TICK_MS) /* ticks: as long as the parent waits for us */

struct writing {
	struct raft_io_append raft; /* first; libuv's end has this one */
	struct cstore_raft *g;
	struct raft_io_append *req; /* libraft's own */
	raft_io_append_cb cb;
};

EM_NORETURN static void
fail(struct cstore_raft *g)
{
	cstore_child_die(g->child, "%s cannot be written: %s", g->folder, g->io.errmsg);
}

static void
on_written(struct raft_io_append *raft, int status)
{
	struct writing *w = (struct writing *)raft;
	struct cstore_raft *g = w->g;
	struct raft_io_append *req = w->req;
	raft_io_append_cb cb = w->cb;

	CHECK_OBJ(g, CSTORE_RAFT_MAGIC);
	mem_free(w);
	g->writing--;
	g->waited = 0;
	if (status != 0 && !g->is_closing)
		fail(g);
	cb(req, status);
}

/* What is refused for its size has not been begun; after any other failure libuv may still
 * have a hold of it. */
static int
on_append(struct raft_io *io, struct raft_io_append *req,
    const struct raft_entry entries[], unsigned n, raft_io_append_cb cb)
{
	struct cstore_raft *g = LIST_OWNER(io, struct cstore_raft, io);
	struct writing *w = MEM_NEW(struct writing);
	int rv;

	CHECK_OBJ(g, CSTORE_RAFT_MAGIC);
	*w = (struct writing){ .g = g, .req = req, .cb = cb };
	g->writing++;
	rv = g->append(io, &w->raft, entries, n, on_written);
	if (rv == 0)
		return 0;
	if (rv != RAFT_TOOBIG)
		fail(g);
	mem_free(w);
	g->writing--;
	return rv;
}

void
cstore_write_birth(struct cstore_raft *g)
{
	g->append = g->io.append;
	g->io.append = on_append;
}

void
cstore_write_tick(struct cstore_raft *g)
{
	g->waited = g->writing > 0 ? g->waited + 1 : 0;
	if (g->waited > STALLED)
		cstore_child_die(g->child, "%s is not written", g->folder);
}
