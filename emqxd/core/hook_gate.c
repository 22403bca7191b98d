/* SPDX-License-Identifier: Apache-2.0 */
/* hook_gate: see hook_gate.h. */
#include "emqxd/core/hook_gate.h"

_Atomic uint64_t hook_gate;
