/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cstore_feed: see cstore_raft.h.
 *
 * Entries are copied when libraft applies them, wait here and are given to the parent
 * while what it has and did not apply is under the window.  When more waits than
 * tune.hold_bytes the group is held: a node whose store stands still is better away than
 * in the way; it comes back when half of it is gone.
 *
 * libraft asks for a snapshot in three steps; the middle one, which it would run on a
 * thread, waits here until the parent has applied what the snapshot covers.
 */
#include "emqxd/cstore/cstore_raft.h"
#include "ipc/base/hash.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"

#define SNAPSHOT_WAIT span_s(10)
#define GIVEN_MAX 4096
#define MARKER 32
#define MARKER_MAGIC 0x45434d31 /* "ECM1" */

/* ---- queues */

static void
queue_push(struct cstore_queue *q, struct cstore_entry *e)
{
	e->next = NULL;
	if (q->last != NULL)
		q->last->next = e;
	else
		q->first = e;
	q->last = e;
	q->bytes += e->n;
	q->n++;
}

static struct cstore_entry *
queue_pop(struct cstore_queue *q)
{
	struct cstore_entry *e = q->first;

	q->first = e->next;
	if (q->first == NULL)
		q->last = NULL;
	q->bytes -= e->n;
	q->n--;
	return e;
}

static void
entry_free(struct cstore_entry *e)
{
	mem_free(e->bytes);
	mem_free(e);
}

static void
queue_drop(struct cstore_queue *q, uint64_t upto)
{
	while (q->first != NULL && q->first->index <= upto)
		entry_free(queue_pop(q));
}

/* ---- to the parent */

static void
give(struct cstore_raft *g)
{
	struct cstore_feed *f = &g->feed;

	while (f->marker == 0 && f->waiting.first != NULL &&
	       f->given.bytes < g->child->tune.window_bytes && f->given.n < GIVEN_MAX) {
		struct cstore_entry *e = queue_pop(&f->waiting);

		cstore_child_send(g->child, &(struct cstore_frame){ .kind = CSTORE_GIVE,
						.group = g->group,
						.index = e->index,
						.data = slice_of(e->bytes, e->n) });
		f->last_given = e->index;
		MEM_FREE(e->bytes);
		queue_push(&f->given, e);
	}
}

static void
hold_or_let_go(struct cstore_raft *g)
{
	struct cstore_feed *f = &g->feed;
	uint32_t max = g->child->tune.hold_bytes;

	if (!f->is_held && f->waiting.bytes > max) {
		f->is_held = true;
		cstore_child_note(g->child,
		    "group %s is away from the others: %zu bytes wait for the store",
		    g->folder, f->waiting.bytes);
	} else if (f->is_held && f->waiting.bytes <= max / 2) {
		f->is_held = false;
		cstore_child_note(
		    g->child, "group %s is back with the others", g->folder);
	}
	transport_hold(&g->transport, f->is_held);
}

bool
cstore_feed_is_full(const struct cstore_raft *g)
{
	return g->feed.waiting.bytes > g->child->tune.hold_bytes / 2;
}

/* libraft loses its place in a log with entries whose length is no multiple of 8: one is
 * its length (4 bytes), the bytes, and zeros. */
bool
cstore_feed_wrap(struct slice bytes, struct raft_buffer *out)
{
	struct wbuf w;

	out->len = (4 + bytes.n + 7) & ~(size_t)7;
	out->base = raft_malloc(out->len);
	if (out->base == NULL)
		return false;
	w = wbuf_fixed(out->base, out->len);
	wbuf_u32(&w, (uint32_t)bytes.n);
	wbuf_bytes(&w, bytes);
	memset(w.p + w.n, 0, out->len - w.n);
	return true;
}

static struct slice
unwrap(const struct raft_buffer *buf)
{
	struct rbuf r = rbuf_of(slice_of(buf->base, buf->len));

	return rbuf_bytes(&r, rbuf_u32(&r)); /* empty when it was none of ours */
}

static int
on_apply(struct raft_fsm *fsm, const struct raft_buffer *buf, void **result)
{
	struct cstore_raft *g = fsm->data;
	struct cstore_feed *f = &g->feed;
	uint64_t index = g->raft.last_applied + 1;
	struct slice bytes = unwrap(buf);
	struct cstore_entry *e;

	*result = NULL;
	f->since_snapshot += buf->len;
	if (f->since_snapshot >= g->child->tune.snapshot_bytes)
		raft_set_snapshot_threshold(&g->raft, 1);
	if (bytes.n == 0)
		return 0;
	f->command = index;
	if (index <= f->applied)
		return 0;
	e = MEM_NEW(struct cstore_entry);
	e->index = index;
	e->n = bytes.n;
	e->bytes = mem_try(bytes.n);
	if (e->bytes == NULL)
		cstore_child_die(g->child, "no memory for an entry");
	memcpy(e->bytes, bytes.p, bytes.n);
	queue_push(&f->waiting, e);
	return 0;
}

void
cstore_feed_applied(struct cstore_raft *g, uint64_t index)
{
	struct cstore_feed *f = &g->feed;

	if (index <= f->applied)
		return;
	f->applied = index;
	queue_drop(&f->given, index);
	queue_drop(&f->waiting, index);
	if (f->marker != 0 && f->marker <= index)
		f->marker = 0;
}

/* ---- snapshots */

static int
on_snapshot(struct raft_fsm *fsm, struct raft_buffer *bufs[], unsigned *n)
{
	struct cstore_raft *g = fsm->data;

	g->feed.work_command = g->feed.command;
	g->feed.since_snapshot = 0;
	raft_set_snapshot_threshold(&g->raft, g->child->tune.snapshot_entries);
	*bufs = NULL;
	*n = 0;
	return 0;
}

static uint64_t
marker_sum(struct slice s)
{
	return hash_sip24(s, 0x656d717864, 0x6d61726b6572);
}

/* The marker itself: 8 bytes of magic and group, the index, the sum over both. */
static int
on_snapshot_async(struct raft_fsm *fsm, struct raft_buffer *bufs[], unsigned *n)
{
	struct cstore_raft *g = fsm->data;
	uint64_t index = g->feed.work_command;
	uint8_t *bytes = raft_malloc(MARKER);
	struct wbuf w;

	*bufs = raft_malloc(sizeof **bufs);
	if (bytes == NULL || *bufs == NULL) {
		raft_free(bytes);
		raft_free(*bufs);
		*bufs = NULL;
		return RAFT_NOMEM;
	}
	memset(bytes, 0, MARKER);
	w = wbuf_fixed(bytes, MARKER);
	wbuf_u32(&w, MARKER_MAGIC);
	wbuf_u32(&w, (uint32_t)g->group);
	wbuf_u64(&w, index);
	wbuf_u64(&w, marker_sum(wbuf_slice(&w)));
	(*bufs)[0] = (struct raft_buffer){ .base = bytes, .len = MARKER };
	*n = 1;
	return 0;
}

static int
on_snapshot_finalize(struct raft_fsm *fsm, struct raft_buffer *bufs[], unsigned *n)
{
	(void)fsm;
	if (*bufs != NULL) {
		for (unsigned i = 0; i < *n; i++)
			raft_free((*bufs)[i].base);
		raft_free(*bufs);
	}
	*bufs = NULL;
	*n = 0;
	return 0;
}

static int
on_restore(struct raft_fsm *fsm, struct raft_buffer *buf)
{
	struct cstore_raft *g = fsm->data;
	struct cstore_feed *f = &g->feed;
	struct slice s = slice_of(buf->base, buf->len);
	struct rbuf r = rbuf_of(s);
	uint32_t magic = rbuf_u32(&r), group = rbuf_u32(&r);
	uint64_t index = rbuf_u64(&r), sum = rbuf_u64(&r);

	if (s.n != MARKER || magic != MARKER_MAGIC || group != g->group ||
	    sum != marker_sum(slice_head(s, 16)))
		return RAFT_MALFORMED;
	raft_free(buf->base);
	f->command = index;
	f->since_snapshot = 0;
	queue_drop(&f->waiting, index);
	if (index <= f->applied || index <= f->marker)
		return 0;
	f->marker = index;
	cstore_child_send(
	    g->child, &(struct cstore_frame){
			  .kind = CSTORE_FETCH, .group = g->group, .index = index });
	return 0;
}

static int
on_async_work(
    struct raft_io *io, struct raft_io_async_work *req, raft_io_async_work_cb cb)
{
	struct cstore_raft *g = LIST_OWNER(io, struct cstore_raft, io);
	struct cstore_feed *f = &g->feed;

	CHECK_OBJ(g, CSTORE_RAFT_MAGIC);
	if (f->work != NULL || g->is_closing)
		return RAFT_BUSY;
	f->work = req;
	f->work_done = cb;
	f->work_until = mono_add(span_mono_now(), SNAPSHOT_WAIT);
	return 0;
}

/* @status 0: it is taken now; else it is given up. */
static void
work_over(struct cstore_raft *g, int status)
{
	struct raft_io_async_work *req = g->feed.work;

	g->feed.work = NULL;
	if (status == 0)
		status = req->work(req);
	g->feed.work_done(req, status);
}

static void
look_at_snapshot(struct cstore_raft *g)
{
	struct cstore_feed *f = &g->feed;

	if (f->work == NULL)
		return;
	if (f->work_command <= f->applied)
		work_over(g, 0);
	else if (f->work_until.ns < span_mono_now().ns)
		work_over(g, RAFT_BUSY);
}

/* ---- life */

void
cstore_feed_birth(struct cstore_raft *g, uint64_t applied)
{
	g->feed = (struct cstore_feed){ .applied = applied };
	g->fsm = (struct raft_fsm){ .version = 3,
		.data = g,
		.apply = on_apply,
		.snapshot = on_snapshot,
		.restore = on_restore,
		.snapshot_finalize = on_snapshot_finalize,
		.snapshot_async = on_snapshot_async };
	g->io.version = 2; /* raft_uv_init leaves it at 1 */
	g->io.async_work = on_async_work;
}

void
cstore_feed_look(struct cstore_raft *g)
{
	look_at_snapshot(g);
	give(g);
	hold_or_let_go(g);
}

void
cstore_feed_stop(struct cstore_raft *g)
{
	if (g->feed.work != NULL)
		work_over(g, RAFT_CANCELED);
}

void
cstore_feed_fini(struct cstore_raft *g)
{
	queue_drop(&g->feed.waiting, UINT64_MAX);
	queue_drop(&g->feed.given, UINT64_MAX);
}
