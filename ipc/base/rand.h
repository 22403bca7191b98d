/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rand: random numbers.  rand_bytes is the kernel's; rand_u64 is a fast
 * generator by thread, seeded from the kernel or, for simulations, by rand_seed.
 */
#ifndef IPC_BASE_RAND_H
#define IPC_BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

void rand_bytes(void *p, size_t n); /* from getrandom; aborts if it fails */
uint64_t rand_u64(void);
/* 0..n-1 without bias; @n > 0. */
uint64_t rand_below(uint64_t n);
/* From now on this thread's numbers are those of the seed. */
void rand_seed(uint64_t seed);

#endif
