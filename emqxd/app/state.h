/* SPDX-License-Identifier: Apache-2.0 */
/* state: what the process is at, written to the log (SIGUSR2). */
#ifndef APP_STATE_H
#define APP_STATE_H

struct app;

void state_dump(const struct app *a);

#endif
