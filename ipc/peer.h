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

#include <sys/types.h>

#define PEER_SOCKET_DEFAULT "/run/emqxd/ctl.sock"

/* The path to use: @option if not NULL, else the environment, else the default. */
const char *peer_socket_path(const char *option);

struct peer_cred {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	unsigned n_groups; /* supplementary, first 64 */
	gid_t groups[64];
};
EM_MUST_USE em_err peer_cred_get(int sock, struct peer_cred *out);
bool peer_cred_has_group(const struct peer_cred *c, gid_t gid);

/* Listens, non-blocking and close-on-exec, under a lock file beside it (PATH.lock) held
 * as long as @out lives.  @group (name or number) owns it, NULL: as it is.  EM_BUSY: a
 * live daemon has it; other errors in @f as well. */
struct peer_server {
	int sock, lock; /* -1: not open */
	char *path;
};
EM_MUST_USE em_err peer_server_open(struct peer_server *out, const char *path,
    mode_t mode, const char *group, struct fault *f);
/* Closes it and removes the files. */
void peer_server_close(struct peer_server *s);
/* A connection, non-blocking, or -1 with errno. */
int peer_server_accept(struct peer_server *s);

/* Connects (a Unix socket does so at once or not at all); the descriptor is non-blocking.
 * EM_UNREACHABLE, EM_DENIED: with hint. */
EM_MUST_USE em_err peer_connect(const char *path, int *out, struct fault *f);

#endif
