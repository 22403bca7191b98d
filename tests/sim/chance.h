/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chance: all that a schedule leaves to chance comes from here, so that its seed
 * gives it again.
 */
#ifndef TESTS_SIM_CHANCE_H
#define TESTS_SIM_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

void chance_seed(uint64_t seed);
/* 0..n-1. */
unsigned chance_below(unsigned n);
static inline bool
chance_one_in(unsigned n)
{
	return chance_below(n) == 0;
}

#endif
