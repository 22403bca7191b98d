/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager: long answers on a terminal are read page by page: $PAGER, else
 * less -FRX (which ends by itself when all fits on the screen).
 */
#ifndef CTL_PAGER_H
#define CTL_PAGER_H

#include <sys/types.h>

/* Starts one that writes to the terminal @fd; *@to is what it reads from.  0: there is
 * none (PAGER empty or cat, less not installed). */
pid_t pager_start(int fd, int *to);
/* Waits until the reader leaves it. */
void pager_wait(pid_t pid);

#endif
