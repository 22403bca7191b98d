/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer: the control socket as a place and the process at its other end.
 *
 * Where: --socket, else EMQX_SOCKET, else /run/emqxd/ctl.sock.  Who: uid, gid
 * and groups as the kernel says them (SO_PEERCRED, SO_PEERGROUPS).  A server
 * takes the path only when no live daemon answers there; a file left by a dead
 * one is replaced, anything that is no socket is left alone.
 */
#ifndef IPC_PEER_H
#define IPC_PEER_H

#include "ipc/base/err.h"
#include "ipc/base/span.h"

#include <sys/types.h>

#define PEER_SOCKET_DEFAULT "/run/emqxd/ctl.sock"

/* The path to use: @option if not NULL, else the environment, else the default. */
const char *peer_socket_path(const char *option);

/* As they were when the peer connected. */
struct peer_cred {
	pid_t pid;
	uid_t uid;
	gid_t gid;
};
EM_MUST_USE em_err peer_cred_get(int sock, struct peer_cred *out);
/* Is @gid its group or one of its supplementary ones? */
bool peer_has_group(int sock, gid_t gid);
/* The number of a group by name or number; EM_NOTFOUND. */
EM_MUST_USE em_err peer_group_find(const char *group, gid_t *out);

/* Listens, non-blocking and close-on-exec, under a lock file beside it (PATH.lock) held as
 * long as the server lives.  The file appears under its name with @mode and @group (name
 * or number; NULL or "": as it is) when it listens already.  EM_BUSY: a live daemon has it;
 * EM_EXISTS: something else is there; the sentence is in @f. */
struct peer_server {
	int sock, lock; /* -1: not open */
	char *path;
};
EM_MUST_USE em_err peer_server_open(struct peer_server *out, const char *path,
    mode_t mode, const char *group, struct fault *f);
/* Closes it and removes its files. */
void peer_server_close(struct peer_server *s);
/* A connection, non-blocking and close-on-exec, or -1 with errno. */
int peer_server_accept(struct peer_server *s);

/* Connects; waits at most @timeout for a daemon that does not accept (EM_TIMEOUT).  The
 * descriptor is non-blocking.  EM_UNREACHABLE, EM_DENIED: with hint. */
EM_MUST_USE em_err peer_connect(
    const char *path, span_t timeout, int *out, struct fault *f);

#endif
