/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of changes: their order, their answers, a disk that takes no more. */
#include "emqxd/core/alarm.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/metric.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "emqxd/store/change.h"
#include "ipc/base/str.h"
#include "tests/unit/store/files.h"
#include "tests/unit/tap.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHANGES, COMMITS, REFUSED };

static char dir[] = "/tmp/emqxd-change-XXXXXX";
static struct str rows, answers;

static em_err
on_row(struct slice key, struct slice blob)
{
	if (slice_eq_str(blob, "old"))
		return EM_NOTFOUND;
	if (slice_eq_str(blob, "bad"))
		return EM_MALFORMED;
	if (slice_eq_str(blob, "none"))
		return EM_NOMEM;
	str_addf(&rows, "%.*s=%.*s ", SLICE_FMT(key), SLICE_FMT(slice_head(blob, 8)));
	return EM_OK;
}

static void
as(struct worker *w)
{
	worker_act_as(w);
}

/* The store's life begins; what it read is in `rows`. */
static em_err
begin(uint64_t max, struct fault *f)
{
	static const struct store_metrics metrics = { CHANGES, COMMITS, REFUSED };
	em_err err;

	str_reset(&rows);
	str_reset(&answers);
	worker_init(2);
	alarm_birth();
	err = store_birth(dir, max, &metrics, f);
	if (err != EM_OK)
		return err;
	store_register(CHANGE_RETAINED, on_row);
	err = store_recover(f);
	as(worker_store());
	store_worker_birth();
	as(worker_get(0));
	return err;
}

static void
start(uint64_t max)
{
	struct fault f = { .err = EM_OK };

	OK(begin(max, &f) == EM_OK);
}

static void
turn(struct worker *w)
{
	as(w);
	loop_hurry(w->loop);
	loop_turn(w->loop);
}

/* Until the store has nothing left to do, and the answers have come. */
static void
settle(void)
{
	struct worker *const all[] = { worker_store(), worker_get(1), worker_get(0) };

	for (unsigned i = 0; i < 3; i++) {
		/* A turn opens letters for a bounded time. */
		while (mailbox_has_more(all[i]))
			turn(all[i]);
		turn(all[i]);
	}
}

static void
end(void)
{
	as(worker_store());
	store_worker_death();
	mailbox_post_all(worker_store());
	for (unsigned i = 0; i < 2; i++) {
		as(worker_get(i));
		mailbox_open_all(worker_get(i));
	}
	as(worker_main());
	store_death();
	alarm_death();
	worker_fini();
}

static void
wipe(void)
{
	char path[200];

	snprintf(path, sizeof path, "%s/data.mdb", dir);
	unlink(path);
	snprintf(path, sizeof path, "%s/lock.mdb", dir);
	unlink(path);
	rmdir(dir);
	str_fini(&rows);
	str_fini(&answers);
}

static void
fresh(void)
{
	strcpy(dir, "/tmp/emqxd-change-XXXXXX");
	OK(mkdtemp(dir) != NULL);
}

static void
on_done(void *arg, em_err err)
{
	str_addf(
	    &answers, "%s:%s@%u ", (const char *)arg, err_name(err), worker_self()->id);
}

static void
put(const char *key, const char *blob, size_t n, const char *name)
{
	uint8_t *p;
	struct change *c = change_put(CHANGE_RETAINED, slice_str(key), n, &p);
	union {
		const char *in;
		void *out;
	} arg = { .in = name };

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)blob[i % strlen(blob)];
	change_send(&c, name != NULL ? on_done : NULL, arg.out);
	OK(c == NULL);
}

static void
put_text(const char *key, const char *blob, const char *name)
{
	put(key, blob, strlen(blob), name);
}

TEST(changes_are_done_in_order_and_answered_where_they_were_asked)
{
	struct change *c;

	fresh();
	start(1 << 20);
	put_text("a", "1", "first");
	as(worker_get(1));
	put_text("a", "2", "second");
	as(worker_get(0));
	put_text("b", "1", NULL);
	c = change_del(CHANGE_RETAINED, slice_str("b"));
	change_send(&c, NULL, NULL);
	c = change_flush();
	change_send(&c, on_done, "flush");
	OK(str_get(&answers)[0] == '\0');
	settle();
	STR_EQ(str_get(&answers), "second:ok@1 first:ok@0 flush:ok@0 ");
	EQ(metric_sum(COMMITS), 1);
	EQ(metric_sum(CHANGES), 4);
	end();
	start(1 << 20);
	STR_EQ(str_get(&rows), "a=2 ");
	end();
	wipe();
}

TEST(what_was_sent_before_the_end_is_on_the_disk)
{
	fresh();
	start(1 << 20);
	put_text("a", "1", "late");
	end();
	STR_EQ(str_get(&answers), "late:ok@0 ");
	start(1 << 20);
	STR_EQ(str_get(&rows), "a=1 ");
	end();
	wipe();
}

TEST(a_row_of_no_use_is_deleted_at_boot_and_one_that_cannot_be_read_is_left_out)
{
	struct fault f = { .err = EM_OK };

	fresh();
	start(1 << 20);
	put_text("a", "old", NULL);
	put_text("b", "new", NULL);
	end();
	start(1 << 20);
	STR_EQ(str_get(&rows), "b=new ");
	put_text("a", "new", NULL); /* there, so what is deleted now is another row */
	settle();
	put_text("c", "bad", NULL);
	end();
	start(1 << 20);
	STR_EQ(str_get(&rows), "a=new b=new ");
	put_text("c", "good", NULL);
	end();
	start(1 << 20);
	STR_EQ(str_get(&rows), "a=new b=new c=good ");
	put_text("d", "none", NULL);
	end();
	/* Another error is no matter of the row. */
	EQ(begin(1 << 20, &f), EM_NOMEM);
	OK(strstr(f.text, "retained") != NULL && strstr(f.text, "d") != NULL);
	fault_clear(&f);
	end();
	wipe();
}

TEST(a_full_disk_refuses_what_does_not_fit_and_nothing_else)
{
	char key[16];

	fresh();
	start(1 << 20);
	put_text("small", "1", "small");
	put("large", "x", 4 << 20, "large");
	put_text("behind", "1", "behind");
	put("large", "x", 5 << 20, "larger");
	settle();
	STR_EQ(str_get(&answers), "small:ok@0 large:full@0 behind:ok@0 larger:full@0 ");
	EQ(metric_sum(REFUSED), 2);
	str_reset(&answers);
	/* Full for good: deleting goes on, and makes room. */
	for (unsigned i = 0; i < 100; i++) {
		snprintf(key, sizeof key, "k%u", i);
		put(key, "x", 20000, NULL);
		settle();
	}
	for (unsigned i = 0; i < 20; i++) {
		struct change *c;

		snprintf(key, sizeof key, "k%u", i);
		c = change_del(CHANGE_RETAINED, slice_str(key));
		change_send(&c, NULL, NULL);
	}
	settle();
	put_text("more", "1", "more");
	settle();
	STR_EQ(str_get(&answers), "more:ok@0 ");
	end();
	wipe();
}

/* The time passes on the store's thread. */
static void
pass(span_t time)
{
	struct worker *w = worker_store();

	as(w);
	w->now = mono_add(w->now, time);
	while (wheel_run(w->wheel, w->now))
		;
	as(worker_get(0));
}

TEST(the_alarm_of_a_full_disk_holds_until_nothing_was_refused_for_some_seconds)
{
	struct alarm a;

	fresh();
	start(1 << 20);
	for (unsigned i = 0; i < 3; i++) {
		put("large", "x", 4 << 20, NULL);
		settle();
		put_text("small", "1", NULL);
		settle();
		OK(alarm_is_active("store_full"));
		pass(span_s(3));
		OK(alarm_is_active("store_full"));
	}
	EQ(alarm_count(), 1);
	OK(alarm_get(0, &a) && strstr(a.message, "store.max_size") != NULL &&
	    strstr(a.message, dir) != NULL);
	OK(!alarm_get(1, &a)); /* none is over: it did not come and go */
	pass(span_s(3));
	OK(!alarm_is_active("store_full"));
	/* Nobody tries: then nobody knows. */
	put("large", "x", 4 << 20, NULL);
	settle();
	pass(span_s(30));
	OK(alarm_is_active("store_full"));
	end();
	wipe();
}

TEST(what_a_full_disk_refuses_costs_few_syncs)
{
	enum { N = 15000 };
	uint64_t commits;
	char key[32];

	fresh();
	start(1 << 20);
	for (unsigned i = 0; i < N; i++) {
		snprintf(key, sizeof key, "%u", i);
		put(key, "x", i % 2 == 0 ? 100 : 3000 - i % 1000, NULL);
	}
	settle();
	OK(metric_sum(COMMITS) > 0 && metric_sum(COMMITS) < 30);
	OK(metric_sum(CHANGES) > 100 && metric_sum(REFUSED) > N / 2);
	EQ(metric_sum(CHANGES) + metric_sum(REFUSED), N);
	/* A commit that the disk itself refuses, as it cannot grow the file.  Deleting what is not there changes nothing, so it goes. */
	signal(SIGXFSZ, SIG_IGN);
	let_files_grow_to(4096);
	commits = metric_sum(COMMITS);
	for (unsigned i = 0; i < N; i++) {
		struct change *c;

		snprintf(key, sizeof key, "%u", i);
		c = change_del(CHANGE_RETAINED, slice_str(key));
		change_send(&c, i == N - 1 ? on_done : NULL, key);
	}
	strcpy(key, "last");
	settle();
	STR_EQ(str_get(&answers), "last:full@0 ");
	OK(metric_sum(COMMITS) < commits + 20);
	let_files_grow_to(RLIM_INFINITY);
	end();
	wipe();
}

TEST(a_commit_that_the_disk_refuses_takes_what_it_can)
{
	char key[32];

	fresh();
	start(1 << 24);
	put_text("there", "1", NULL);
	settle();
	signal(SIGXFSZ, SIG_IGN);
	let_files_grow_to(1 << 20);
	for (unsigned i = 0; i < 100; i++) {
		struct change *c;

		snprintf(key, sizeof key, "k%02u", i);
		put(key, "x", 20000, i == 99 ? "last" : i == 0 ? "first" : NULL);
		c = change_del(CHANGE_RETAINED, slice_str("there"));
		change_send(&c, NULL, NULL);
	}
	settle();
	STR_EQ(str_get(&answers), "first:ok@0 last:full@0 ");
	OK(metric_sum(REFUSED) > 40 && metric_sum(REFUSED) < 70);
	OK(metric_sum(COMMITS) < 15);
	OK(alarm_is_active("store_full"));
	let_files_grow_to(RLIM_INFINITY);
	end();
	start(1 << 24);
	OK(strstr(str_get(&rows), "k00=") != NULL &&
	    strstr(str_get(&rows), "there=") == NULL);
	end();
	wipe();
}

TEST(a_flood_is_told_to_wait_and_taken_in_few_transactions)
{
	fresh();
	start(1 << 26);
	OK(change_is_full() == NULL);
	for (unsigned i = 0; i < 6; i++)
		put("k", "x", 1 << 20, NULL);
	OK(change_is_full() == worker_store());
	settle();
	OK(change_is_full() == NULL);
	OK(metric_sum(COMMITS) <= 3);
	end();
	wipe();
}

static void
on_end(const struct change_end *e)
{
	str_addf(&answers, "%.*s%s:%s,disk has %.*s@%s ", SLICE_FMT(e->key),
	    e->is_deletion ? "(del)" : "", err_name(e->err),
	    SLICE_FMT(slice_head(e->row, 8)),
	    worker_self() == worker_store() ? "store" : "?");
}

static void
put_watched(const char *key, const char *blob, size_t n)
{
	uint8_t *p;
	struct change *c = change_put(CHANGE_RETAINED, slice_str(key), n, &p);

	memset(p, blob[0], n);
	change_watch(c, on_end);
	change_send(&c, NULL, NULL);
}

TEST(who_watches_a_change_is_told_what_the_disk_has_when_it_refused)
{
	struct change *c;

	fresh();
	start(1 << 20);
	put_watched("a", "1", 1);
	c = change_del(CHANGE_RETAINED, slice_str("b"));
	change_watch(c, on_end);
	change_send(&c, NULL, NULL);
	settle();
	STR_EQ(str_get(&answers), "a:ok,disk has @store b(del):ok,disk has @store ");
	str_reset(&answers);
	put_watched("a", "x", 4 << 20);
	settle();
	put_watched("c", "x", 4 << 20);
	settle();
	STR_EQ(str_get(&answers), "a:full,disk has 1@store c:full,disk has @store ");
	end();
	wipe();
}

static void
on_follow(struct slice key, struct slice blob, bool is_own)
{
	str_addf(&answers, "%.*s=%.*s%s%s ", SLICE_FMT(key), SLICE_FMT(blob),
	    blob.p == NULL ? "none" : "", is_own ? "(own)" : "");
}

TEST(who_follows_a_kind_is_told_of_what_the_disk_has_before_who_asked_is)
{
	struct change *c;
	uint8_t *p;

	fresh();
	start(1 << 20);
	store_follow(CHANGE_LICENSE, on_follow);
	EQ(change_group_of(CHANGE_LICENSE), CHANGE_GROUP_META);
	c = change_put(CHANGE_LICENSE, slice_str("key"), 1, &p);
	*p = '1';
	change_send(&c, on_done, "put");
	c = change_put(CHANGE_LICENSE, slice_str("empty"), 0, &p);
	change_send(&c, NULL, NULL);
	c = change_put(CHANGE_LICENSE, slice_str("large"), 4 << 20, &p);
	change_send(&c, NULL, NULL);
	c = change_del(CHANGE_LICENSE, slice_str("key"));
	change_send(&c, NULL, NULL);
	put_text("key", "other kind", NULL);
	settle();
	STR_EQ(str_get(&answers), "key=1(own) empty=(own) key=none(own) put:ok@0 ");
	end();
	wipe();
}
