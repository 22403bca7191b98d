/* SPDX-License-Identifier: Apache-2.0 */
/* retain: memory and disk agree, whatever the disk refuses. */
#include "emqxd/core/alarm.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/metrics.h"
#include "emqxd/retain/retain.h"
#include "emqxd/store/change.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"
#include "tests/unit/store/files.h"
#include "tests/unit/tap.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TOO_LARGE = 4 << 20, MAX_SIZE = 1 << 20 };

static char dir[] = "/tmp/emqxd-retain-XXXXXX";
static em_err answered;

static void
start(void)
{
	static const struct store_metrics metrics = { METRIC_STORE_CHANGES,
		METRIC_STORE_COMMITS, METRIC_STORE_REFUSED };
	static const struct retain_limits limits = { .expiry_override = SPAN_INFINITE,
		.expiry = SPAN_INFINITE,
		.is_enabled = true,
		.is_durable = true };
	struct fault f = { .err = EM_OK };

	worker_init(1);
	OK(jobs_start(1) == EM_OK);
	alarm_birth();
	OK(store_birth(dir, MAX_SIZE, &metrics, &f) == EM_OK);
	retain_birth();
	retain_configure(&limits);
	retain_recovers();
	OK(store_recover(&f) == EM_OK);
	worker_act_as(worker_store());
	store_worker_birth();
	worker_act_as(worker_get(0));
}

static void
fresh(void)
{
	strcpy(dir, "/tmp/emqxd-retain-XXXXXX");
	OK(mkdtemp(dir) != NULL);
	start();
}

static void
turn(struct worker *w)
{
	worker_act_as(w);
	do {
		loop_hurry(w->loop);
		loop_turn(w->loop);
	} while (mailbox_has_more(w));
}

static void
settle(void)
{
	turn(worker_store());
	turn(worker_get(0));
}

/* What was retired, though it may be on its way: a job waits for this thread, too. */
static void
bury(void)
{
	for (unsigned i = 0; i < worker_all(); i++) {
		worker_act_as(worker_get(i));
		qsbr_drain();
	}
	while (!qsbr_is_idle())
		settle();
}

static void
stop(void)
{
	worker_act_as(worker_store());
	store_worker_death();
	worker_act_as(worker_get(0));
	mailbox_open_all(worker_get(0));
	bury();
	worker_act_as(worker_main());
	retain_death();
	store_death();
	alarm_death();
	qsbr_offline(); /* jobs may wait for a grace period */
	jobs_stop();
	qsbr_online();
	worker_fini();
}

static void
wipe(void)
{
	char path[200];

	stop();
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	unlink(path);
	snprintf(path, sizeof path, "%s/lock.mdb", dir);
	unlink(path);
	rmdir(dir);
}

static void
on_done(void *arg, em_err err)
{
	(void)arg;
	answered = err;
}

static void
put_slice(const char *topic, struct slice payload, bool waits)
{
	struct message m = message_view(slice_str(topic), payload);
	struct message_wait wait = { .done = on_done };

	m.retain = true;
	OK(retain_store(&m, waits ? &wait : NULL) == EM_OK);
}

static void
put(const char *topic, const char *payload)
{
	put_slice(topic, slice_str(payload), true);
}

static void
put_large(const char *topic, bool waits)
{
	char *p = mem_new(TOO_LARGE);

	memset(p, 'x', TOO_LARGE);
	put_slice(topic, slice_of(p, TOO_LARGE), waits);
	mem_free(p);
}

/* "topic=payload " of each. */
static const char *
all(void)
{
	static char text[1000];
	struct slice topic = SLICE_NONE;
	struct message *m, *last = NULL;
	size_t n = 0;

	text[0] = '\0';
	while ((m = retain_after(topic)) != NULL) {
		n += (size_t)snprintf(text + n, sizeof text - n, "%.*s=%.*s ",
		    SLICE_FMT(m->topic), SLICE_FMT(slice_head(m->payload, 9)));
		if (last != NULL)
			message_unref(&last);
		last = m;
		topic = m->topic;
	}
	if (last != NULL)
		message_unref(&last);
	return text;
}

/* In memory, and after the start of another process. */
static void
both_have(const char *what)
{
	STR_EQ(all(), what);
	stop();
	start();
	STR_EQ(all(), what);
}

TEST(what_the_disk_refuses_is_not_retained_and_what_was_there_before_is_so_again)
{
	uint64_t bytes;

	fresh();
	put("old", "1");
	settle();
	bytes = retain_bytes();
	put_large("old", true);
	put_large("new", false);
	OK(retain_count() == 2); /* the disk has not spoken yet */
	settle();
	EQ(answered, EM_FULL);
	EQ(retain_count(), 1);
	EQ(retain_bytes(), bytes);
	EQ(metric_sum(METRIC_MESSAGES_RETAINED_REFUSED), 2);
	both_have("old=1 ");
	wipe();
}

TEST(of_several_changes_on_the_way_the_last_one_that_the_disk_took_holds)
{
	fresh();
	put("b", "1");
	put("a", "1");
	put_large("a", false);
	put("a", "2");
	put_large("b", false);
	put_large("a", false);
	settle();
	STR_EQ(all(), "a=2 b=1 ");
	put_large("c", false);
	put("c", "");
	put_large("c", false);
	turn(worker_store());
	worker_act_as(worker_get(0));
	put_large("a", false);
	put("a", "");
	settle();
	both_have("b=1 ");
	wipe();
}

TEST(a_clearing_that_the_disk_refuses_has_not_happened)
{
	fresh();
	signal(SIGXFSZ, SIG_IGN);
	put("a", "1");
	put("b", "1");
	settle();
	let_files_grow_to(4096);
	put("a", "");
	STR_EQ(all(), "b=1 ");
	settle();
	EQ(answered, EM_FULL);
	STR_EQ(all(), "a=1 b=1 ");
	/* The last of three: all are refused. */
	put("b", "");
	put("b", "2");
	put("b", "");
	put("c", "1");
	settle();
	let_files_grow_to(RLIM_INFINITY);
	both_have("a=1 b=1 ");
	put("b", "");
	settle();
	both_have("a=1 ");
	wipe();
}
