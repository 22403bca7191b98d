/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem: the allocator of libc behind two promises: mem_new and mem_grow never
 * give NULL, and a size of zero is a size like another (so NULL from mem_try
 * means one thing only).  Any thread.
 */
#include "ipc/base/mem.h"
#include "ipc/base/check.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static void *
check_got(void *p)
{
	if (EM_UNLIKELY(p == NULL))
		check_failed(__FILE__, __LINE__, __func__, "out of memory");
	return p;
}

void *
mem_new(size_t n)
{
	return check_got(calloc(1, n > 0 ? n : 1));
}

void *
mem_new_array(size_t n, size_t size)
{
	if (n == 0 || size == 0)
		n = size = 1;
	return check_got(calloc(n, size)); /* calloc refuses an overflow */
}

void *
mem_try(size_t n)
{
	return malloc(n > 0 ? n : 1);
}

void *
mem_try_zero(size_t n)
{
	return calloc(1, n > 0 ? n : 1);
}

void *
mem_grow(void *p, size_t n)
{
	return check_got(realloc(p, n > 0 ? n : 1));
}

void *
mem_try_grow(void *p, size_t n)
{
	return realloc(p, n > 0 ? n : 1);
}

char *
mem_dup(const void *p, size_t n)
{
	char *copy;

	CHECK(n < SIZE_MAX && (p != NULL || n == 0));
	copy = check_got(malloc(n + 1));
	if (n > 0)
		memcpy(copy, p, n);
	copy[n] = '\0';
	return copy;
}

char *
mem_strdup(const char *s)
{
	return s != NULL ? mem_dup(s, strlen(s)) : NULL;
}

void
mem_free(void *p)
{
	free(p);
}

/* By itself glibc raises both bounds to twice the largest block that was ever freed. */
void
mem_give_back(void)
{
	mallopt(M_MMAP_THRESHOLD, 2 << 20);
	mallopt(M_TRIM_THRESHOLD, 4 << 20);
}

void
mem_trim(void)
{
	malloc_trim(0);
}
