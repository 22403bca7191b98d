/* SPDX-License-Identifier: Apache-2.0 */
/* How the process ends when something is that cannot be. */
#include "ipc/base/check.h"
#include "tests/unit/tap.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs @fn in a child; what it wrote on stderr, and the signal that ended it. */
static int
run_child(void (*fn)(void), char *text, size_t room)
{
	struct rlimit no_core = { 0, 0 };
	size_t n = 0;
	ssize_t got;
	int fd[2], status = 0;
	pid_t pid;

	OK(pipe(fd) == 0);
	pid = fork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		dup2(fd[1], STDERR_FILENO);
		fn();
		_exit(0);
	}
	close(fd[1]);
	while (n + 1 < room && (got = read(fd[0], text + n, room - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	close(fd[0]);
	OK(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void
good(void)
{
	CHECK(1 + 1 == 2);
}

static void
bad(void)
{
	CHECK(1 + 1 == 3);
}

static void
on_check(const char *where, const char *expr)
{
	dprintf(STDERR_FILENO, "hook: %s: %s\n", where, expr);
	CHECK(expr == NULL); /* a hook that fails itself is not called again */
}

static void
bad_with_hook(void)
{
	check_hook(on_check);
	bad();
}

struct thing {
	uint32_t magic;
};

static void
wrong_object(void)
{
	struct thing t = { 1 };

	CHECK_OBJ(&t, 2u);
}

static void
no_way(void)
{
	UNREACHABLE();
}

TEST(a_check_that_holds_does_nothing)
{
	char text[512];

	EQ(run_child(good, text, sizeof text), 0);
	STR_EQ(text, "");
}

TEST(a_check_that_fails_says_where_and_what_and_aborts)
{
	char text[512];

	EQ(run_child(bad, text, sizeof text), SIGABRT);
	OK(strncmp(text, "check failed: tests/unit/base/test_check.c:", 43) == 0);
	OK(strstr(text, " bad: 1 + 1 == 3\n") != NULL);
}

TEST(the_hook_is_called_once)
{
	char text[1024];
	const char *first;

	EQ(run_child(bad_with_hook, text, sizeof text), SIGABRT);
	first = strstr(text, "hook: tests/unit/base/test_check.c:");
	OK(first != NULL);
	OK(strstr(first + 1, "hook: ") == NULL);
	OK(strstr(first, "check failed: ") != NULL);
}

TEST(an_object_with_another_magic_is_not_taken)
{
	char text[512];

	EQ(run_child(wrong_object, text, sizeof text), SIGABRT);
	OK(strstr(text, "magic") != NULL);
}

TEST(what_is_unreachable_aborts)
{
	char text[512];

	EQ(run_child(no_way, text, sizeof text), SIGABRT);
	OK(strstr(text, "no_way: unreachable") != NULL);
}
