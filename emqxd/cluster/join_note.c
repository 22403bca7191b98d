/* SPDX-License-Identifier: Apache-2.0 */
/* join_note: see join_note.h. */
#include "emqxd/cluster/join_note.h"
#include "emqxd/cluster/inside.h"
#include "emqxd/core/log.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

enum { VERSION = 1, ROW_MAX = 16 << 10 };

static struct slice
key(void)
{
	return slice_str("join");
}

static struct slice
removed_key(void)
{
	return slice_str("removed");
}

static struct join_note *
note(void)
{
	return cluster_inside()->note;
}

static em_err
on_recovered(struct slice at, struct slice blob)
{
	struct rbuf r = rbuf_of(blob);
	struct join_note *n = note();
	uint8_t version = rbuf_u8(&r), phase = rbuf_u8(&r);
	uint64_t raft_id = rbuf_u64(&r);
	struct slice address = rbuf_bytes16(&r), backup = rbuf_bytes16(&r);

	if (slice_eq(at, removed_key()))
		n->is_removed = true;
	if (!slice_eq(at, key()))
		return EM_OK;
	if (r.err != EM_OK || version != VERSION || phase > JOIN_REENTERING)
		return EM_MALFORMED;
	n->phase = (enum join_phase)phase;
	n->raft_id = raft_id;
	join_note_keep(address, backup);
	return EM_OK;
}

void
join_note_birth(void)
{
	cluster_inside()->note = MEM_NEW(struct join_note);
	store_register(CHANGE_NODE, on_recovered);
}

void
join_note_death(void)
{
	str_fini(&note()->address);
	str_fini(&note()->backup);
	MEM_FREE(cluster_inside()->note);
}

const struct join_note *
join_note(void)
{
	return note();
}

void
join_note_keep(struct slice address, struct slice backup)
{
	str_reset(&note()->address);
	str_add_slice(&note()->address, address);
	str_reset(&note()->backup);
	str_add_slice(&note()->backup, backup);
}

static void
on_written(void *arg, em_err err)
{
	(void)arg;
	if (err != EM_OK)
		LOG(ERROR, "cluster_note_not_written", "error", err_name(err));
}

void
join_note_removed(bool is_removed)
{
	struct change *c;
	uint8_t *blob;

	if (note()->is_removed == is_removed)
		return;
	note()->is_removed = is_removed;
	if (is_removed)
		c = change_put(CHANGE_NODE, removed_key(), 1, &blob);
	else
		c = change_del(CHANGE_NODE, removed_key());
	if (c == NULL) {
		on_written(NULL, EM_NOMEM);
		return;
	}
	if (is_removed)
		*blob = VERSION;
	change_send(&c, on_written, NULL);
}

static const char *const phase_name[] = { [JOIN_SETTLED] = "settled",
	[JOIN_FETCHING] = "fetching",
	[JOIN_ENTERING] = "entering",
	[JOIN_REENTERING] = "reentering" };

static void
on_noted(void *arg, em_err err)
{
	struct join_note *n = note();

	(void)arg;
	if (err == EM_OK)
		LOG(INFO, "cluster_join_phase", "phase", phase_name[n->phase]);
	n->done(n->arg, err);
}

void
join_note_write(enum join_phase phase, uint64_t raft_id, change_done_fn *done, void *arg)
{
	struct join_note *n = note();
	struct wbuf w = wbuf_growing(ROW_MAX);
	struct change *c = NULL;
	uint8_t *blob;

	n->phase = phase;
	n->raft_id = raft_id;
	wbuf_u8(&w, VERSION);
	wbuf_u8(&w, (uint8_t)phase);
	wbuf_u64(&w, raft_id);
	wbuf_bytes16(&w, str_slice(&n->address));
	wbuf_bytes16(&w, str_slice(&n->backup));
	if (phase == JOIN_SETTLED)
		c = change_del(CHANGE_NODE, key());
	else if (w.err == EM_OK)
		c = change_put(CHANGE_NODE, key(), w.n, &blob);
	if (c != NULL && phase != JOIN_SETTLED)
		memcpy(blob, w.p, w.n);
	wbuf_fini(&w);
	n->done = done != NULL ? done : on_written;
	n->arg = arg;
	if (c != NULL)
		change_send(&c, on_noted, NULL);
	else
		n->done(arg, EM_NOMEM);
}
