/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash: handlers of the signals that mean a bug, and the CHECK hook.
 *
 * A handler runs once (SA_RESETHAND) and raises its signal again at the end, so the
 * process dies as it would have, with its core file.  Under a sanitizer the signals
 * are the sanitizer's: it tells more.
 *
 * Other threads' stacks: each is sent a signal whose handler prints its own; a
 * thread that does not answer within half a second is left out.
 */
#include "emqxd/core/crash.h"
#include "emqxd/core/log_sink.h"
#include "emqxd/core/worker.h"

#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CRASH_HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CRASH_HAS_SANITIZER 1
#endif
#endif
#ifndef CRASH_HAS_SANITIZER
#define CRASH_HAS_SANITIZER 0
#endif

enum {
	STACK_SIZE = 64 * 1024,
	FRAMES_MAX = 64,
	ANSWER_MS = 500,
	SINKS_MAX = LOG_SINK_MAX + 1,
};

static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

/* Where to. */
struct outlets {
	int fd[SINKS_MAX];
	unsigned n;
};

/* What crash_all_stacks asks a thread for. */
struct question {
	const struct outlets *out;
	_Atomic unsigned answers;
};

static struct outlets
outlets_of(void)
{
	struct outlets out = { .fd = { STDERR_FILENO }, .n = 1 };

	if (log_gate.state != NULL)
		out.n = log_sink_crash_fds(log_sinks(), out.fd, SINKS_MAX);
	return out;
}

static void
put(const struct outlets *out, const char *text)
{
	for (unsigned i = 0; i < out->n; i++) {
		ssize_t n = write(out->fd[i], text, strlen(text));

		(void)n; /* nowhere to tell */
	}
}

static void
put_stack(const struct outlets *out)
{
	void *frame[FRAMES_MAX];
	char name[16] = "";
	int n = backtrace(frame, FRAMES_MAX);

	prctl(PR_GET_NAME, name);
	put(out, "stack of thread ");
	put(out, name);
	put(out, ":\n");
	for (unsigned i = 0; i < out->n; i++)
		backtrace_symbols_fd(frame, n, out->fd[i]);
}

static void
put_last_lines(void)
{
	const struct outlets only = { .fd = { STDERR_FILENO }, .n = 1 };

	if (log_gate.state == NULL)
		return;
	put(&only, "last log lines:\n"); /* the files have them */
	log_sink_crash_lines(log_sinks(), STDERR_FILENO);
}

/* Hexadecimal, without the locks that printf may take. */
static const char *
print_hex(uintptr_t v, char buf[24])
{
	char *p = buf + 23;

	*p = '\0';
	do {
		*--p = "0123456789abcdef"[v & 15];
		v >>= 4;
	} while (v != 0);
	*--p = 'x';
	*--p = '0';
	return p;
}

static void
put_signal(const struct outlets *out, int sig, const siginfo_t *info)
{
	const char *name = sigabbrev_np(sig);
	char buf[24];

	put(out, "emqxd " EMQXD_VERSION " died of SIG");
	put(out, name != NULL ? name : "?");
	if (sig != SIGABRT && info->si_code > 0) {
		put(out, " at address ");
		put(out, print_hex((uintptr_t)info->si_addr, buf));
	}
	put(out, "\n");
	if (worker_current != NULL && worker_current->blame != NULL) {
		put(out, worker_current->blame);
		put(out, "\n");
	}
}

void
crash_blame(const char *text)
{
	if (worker_current != NULL)
		worker_current->blame = text;
}

static void
on_fatal(int sig, siginfo_t *info, void *context)
{
	struct outlets out = outlets_of();

	(void)context;
	put_signal(&out, sig, info);
	put_stack(&out);
	put_last_lines();
	raise(sig); /* pending until we return; then as without us */
}

static void
on_check(const char *where, const char *expr)
{
	struct outlets out = outlets_of();

	signal(SIGABRT, SIG_DFL);
	put(&out, "emqxd " EMQXD_VERSION " died of a failed check: ");
	put(&out, where);
	put(&out, ": ");
	put(&out, expr);
	put(&out, "\n");
	put_stack(&out);
	put_last_lines();
}

static void
on_question(int sig, siginfo_t *info, void *context)
{
	int saved = errno;
	struct question *q = info->si_value.sival_ptr;

	(void)sig;
	(void)context;
	if (info->si_code == SI_QUEUE && info->si_pid == getpid() && q != NULL) {
		put_stack(q->out);
		atomic_fetch_add(&q->answers, 1);
	}
	errno = saved;
}

void
crash_install(void)
{
	struct sigaction on = { .sa_sigaction = on_fatal,
		.sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND) };
	struct sigaction ask = { .sa_sigaction = on_question,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };
	void *frame[1];

	backtrace(frame, 1); /* loads what it needs, while that is possible */
	check_hook(on_check);
	sigaction(SIGRTMIN, &ask, NULL);
	for (size_t i = 0; i < sizeof fatal / sizeof fatal[0] && !CRASH_HAS_SANITIZER;
	     i++)
		sigaction(fatal[i], &on, NULL);
}

void
crash_thread_birth(void)
{
	stack_t stack = { .ss_size = STACK_SIZE };
	sigset_t ours;

	sigemptyset(&ours);
	for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
		sigaddset(&ours, fatal[i]);
	sigaddset(&ours, SIGRTMIN);
	pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
	if (CRASH_HAS_SANITIZER)
		return;
	stack.ss_sp = mmap(
	    NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stack.ss_sp != MAP_FAILED)
		sigaltstack(&stack, NULL);
}

void
crash_thread_death(void)
{
	stack_t none = { .ss_flags = SS_DISABLE }, was;

	if (CRASH_HAS_SANITIZER || sigaltstack(&none, &was) != 0)
		return;
	if ((was.ss_flags & SS_DISABLE) == 0)
		munmap(was.ss_sp, was.ss_size);
}

static void
ask_thread(pid_t tid, struct question *q)
{
	unsigned before = atomic_load(&q->answers);
	siginfo_t info = { 0 };

	info.si_code = SI_QUEUE;
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_ptr = q;
	if (syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, SIGRTMIN, &info) != 0)
		return;
	for (unsigned i = 0; i < ANSWER_MS && atomic_load(&q->answers) == before; i++)
		usleep(1000);
}

void
crash_all_stacks(const char *why)
{
	struct outlets out = outlets_of();
	struct question q = { .out = &out }; /* lives as long as late answers may come */
	struct dirent *task;
	DIR *dir;

	put(&out, "emqxd " EMQXD_VERSION " ends itself: ");
	put(&out, why);
	put(&out, "\n");
	dir = opendir("/proc/self/task");
	while (dir != NULL && (task = readdir(dir)) != NULL) {
		int tid = atoi(task->d_name);

		if (tid > 0)
			ask_thread(tid, &q);
	}
	put_last_lines();
	signal(SIGABRT, SIG_DFL);
	abort();
}
