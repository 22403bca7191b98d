/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon: an emqxd of the tests' own: a folder of its own under TMPDIR, a port of
 * the kernel's, gone when the runner is.
 */
#ifndef PLAY_DAEMON_H
#define PLAY_DAEMON_H

#include "tests/tools/play/script.h"
#include <sys/types.h>

struct daemon {
	pid_t pid; /* 0: none runs */
	unsigned port;
	char *folder; /* conf, data, out, err */
};

/* Starts @program with the script's lines in its configuration, where {folder} is its
 * folder, and returns when it serves. */
EM_MUST_USE em_err daemon_start(
    struct daemon *d, const char *program, const struct script *s, struct fault *fault);
/* Has it ended by itself? */
bool daemon_is_gone(struct daemon *d);
/* SIGTERM; a fault when it does not end with status 0.  Removes the folder. */
EM_MUST_USE em_err daemon_stop(struct daemon *d, struct fault *fault);

#endif
