/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qsbr: see qsbr.h.  A thin face of liburcu's QSBR flavour.
 *
 * A batch: collected by a worker, to a jobs thread for the grace period, as a
 * letter once round all client workers, home, freed.
 */
#include "emqxd/core/qsbr.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/slab.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "ipc/base/list.h"

#include <urcu-qsbr.h>

#define BATCH_MAX 330u         /* a batch is an object of the largest class */
#define BATCH_BYTES (1u << 20) /* that a batch does not wait to have more of */
#define BATCH_AGE span_ms(100)
#define A_TURN 32u /* that are freed by one letter: what is cold takes its time */

struct retired {
	void *p;
	size_t n;
	qsbr_free_fn *fn;
};

struct qsbr_batch {
	struct job job;
	struct letter letter;
	struct timer age;
	uint16_t owner, hops;
	uint32_t n;
	uint64_t bytes;
	struct retired a[BATCH_MAX];
};
_Static_assert(sizeof(struct qsbr_batch) <= SLAB_MAX, "a batch");

/* liburcu is not built for the thread sanitizer: tell it what a grace period orders. */
#if defined(__SANITIZE_THREAD__)
#define QSBR_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define QSBR_TSAN 1
#endif
#endif
#ifdef QSBR_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
static char tsan_mark;
#define MARK_QUIESCENT() __tsan_release(&tsan_mark)
#define MARK_GRACE() __tsan_acquire(&tsan_mark)
#else
#define MARK_QUIESCENT() ((void)0)
#define MARK_GRACE() ((void)0)
#endif

void
qsbr_register(void)
{
	urcu_qsbr_register_thread();
}

void
qsbr_unregister(void)
{
	MARK_QUIESCENT();
	urcu_qsbr_unregister_thread();
}

void
qsbr_offline(void)
{
	MARK_QUIESCENT();
	urcu_qsbr_thread_offline();
}

void
qsbr_online(void)
{
	urcu_qsbr_thread_online();
}

uint64_t
qsbr_waiting(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < worker_all(); i++)
		n += atomic_load_explicit(
		    &worker_get(i)->qsbr_bytes, memory_order_relaxed);
	return n;
}

/* On the owner's thread, as all that touches a batch but its wait and its walk. */
static void
count(const struct qsbr_batch *b, int64_t bytes, int batches)
{
	struct worker *w = worker_get(b->owner);

	atomic_store_explicit(&w->qsbr_bytes,
	    atomic_load_explicit(&w->qsbr_bytes, memory_order_relaxed) + (uint64_t)bytes,
	    memory_order_relaxed);
	atomic_store(&w->qsbr_batches, atomic_load(&w->qsbr_batches) + (uint32_t)batches);
}

/* At most so many; true: the batch is gone. */
static bool
batch_free(struct qsbr_batch *b, uint32_t most)
{
	uint64_t bytes = 0;

	for (; most > 0 && b->n > 0; most--) {
		const struct retired *r = &b->a[--b->n];

		bytes += r->n;
		r->fn(r->p, r->n);
	}
	b->bytes -= bytes;
	count(b, -(int64_t)bytes, -(b->n == 0));
	if (b->n > 0)
		return false;
	slab_free(b, sizeof *b);
	return true;
}

/* Opened at each client worker in turn, then at its owner. */
static void
on_letter(struct letter *l)
{
	struct qsbr_batch *b = LIST_OWNER(l, struct qsbr_batch, letter);

	if (b->hops < worker_count())
		worker_post(worker_get(b->hops++), l);
	else if (worker_self()->id != b->owner)
		worker_post(worker_get(b->owner), l);
	else if (!batch_free(b, A_TURN))
		worker_post(worker_self(), l);
}

static void
await_grace(struct job *j)
{
	struct qsbr_batch *b = LIST_OWNER(j, struct qsbr_batch, job);

	urcu_qsbr_synchronize_rcu();
	MARK_GRACE();
	b->letter = (struct letter){ .open = on_letter };
	worker_post(worker_get(b->owner), &b->letter);
}

static void
send(struct worker *w)
{
	struct qsbr_batch *b = w->retired;

	w->retired = NULL;
	timer_cancel(&b->age);
	b->job.run = await_grace;
	jobs_post(&b->job);
}

static void
on_age(struct timer *t)
{
	(void)t;
	send(worker_self());
}

void
qsbr_retire(void *p, size_t n, qsbr_free_fn *fn)
{
	struct worker *w = worker_self();
	struct qsbr_batch *b = w->retired;

	if (b == NULL) {
		b = w->retired = slab_new_zero(sizeof *b);
		b->owner = w->id;
		count(b, 0, 1);
		timer_arm(&b->age, BATCH_AGE, on_age);
	}
	b->a[b->n++] = (struct retired){ p, n, fn };
	b->bytes += n;
	count(b, (int64_t)n, 0);
	if (b->n == BATCH_MAX || b->bytes >= BATCH_BYTES)
		send(w);
}

void
qsbr_drain(void)
{
	struct worker *w = worker_self();

	if (w->retired != NULL) {
		struct qsbr_batch *b = w->retired;

		w->retired = NULL;
		timer_cancel(&b->age);
		(void)batch_free(b, UINT32_MAX);
	}
}

bool
qsbr_is_idle(void)
{
	for (unsigned i = 0; i < worker_all(); i++)
		if (atomic_load(&worker_get(i)->qsbr_batches) != 0)
			return false;
	return true;
}
