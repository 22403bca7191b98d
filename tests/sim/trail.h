/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trail: what the schedule did, in words.  The last lines are kept; a finding prints
 * them with the seed and ends the program.
 */
#ifndef TESTS_SIM_TRAIL_H
#define TESTS_SIM_TRAIL_H

#include <stdbool.h>
#include <stdint.h>

/* Before each schedule. */
void trail_begin(uint64_t seed, bool is_verbose);
void trail_add(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A rule is broken. */
void trail_finding(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
/* From now on a CHECK that fails, or a signal, is a finding. */
void trail_catch(void);

#endif
