/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals: they come to main's loop as descriptors do, so nothing runs in a handler.
 */
#ifndef APP_SIGNALS_H
#define APP_SIGNALS_H

#include "ipc/base/err.h"

struct signals;
typedef void signals_fn(void *arg, int sig);

/* TERM INT HUP USR1 USR2 wait for signals_open; PIPE and XFSZ are errors of writes.  Before
 * the first thread starts. */
void signals_block(void);
/* On main: @fn is called with each one. */
struct signals *signals_open(signals_fn *fn, void *arg);
void signals_close(struct signals **sp);

#endif
