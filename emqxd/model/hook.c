/* SPDX-License-Identifier: Apache-2.0 */
/* hook: see hook.h. */
#include "emqxd/model/hook.h"
#include "ipc/base/mem.h"
#include "emqxd/core/worker.h"

#define LISTENERS_MAX 8u /* functions at one point */

struct hook_chain {
	unsigned n;
	struct {
		hook_fn *fn;
		atomic_bool is_on;
	} a[LISTENERS_MAX];
};

struct hooks {
	struct hook_chain chain[HOOK_N];
};

_Static_assert(HOOK_N <= 64, "a bit of the gate for each");

static struct hook_chain *
chain_of(enum hook h)
{
	struct hooks *all = node_slot(ROOM_MODEL);

	CHECK(all != NULL);
	return &all->chain[h];
}

void
hook_birth(void)
{
	node_slot_set(ROOM_MODEL, MEM_NEW(struct hooks));
}

void
hook_death(void)
{
	mem_free(node_slot(ROOM_MODEL));
	node_slot_set(ROOM_MODEL, NULL);
	atomic_store(&hook_gate, 0);
}

static void
add(enum hook h, hook_fn *fn)
{
	struct hook_chain *c = chain_of(h);

	CHECK(c->n < LISTENERS_MAX);
	c->a[c->n].fn = fn;
	c->n++;
}

void
hook_set(enum hook h, hook_fn *fn, bool on)
{
	struct hook_chain *c = chain_of(h);
	bool any = false, is_known = false;

	for (unsigned i = 0; i < c->n; i++) {
		if (c->a[i].fn == fn) {
			atomic_store_explicit(&c->a[i].is_on, on, memory_order_release);
			is_known = true;
		}
		any |= atomic_load_explicit(&c->a[i].is_on, memory_order_relaxed);
	}
	CHECK(is_known);
	if (any)
		atomic_fetch_or(&hook_gate, UINT64_C(1) << h);
	else
		atomic_fetch_and(&hook_gate, ~(UINT64_C(1) << h));
}

/* The function at @i when it is on, or NULL. */
static hook_fn *
on_at(const struct hook_chain *c, unsigned i)
{
	return atomic_load_explicit(&c->a[i].is_on, memory_order_acquire) ? c->a[i].fn
									  : NULL;
}

#define HOOK(id_, name_, params_, args_)                                 \
	void hook_add_##name_(hook_##name_##_fn *fn)                     \
	{                                                                \
		add(HOOK_##id_, (hook_fn *)fn);                          \
	}                                                                \
	void hook_run_##name_ params_                                    \
	{                                                                \
		struct hook_chain *c = chain_of(HOOK_##id_);             \
                                                                         \
		for (unsigned i = 0; i < c->n; i++)                      \
			if (on_at(c, i) != NULL)                         \
				((hook_##name_##_fn *)c->a[i].fn) args_; \
	}
#define HOOK_ASK(id_, name_, params_, args_)                                  \
	void hook_add_##name_(hook_##name_##_fn *fn)                          \
	{                                                                     \
		add(HOOK_##id_, (hook_fn *)fn);                               \
	}                                                                     \
	em_err hook_ask_##name_ params_                                       \
	{                                                                     \
		struct hook_chain *c = chain_of(HOOK_##id_);                  \
		em_err err = EM_OK;                                           \
                                                                              \
		for (unsigned i = 0; i < c->n && err == EM_OK; i++)           \
			if (on_at(c, i) != NULL)                              \
				err = ((hook_##name_##_fn *)c->a[i].fn)args_; \
		return err;                                                   \
	}
#include "emqxd/model/hook.def"
#undef HOOK
#undef HOOK_ASK
