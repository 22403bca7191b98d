/* SPDX-License-Identifier: Apache-2.0 */
/* fiber: see fiber.h. */
#include "tests/sim/fiber.h"
#include "ipc/base/check.h"
#include "ipc/base/mem.h"

#include <stddef.h>
#include <sys/mman.h>
#include <ucontext.h>

#define STACK_SIZE (1u << 20)

struct fiber {
	ucontext_t context;
	void *stack;
	void *fake; /* the sanitizer's */
	fiber_fn *fn;
	void *arg;
	bool has_ended;
};

static struct {
	ucontext_t home;
	struct fiber *current;
	void *fake;
	const void *stack; /* of the thread, as the sanitizer has it */
	size_t size;
} fibers;

/* The address sanitizer must know which stack is in use. */
#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#endif
#ifdef FIBER_ASAN
void __sanitizer_start_switch_fiber(void **save, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *save, const void **bottom, size_t *size);
#define SWITCH_BEGINS(save_, bottom_, size_) \
	__sanitizer_start_switch_fiber((save_), (bottom_), (size_))
#define SWITCH_ENDS(save_, bottom_, size_) \
	__sanitizer_finish_switch_fiber((save_), (bottom_), (size_))
#else
#define SWITCH_BEGINS(save_, bottom_, size_) ((void)0)
#define SWITCH_ENDS(save_, bottom_, size_) ((void)0)
#endif

struct fiber *
fiber_new(void)
{
	struct fiber *f = MEM_NEW(struct fiber);

	f->stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	CHECK(f->stack != MAP_FAILED);
	f->has_ended = true;
	return f;
}

static void
run(void)
{
	struct fiber *f = fibers.current;

	SWITCH_ENDS(NULL, &fibers.stack, &fibers.size);
	f->fn(f->arg);
	f->has_ended = true;
	fibers.current = NULL;
	SWITCH_BEGINS(NULL, fibers.stack, fibers.size);
}

void
fiber_start(struct fiber *f, fiber_fn *fn, void *arg)
{
	int rc = getcontext(&f->context);

	CHECK(f->has_ended && rc == 0);
	f->context.uc_stack.ss_sp = f->stack;
	f->context.uc_stack.ss_size = STACK_SIZE;
	f->context.uc_link = &fibers.home;
	f->fn = fn;
	f->arg = arg;
	f->has_ended = false;
	f->fake = NULL;
	makecontext(&f->context, run, 0);
}

void
fiber_resume(struct fiber *f)
{
	CHECK(fibers.current == NULL && !f->has_ended);
	fibers.current = f;
	SWITCH_BEGINS(&fibers.fake, f->stack, STACK_SIZE);
	swapcontext(&fibers.home, &f->context);
	SWITCH_ENDS(fibers.fake, NULL, NULL);
}

void
fiber_yield(void)
{
	struct fiber *f = fibers.current;

	CHECK(f != NULL);
	fibers.current = NULL;
	SWITCH_BEGINS(&f->fake, fibers.stack, fibers.size);
	swapcontext(&f->context, &fibers.home);
	SWITCH_ENDS(f->fake, &fibers.stack, &fibers.size);
}

bool
fiber_is_running(void)
{
	return fibers.current != NULL;
}

bool
fiber_has_ended(const struct fiber *f)
{
	return f->has_ended;
}
