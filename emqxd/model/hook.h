/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook: points where lower rooms tell, or ask, whoever has asked to be told; the
 * register is hook.def.
 *
 * Who listens adds a function at birth, on main before the workers start:
 * hook_add_client_connected(on_connected).  It is off until hook_set(HOOK_x, fn, true),
 * which main may call at any time (a reload).  Where it happens:
 *
 *	if (hook_is_on(HOOK_CLIENT_CONNECTED)) {	one load
 *		channel_info(ch, &who);
 *		hook_run_client_connected(&who);
 *	}
 */
#ifndef MODEL_HOOK_H
#define MODEL_HOOK_H

#include "emqxd/core/hook_gate.h"
#include "emqxd/model/clientinfo.h"
#include "emqxd/model/end.h"
#include "emqxd/model/message.h"
#include "emqxd/model/subopts.h"
#include "ipc/base/str.h"

enum hook_use { HOOK_PUBLISH, HOOK_SUBSCRIBE };

enum hook {
#define HOOK(id_, ...) HOOK_##id_,
#define HOOK_ASK(id_, ...) HOOK_##id_,
#include "emqxd/model/hook.def"
#undef HOOK
#undef HOOK_ASK
	HOOK_N
};

#define HOOK(id_, name_, params_, args_)              \
	typedef void hook_##name_##_fn params_;       \
	void hook_add_##name_(hook_##name_##_fn *fn); \
	void hook_run_##name_ params_;
#define HOOK_ASK(id_, name_, params_, args_)          \
	typedef em_err hook_##name_##_fn params_;     \
	void hook_add_##name_(hook_##name_##_fn *fn); \
	EM_MUST_USE em_err hook_ask_##name_ params_;
#include "emqxd/model/hook.def"
#undef HOOK
#undef HOOK_ASK

/* Any function, as hook_set() takes it. */
typedef void hook_fn(void);

void hook_birth(void);
void hook_death(void);
/* Turns an added function on or off, on main; cast it: hook_set(HOOK_x, (hook_fn *)fn, on). */
void hook_set(enum hook h, hook_fn *fn, bool on);

static inline bool
hook_is_on(enum hook h)
{
	return hook_gate_is_open(h);
}

#endif
