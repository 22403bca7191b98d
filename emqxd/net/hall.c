/* SPDX-License-Identifier: Apache-2.0 */
/* hall: see hall.h. */
#include "emqxd/net/hall.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/slab.h"
#include "emqxd/net/outq.h"
#include "ipc/base/mem.h"

#include <sys/mman.h>

static void
flush_all(struct hall *r)
{
	/* Flushing may end connections and mark others dirty: take them as they come. */
	for (size_t i = 0; i < r->dirty.n; i++) {
		struct conn *c = r->dirty.p[i];

		c->watch.flags &= ~(unsigned)CONN_DIRTY;
		if (!conn_is_ended(c))
			outq_flush(c);
	}
	r->dirty.n = 0;
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

	flush_all(r);
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
	at_flush(r);
	/* Those that linger for their peer are not waited for. */
	while (r->all.n > 0) {
		struct conn *c = r->all.p[r->all.n - 1];

		c->watch.flags &= ~(unsigned)CONN_LINGER;
		timer_cancel(&c->timer);
		r->all.n--;
		VEC_ADD(&r->dead, c);
	}
	at_bury(r);
	munmap(r->ring, RING_SIZE);
	VEC_FINI(&r->dirty);
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
		flush_all(r);
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
