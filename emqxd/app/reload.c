/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload: load, compare, publish, tell the rooms.
 *
 * The new snapshot is published whole, also where a value needs a restart: rooms
 * that took such a value at their birth keep it, and the log names the key.
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

/* All faults to the log, the first as the sentence. */
static em_err
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
	return err;
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

		if (needs_restart(c))
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

em_err
reload_run(struct conf_changes *out, struct fault *f)
{
	struct app *a = app_self();
	const struct conf_snapshot *before = conf_current();
	const struct listener_conf *listeners;
	struct conf_report report = { .more = false };
	struct conf_snapshot *after;
	size_t n;
	em_err err = settings_load(a->options->conf, before, &after, &report);

	if (err != EM_OK) {
		refuse(&report, err, f);
		conf_report_fini(&report);
		return err;
	}
	settings_log_warnings(&report);
	conf_report_fini(&report);
	conf_changes_find(before, after, out);
	/* Retired, not freed: the former one is good until the end of this turn. */
	listeners = conf_snapshot_get(before, CONF_LISTENERS, &n);
	conf_publish(&after);
	if (has_changed(out, "log."))
		reload_log(a);
	app_rooms_reload();
	doors_reload(a, listeners, n);
	log_changes(out);
	LOG(INFO, "conf_reloaded", "file", a->options->conf, "changes", out->list.n);
	return EM_OK;
}
