/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slab: hot objects of sizes that we choose: sessions, connections, messages,
 * chunks, letters.  Size classes in pages of 64 KiB, a heap a thread, no header
 * an object; the size is told again when it is freed.  An object may be freed by
 * any thread: it goes home to its page's thread without a lock.  Empty pages go
 * back (pages).  Above SLAB_MAX it is the heap of libc.
 *
 * Never NULL for n <= SLAB_MAX (aborts); larger sizes were chosen by somebody
 * else: slab_try may say NULL.
 */
#ifndef CORE_SLAB_H
#define CORE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLAB_MAX 8192u

/* Not zeroed. */
void *slab_new(size_t n);
/* Zeroed. */
void *slab_new_zero(size_t n);
/* Any size; NULL when there is no memory. */
void *slab_try(size_t n);
/* @n as it was asked for; NULL is fine. */
void slab_free(void *p, size_t n);
/* A larger (or smaller) copy; @p is gone. */
void *slab_resize(void *p, size_t was, size_t now);
/* Takes home what other threads freed; the loop calls it once a turn.  True: not all, for
 * want of time. */
bool slab_turn(void);
/* On main: from now on a jobs thread does what the kernel takes long for (after jobs_start,
 * and off before jobs_stop). */
void slab_use_jobs(bool on);
/* Bytes that all heaps hold from the kernel, and that are in use by objects. */
void slab_usage(uint64_t *held, uint64_t *used);

#endif
