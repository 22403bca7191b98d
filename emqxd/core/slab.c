/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slab: see slab.h.
 *
 * A page is 64 KiB, aligned, so that an object's page is found from its address.
 * It belongs to one heap (one thread) and one size class; its free objects form
 * a list through their first word, behind them the part that was never used.
 * An object freed by another thread is pushed on the owner heap's `remote` stack
 * and taken home by that thread's slab_turn().
 */
#include "emqxd/core/slab.h"
#include "emqxd/core/pages.h"
#include "ipc/base/check.h"
#include "ipc/base/mem.h"
#include "ipc/base/span.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define FINE_MAX 512u
#define CLASSES 42u
#define EMPTY_KEEP 32u      /* pages of a heap: 2 MiB */
#define A_TURN span_us(200) /* that taking home may take in one turn */
#define A_LOOK 32u          /* objects between two looks at the clock */
#define PAGE_MAGIC 0x51ab51abu

struct free_object {
	struct free_object *next;
};

struct slab_heap;

struct page {
	struct page *next, *prev; /* pages of the class that have room */
	struct slab_heap *heap;
	struct free_object *free;
	uint32_t magic;
	uint16_t class, live, cap, fresh; /* fresh: objects never used yet start here */
	bool is_listed;
};

#define PAGE_HEAD 64u
_Static_assert(sizeof(struct page) <= PAGE_HEAD, "a page's head");

struct slab_heap {
	struct page *room[CLASSES]; /* pages with a free object, by class */
	bool has_had[CLASSES];      /* a page of the class */
	unsigned empty;             /* pages without an object, listed */
	_Atomic uint64_t used;      /* bytes in objects; written by the owner */
	struct slab_heap *next;
	struct free_object *home; /* of remote, taken and not looked at yet */
	_Alignas(64) _Atomic(struct free_object *) remote;
};

/* The one shared thing of this file. */
static struct {
	pthread_mutex_t lock;
	struct slab_heap *heaps;
	struct pages pages;
} slab_shared = { .lock = PTHREAD_MUTEX_INITIALIZER, .pages = PAGES_INIT };

static _Thread_local struct slab_heap *slab_own;

static const uint16_t coarse_size[] = { 640, 768, 1024, 1280, 1536, 2048, 2720, 4080,
	5440, 8192 };
_Static_assert(
    FINE_MAX / 16 + sizeof coarse_size / sizeof *coarse_size == CLASSES, "classes");

static unsigned
class_of(size_t n)
{
	unsigned c = 0;

	if (n <= FINE_MAX)
		return n == 0 ? 0 : (unsigned)((n - 1) / 16);
	while (coarse_size[c] < n)
		c++;
	return FINE_MAX / 16 + c;
}

static uint32_t
class_size(unsigned c)
{
	return c < FINE_MAX / 16 ? (c + 1) * 16 : coarse_size[c - FINE_MAX / 16];
}

static struct slab_heap *
heap_new(void)
{
	struct slab_heap *h = aligned_alloc(64, sizeof *h);

	CHECK(h != NULL);
	memset(h, 0, sizeof *h);
	pthread_mutex_lock(&slab_shared.lock);
	h->next = slab_shared.heaps;
	slab_shared.heaps = h;
	pthread_mutex_unlock(&slab_shared.lock);
	slab_own = h;
	return h;
}

static void
page_list(struct slab_heap *h, struct page *p)
{
	p->prev = NULL;
	p->next = h->room[p->class];
	if (p->next != NULL)
		p->next->prev = p;
	h->room[p->class] = p;
	p->is_listed = true;
}

static void
page_unlist(struct slab_heap *h, struct page *p)
{
	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		h->room[p->class] = p->next;
	if (p->next != NULL)
		p->next->prev = p->prev;
	p->is_listed = false;
}

/* A heap's first page of a class is backed as it is touched: many classes need little of
 * it.  The next ones are backed whole. */
static struct page *
page_take(struct slab_heap *h, unsigned class)
{
	bool is_backed;
	struct page *p = pages_take(&slab_shared.pages, &is_backed);

	if (!is_backed && h->has_had[class])
		pages_back(p);
	h->has_had[class] = true;
	*p = (struct page){ .heap = h,
		.magic = PAGE_MAGIC,
		.class = (uint16_t) class,
		.cap = (uint16_t)((PAGES_SIZE - PAGE_HEAD) / class_size(class)) };
	page_list(h, p);
	h->empty++;
	return p;
}

static void
count_used(struct slab_heap *h, int64_t by)
{
	atomic_store_explicit(&h->used,
	    atomic_load_explicit(&h->used, memory_order_relaxed) + (uint64_t)by,
	    memory_order_relaxed);
}

static void *
page_new(struct slab_heap *h, unsigned class)
{
	struct page *p = h->room[class];
	struct free_object *o;

	if (EM_UNLIKELY(p == NULL))
		p = page_take(h, class);
	o = p->free;
	if (EM_LIKELY(o != NULL)) {
		p->free = o->next;
	} else {
		o = (struct free_object *)(void *)((uint8_t *)p + PAGE_HEAD +
						   (size_t)p->fresh * class_size(class));
		p->fresh++;
	}
	if (p->live == 0)
		h->empty--;
	if (++p->live == p->cap)
		page_unlist(h, p);
	count_used(h, class_size(class));
	return o;
}

static struct page *
page_of(void *object)
{
	struct page *p = (struct page *)(void *)((uint8_t *)object -
						 ((uintptr_t)object & (PAGES_SIZE - 1)));

	CHECK(p->magic == PAGE_MAGIC);
	return p;
}

static void
page_free(struct slab_heap *h, struct page *p, struct free_object *o)
{
	o->next = p->free;
	p->free = o;
	count_used(h, -(int64_t)class_size(p->class));
	if (EM_UNLIKELY(!p->is_listed))
		page_list(h, p);
	if (--p->live > 0)
		return;
	/* Some empty pages stay for the next burst: giving them back and faulting them in
	 * again each turn costs more than they do. */
	if (h->empty < EMPTY_KEEP) {
		h->empty++;
		return;
	}
	page_unlist(h, p);
	p->magic = 0;
	pages_give(&slab_shared.pages, p);
}

/* True: there is more than there was time for. */
static bool
take_home(struct slab_heap *h)
{
	mono_t end = mono_add(span_mono_now(), A_TURN);
	unsigned n = 0;

	if (h->home == NULL)
		h->home =
		    atomic_exchange_explicit(&h->remote, NULL, memory_order_acquire);
	while (h->home != NULL) {
		struct free_object *o = h->home;

		h->home = o->next;
		page_free(h, page_of(o), o);
		if (++n % A_LOOK == 0 && span_mono_now().ns >= end.ns)
			break;
	}
	return h->home != NULL;
}

static void *
object_new(size_t n)
{
	struct slab_heap *h = slab_own;

	if (EM_UNLIKELY(h == NULL))
		h = heap_new();
	return page_new(h, class_of(n));
}

static void
object_free(void *p)
{
	struct page *page = page_of(p);
	struct free_object *o = p;

	if (EM_LIKELY(page->heap == slab_own)) {
		page_free(slab_own, page, o);
		return;
	}
	o->next = atomic_load_explicit(&page->heap->remote, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(
	    &page->heap->remote, &o->next, o, memory_order_release, memory_order_relaxed))
		;
}

/* Address sanitizer sees every object by itself: there it is the heap of libc. */
#if defined(__SANITIZE_ADDRESS__)
#define SLAB_IS_PLAIN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLAB_IS_PLAIN 1
#endif
#endif
#ifndef SLAB_IS_PLAIN
#define SLAB_IS_PLAIN 0
#endif

void *
slab_new(size_t n)
{
	void *p;

	if (!SLAB_IS_PLAIN && EM_LIKELY(n <= SLAB_MAX))
		return object_new(n);
	p = mem_try(n > 0 ? n : 1);
	CHECK(p != NULL);
	return p;
}

void *
slab_new_zero(size_t n)
{
	return memset(slab_new(n), 0, n);
}

void *
slab_try(size_t n)
{
	if (!SLAB_IS_PLAIN && EM_LIKELY(n <= SLAB_MAX))
		return object_new(n);
	return mem_try(n > 0 ? n : 1);
}

void
slab_free(void *p, size_t n)
{
	if (p == NULL)
		return;
	if (!SLAB_IS_PLAIN && EM_LIKELY(n <= SLAB_MAX))
		object_free(p);
	else
		mem_free(p);
}

void *
slab_resize(void *p, size_t was, size_t now)
{
	void *q;

	/* Large ones move by their pages, without a copy. */
	if (p != NULL && was > SLAB_MAX && now > SLAB_MAX)
		return mem_grow(p, now);
	q = slab_new(now);
	if (p != NULL)
		memcpy(q, p, was < now ? was : now);
	slab_free(p, was);
	return q;
}

bool
slab_turn(void)
{
	struct slab_heap *h = slab_own;

	return h != NULL &&
	       (h->home != NULL ||
		   atomic_load_explicit(&h->remote, memory_order_relaxed) != NULL) &&
	       take_home(h);
}

void
slab_use_jobs(bool on)
{
	pages_use_jobs(&slab_shared.pages, on);
}

void
slab_usage(uint64_t *held, uint64_t *used)
{
	*held = pages_held(&slab_shared.pages);
	*used = 0;
	pthread_mutex_lock(&slab_shared.lock);
	for (struct slab_heap *h = slab_shared.heaps; h != NULL; h = h->next)
		*used += atomic_load_explicit(&h->used, memory_order_relaxed);
	pthread_mutex_unlock(&slab_shared.lock);
}
