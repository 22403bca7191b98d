/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check: how the process ends when something is that cannot be.  The line goes
 * to stderr with one write, so that lines of two threads do not mix; then the
 * hook, once (a CHECK that fails inside the hook finds none); then abort, so
 * that the core file has the stack.
 *
 * The hook is the one piece of state here; it belongs to the process, since a
 * CHECK has no object to ask.  Any thread.
 */
#include "ipc/base/check.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Atomic(check_hook_fn *) hook;

void
check_hook(check_hook_fn *fn)
{
	atomic_store(&hook, fn);
}

void
check_failed(const char *file, int line, const char *func, const char *expr)
{
	char where[160], text[512];
	check_hook_fn *fn;
	ssize_t written = 0;
	int n;

	snprintf(where, sizeof where, "%s:%d %s", file, line, func);
	n = snprintf(text, sizeof text, "check failed: %s: %s\n", where, expr);
	if (n > (int)sizeof text - 1)
		n = (int)sizeof text - 1;
	if (n > 0)
		written = write(STDERR_FILENO, text, (size_t)n);
	(void)written; /* no stderr: the hook and the core file still tell */

	fn = atomic_exchange(&hook, NULL);
	if (fn != NULL)
		fn(where, expr);
	abort();
}
