/* SPDX-License-Identifier: Apache-2.0 */
/* hall: see hall.h. */
#include "emqxd/net/hall.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/slab.h"
#include "emqxd/net/outq.h"
#include "ipc/base/mem.h"

#include <string.h>
#include <sys/mman.h>

/* ---- copies of the turn's bytes */

static bool
has(const struct hall_copy *k, const uint8_t *p, size_t n)
{
	return p >= k->of && p + n <= k->of + k->m->payload.n;
}

/* Receivers have the same bytes in the same order: it is the one behind the last, mostly. */
static struct hall_copy *
find_copy(struct hall *r, const uint8_t *p, size_t n)
{
	for (unsigned i = 0; i < r->copies_n; i++) {
		if (++r->copies_at >= r->copies_n)
			r->copies_at = 0;
		if (has(&r->copies[r->copies_at], p, n))
			return &r->copies[r->copies_at];
	}
	return NULL;
}

/* In the oldest one's place when there are many. */
static struct hall_copy *
make_copy(struct hall *r, const uint8_t *p, size_t n)
{
	struct message view = message_view(SLICE_NONE, slice_of(p, n));
	struct message *m = message_keep(&view);
	struct hall_copy *k;

	message_done(&view);
	if (m == NULL)
		return NULL;
	if (++r->copies_at >= HALL_COPIES)
		r->copies_at = 0;
	if (r->copies_n < HALL_COPIES)
		r->copies_at = r->copies_n++;
	k = &r->copies[r->copies_at];
	message_unref(&k->m);
	*k = (struct hall_copy){ .of = p, .m = m };
	return k;
}

struct message *
hall_copy(const uint8_t *p, size_t n, const uint8_t **at)
{
	struct hall *r = hall_self();
	struct hall_copy *k = find_copy(r, p, n);

	if (k == NULL)
		k = make_copy(r, p, n);
	if (k == NULL)
		return NULL;
	*at = k->m->payload.p + (p - k->of);
	return message_ref(k->m);
}

static void
drop_copies(struct hall *r)
{
	for (unsigned i = 0; i < r->copies_n; i++)
		message_unref(&r->copies[i].m);
	r->copies_n = r->copies_at = 0;
}

/* ---- flushing */

#define FLUSH_TIME span_ms(1)
#define LATE_LEAST 128u    /* units that are served whatever time it takes: late ones, */
#define FRESH_LEAST 32u    /* and those that were written to since */
#define UNIT_BYTES 8192u   /* one more for so many */
#define PIECE (256u << 10) /* bytes of one connection, behind the least */

struct flushing {
	unsigned units, least;
	mono_t end;
};

/* How many bytes the next one may write; 0: there is no time for a next one. */
static size_t
share_of_next(const struct flushing *f)
{
	if (f->units < f->least) {
		size_t left = (size_t)(f->least - f->units) * UNIT_BYTES;

		return left > PIECE ? left : PIECE;
	}
	return span_mono_now().ns < f->end.ns ? PIECE : 0;
}

/* It comes in the next turn; what it refers to is good in this one only. */
static void
make_late(struct hall *r, struct conn *c)
{
	outq_own(c);
	if ((c->watch.flags & CONN_LATE) != 0)
		return;
	c->watch.flags |= CONN_LATE;
	VEC_ADD(&r->late, c);
}

static void
flush_one(struct hall *r, struct flushing *f, struct conn *c, size_t share)
{
	size_t n = 0;

	if (!conn_is_ended(c))
		n = outq_flush(c, share);
	f->units += 1 + (unsigned)(n / UNIT_BYTES);
	if (outq_is_unfinished(c))
		make_late(r, c);
}

static void
flush_late(struct hall *r, struct flushing *f)
{
	size_t end = r->late.n; /* who becomes late again stands behind all others */
	size_t share;

	while (r->late_at < end && (share = share_of_next(f)) > 0) {
		struct conn *c = r->late.p[r->late_at++];

		conn_unlist(c, CONN_LATE);
		flush_one(r, f, c, share);
	}
	if (r->late_at < r->late.n / 2)
		return;
	r->late.n -= r->late_at;
	memmove(r->late.p, r->late.p + r->late_at, r->late.n * sizeof *r->late.p);
	r->late_at = 0;
}

/* Flushing may end connections and mark others dirty: they are taken as they come. */
static void
flush_dirty(struct hall *r, struct flushing *f)
{
	for (size_t i = 0; i < r->dirty.n; i++) {
		struct conn *c = r->dirty.p[i];
		size_t share;

		c->watch.flags &= ~(unsigned)CONN_DIRTY;
		if (conn_is_ended(c) || c->out == NULL)
			continue;
		share = (c->watch.flags & CONN_LATE) == 0 ? share_of_next(f) : 0;
		if (share > 0)
			flush_one(r, f, c, share);
		else
			make_late(r, c);
	}
	r->dirty.n = 0;
}

/* Behind it nobody refers to bytes of this turn. */
static void
flush(struct hall *r)
{
	struct flushing f = { .least = LATE_LEAST,
		.end = mono_add(span_mono_now(), FLUSH_TIME) };

	if (r->late.n > 0) {
		flush_late(r, &f);
		f.least = f.units + FRESH_LEAST;
	}
	flush_dirty(r, &f);
	drop_copies(r);
	if (r->late.n > 0)
		loop_hurry(worker_self()->loop);
}

static void
at_deliver(void *arg)
{
	conn_resume_all(arg);
}

static void
at_flush(void *arg)
{
	struct hall *r = arg;

	flush(r);
	r->at = 0;
}

static void
at_bury(void *arg)
{
	struct hall *r = arg;

	for (size_t i = 0; i < r->dead.n; i++)
		conn_bury(r->dead.p[i]);
	r->dead.n = 0;
	for (size_t i = 0; i < r->later.n; i++)
		slab_free(r->later.p[i].p, r->later.p[i].n);
	r->later.n = 0;
}

void
hall_birth(void)
{
	struct worker *w = worker_self();
	struct hall *r = MEM_NEW(struct hall);

	r->ring = mmap(
	    NULL, RING_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(r->ring != MAP_FAILED);
	w->slot[ROOM_NET] = r;
	loop_at_turn(w->loop, LOOP_DELIVER, at_deliver, r);
	loop_at_turn(w->loop, LOOP_FLUSH, at_flush, r);
	loop_at_turn(w->loop, LOOP_BURY, at_bury, r);
}

static void
end_at_death(struct conn *c, void *arg)
{
	(void)arg;
	conn_end(c, END_SERVER_SHUTTING_DOWN, END_BY_SERVER, NULL);
}

void
hall_death(void)
{
	struct hall *r = hall_self();

	conn_each(end_at_death, NULL);
	/* Those that linger for their peer are not waited for. */
	while (r->all.n > 0)
		conn_close(r->all.p[r->all.n - 1]);
	while (r->resumed.n > 0)
		conn_resume_all(r);
	do
		at_flush(r);
	while (r->late.n > 0);
	at_bury(r);
	munmap(r->ring, RING_SIZE);
	VEC_FINI(&r->dirty);
	VEC_FINI(&r->late);
	VEC_FINI(&r->resumed);
	VEC_FINI(&r->dead);
	VEC_FINI(&r->all);
	VEC_FINI(&r->later);
	worker_self()->slot[ROOM_NET] = NULL;
	mem_free(r);
}

void
hall_free_later(void *p, size_t n)
{
	VEC_ADD(&hall_self()->later, ((struct hall_later){ p, n }));
}

uint8_t *
hall_read_buffer(struct hall *r)
{
	if (RING_SIZE - r->at < READ_MAX) {
		flush(r);
		r->at = 0;
	}
	r->is_pinned = false;
	return r->ring + r->at;
}

void
hall_read_done(struct hall *r, size_t n)
{
	/* Else the next read may overwrite it, and finds it in the cache. */
	if (r->is_pinned)
		r->at += (n + 63) & ~(size_t)63;
}
