/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: see jobs.h. */
#include "emqxd/core/jobs.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/worker.h"
#include "ipc/base/mem.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define JOBS_THREADS_MAX 4

/* The node's slot of core. */
struct jobs {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct job *first, **end;
	pthread_t thread[JOBS_THREADS_MAX];
	unsigned threads;
	bool is_stopping;
};

static struct jobs *
jobs_get(void)
{
	struct jobs *j = node_slot(ROOM_CORE);

	CHECK(j != NULL);
	return j;
}

static void *
serve(void *arg)
{
	struct jobs *jobs = arg;

	pthread_mutex_lock(&jobs->lock);
	for (;;) {
		struct job *j = jobs->first;

		if (j != NULL) {
			jobs->first = j->next;
			if (jobs->first == NULL)
				jobs->end = &jobs->first;
			pthread_mutex_unlock(&jobs->lock);
			j->run(j);
			pthread_mutex_lock(&jobs->lock);
		} else if (jobs->is_stopping) {
			break;
		} else {
			pthread_cond_wait(&jobs->more, &jobs->lock);
		}
	}
	pthread_mutex_unlock(&jobs->lock);
	return NULL;
}

em_err
jobs_start(unsigned threads)
{
	struct jobs *jobs = MEM_NEW(struct jobs);

	CHECK(threads > 0 && threads <= JOBS_THREADS_MAX && node_slot(ROOM_CORE) == NULL);
	pthread_mutex_init(&jobs->lock, NULL);
	pthread_cond_init(&jobs->more, NULL);
	jobs->end = &jobs->first;
	node_slot_set(ROOM_CORE, jobs);
	for (; jobs->threads < threads; jobs->threads++) {
		if (pthread_create(&jobs->thread[jobs->threads], NULL, serve, jobs) !=
		    0) {
			jobs_stop();
			return EM_NOMEM;
		}
		pthread_setname_np(jobs->thread[jobs->threads], "jobs");
	}
	return EM_OK;
}

void
jobs_post(struct job *j)
{
	struct jobs *jobs = jobs_get();

	j->next = NULL;
	pthread_mutex_lock(&jobs->lock);
	*jobs->end = j;
	jobs->end = &j->next;
	pthread_cond_signal(&jobs->more);
	pthread_mutex_unlock(&jobs->lock);
}

void
jobs_stop(void)
{
	struct jobs *jobs = jobs_get();

	pthread_mutex_lock(&jobs->lock);
	jobs->is_stopping = true;
	pthread_cond_broadcast(&jobs->more);
	pthread_mutex_unlock(&jobs->lock);
	qsbr_offline(); /* a job may wait for a grace period */
	while (jobs->threads > 0)
		pthread_join(jobs->thread[--jobs->threads], NULL);
	qsbr_online();
	node_slot_set(ROOM_CORE, NULL);
	pthread_cond_destroy(&jobs->more);
	pthread_mutex_destroy(&jobs->lock);
	mem_free(jobs);
}
