/* SPDX-License-Identifier: Apache-2.0 */
/* Named locks: what is counted. */
#include "emqxd/core/lock.h"
#include "tests/unit/tap.h"

#include <stdatomic.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

struct shared {
	struct lock lock;
	_Atomic pid_t trying; /* the other thread */
	unsigned n;
};

static void *
add_one(void *arg)
{
	struct shared *s = arg;

	atomic_store(&s->trying, gettid());
	lock_take(&s->lock);
	s->n++;
	lock_give(&s->lock);
	return NULL;
}

/* Nothing but the lock lets that thread sleep. */
static bool
is_asleep(pid_t thread)
{
	char path[64], state = '?';
	FILE *f;

	snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)thread);
	f = fopen(path, "r");
	if (f == NULL)
		return false;
	(void)!fscanf(f, "%*d (%*[^)]) %c", &state);
	fclose(f);
	return state == 'S';
}

TEST(taking_and_waiting_are_counted_by_name)
{
	struct shared s = { .n = 0 };
	struct lock_stat before = lock_stat_get(LOCK_LOG), after;
	pthread_t thread;

	lock_init(&s.lock, LOCK_LOG);
	lock_take(&s.lock);
	EQ(pthread_create(&thread, NULL, add_one, &s), 0);
	while (!is_asleep(atomic_load(&s.trying)))
		usleep(1000);
	EQ(s.n, 0);
	lock_give(&s.lock);
	pthread_join(thread, NULL);
	EQ(s.n, 1);
	after = lock_stat_get(LOCK_LOG);
	EQ(after.taken - before.taken, 2);
	EQ(after.contended - before.contended, 1);
	OK(after.waited.ns > before.waited.ns);
	STR_EQ(after.name, "log");
	lock_fini(&s.lock);
}

#ifdef EM_DEBUG
static void
take_both(enum lock_id first, enum lock_id second)
{
	struct lock a, b;

	lock_init(&a, first);
	lock_init(&b, second);
	lock_take(&a);
	lock_take(&b);
	lock_give(&a);
	lock_give(&b);
}

TEST(in_debug_builds_a_lower_rank_aborts)
{
	int status;
	pid_t pid;

	take_both(LOCK_RETAIN, LOCK_LOG);
	pid = fork();
	if (pid == 0) {
		close(STDERR_FILENO);
		take_both(LOCK_LOG, LOCK_RETAIN);
		_exit(0);
	}
	EQ(waitpid(pid, &status, 0), pid);
	OK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
#endif
