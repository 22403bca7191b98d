/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem: memory.  mem_new for sizes that we choose: never NULL, aborts.  mem_try
 * for sizes that others choose (payloads, queues, files): NULL, and the caller
 * refuses that client.  Hot objects of the daemon come from core/slab.h.
 */
#ifndef IPC_BASE_MEM_H
#define IPC_BASE_MEM_H

#include <stddef.h>

/* @n bytes, zeroed; aborts when there are none. */
void *mem_new(size_t n) __attribute__((malloc, returns_nonnull, alloc_size(1)));
/* @n * @size bytes, zeroed; aborts on overflow too. */
void *mem_new_array(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
/* @n bytes, not zeroed, or NULL. */
void *mem_try(size_t n) __attribute__((malloc, alloc_size(1)));
/* The same, of zeros: large ones cost nothing before they are touched. */
void *mem_try_zero(size_t n) __attribute__((malloc, alloc_size(1)));
/* Like realloc; aborts.  New bytes are not zeroed. */
void *mem_grow(void *p, size_t n) __attribute__((returns_nonnull, alloc_size(2)));
/* Like realloc: NULL when there is no memory, and @p stays as it is. */
void *mem_try_grow(void *p, size_t n) __attribute__((warn_unused_result, alloc_size(2)));
/* A copy of @n bytes at @p with a NUL behind it. */
char *mem_dup(const void *p, size_t n) __attribute__((returns_nonnull));
/* A copy of a C string; NULL gives NULL. */
char *mem_strdup(const char *s);
void mem_free(void *p);

/* For a process that lives long; once, before its threads: what is large always goes back
 * to the kernel when it is freed, and a heap keeps no more than a few megabytes at its end. */
void mem_give_back(void);
/* Gives the free pages between what is in use back, now: locks each heap meanwhile, for
 * some ms in a gigabyte.  For a thread that may wait. */
void mem_trim(void);

#define MEM_NEW(type) ((type *)mem_new(sizeof(type)))
/* Frees and clears the pointer. */
#define MEM_FREE(p)          \
	do {                 \
		mem_free(p); \
		(p) = NULL;  \
	} while (0)

#endif
