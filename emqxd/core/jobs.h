/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobs: blocking leftovers (grace periods, file work, name look-up) on a few
 * threads.  A job gets copies; it answers by worker_post().
 */
#ifndef CORE_JOBS_H
#define CORE_JOBS_H

#include "ipc/base/err.h"

struct job;
typedef void job_fn(struct job *j);

/* Sits at the head of the job's own struct; @run owns it. */
struct job {
	struct job *next;
	job_fn *run;
};

/* After worker_init(). */
EM_MUST_USE em_err jobs_start(unsigned threads);
void jobs_post(struct job *j);
/* Runs what is queued, then joins the threads; the caller is quiescent meanwhile. */
void jobs_stop(void);

#endif
