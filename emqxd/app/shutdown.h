/* SPDX-License-Identifier: Apache-2.0 */
/* shutdown: how the daemon takes leave of its clients. */
#ifndef APP_SHUTDOWN_H
#define APP_SHUTDOWN_H

struct app;

/* Somebody asks for the end: the loop of boot.c sees it.  A second time: at once. */
void shutdown_begin(struct app *a);
/* Closes the listeners and ends their connections, with a DISCONNECT for those who know
 * it; returns when all is written, or after ten seconds. */
void shutdown_drain(struct app *a);

#endif
