/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cstore_spawn: a child process of this program with a socket between both.  Any thread.
 */
#ifndef CSTORE_SPAWN_H
#define CSTORE_SPAWN_H

#include "ipc/base/err.h"

struct cstore_process {
	int pid;
	int pidfd;  /* readable when it has ended */
	int socket; /* ours; not blocking */
};

/* `PROGRAM --cstore` with the other end as CSTORE_FD.  All three are the caller's. */
EM_MUST_USE em_err cstore_spawn(
    const char *program, struct cstore_process *out, struct fault *f);
/* Waits until it has ended and closes pidfd; returns a sentence about its end (static
 * text and numbers in @buf). */
const char *cstore_spawn_reap(struct cstore_process *p, char *buf, unsigned n);

#endif
