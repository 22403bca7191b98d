/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that does not turn. */
#include "emqxd/app/core_conf.h"
#include "emqxd/app/watchdog.h"
#include "emqxd/conf/load.h"
#include "emqxd/core/crash.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/log.h"
#include "emqxd/core/loop.h"
#include "tests/unit/tap.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of the child: what its one client worker does at the end of its first turn. */
static unsigned nap_ms;
static struct watchdog *dog;

static void
nap(void *arg)
{
	(void)arg;
	usleep(nap_ms * 1000);
	nap_ms = 0;
}

static void
birth(struct worker *w)
{
	crash_thread_birth();
	watchdog_worker_birth(dog);
	if (w->kind != WORKER_CLIENTS)
		return;
	loop_at_turn(w->loop, LOOP_FLUSH, nap, NULL);
	loop_hurry(w->loop);
}

static void
death(struct worker *w)
{
	(void)w;
	crash_thread_death();
}

static void
configure(void)
{
	static char limit[] = "EMQX_NODE__WATCHDOG=1s";
	static char *const env[] = { limit, NULL };
	static const struct conf_section *const sections[] = { &core_conf };
	struct conf_load how = { .environ = env, .section = sections, .n = 1 };
	struct conf_report report = { .more = false };
	struct conf_snapshot *s;

	conf_birth(NULL);
	if (conf_load(&how, &s, &report) != EM_OK)
		_exit(2);
	conf_publish(&s);
}

static void
live_for(unsigned ms)
{
	mono_t until = mono_add(span_mono_now(), span_ms(ms));

	log_start();
	crash_install();
	worker_init(1);
	configure();
	dog = watchdog_new();
	if (jobs_start(1) != EM_OK || worker_start(birth, death) != EM_OK)
		_exit(2);
	while (span_mono_now().ns < until.ns)
		loop_turn(worker_main()->loop);
	if (watchdog_slow_turns(dog, worker_get(0)) != 1)
		_exit(3);
	_exit(0);
}

struct death {
	char said[65536];
	int status;
};

static void
watch_child(unsigned nap_for, unsigned live, struct death *d)
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
		setrlimit(RLIMIT_CORE, &no_core);
		nap_ms = nap_for;
		live_for(live);
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

TEST(a_slow_turn_is_counted_and_told_with_its_half)
{
	struct death d;

	watch_child(150, 1200, &d);
	EQ(d.status, 0);
	OK(says(&d, "[warning] turn_slow worker=0 ms=1"));
	OK(says(&d, "in=output"));
}

TEST(a_thread_that_stands_ends_the_process_with_all_stacks)
{
	struct death d;

	watch_child(8000, 7000, &d);
	OK(WIFSIGNALED(d.status) && WTERMSIG(d.status) == SIGABRT);
	OK(says(&d, "ends itself: worker 0 has been at 'flush' for "));
	OK(says(&d, "stack of thread worker 0:\n"));
	OK(says(&d, "stack of thread admin:\n"));
	OK(says(&d, "stack of thread test_watchdog:\n"));
}
