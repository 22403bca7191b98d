/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heap: see heap.h.
 *
 * An object stands behind a head with its size and state.  Freed ones are filled with
 * 0xdd and kept until the schedule ends, up to a bound; the fill is then looked at.
 * Under the address sanitizer they are given back at once, and it does the looking.
 */
#include "tests/sim/heap.h"
#include "tests/sim/trail.h"
#include "emqxd/core/slab.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { LIVE = 0x11fe11fe, FREED = 0x0dead0de };
#define FILL 0xdd
#define LOOK_MAX 4096u /* bytes of a freed object that are looked at */

struct object {
	struct object *next, *prev; /* among the live ones, or the freed ones */
	size_t n;
	unsigned state;
	_Alignas(64) uint8_t bytes[];
};

static struct {
	struct object *live, *freed;
} heap;

#if defined(__SANITIZE_ADDRESS__)
#define HEAP_ASAN true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEAP_ASAN true
#endif
#endif
#ifndef HEAP_ASAN
#define HEAP_ASAN false
#endif

/* What the linker puts in place of the room's functions (--wrap). */
void *__wrap_slab_new(size_t n);
void *__wrap_slab_new_zero(size_t n);
void *__wrap_slab_try(size_t n);
void __wrap_slab_free(void *p, size_t n);
void *__wrap_slab_resize(void *p, size_t was, size_t now);
bool __wrap_slab_turn(void);

static struct object *
object_of(void *p)
{
	return (struct object *)(void *)((uint8_t *)p - offsetof(struct object, bytes));
}

void *
__wrap_slab_new(size_t n)
{
	size_t size = (sizeof(struct object) + n + 63) & ~(size_t)63;
	struct object *o = aligned_alloc(64, size);

	if (o == NULL)
		abort();
	o->n = n;
	o->state = LIVE;
	o->prev = NULL;
	o->next = heap.live;
	if (o->next != NULL)
		o->next->prev = o;
	heap.live = o;
	memset(o->bytes, 0xa5, n);
	return o->bytes;
}

void *
__wrap_slab_new_zero(size_t n)
{
	return memset(__wrap_slab_new(n), 0, n);
}

void *
__wrap_slab_try(size_t n)
{
	return __wrap_slab_new(n);
}

void
__wrap_slab_free(void *p, size_t n)
{
	struct object *o;

	if (p == NULL)
		return;
	o = object_of(p);
	if (o->state == FREED)
		trail_finding("an object of %zu bytes is freed twice", n);
	if (o->state != LIVE)
		trail_finding("something that is no object is freed");
	if (o->n != n)
		trail_finding("an object of %zu bytes is freed as one of %zu", o->n, n);
	if (o->prev != NULL)
		o->prev->next = o->next;
	else
		heap.live = o->next;
	if (o->next != NULL)
		o->next->prev = o->prev;
	o->state = FREED;
	if (HEAP_ASAN) {
		free(o);
		return;
	}
	memset(o->bytes, FILL, n);
	o->next = heap.freed;
	heap.freed = o;
}

void *
__wrap_slab_resize(void *p, size_t was, size_t now)
{
	void *q = __wrap_slab_new(now);

	if (p != NULL) {
		memcpy(q, p, was < now ? was : now);
		__wrap_slab_free(p, was);
	}
	return q;
}

bool
__wrap_slab_turn(void)
{
	return false;
}

static void
look_at(const struct object *o)
{
	for (size_t i = 0; i < o->n && i < LOOK_MAX; i++)
		if (o->bytes[i] != FILL)
			trail_finding(
			    "an object of %zu bytes was written to, at %zu, after it "
			    "was freed",
			    o->n, i);
}

void
heap_check_empty(void)
{
	while (heap.freed != NULL) {
		struct object *o = heap.freed;

		heap.freed = o->next;
		look_at(o);
		free(o);
	}
	if (heap.live != NULL)
		trail_finding("an object of %zu bytes is never freed", heap.live->n);
}
