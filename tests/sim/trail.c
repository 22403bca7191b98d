/* SPDX-License-Identifier: Apache-2.0 */
/* trail: see trail.h. */
#include "tests/sim/trail.h"
#include "ipc/base/check.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define LINES 60u
#define LINE_MAX_ 160u

static struct {
	char line[LINES][LINE_MAX_];
	unsigned n;
	uint64_t seed;
	bool is_verbose;
} trail;

void
trail_begin(uint64_t seed, bool is_verbose)
{
	trail.n = 0;
	trail.seed = seed;
	trail.is_verbose = is_verbose;
}

void
trail_add(const char *fmt, ...)
{
	char *line = trail.line[trail.n++ % LINES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, LINE_MAX_, fmt, ap);
	va_end(ap);
	if (trail.is_verbose)
		printf("# %s\n", line);
}

static void
end_with(const char *what)
{
	unsigned from = trail.n > LINES ? trail.n - LINES : 0;

	if (!trail.is_verbose)
		for (unsigned i = from; i < trail.n; i++)
			printf("# %s\n", trail.line[i % LINES]);
	printf("finding: seed %" PRIu64 ": %s\n", trail.seed, what);
	fflush(stdout);
	_exit(1);
}

void
trail_finding(const char *fmt, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	end_with(what);
	__builtin_unreachable();
}

static void
on_check(const char *where, const char *expr)
{
	trail_finding("check failed: %s: %s", where, expr);
}

static void
on_signal(int number)
{
	end_with(number == SIGSEGV ? "memory that is not there" : "aborted");
}

void
trail_catch(void)
{
	static char stack[65536]; /* a fiber's may be full */
	const stack_t other = { .ss_sp = stack, .ss_size = sizeof stack };
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };

	check_hook(on_check);
	sigaltstack(&other, NULL);
	sigaction(SIGABRT, &act, NULL);
	sigaction(SIGSEGV, &act, NULL);
	sigaction(SIGBUS, &act, NULL);
}
