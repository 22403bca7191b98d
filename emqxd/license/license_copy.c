/* SPDX-License-Identifier: Apache-2.0 */
/*
 * license_copy: this node's copy of the licence in force, made by a jobs thread, one at a
 * time.  A disk that refuses does not keep a licence from being in force: there is an
 * alarm, and it is tried again, ever more seldom and not for ever.
 */
#include "emqxd/core/alarm.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/log.h"
#include "emqxd/core/worker.h"
#include "emqxd/license/inside.h"
#include "ipc/base/mem.h"

#define AGAIN_MAX 6u   /* waits double up to 2^6 seconds */
#define TRIES_MAX 100u /* some hundred minutes */

struct keeping {
	struct job job;
	struct letter letter;
	char *data_dir;
	struct str text;
	wall_t now;
	uint64_t number;
	struct license_file_kept kept;
	struct fault fault;
};

static void
keeping_free(struct keeping *k)
{
	license_file_kept_fini(&k->kept);
	fault_clear(&k->fault);
	str_fini(&k->text);
	mem_free(k->data_dir);
	mem_free(k);
}

static void on_kept(struct letter *letter);

static void
on_keep(struct job *j)
{
	struct keeping *k = LIST_OWNER(j, struct keeping, job);
	em_err err = license_file_keep(
	    k->data_dir, str_slice(&k->text), k->now, &k->kept, &k->fault);

	CHECK(err == k->fault.err);
	k->letter.open = on_kept;
	worker_post(worker_admin(), &k->letter);
}

/* Asks a job for the copy that is due. */
static void
keep(struct license *l)
{
	struct keeping *k = MEM_NEW(struct keeping);

	k->job.run = on_keep;
	k->data_dir = mem_strdup(l->data_dir);
	if (l->current.key != NULL)
		str_add_slice(&k->text, license_key_text(l->current.key));
	k->now = clock_wall();
	k->number = l->asked;
	jobs_post(&k->job);
}

void
license_copy_due(struct license *l)
{
	timer_cancel(&l->copy_again);
	l->copy_tries = 0;
	if (l->asked++ == l->done)
		keep(l);
}

static void
on_again(struct timer *t)
{
	struct license *l = LIST_OWNER(t, struct license, copy_again);

	if (l->asked++ == l->done)
		keep(l);
}

void
license_copy_again(struct license *l)
{
	unsigned n = l->copy_tries < AGAIN_MAX ? l->copy_tries : AGAIN_MAX;

	if (l->copy_tries == 0)
		LOG(ERROR, "license_copy_failed", "text", l->copy_fault.text);
	alarm_raise("license_copy", NULL, "this node has no copy of the licence: %s",
	    l->copy_fault.text);
	if (++l->copy_tries <= TRIES_MAX)
		timer_arm(&l->copy_again, span_s(1 << n), on_again);
	else
		LOG(ERROR, "license_copy_given_up", "tries", TRIES_MAX);
}

static void
take(struct license *l, struct keeping *k)
{
	license_file_kept_fini(&l->kept);
	fault_clear(&l->copy_fault);
	l->copy_fault = k->fault;
	k->fault = (struct fault){ .err = EM_OK };
	l->done = k->number;
	if (l->copy_fault.err == EM_OK) {
		l->kept = k->kept;
		k->kept = (struct license_file_kept){ .hash = "" };
	}
	if (l->done < l->asked) {
		keep(l); /* another one came meanwhile */
	} else if (l->copy_fault.err != EM_OK) {
		license_copy_again(l);
	} else {
		l->copy_tries = 0;
		alarm_clear("license_copy");
	}
}

static void
on_kept(struct letter *letter)
{
	struct keeping *k = LIST_OWNER(letter, struct keeping, letter);
	struct license *l = license_self();

	if (l != NULL) {
		take(l, k);
		license_report_look(l);
	}
	keeping_free(k);
}
