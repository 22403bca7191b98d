/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload: load, compare, publish, tell the rooms, open and close doors, answer.
 *
 * The new snapshot is published whole, also where a value needs a restart: rooms
 * that took such a value at their birth keep it, the log names the key, and the
 * snapshot remembers what is in force instead.
 */
#include "emqxd/app/reload.h"
#include "emqxd/app/app.h"
#include "emqxd/app/core_conf.h"
#include "emqxd/app/doors.h"
#include "emqxd/app/logs.h"
#include "emqxd/app/options.h"
#include "emqxd/app/settings.h"
#include "emqxd/conf/change.h"
#include "emqxd/core/log.h"
#include "emqxd/net/listener_conf.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"

/* All faults to the log, the first as the sentence. */
static void
refuse(const struct conf_report *report, em_err err, struct fault *f)
{
	const struct conf_note *first = &report->fault.p[0];

	for (size_t i = 0; i < report->fault.n; i++) {
		const struct conf_note *note = &report->fault.p[i];

		LOG(ERROR, "reload_refused", "at", note->where, "text", note->text,
		    "hint", note->hint);
	}
	fault_set(f, err, "%s%s%s", first->where, first->where[0] != '\0' ? ": " : "",
	    first->text);
	if (report->fault.n > 1)
		fault_hint(f, "%zu more faults: emqxd check_config", report->fault.n - 1);
	else if (first->hint != NULL)
		fault_hint(f, "%s", first->hint);
}

static bool
needs_restart(const struct conf_change *c)
{
	return c->reload == CONF_LISTENER || c->reload == CONF_RESTART;
}

static void
log_changes(const struct conf_changes *changes)
{
	for (size_t i = 0; i < changes->list.n; i++) {
		const struct conf_change *c = &changes->list.p[i];

		if (c->failure != NULL)
			LOG(ERROR, "conf_failed", "key", c->path, "after", c->after,
			    "text", c->failure);
		else if (needs_restart(c))
			LOG(WARN, "conf_changed", "key", c->path, "before", c->before,
			    "after", c->after, "in_force", conf_reload_text(c->reload));
		else
			LOG(INFO, "conf_changed", "key", c->path, "before", c->before,
			    "after", c->after, "in_force", conf_reload_text(c->reload));
	}
}

static bool
has_changed(const struct conf_changes *changes, const char *prefix)
{
	for (size_t i = 0; i < changes->list.n; i++) {
		if (slice_starts(slice_str(changes->list.p[i].path), slice_str(prefix)))
			return true;
	}
	return false;
}

/* What an operator set at run time stays, unless the file says something new. */
static void
reload_log(struct app *a)
{
	struct fault f = { .err = EM_OK };
	bool console = a->options->word == OPTIONS_CONSOLE;

	if (logs_configure(conf_get(CONF_CORE), console, &f) != EM_OK)
		LOG(ERROR, "log_failed", "text", f.text, "hint", f.hint);
	fault_clear(&f);
}

/* A reload whose listeners have not all answered. */
struct reloading {
	struct conf_changes changes;
	struct fault fault;
	admin_reloaded_fn *done;
	void *arg;
};

/* The row that tells of the listener: its bind, else the first of it. */
static struct conf_change *
row_of(struct conf_changes *changes, const char *name)
{
	struct conf_change *first = NULL;
	struct str bind = { 0 };
	size_t stem;

	str_addf(&bind, "listeners.tcp.%s.", strchr(name, ':') + 1);
	stem = bind.n;
	str_add(&bind, "bind");
	for (size_t i = 0; i < changes->list.n; i++) {
		struct conf_change *c = &changes->list.p[i];

		if (strncmp(c->path, str_get(&bind), stem) != 0)
			continue;
		if (first == NULL || strcmp(c->path, str_get(&bind)) == 0)
			first = c;
	}
	str_fini(&bind);
	return first;
}

static void
on_failed(void *arg, const char *name, const struct fault *f)
{
	struct reloading *r = arg;
	struct conf_change *c = row_of(&r->changes, name);

	if (c != NULL && c->failure == NULL)
		c->failure = mem_strdup(f->text);
	if (r->fault.err != EM_OK)
		return;
	fault_set(&r->fault, EM_PARTLY, "%s", f->text);
	if (f->hint != NULL)
		fault_hint(&r->fault, "%s", f->hint);
}

static void
finish(struct reloading *r)
{
	if (r->done != NULL)
		r->done(r->arg, r->fault.err, &r->changes, &r->fault);
	conf_changes_fini(&r->changes);
	fault_clear(&r->fault);
	mem_free(r);
}

static void
on_doors(void *arg)
{
	struct reloading *r = arg;

	log_changes(&r->changes);
	LOG(INFO, "conf_reloaded", "file", app_self()->options->conf, "changes",
	    r->changes.list.n);
	finish(r);
}

static void
put_in_force(struct app *a, struct conf_snapshot *after, struct reloading *r)
{
	const struct conf_snapshot *before = conf_current();
	const struct listener_conf *listeners;
	size_t n;

	conf_changes_find(before, after, &r->changes);
	/* Retired, not freed: the former one is good until the end of this turn. */
	listeners = conf_snapshot_get(before, CONF_LISTENERS, &n);
	conf_publish(&after);
	if (has_changed(&r->changes, "log."))
		reload_log(a);
	app_rooms_reload();
	doors_reload(a, listeners, n, on_failed, on_doors, r);
}

void
reload_run(admin_reloaded_fn *done, void *arg)
{
	struct app *a = app_self();
	struct reloading *r = MEM_NEW(struct reloading);
	struct conf_report report = { .more = false };
	struct conf_snapshot *after;
	em_err err = settings_load(a->options->conf, conf_current(), &after, &report);

	r->done = done;
	r->arg = arg;
	if (err == EM_OK) {
		settings_log_warnings(&report);
		put_in_force(a, after, r);
	} else {
		refuse(&report, err, &r->fault);
		finish(r);
	}
	conf_report_fini(&report);
}
