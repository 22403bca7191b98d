/* SPDX-License-Identifier: Apache-2.0 */
/* Last words: what a dying child prints. */
#include "emqxd/core/crash.h"
#include "emqxd/core/log.h"
#include "emqxd/core/worker.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A sanitizer keeps the signals for itself. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool is_sanitized = true;
#elif !defined(__has_feature)
static const bool is_sanitized = false;
#elif __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
static const bool is_sanitized = true;
#else
static const bool is_sanitized = false;
#endif

struct death {
	char said[65536];
	int status;
};

/* Lets a child do @act and collects its stderr and status. */
static void
watch_child(void (*act)(void), struct death *d)
{
	static const struct rlimit no_core = { 0, 0 };
	size_t n = 0;
	ssize_t got;
	int fd[2];
	pid_t pid;

	EQ(pipe(fd), 0);
	pid = fork();
	OK(pid >= 0);
	if (pid == 0) {
		dup2(fd[1], STDERR_FILENO);
		close(fd[0]);
		close(fd[1]);
		setrlimit(RLIMIT_CORE, &no_core);
		log_start();
		crash_install();
		crash_thread_birth();
		LOG(WARN, "before_the_end", "n", 5);
		act();
		_exit(0);
	}
	close(fd[1]);
	while (n < sizeof d->said - 1 &&
	       (got = read(fd[0], d->said + n, sizeof d->said - 1 - n)) > 0)
		n += (size_t)got;
	d->said[n] = '\0';
	close(fd[0]);
	EQ(waitpid(pid, &d->status, 0), pid);
}

static bool
says(const struct death *d, const char *what)
{
	return strstr(d->said, what) != NULL;
}

static void
fail_a_check(void)
{
	CHECK(1 + 1 == 3);
}

TEST(a_failed_check_tells_where_and_what_was_logged_last)
{
	struct death d;

	watch_child(fail_a_check, &d);
	OK(WIFSIGNALED(d.status) && WTERMSIG(d.status) == SIGABRT);
	OK(says(&d, "died of a failed check: tests/unit/core/test_crash.c:"));
	OK(says(&d, "fail_a_check: 1 + 1 == 3\n"));
	OK(says(&d, "stack of thread test_crash:\n"));
	OK(says(&d, "last log lines:\n"));
	OK(says(&d, "before_the_end n=5\n"));
}

static void
end_by_abort(void)
{
	raise(SIGABRT);
}

TEST(a_signal_is_told_and_then_kills)
{
	struct death d;

	watch_child(end_by_abort, &d);
	OK(WIFSIGNALED(d.status) && WTERMSIG(d.status) == SIGABRT);
	if (!is_sanitized) {
		OK(says(&d, "died of SIGABRT\n"));
		OK(says(&d, "last log lines:\n"));
	}
}

static void
read_a_file(void)
{
	worker_init(1);
	crash_blame("the disk of /a/file failed");
	raise(SIGBUS);
}

static void
have_read_a_file(void)
{
	worker_init(1);
	crash_blame("the disk of /a/file failed");
	crash_blame(NULL);
	raise(SIGBUS);
}

TEST(what_is_to_blame_is_told_while_it_is)
{
	struct death d;

	if (is_sanitized)
		return;
	watch_child(read_a_file, &d);
	OK(WIFSIGNALED(d.status) && WTERMSIG(d.status) == SIGBUS);
	OK(says(&d, "died of SIGBUS\nthe disk of /a/file failed\n"));
	watch_child(have_read_a_file, &d);
	OK(says(&d, "died of SIGBUS\nstack"));
}

static void *
sleep_forever(void *arg)
{
	prctl(PR_SET_NAME, "sleeper");
	crash_thread_birth();
	(void)!write(*(int *)arg, "x", 1);
	for (;;)
		pause();
	return NULL;
}

static void
ask_all(void)
{
	pthread_t thread;
	int fd[2];
	char c;

	if (pipe(fd) != 0 || pthread_create(&thread, NULL, sleep_forever, &fd[1]) != 0)
		_exit(1);
	(void)!read(fd[0], &c, 1);
	crash_all_stacks("worker 1 turns for 31s");
}

TEST(the_watchdog_shows_the_stack_of_every_thread)
{
	struct death d;

	watch_child(ask_all, &d);
	OK(WIFSIGNALED(d.status) && WTERMSIG(d.status) == SIGABRT);
	OK(says(&d, "ends itself: worker 1 turns for 31s\n"));
	OK(says(&d, "stack of thread test_crash:\n"));
	OK(says(&d, "stack of thread sleeper:\n"));
}
