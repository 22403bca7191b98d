/* SPDX-License-Identifier: Apache-2.0 */
/*
 * home: the daemon's folder (node.data_dir): made when it is not there, of a format
 * that this program knows, and its own alone: emqxd.pid in it is locked while the
 * daemon lives, and says who it is.
 */
#ifndef APP_HOME_H
#define APP_HOME_H

#include "ipc/base/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct home;

/* Makes and locks it.  EM_BUSY: a daemon has it, the sentence names its pid. */
EM_MUST_USE em_err home_open(const char *dir, struct home **out, struct fault *f);
/* The daemon serves: says so to whoever asks, and writes down the format. */
EM_MUST_USE em_err home_serve(struct home *h, struct fault *f);
/* Gives it back; what a start that failed had made is gone too. */
void home_close(struct home **hp);

/* Who has it?  EM_NOTFOUND: nobody. */
EM_MUST_USE em_err home_owner(const char *dir, pid_t *pid, bool *serves);

#endif
