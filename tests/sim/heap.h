/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heap: in place of core/slab.h: each object is known, so that one that is freed twice
 * or with another size, written to after it was freed, or never freed is a finding.
 */
#ifndef TESTS_SIM_HEAP_H
#define TESTS_SIM_HEAP_H

/* Nothing may be left. */
void heap_check_empty(void);

#endif
