/* SPDX-License-Identifier: Apache-2.0 */
/* retain: memory and disk agree, whatever the disk refuses. */
#include "emqxd/core/alarm.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/metrics.h"
#include "emqxd/retain/retain.h"
#include "emqxd/model/message_row.h"
#include "emqxd/store/change.h"
#include "emqxd/store/entry.h"
#include "emqxd/store/ordered.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"
#include "tests/unit/store/files.h"
#include "tests/unit/tap.h"
#include "tests/unit/turn.h"

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
	turn_of(w);
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

/* ---- in a cluster: the order is a list here */

static struct wbuf last_entry;

static void
on_propose(enum change_group g, struct slice entry)
{
	(void)g;
	wbuf_fini(&last_entry);
	last_entry = wbuf_growing(1 << 20);
	wbuf_bytes(&last_entry, entry);
}

static const struct store_order order = { .propose = on_propose };

static void
fresh_in_cluster(void)
{
	fresh();
	store_order(CHANGE_GROUP_RET, &order, 1);
	store_set_leader(CHANGE_GROUP_RET, true);
	settle();
}

static void
come_back(uint64_t index)
{
	store_apply_entry(CHANGE_GROUP_RET, index, wbuf_slice(&last_entry));
	settle();
	wbuf_fini(&last_entry);
}

/* Node 2 changes a topic, NULL: clears it; so much later than now. */
static void
other(uint64_t index, const char *topic, const char *payload, int64_t later, bool expired)
{
	struct message m =
	    message_view(slice_str(topic), slice_str(payload != NULL ? payload : ""));
	struct wbuf w = wbuf_growing(1 << 20);
	struct entry_head h = { 2, 1, index, 1 };
	uint8_t room[200];
	struct entry_change c = { .what = payload != NULL ? ENTRY_PUT : ENTRY_DEL,
		.kind = CHANGE_RETAINED,
		.stamp = { (uint64_t)(worker_store()->now_wall.ns + later), 2 },
		.key = slice_str(topic) };

	m.retain = true;
	if (expired)
		m.expires = worker_self()->now;
	CHECK(message_row_size(&m) <= sizeof room);
	message_row_write(&m, room);
	c.blob = slice_of(room, message_row_size(&m));
	entry_write_head(&w, &h);
	entry_write(&w, &c);
	store_apply_entry(CHANGE_GROUP_RET, index, wbuf_slice(&w));
	wbuf_fini(&w);
	settle();
}

enum { SOON = 1000000 };

TEST(what_other_nodes_retain_and_clear_is_so_here)
{
	fresh_in_cluster();
	other(1, "a", "1", 0, false);
	other(2, "b", "1", 0, false);
	other(3, "a", "2", SOON, false);
	STR_EQ(all(), "a=2 b=1 ");
	other(4, "b", NULL, SOON, false);
	STR_EQ(all(), "a=2 ");
	EQ(retain_count(), 1);
	both_have("a=2 ");
	wipe();
}

TEST(an_own_change_under_way_stays_unless_a_newer_one_overtook_it)
{
	fresh_in_cluster();
	put("a", "own");
	settle();
	STR_EQ(all(), "a=own ");
	other(1, "a", "older", -SOON, false);
	STR_EQ(all(), "a=own ");
	come_back(2);
	STR_EQ(all(), "a=own ");
	EQ(answered, EM_OK);
	put("a", "late");
	settle();
	other(2 + 1, "b", NULL, 0, false); /* a gap: dropped, and so is what follows */
	come_back(4);
	STR_EQ(all(), "a=late ");
	put("a", "");
	settle();
	STR_EQ(all(), "");
	other(5, "x", "gap", 0, false);
	come_back(6);
	STR_EQ(all(), "");
	wipe();
}

TEST(a_newer_change_of_another_node_holds_when_ours_comes_back)
{
	fresh_in_cluster();
	put("a", "own");
	settle();
	other(1, "a", "newer", INT64_C(60) * 1000000000, false);
	STR_EQ(all(), "a=own ");
	answered = EM_FAILED;
	come_back(2);
	STR_EQ(all(), "a=newer ");
	EQ(answered, EM_OK);
	EQ(retain_count(), 1);
	both_have("a=newer ");
	wipe();
}

TEST(what_expires_is_swept_on_all_nodes_but_not_what_was_retained_meanwhile)
{
	fresh_in_cluster();
	other(1, "a", "over", 0, true);
	STR_EQ(all(), "a=over ");
	(void)retain_sweep();
	STR_EQ(all(), "");
	settle();
	OK(last_entry.n > 0);
	/* Another node was quicker. */
	other(2, "a", "new", SOON, false);
	come_back(3);
	STR_EQ(all(), "a=new ");
	both_have("a=new ");
	wipe();
}
