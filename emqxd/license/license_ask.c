/* SPDX-License-Identifier: Apache-2.0 */
/*
 * license_ask: how the licence is replaced: read (a jobs thread), verified, sent as a
 * change; and what every node does when a change came, whoever asked: put it in force,
 * then keep a copy (license_copy.c).  Who asked hears when all have agreed; the rest is in
 * the nodes' reports (license_report.c).
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

#include <inttypes.h>
#include <unistd.h>

enum ask_step { ASK_READING, ASK_CHANGING };

struct license_ask {
	struct job job; /* that reads */
	struct letter letter;
	enum ask_step step;
	int fd;     /* to be read; or -1: */
	char *path; /* its name, and what is opened */
	struct str text;
	struct fault fault;
	char *by; /* NULL: it is only tried */
	struct str would;
	license_done_fn *done;
	void *arg;
	wall_t at;
};

static void
ask_free(struct license_ask **ap)
{
	struct license_ask *a = *ap;

	if (a->fd >= 0)
		close(a->fd);
	str_fini(&a->text);
	str_fini(&a->would);
	fault_clear(&a->fault);
	mem_free(a->path);
	mem_free(a->by);
	MEM_FREE(*ap);
}

/* ---- the end of asking */

static void
finish(struct license *l)
{
	struct license_ask *a = l->ask;
	struct license_done d = { .err = a->fault.err,
		.fault = &a->fault,
		.at = a->at,
		.would = str_get(&a->would) };

	l->ask = NULL;
	a->done(a->arg, &d);
	ask_free(&a);
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
	if (err == EM_OK) {
		l->stored_is_bad = false;
		license_choose(l, true);
	}
	return err;
}

static void
note_news(struct license *l, const struct news *n, const struct fault *f)
{
	struct license_row row;

	if (!n->is_gone && license_row_read(slice_of(n->blob, n->n), &row) == EM_OK) {
		license_report_news(l, row.at, f);
		license_report_look(l);
	}
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
		license_copy_due(l);
	} else if (l != NULL) {
		LOG(ERROR, "license_refused", "text", f.text);
		alarm_raise("license_invalid", NULL,
		    "a licence that the cluster agreed on is not in force here: %s%s%s",
		    f.text, f.hint != NULL ? "; " : "", f.hint != NULL ? f.hint : "");
	}
	if (l != NULL)
		note_news(l, n, &f);
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

static void
on_changed(void *arg, em_err err)
{
	struct license *l = license_self();
	struct license_ask *a = l != NULL ? l->ask : NULL;

	(void)arg;
	if (a == NULL)
		return;
	if (err == EM_TIMEOUT) {
		fault_set(&a->fault, err,
		    "it is not known whether the licence was changed: the cluster did "
		    "not answer in "
		    "time");
		fault_hint(
		    &a->fault, "emqx_ctl license info shows which one is in force");
	} else if (err != EM_OK) {
		fault_set(
		    &a->fault, err, "the licence was not changed: %s", err_text(err));
	}
	finish(l);
}

void
license_give_up(void)
{
	struct license *l = license_self();

	if (l == NULL)
		return;
	license_report_stop(l);
	/* One that is being read belongs to its job. */
	if (l->ask == NULL || l->ask->step != ASK_CHANGING)
		return;
	fault_set(&l->ask->fault, EM_CANCELLED,
	    "it is not known whether the licence was changed: emqxd stops");
	finish(l);
}

/* @key NULL: back to what each node has configured. */
static struct change *
change_of(const struct license *l, struct license_ask *a, const struct license_key *key)
{
	struct license_row row = { .at = clock_wall(), .by = slice_str(a->by) };
	struct change *c;
	uint8_t *blob;

	/* A clock that went back: at the next start it is not the older one all the same, and
	 * no two have one time. */
	if (row.at.ns < l->configured.at.ns)
		row.at = l->configured.at;
	if (row.at.ns <= l->stored.at.ns && l->stored.at.ns < INT64_MAX)
		row.at.ns = l->stored.at.ns + 1;
	a->at = row.at;
	if (key != NULL)
		row.text = license_key_text(key);
	c = change_put(CHANGE_LICENSE, LICENSE_ROW_KEY, license_row_size(&row), &blob);
	if (c != NULL)
		license_row_write(&row, blob);
	return c;
}

/* A licence that would close the doors is none to change to. */
static em_err
check_date(const struct license_key *key, struct fault *f)
{
	char end[LICENSE_DATE_TEXT];

	if (license_rule_state(key, license_date_of(clock_wall())) != LICENSE_CLOSED)
		return EM_OK;
	fault_set(f, EM_STATE,
	    "the licence was good until %s: with it no new client could come",
	    license_date_print(key->end, end));
	fault_hint(f, "nothing was changed");
	return EM_STATE;
}

/* What would be in force, half a sentence. */
static void
describe(struct license_ask *a, const struct license_key *key)
{
	uint8_t now[LICENSE_KEY_MAX];
	char end[LICENSE_DATE_TEXT];

	if (key == NULL) {
		str_add(&a->would, "what each node has configured");
		return;
	}
	str_add(&a->would, "the licence of ");
	str_add_escaped(&a->would, key->customer);
	str_addf(&a->would, ", %" PRIu64 " sessions, until %s", key->max_sessions,
	    license_date_print(key->end, end));
	if (slice_eq(license_key_text(key), slice_of(now, license_text(now))))
		str_add(&a->would, ", which is in force already");
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
		if (err == EM_OK)
			err = check_date(key, f);
		if (err != EM_OK) {
			license_key_free(&key);
			return err;
		}
	}
	if (a->by == NULL) {
		describe(a, key);
		license_key_free(&key);
		return EM_OK;
	}
	c = change_of(l, a, key);
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
	else if (a->fault.err != EM_OK || send(l, a, &a->fault) != EM_OK || a->by == NULL)
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
ask_new(const char *by, license_done_fn *done, void *arg)
{
	struct license_ask *a = MEM_NEW(struct license_ask);

	a->fd = -1;
	if (by != NULL)
		a->by = mem_dup(by, strnlen(by, LICENSE_ROW_BY_MAX));
	a->done = done;
	a->arg = arg;
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
	a = l->ask = ask_new(by, done, arg);
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
	a = ask_new(by, done, arg);
	str_add_slice(&a->text, text);
	err = send(l, a, f);
	if (err != EM_OK) {
		ask_free(&a);
		return err;
	}
	l->ask = a;
	if (by == NULL)
		finish(l);
	return EM_OK;
}

void
license_ask_death(struct license *l)
{
	/* One that is being read belongs to its job, whose letter finds nobody. */
	if (l->ask != NULL && l->ask->step != ASK_READING)
		ask_free(&l->ask);
}
