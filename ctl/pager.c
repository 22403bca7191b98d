/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager: a child with our answer as its standard input.  It is looked for in
 * PATH before anything is started, so that a machine without less prints as if
 * there were no pager.
 */
#include "ctl/pager.h"
#include "ctl/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* The command line of the pager, or NULL. */
static const char *
choose(void)
{
	const char *pager = getenv("PAGER");

	if (pager != NULL)
		return pager[0] != '\0' && strcmp(pager, "cat") != 0 ? pager : NULL;
	return program_is_in_path("less") ? "less -FRX" : NULL;
}

/* In the child. */
EM_NORETURN static void
become(const char *pager, int in, int out)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
		(void)execl("/bin/sh", "sh", "-c", pager, (char *)NULL);
	_exit(127);
}

pid_t
pager_start(int fd, int *to)
{
	const char *pager = choose();
	int ends[2];
	pid_t pid;

	*to = -1;
	if (pager == NULL || pipe2(ends, O_CLOEXEC) < 0)
		return 0;
	pid = fork();
	if (pid == 0)
		become(pager, ends[0], fd);
	close(ends[0]);
	if (pid < 0) {
		close(ends[1]);
		return 0;
	}
	*to = ends[1];
	return pid;
}

void
pager_wait(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}
