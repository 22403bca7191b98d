/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook_gate: is anyone interested in what happens here?  One bit a hook point, one load
 * when nobody is.  Which points there are and who listens is model/hook's.
 */
#ifndef CORE_HOOK_GATE_H
#define CORE_HOOK_GATE_H

#include "ipc/base/check.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

extern _Atomic uint64_t hook_gate;

static inline bool
hook_gate_is_open(unsigned bit)
{
	return EM_UNLIKELY(
	    (atomic_load_explicit(&hook_gate, memory_order_relaxed) >> bit & 1) != 0);
}

#endif
