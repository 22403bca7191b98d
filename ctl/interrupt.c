/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interrupt: a handler can reach nothing but file-scope data, so here is the
 * one piece of it in the tool.
 */
#include "ctl/interrupt.h"
#include "ipc/base/check.h"

static volatile sig_atomic_t came;

static void
note(int sig)
{
	(void)sig;
	came = 1;
}

void
interrupt_catch(void)
{
	struct sigaction catch = { .sa_handler = note },
			 ignore = { .sa_handler = SIG_IGN };

	/* No SA_RESTART: what waits shall wake. */
	CHECK(sigaction(SIGINT, &catch, NULL) == 0);
	CHECK(sigaction(SIGPIPE, &ignore, NULL) == 0);
}

bool
interrupt_came(void)
{
	return came != 0;
}

void
interrupt_clear(void)
{
	came = 0;
}

const volatile sig_atomic_t *
interrupt_flag(void)
{
	return &came;
}
