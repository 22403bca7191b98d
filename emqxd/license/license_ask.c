/* SPDX-License-Identifier: Apache-2.0 */
/*
 * license_ask: how the licence is replaced: read (a jobs thread), verified, sent as a
 * change; and what every node does when a change came, whoever asked: put it in force,
 * then keep a copy (a jobs thread, one at a time).  Who asked hears of it after the copy.
 */
#include "emqxd/core/alarm.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/log.h"
#include "emqxd/core/worker.h"
#include "emqxd/license/inside.h"
#include "emqxd/license/license_date.h"
#include "emqxd/store/change.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

#include <unistd.h>

enum ask_step { ASK_READING, ASK_CHANGING, ASK_COPYING };

struct license_ask {
	struct job job; /* that reads */
	struct letter letter;
	enum ask_step step;
	int fd;     /* to be read; or -1: */
	char *path; /* its name, and what is opened */
	struct str text;
	struct fault fault;
	char *by;
	license_done_fn *done;
	void *arg;
	uint64_t copies; /* that there were before, and the one that it waits for */
	uint64_t until;
};

static void
ask_free(struct license_ask **ap)
{
	struct license_ask *a = *ap;

	if (a->fd >= 0)
		close(a->fd);
	str_fini(&a->text);
	fault_clear(&a->fault);
	mem_free(a->path);
	mem_free(a->by);
	MEM_FREE(*ap);
}

/* ---- the copy */

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

	if (license_file_keep(
		k->data_dir, str_slice(&k->text), k->now, &k->kept, &k->fault) != EM_OK)
		LOG(ERROR, "license_copy_failed", "text", k->fault.text);
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

/* ---- the end of asking */

static void
finish(struct license *l)
{
	struct license_ask *a = l->ask;
	int64_t today = license_date_of(clock_wall());
	const struct license_key *key = l->current.key;
	struct license_done d = { .err = a->fault.err,
		.fault = &a->fault,
		.copy = str_get(&l->kept.path),
		.backup = l->done > a->copies ? str_get(&l->kept.backup) : "",
		.state = license_rule_state(key, today),
		.days_left = key != NULL ? license_rule_days_left(key, today) : 0 };

	l->ask = NULL;
	a->done(a->arg, &d);
	ask_free(&a);
}

static void
finish_when_copied(struct license *l)
{
	struct license_ask *a = l->ask;

	if (a == NULL || a->step != ASK_COPYING || l->done < a->until)
		return;
	if (l->copy_fault.err != EM_OK)
		fault_set(&a->fault, l->copy_fault.err,
		    "the licence is in force, and this node has no copy of it: %s",
		    l->copy_fault.text);
	finish(l);
}

static void
on_kept(struct letter *letter)
{
	struct keeping *k = LIST_OWNER(letter, struct keeping, letter);
	struct license *l = license_self();

	if (l != NULL) {
		license_file_kept_fini(&l->kept);
		fault_clear(&l->copy_fault);
		l->kept = k->kept;
		l->copy_fault = k->fault;
		k->kept = (struct license_file_kept){ .hash = "" };
		k->fault = (struct fault){ .err = EM_OK };
		l->done = k->number;
		if (l->done < l->asked)
			keep(l); /* another one came meanwhile */
		finish_when_copied(l);
	}
	keeping_free(k);
}

/* ---- a change came */

struct news {
	struct letter letter;
	bool is_gone;
	size_t n;
	uint8_t blob[];
};

static em_err
take_news(struct license *l, const struct news *n, struct fault *f)
{
	em_err err = EM_OK;

	if (n->is_gone)
		license_held_fini(&l->stored);
	else
		err = license_hold_row(l, slice_of(n->blob, n->n), &l->stored, f);
	if (err == EM_OK)
		license_choose(l, true);
	return err;
}

static void
on_news(struct letter *letter)
{
	struct news *n = LIST_OWNER(letter, struct news, letter);
	struct license *l = license_self();
	struct fault f = { .err = EM_OK };

	if (l != NULL && take_news(l, n, &f) == EM_OK) {
		alarm_clear("license_invalid");
		LOG(INFO, "license_changed", "by",
		    l->current.by != NULL ? l->current.by : "", "customer",
		    l->current.key != NULL ? l->current.key->customer : SLICE_NONE,
		    "max_sessions",
		    l->current.key != NULL ? l->current.key->max_sessions : 0);
		if (l->asked++ == l->done)
			keep(l);
	} else if (l != NULL) {
		LOG(ERROR, "license_refused", "text", f.text);
		alarm_raise("license_invalid", NULL,
		    "a licence that the cluster agreed on is not in force here: %s",
		    f.text);
	}
	fault_clear(&f);
	mem_free(n);
}

void
license_ask_follow(struct slice key, struct slice blob, bool is_own)
{
	struct news *n;

	(void)is_own;
	if (!slice_eq(key, LICENSE_ROW_KEY))
		return;
	n = mem_new(sizeof *n + blob.n);
	n->is_gone = blob.p == NULL;
	n->n = blob.n;
	if (blob.n > 0)
		memcpy(n->blob, blob.p, blob.n);
	n->letter.open = on_news;
	worker_post(worker_admin(), &n->letter);
}

/* ---- asking */

/* What was sent before it was applied before: the store tells in that order. */
static void
on_changed(void *arg, em_err err)
{
	struct license *l = license_self();
	struct license_ask *a = l != NULL ? l->ask : NULL;

	(void)arg;
	if (a == NULL)
		return;
	if (err != EM_OK) {
		fault_set(
		    &a->fault, err, "the licence was not changed: %s", err_text(err));
		finish(l);
		return;
	}
	a->step = ASK_COPYING;
	a->until = l->asked;
	finish_when_copied(l);
}

static struct change *
change_of(const struct license_ask *a, const struct license_key *key)
{
	struct license_row row = { .at = clock_wall(), .by = slice_str(a->by) };
	struct change *c;
	uint8_t *blob;

	if (key == NULL)
		return change_del(CHANGE_LICENSE, LICENSE_ROW_KEY);
	row.text = license_key_text(key);
	c = change_put(CHANGE_LICENSE, LICENSE_ROW_KEY, license_row_size(&row), &blob);
	if (c != NULL)
		license_row_write(&row, blob);
	return c;
}

/* Verifies and sends. */
static em_err
send(struct license *l, struct license_ask *a, struct fault *f)
{
	struct license_key *key = NULL;
	struct change *c;
	em_err err;

	if (!slice_eq_str(str_slice(&a->text), "default")) {
		err = license_key_parse(
		    str_slice(&a->text), str_slice(&l->public_key), &key, f);
		if (err != EM_OK)
			return err;
	}
	c = change_of(a, key);
	license_key_free(&key);
	if (c == NULL)
		return fault_set(f, EM_NOMEM, "there is no memory for the licence");
	a->step = ASK_CHANGING;
	change_send(&c, on_changed, NULL);
	return EM_OK;
}

static void
on_read(struct letter *letter)
{
	struct license_ask *a = LIST_OWNER(letter, struct license_ask, letter);
	struct license *l = license_self();

	if (l == NULL)
		ask_free(&a);
	else if (a->fault.err != EM_OK || send(l, a, &a->fault) != EM_OK)
		finish(l);
}

static void
on_reading(struct job *j)
{
	struct license_ask *a = LIST_OWNER(j, struct license_ask, job);
	wall_t written;
	int fd = a->fd;
	em_err err;

	a->fd = -1;
	err = fd >= 0 ? license_file_read_fd(fd, a->path, &a->text, &written, &a->fault)
		      : license_file_read(a->path, &a->text, &written, &a->fault);
	CHECK(err == a->fault.err);
	a->letter.open = on_read;
	worker_post(worker_admin(), &a->letter);
}

static struct license_ask *
ask_new(struct license *l, const char *by, license_done_fn *done, void *arg)
{
	struct license_ask *a = MEM_NEW(struct license_ask);

	a->fd = -1;
	a->by = mem_dup(by, strnlen(by, LICENSE_ROW_BY_MAX));
	a->done = done;
	a->arg = arg;
	a->copies = l->done;
	return a;
}

static em_err
busy(struct fault *f)
{
	return fault_set(f, EM_BUSY, "the licence is being replaced just now");
}

em_err
license_reload(int fd, struct slice path, const char *by, license_done_fn *done,
    void *arg, struct fault *f)
{
	struct license *l = license_self();
	struct license_ask *a;

	if (l->ask != NULL || (fd < 0 && l->configured_path == NULL)) {
		if (fd >= 0)
			close(fd);
		if (l->ask != NULL)
			return busy(f);
		fault_set(f, EM_STATE,
		    "the licence is not configured as a file: say which file");
		fault_hint(f, "emqx_ctl license reload FILE");
		return EM_STATE;
	}
	a = l->ask = ask_new(l, by, done, arg);
	a->fd = fd;
	a->path = fd >= 0 ? mem_dup(path.p, path.n) : mem_strdup(l->configured_path);
	a->job.run = on_reading;
	jobs_post(&a->job);
	return EM_OK;
}

/* "file:///path" is the daemon's to open only where the configuration names it. */
static em_err
update_by_path(struct license *l, const char *path, struct fault *f)
{
	if (l->configured_path != NULL && strcmp(path, l->configured_path) == 0)
		return EM_OK;
	fault_set(f, EM_UNSUPPORTED, "emqxd opens only the file that license.key names");
	fault_hint(f, "emqx_ctl license reload %s", path);
	return EM_UNSUPPORTED;
}

em_err
license_update(
    struct slice text, const char *by, license_done_fn *done, void *arg, struct fault *f)
{
	struct license *l = license_self();
	struct license_ask *a;
	char *copy;
	em_err err;

	if (l->ask != NULL)
		return busy(f);
	copy = mem_dup(text.p, text.n);
	if (license_conf_path(copy) != NULL) {
		err = update_by_path(l, license_conf_path(copy), f);
		mem_free(copy);
		return err != EM_OK ? err
				    : license_reload(-1, SLICE_NONE, by, done, arg, f);
	}
	mem_free(copy);
	a = ask_new(l, by, done, arg);
	str_add_slice(&a->text, text);
	err = send(l, a, f);
	if (err == EM_OK)
		l->ask = a;
	else
		ask_free(&a);
	return err;
}

void
license_ask_death(struct license *l)
{
	/* One that is being read belongs to its job, whose letter finds nobody. */
	if (l->ask != NULL && l->ask->step != ASK_READING)
		ask_free(&l->ask);
}
