/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload: load, compare, publish, tell the rooms, open and close doors, answer.
 *
 * The new snapshot is published whole, also where a value needs a restart: rooms
 * that took such a value at their birth keep it, the log names the key, and the
 * snapshot remembers what is in force instead.
 */
#include "emqxd/app/reload.h"
#include "emqxd/access/authn.h"
#include "emqxd/app/app.h"
#include "emqxd/app/core_conf.h"
#include "emqxd/app/doors.h"
#include "emqxd/app/logs.h"
#include "emqxd/app/options.h"
#include "emqxd/app/override.h"
#include "emqxd/app/settings.h"
#include "emqxd/conf/change.h"
#include "emqxd/core/log.h"
#include "emqxd/net/listener.h"
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

/* Where a listener stands: "listeners.tcp.x" of "tcp:x". */
static void
add_path(const char *name, struct str *out)
{
	str_addf(out, "listeners.%s", name);
	*strchr(out->p, ':') = '.';
}

/* The row that tells of the listener: its own, its bind's, else the first of it. */
static struct conf_change *
row_of(struct conf_changes *changes, const char *name)
{
	struct conf_change *best = NULL;
	struct str own = { 0 };
	bool is_bind = false;

	add_path(name, &own);
	for (size_t i = 0; i < changes->list.n; i++) {
		struct conf_change *c = &changes->list.p[i];
		bool is_own = strcmp(c->path, str_get(&own)) == 0;

		if (c->id != CONF_LISTENERS || strcmp(c->owner, name) != 0)
			continue;
		if (best == NULL || is_own ||
		    (!is_bind && strcmp(c->path + own.n, ".bind") == 0)) {
			best = c;
			is_bind = is_own || strcmp(c->path + own.n, ".bind") == 0;
		}
	}
	str_fini(&own);
	return best;
}

static struct conf_change *
add_row(struct conf_changes *changes, struct str *path, const char *before, char *after)
{
	struct conf_change *c = VEC_PUSH(&changes->list);

	*c = (struct conf_change){ .path = str_take(path),
		.before = mem_strdup(before),
		.after = after,
		.owner = mem_strdup(""),
		.id = CONF_ID_N,
		.reload = CONF_LIVE };
	return c;
}

/* The file says of this listener what it said before, but it was tried again. */
static struct conf_change *
add_listener(struct conf_changes *changes, const char *name)
{
	struct str path = { 0 };

	add_path(name, &path);
	return add_row(changes, &path, "closed", mem_strdup("open"));
}

/* What it said is in force: the listener took all its settings when it opened. */
static void
settle_rows(struct conf_changes *changes, const char *name)
{
	for (size_t i = 0; i < changes->list.n; i++) {
		struct conf_change *c = &changes->list.p[i];

		if (c->reload == CONF_LISTENER && strcmp(c->owner, name) == 0)
			c->reload = CONF_LIVE;
	}
}

static void
on_told(void *arg, const char *name, const struct fault *f)
{
	struct reloading *r = arg;
	struct conf_change *c = row_of(&r->changes, name);

	if (c == NULL)
		c = add_listener(&r->changes, name);
	if (f == NULL) {
		settle_rows(&r->changes, name);
		return;
	}
	if (c->failure == NULL)
		c->failure = mem_strdup(f->text);
	if (r->fault.err != EM_OK)
		return;
	fault_set(&r->fault, EM_PARTLY, "%s", f->text);
	if (f->hint != NULL)
		fault_hint(&r->fault, "%s", f->hint);
}

/* A listener that does not run has nothing in force: it will open with what is said now. */
static void
settle_closed(struct conf_changes *changes)
{
	struct listener_info info;
	struct listener *l;

	for (unsigned i = 0; (l = listener_at(i)) != NULL; i++) {
		listener_info(l, &info);
		if (info.is_running)
			continue;
		conf_taken(CONF_LISTENERS, info.id);
		settle_rows(changes, info.id);
	}
}

/* Files that were read again, though the configuration says the same of them. */
static void
add_users(struct conf_changes *changes)
{
	struct authn_news news;
	size_t at = 0;

	while (authn_news(&at, &news)) {
		struct str path = { 0 }, before = { 0 }, after = { 0 };

		str_addf(&path, "authentication.%s", news.name);
		str_addf(&before, "%zu user%s", news.before, news.before == 1 ? "" : "s");
		str_addf(
		    &after, "%zu user%s, read again", news.now, news.now == 1 ? "" : "s");
		(void)add_row(changes, &path, str_get(&before), str_take(&after));
		str_fini(&before);
	}
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

	settle_closed(&r->changes);
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
	add_users(&r->changes);
	doors_reload(a, listeners, n, on_told, on_doors, r);
}

void
reload_run(admin_reloaded_fn *done, void *arg)
{
	struct app *a = app_self();
	struct reloading *r = MEM_NEW(struct reloading);
	struct conf_report report = { .more = false };
	struct conf_snapshot *after;
	em_err err;

	override_flush();
	err = settings_load(a->options->conf, conf_current(), &after, &report);
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
