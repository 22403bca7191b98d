/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interrupt: Ctrl-C.  The handler only notes it; whoever waits is woken by
 * EINTR, looks at the flag, and stops what it does in order: a running call is
 * cancelled at the daemon, a line that is being typed is dropped.
 */
#ifndef CTL_INTERRUPT_H
#define CTL_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>

/* From now on SIGINT is noted; SIGPIPE is ignored. */
void interrupt_catch(void);
/* Set since the last interrupt_clear? */
bool interrupt_came(void);
void interrupt_clear(void);
/* The flag itself, for call_open. */
const volatile sig_atomic_t *interrupt_flag(void);

#endif
