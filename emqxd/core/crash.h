/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash: the last words of a process that dies of a bug: why, the stack, the last
 * log lines; to stderr and to the log files, before the core file.
 *
 * Nothing is allocated and no lock is taken on that way.  Main installs it; each
 * thread gives it a stack of its own, so that an overflow is told too.
 */
#ifndef CORE_CRASH_H
#define CORE_CRASH_H

#include "ipc/base/check.h"

/* A CHECK that fails, SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT are told from here on. */
void crash_install(void);
/* On each thread, main's too: its first and its last call. */
void crash_thread_birth(void);
void crash_thread_death(void);

/* What is probably to blame when this thread faults from now on, a sentence that its last
 * words say as well: who reads a file through memory faults when the disk does.  @text stays
 * where it is; NULL: we are again. */
void crash_blame(const char *text);

/* The stacks of all threads, then abort: what else is left when one does not turn? */
EM_NORETURN void crash_all_stacks(const char *why);

#endif
