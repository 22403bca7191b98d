/* SPDX-License-Identifier: Apache-2.0 */
/*
 * license: see license.h.  The watch is a timer of the admin thread: each second it counts
 * sessions and weighs what that and the date mean.
 */
#include "emqxd/license/inside.h"
#include "emqxd/license/license_date.h"
#include "emqxd/conf/snapshot.h"
#include "emqxd/core/alarm.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/file.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/log.h"
#include "emqxd/core/worker.h"
#include "emqxd/limit/quota.h"
#include "emqxd/session/registry.h"
#include "emqxd/store/ordered.h"
#include "ipc/base/mem.h"

#include <inttypes.h>
#include <sys/stat.h>

#define LOOK span_s(1)
#define SAVE_EVERY span_s(60)

struct license *
license_self(void)
{
	return node_slot(ROOM_LICENSE);
}

/* ---- which one is in force */

void
license_held_fini(struct license_held *h)
{
	license_key_free(&h->key);
	MEM_FREE(h->by);
	h->at = (wall_t){ 0 };
}

em_err
license_hold_row(
    struct license *l, struct slice blob, struct license_held *out, struct fault *f)
{
	struct license_key *key = NULL;
	struct license_row row;
	em_err err;

	if (license_row_read(blob, &row) != EM_OK)
		return fault_set(f, EM_MALFORMED, "the stored licence cannot be read");
	err = row.text.n > 0
		  ? license_key_parse(row.text, str_slice(&l->public_key), &key, f)
		  : EM_OK;
	if (err != EM_OK)
		return err;
	license_held_fini(out);
	out->key = key;
	out->at = row.at;
	out->by = mem_dup(row.by.p, row.by.n);
	return EM_OK;
}

void
license_choose(struct license *l, bool stored_wins)
{
	l->is_said = false;
	l->current = l->stored.key != NULL && stored_wins ? l->stored : l->configured;
	license_text_show(l);
	license_weigh(l);
}

static const char *
source_of(const struct license *l)
{
	if (l->current.key == NULL)
		return "none";
	return l->current.by != NULL ? "emqx_ctl" : "configuration";
}

/* ---- what follows from it */

static uint64_t
sessions_now(void)
{
	return registry_count_all() + quota_elsewhere();
}

static void
tell_expiry(const struct license *l, int64_t left)
{
	char end[LICENSE_DATE_TEXT];

	license_date_print(l->current.key->end, end);
	if (left < 0)
		alarm_raise("license_expiry", NULL, "the licence was good until %s", end);
	else
		alarm_raise("license_expiry", NULL, "the licence is good until %s", end);
}

static void
weigh_expiry(struct license *l)
{
	int64_t today = license_date_of(clock_wall());
	enum license_state state = license_rule_state(l->current.key, today);
	int64_t left =
	    state != LICENSE_NONE ? license_rule_days_left(l->current.key, today) : 0;

	quota_close(state == LICENSE_CLOSED);
	if (l->is_said && state == l->said)
		return;
	l->said = state;
	l->is_said = true;
	alarm_clear("license_expiry"); /* its sentence may be another one now */
	if (state == LICENSE_NONE || state == LICENSE_GOOD)
		return;
	tell_expiry(l, left);
	LOG(WARN, "license_expiry", "state", license_rule_state_name(state), "days_left",
	    left);
}

static void
weigh_quota(const struct license *l)
{
	const struct license_conf *conf = conf_get(CONF_LICENSE);
	uint64_t max = l->current.key != NULL ? l->current.key->max_sessions : QUOTA_NONE;
	uint64_t now = sessions_now();

	if (max == QUOTA_NONE) {
		quota_set_max(QUOTA_NONE);
		alarm_clear("license_quota");
		return;
	}
	quota_set_max(license_rule_ceiling(max));
	if (now * 100 >= max * conf->high && now > 0)
		alarm_raise("license_quota", NULL,
		    "%" PRIu64 " sessions of the %" PRIu64 " that the licence allows",
		    now, max);
	else if (now * 100 <= max * conf->low)
		alarm_clear("license_quota");
}

void
license_weigh(struct license *l)
{
	weigh_expiry(l);
	weigh_quota(l);
}

void
license_look(struct license_info *out)
{
	const struct license *l = license_self();
	int64_t today = license_date_of(clock_wall());
	const struct license_key *key = l->current.key;
	bool is_given = l->current.by != NULL;

	*out = (struct license_info){ .key = key,
		.state = license_rule_state(key, today),
		.days_left = key != NULL ? license_rule_days_left(key, today) : 0,
		.sessions = sessions_now(),
		.is_full = quota_ask(registry_count_all()) == QUOTA_REACHED,
		.source = source_of(l),
		.since = is_given ? l->current.at : (wall_t){ 0 },
		.by = is_given ? l->current.by : NULL,
		.copy = str_get(&l->kept.path),
		.hash = l->kept.hash };
}

const struct license_history *
license_history(void)
{
	return &license_self()->history;
}

/* ---- history */

static char *
history_path(const struct license *l)
{
	struct str path = { 0 };

	str_addf(&path, "%s/licenses/history", l->data_dir);
	return str_take(&path);
}

struct saving {
	struct job job;
	char *path;
	struct str text;
};

static void
on_save(struct job *j)
{
	struct saving *s = LIST_OWNER(j, struct saving, job);
	int error = file_replace(s->path, str_slice(&s->text));

	if (error != 0)
		LOG(WARN, "license_history_not_saved", "file", s->path, "error",
		    strerror(error));
	str_fini(&s->text);
	mem_free(s->path);
	mem_free(s);
}

static struct saving *
saving_of(struct license *l)
{
	struct saving *s = MEM_NEW(struct saving);

	s->job.run = on_save;
	s->path = history_path(l);
	license_history_print(&l->history, &s->text);
	l->history_is_new = false;
	l->history_saved = clock_mono();
	return s;
}

static void
note_history(struct license *l)
{
	if (license_history_note(&l->history, clock_wall(), sessions_now()))
		l->history_is_new = true;
	if (l->history_is_new &&
	    (l->history_saved.ns == 0 ||
		mono_since(clock_mono(), l->history_saved).ns >= SAVE_EVERY.ns))
		jobs_post(&saving_of(l)->job);
}

static void
load_history(struct license *l)
{
	char *path = history_path(l);
	char *dir = mem_dup(path, (size_t)(strrchr(path, '/') - path));
	struct str text = { 0 };
	struct fault f = { .err = EM_OK };
	unsigned bad = 0;

	(void)mkdir(dir, 0750); /* what is wrong with it shows where it is written */
	mem_free(dir);
	if (license_file_read_history(path, &text, &f) == EM_OK)
		bad = license_history_parse(&l->history, str_slice(&text));
	if (bad > 0 || (f.err != EM_OK && f.err != EM_NOTFOUND))
		LOG(WARN, "license_history_unreadable", "file", path, "lines", bad,
		    "text", f.text != NULL ? f.text : "");
	fault_clear(&f);
	str_fini(&text);
	mem_free(path);
}

/* ---- birth and death */

/* A row that came by a change, from the disk.  Not a reason to refuse the start: the key
 * that it is verified with may be another one now. */
static em_err
on_row(struct slice key, struct slice blob)
{
	struct license *l = license_self();
	struct fault f = { .err = EM_OK };
	struct license_row row;

	if (!slice_eq(key, LICENSE_ROW_KEY))
		return EM_MALFORMED;
	if (license_hold_row(l, blob, &l->stored, &f) != EM_OK) {
		l->stored_is_bad = true;
		LOG(ERROR, "license_stored_invalid", "text", f.text);
		alarm_raise("license_invalid", NULL,
		    "the stored licence is not in force: %s%s%s", f.text,
		    f.hint != NULL ? "; " : "", f.hint != NULL ? f.hint : "");
	}
	if (license_row_read(blob, &row) == EM_OK)
		license_report_news(l, row.at, &f);
	fault_clear(&f);
	return EM_OK;
}

em_err
license_birth(const struct license_conf *conf, const char *data_dir, struct fault *f)
{
	struct license *l = MEM_NEW(struct license);
	const char *path = license_conf_path(conf->key);
	em_err err = license_conf_public(conf, &l->public_key, f);

	if (err == EM_OK)
		err = license_conf_take(conf, &l->configured.key, &l->configured.at, f);
	if (err != EM_OK) {
		str_fini(&l->public_key);
		mem_free(l);
		return fault_wrap(f, "the configured licence");
	}
	l->configured_path = mem_strdup(path);
	l->data_dir = mem_strdup(data_dir);
	list_init(&l->waiting);
	node_slot_set(ROOM_LICENSE, l);
	load_history(l);
	store_register(CHANGE_LICENSE, on_row);
	store_follow(CHANGE_LICENSE, license_ask_follow);
	return EM_OK;
}

/* In a cluster it is what all have agreed on, whatever this node's files say. */
static bool
stored_wins(const struct license *l)
{
	return l->configured.key == NULL || store_is_ordered(CHANGE_GROUP_META) ||
	       l->configured.at.ns <= l->stored.at.ns;
}

em_err
license_settle(struct fault *f)
{
	struct license *l = license_self();
	struct slice text = SLICE_NONE;

	license_choose(l, stored_wins(l));
	if (l->current.key != NULL) {
		text = license_key_text(l->current.key);
		LOG(INFO, "license", "customer", l->current.key->customer, "type",
		    license_key_type_name(l->current.key->type), "max_sessions",
		    l->current.key->max_sessions, "source", source_of(l));
	}
	if (l->stored.key != NULL && l->configured.key != NULL &&
	    !slice_eq(
		license_key_text(l->stored.key), license_key_text(l->configured.key)))
		LOG(WARN, "license_configured_differs", "in_force", source_of(l));
	/* Without a licence there is nothing to keep, and nothing is taken away. */
	if (text.n == 0 || license_file_keep(l->data_dir, text, clock_wall(), &l->kept,
			       &l->copy_fault) == EM_OK)
		return EM_OK;
	(void)f; /* no reason to refuse the start: it is tried again */
	license_file_kept_fini(&l->kept);
	return EM_OK;
}

void
license_death(void)
{
	struct license *l = license_self();

	license_ask_death(l);
	license_report_death(l);
	license_text_death(l);
	license_held_fini(&l->configured);
	license_held_fini(&l->stored);
	license_file_kept_fini(&l->kept);
	license_history_fini(&l->history);
	str_fini(&l->public_key);
	fault_clear(&l->copy_fault);
	mem_free(l->configured_path);
	mem_free(l->data_dir);
	mem_free(l);
	node_slot_set(ROOM_LICENSE, NULL);
}

static void
on_time(struct timer *t)
{
	struct license *l = LIST_OWNER(t, struct license, timer);

	note_history(l);
	license_weigh(l);
	timer_arm(t, LOOK, on_time);
}

void
license_worker_birth(void)
{
	struct license *l = license_self();

	if (worker_self()->kind != WORKER_ADMIN)
		return;
	timer_arm(&l->timer, LOOK, on_time);
	if (l->copy_fault.err != EM_OK)
		license_copy_again(l);
}

void
license_worker_death(void)
{
	struct license *l = license_self();

	if (worker_self()->kind != WORKER_ADMIN)
		return;
	timer_cancel(&l->timer);
	timer_cancel(&l->copy_again);
	license_report_stop(l);
	if (l->history_is_new)
		jobs_post(&saving_of(l)->job);
}
