/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program: PATH is walked by hand, since a program beside ours is the one that
 * was built or installed with it.
 */
#include "ctl/program.h"
#include "ipc/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SAID_MAX = 1 << 20 };

static char *
beside(const char *name)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	struct str path = { 0 };
	char *slash;

	if (n <= 0)
		return NULL;
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (slash == NULL)
		return NULL;
	str_add_bytes(&path, self, (size_t)(slash - self));
	str_addf(&path, "/%s", name);
	return str_take(&path);
}

static char *
in_path(const char *name)
{
	const char *path = getenv("PATH");
	struct str full = { 0 };

	while (path != NULL) {
		size_t n = strcspn(path, ":");

		str_reset(&full);
		str_add_bytes(&full, path, n);
		str_addf(&full, "/%s", name);
		if (n > 0 && access(str_get(&full), X_OK) == 0)
			return str_take(&full);
		path = path[n] == ':' ? path + n + 1 : NULL;
	}
	str_fini(&full);
	return NULL;
}

char *
program_find(const char *name)
{
	char *path = beside(name);

	if (path != NULL && access(path, X_OK) == 0)
		return path;
	mem_free(path);
	return in_path(name);
}

bool
program_is_in_path(const char *name)
{
	char *path = in_path(name);
	bool found = path != NULL;

	mem_free(path);
	return found;
}

/* In the child. */
EM_NORETURN static void
become(const char *const *argv, const char *const *env, int out)
{
	char *words[8] = { NULL };
	int null = open("/dev/null", O_RDONLY);

	CHECK(argv[0] != NULL);
	for (size_t i = 0; argv[i] != NULL && i + 1 < sizeof words / sizeof words[0]; i++)
		words[i] = mem_strdup(argv[i]);
	for (; env != NULL && *env != NULL; env++)
		if (putenv(mem_strdup(*env)) != 0)
			_exit(127);
	(void)signal(SIGPIPE, SIG_DFL);
	if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
	    dup2(out, STDERR_FILENO) >= 0)
		(void)execv(argv[0], words);
	_exit(127);
}

static void
collect(int fd, struct str *said)
{
	char buf[4096];
	ssize_t n;

	do {
		n = read(fd, buf, sizeof buf);
		if (n > 0 && said->n < SAID_MAX)
			str_add_bytes(said, buf, (size_t)n);
	} while (n > 0 || (n < 0 && errno == EINTR));
}

em_err
program_run(
    const char *const *argv, const char *const *env, struct str *said, int *status)
{
	int ends[2], raw = 0;
	pid_t pid;

	*status = -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return EM_IO;
	pid = fork();
	if (pid == 0)
		become(argv, env, ends[1]);
	close(ends[1]);
	if (pid > 0) {
		collect(ends[0], said);
		while (waitpid(pid, &raw, 0) < 0 && errno == EINTR)
			continue;
		*status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
	}
	close(ends[0]);
	return pid > 0 ? EM_OK : EM_IO;
}
