/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: see jobs.h. */
#include "emqxd/core/jobs.h"
#include "ipc/base/check.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define JOBS_THREADS_MAX 4

static struct {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct job *first, **end;
	pthread_t thread[JOBS_THREADS_MAX];
	unsigned threads;
	bool is_stopping;
} jobs_shared = { .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER };

static void *
serve(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&jobs_shared.lock);
	for (;;) {
		struct job *j = jobs_shared.first;

		if (j != NULL) {
			jobs_shared.first = j->next;
			if (jobs_shared.first == NULL)
				jobs_shared.end = &jobs_shared.first;
			pthread_mutex_unlock(&jobs_shared.lock);
			j->run(j);
			pthread_mutex_lock(&jobs_shared.lock);
		} else if (jobs_shared.is_stopping) {
			break;
		} else {
			pthread_cond_wait(&jobs_shared.more, &jobs_shared.lock);
		}
	}
	pthread_mutex_unlock(&jobs_shared.lock);
	return NULL;
}

em_err
jobs_start(unsigned threads)
{
	CHECK(threads > 0 && threads <= JOBS_THREADS_MAX && jobs_shared.threads == 0);
	jobs_shared.first = NULL;
	jobs_shared.end = &jobs_shared.first;
	jobs_shared.is_stopping = false;
	for (; jobs_shared.threads < threads; jobs_shared.threads++) {
		if (pthread_create(&jobs_shared.thread[jobs_shared.threads], NULL, serve,
			NULL) != 0) {
			jobs_stop();
			return EM_NOMEM;
		}
		pthread_setname_np(jobs_shared.thread[jobs_shared.threads], "jobs");
	}
	return EM_OK;
}

void
jobs_post(struct job *j)
{
	j->next = NULL;
	pthread_mutex_lock(&jobs_shared.lock);
	CHECK(jobs_shared.threads > 0);
	*jobs_shared.end = j;
	jobs_shared.end = &j->next;
	pthread_cond_signal(&jobs_shared.more);
	pthread_mutex_unlock(&jobs_shared.lock);
}

void
jobs_stop(void)
{
	pthread_mutex_lock(&jobs_shared.lock);
	jobs_shared.is_stopping = true;
	pthread_cond_broadcast(&jobs_shared.more);
	pthread_mutex_unlock(&jobs_shared.lock);
	while (jobs_shared.threads > 0)
		pthread_join(jobs_shared.thread[--jobs_shared.threads], NULL);
}
