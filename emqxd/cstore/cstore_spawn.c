/* SPDX-License-Identifier: Apache-2.0 */
/* cstore_spawn: see cstore_spawn.h. */
#include "emqxd/cstore/cstore_spawn.h"
#include "emqxd/cstore/cstore_wire.h"
#include "ipc/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child starts with no signal blocked and none handled. */
static int
set_up(posix_spawnattr_t *attr, posix_spawn_file_actions_t *actions, int socket)
{
	sigset_t all, none;
	int rc = posix_spawnattr_init(attr);

	sigfillset(&all);
	sigemptyset(&none);
	rc = rc != 0 ? rc : posix_spawn_file_actions_init(actions);
	rc = rc != 0 ? rc : posix_spawnattr_setsigdefault(attr, &all);
	rc = rc != 0 ? rc : posix_spawnattr_setsigmask(attr, &none);
	rc = rc != 0 ? rc
		     : posix_spawnattr_setflags(
			   attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	return rc != 0 ? rc
		       : posix_spawn_file_actions_adddup2(actions, socket, CSTORE_FD);
}

static em_err
start(const char *program, int socket, int *pid, struct fault *f)
{
	char *name = mem_strdup(program), word[] = "--cstore";
	char *const argv[] = { name, word, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int rc = set_up(&attr, &actions, socket);

	if (rc == 0)
		rc = posix_spawn(pid, program, &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	mem_free(name);
	if (rc != 0)
		return fault_set(f, err_from_errno(rc), "%s cannot be started: %s",
		    program, strerror(rc));
	return EM_OK;
}

em_err
cstore_spawn(const char *program, struct cstore_process *out, struct fault *f)
{
	int pair[2];
	em_err err;

	*out = (struct cstore_process){ .pid = 0, .pidfd = -1, .socket = -1 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return fault_set(
		    f, err_from_errno(errno), "no socket pair: %s", strerror(errno));
	err = start(program, pair[1], &out->pid, f);
	close(pair[1]);
	if (err != EM_OK) {
		close(pair[0]);
		return err;
	}
	out->socket = pair[0];
	out->pidfd = (int)syscall(SYS_pidfd_open, out->pid, 0);
	if (out->pidfd >= 0)
		return EM_OK;
	err = fault_set(
	    f, err_from_errno(errno), "a child cannot be watched: %s", strerror(errno));
	close(out->socket);
	kill(out->pid, SIGKILL);
	waitpid(out->pid, NULL, 0);
	return err;
}

const char *
cstore_spawn_reap(struct cstore_process *p, char *buf, unsigned n)
{
	int status = 0;
	pid_t pid;

	do
		pid = waitpid(p->pid, &status, 0);
	while (pid < 0 && errno == EINTR);
	close(p->pidfd);
	if (pid > 0 && WIFSIGNALED(status))
		snprintf(buf, n, "it was ended by signal %d", WTERMSIG(status));
	else
		snprintf(buf, n, "it ended with status %d", WEXITSTATUS(status));
	*p = (struct cstore_process){ .pid = 0, .pidfd = -1, .socket = -1 };
	return buf;
}
