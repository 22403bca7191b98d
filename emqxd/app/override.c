/* SPDX-License-Identifier: Apache-2.0 */
/*
 * override: see override.h.
 *
 * One change at a time on a node: each is checked against what is in force together with
 * all rows.  Of two nodes that set what does not fit together the later row may be
 * refused at the reload: the log says so, and what was in force stays.
 *
 * Has this node what the cluster's order has up to some place?  The store says how far it
 * is; a letter to its thread and back comes behind the rows that it had posted by then.
 */
#include "emqxd/app/override.h"
#include "emqxd/app/app.h"
#include "emqxd/app/core_conf.h"
#include "emqxd/app/reload.h"
#include "emqxd/app/settings.h"
#include "emqxd/conf/change.h"
#include "emqxd/conf/persist.h"
#include "emqxd/core/log.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "emqxd/store/ordered.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

#define AGAIN span_s(2) /* when the file could not be written */

/* A `conf set` under way. */
struct asked {
	char *path, *value; /* NULL: it is unset */
	admin_reloaded_fn *done;
	void *arg;
};

struct override {
	struct persist *rows;
	struct asked *asked; /* or NULL */
	bool is_stale;       /* a row came and the file does not say it yet */
	bool is_waking;      /* a letter is on its way to on_wake */
	bool is_refused;     /* what they say, at the last reload */
	struct str trouble;  /* why the file cannot be written; the log knows */
	struct timer again;
};

/* A row on its way from the store thread to main. */
struct row_letter {
	struct letter letter;
	char *path, *value; /* NULL: it was deleted */
};

/* NULL while the rooms go. */
static struct override *
override_self(void)
{
	return app_self()->override;
}

/* ---- rows that come */

static void
on_followed(void *arg, em_err err, struct conf_changes *changes, struct fault *f)
{
	struct override *o = override_self();

	(void)arg;
	(void)changes;
	(void)f;
	if (o != NULL)
		o->is_refused = err != EM_OK && err != EM_PARTLY;
}

/* A disk that was full has room again, perhaps. */
static void
on_again(struct timer *t)
{
	(void)t;
	if (override_self()->is_stale)
		reload_run(on_followed, NULL);
}

void
override_flush(void)
{
	struct override *o = override_self();
	struct fault f = { .err = EM_OK };
	bool is_new;

	if (o == NULL || !o->is_stale)
		return;
	o->is_stale = persist_write(o->rows, &is_new, &f) != EM_OK;
	if (o->is_stale && o->trouble.n == 0)
		LOG(ERROR, "conf_not_kept", "text", f.text);
	else if (!o->is_stale && o->trouble.n > 0)
		LOG(INFO, "conf_kept");
	str_reset(&o->trouble);
	if (o->is_stale) {
		str_add(&o->trouble, f.text);
		timer_arm(&o->again, AGAIN, on_again);
	}
	fault_clear(&f);
}

static void
on_wake(struct letter *l)
{
	struct override *o = override_self();

	mem_free(l);
	if (o == NULL)
		return;
	o->is_waking = false;
	if (o->is_stale && o->asked == NULL) /* else who asked shall see what changes */
		reload_run(on_followed, NULL);
}

/* Many rows of one turn are one reload. */
static void
wake(struct override *o)
{
	struct letter *l;

	o->is_stale = true;
	if (o->is_waking)
		return;
	o->is_waking = true;
	l = MEM_NEW(struct letter);
	*l = (struct letter){ .open = on_wake };
	worker_post(worker_main(), l);
}

static void
on_row(struct letter *l)
{
	struct row_letter *r = LIST_OWNER(l, struct row_letter, letter);
	struct override *o = override_self();
	em_err err;

	if (o != NULL) {
		err = persist_put(o->rows, slice_str(r->path), slice_str(r->value));
		if (err == EM_OK)
			wake(o);
		else if (err != EM_NOTFOUND)
			LOG(ERROR, "conf_not_kept", "key", r->path, "error",
			    err_text(err));
	}
	mem_free(r->path);
	mem_free(r->value);
	mem_free(r);
}

static void
on_follow(struct slice key, struct slice blob, bool is_own)
{
	struct row_letter *r = MEM_NEW(struct row_letter);

	(void)is_own;
	r->path = mem_dup(key.p, key.n);
	if (blob.p != NULL)
		r->value = mem_dup(blob.p, blob.n);
	r->letter = (struct letter){ .open = on_row };
	worker_post_now(worker_main(), &r->letter);
}

/* Two nodes may have set the last ones that there is room for at once: that is no reason to
 * refuse the start. */
static em_err
on_apply(struct slice key, struct slice blob)
{
	em_err err = persist_put(override_self()->rows, key, blob);

	return err == EM_FULL ? EM_MALFORMED : err;
}

em_err
override_birth(struct fault *f)
{
	const struct core_conf *conf = conf_get(CONF_CORE);
	struct override *o = MEM_NEW(struct override);
	size_t n;
	const struct conf_section *const *sections = settings_sections(&n);

	(void)f;
	o->rows = persist_new(conf->data_dir, sections, n);
	app_self()->override = o;
	store_register(CHANGE_CONF, on_apply);
	store_follow(CHANGE_CONF, on_follow);
	return EM_OK;
}

em_err
override_recovered(struct fault *f)
{
	struct override *o = override_self();
	bool is_new;
	em_err err = persist_write(o->rows, &is_new, f);

	if (err == EM_OK && is_new)
		wake(o);
	return err;
}

static void
free_asked(struct asked **ap)
{
	struct asked *a = *ap;

	if (a == NULL)
		return;
	*ap = NULL;
	mem_free(a->path);
	mem_free(a->value);
	mem_free(a);
}

void
override_death(void)
{
	struct override *o = override_self();

	if (o == NULL)
		return;
	app_self()->override = NULL;
	timer_cancel(&o->again);
	free_asked(&o->asked);
	persist_free(&o->rows);
	str_fini(&o->trouble);
	mem_free(o);
}

/* ---- a change that is asked for */

static void
answer(admin_reloaded_fn *done, void *arg, struct conf_changes *changes, struct fault *f)
{
	done(arg, f->err, changes, f);
	conf_changes_fini(changes);
	fault_clear(f);
}

static void
refuse(admin_reloaded_fn *done, void *arg, struct fault *f)
{
	struct conf_changes none = { 0 };

	answer(done, arg, &none, f);
}

/* The first thing that is wrong, and what to do. */
static void
tell_first(const struct conf_report *report, em_err err, struct fault *f)
{
	const struct conf_note *first = &report->fault.p[0];

	fault_set(f, err, "%s", first->text);
	if (first->hint != NULL)
		fault_hint(f, "%s", first->hint);
}

/* What would change with that row. */
static em_err
try_it(struct override *o, struct slice path, struct slice value,
    struct conf_changes *changes, struct fault *f)
{
	struct conf_report report = { .more = false };
	struct conf_snapshot *after = NULL;
	struct str text = { 0 };
	em_err err;

	persist_print_with(o->rows, path, value, &text);
	err = settings_try(app_self()->options, conf_current(), &text, &after, &report);
	if (err == EM_OK)
		conf_changes_find(conf_current(), after, changes);
	else
		tell_first(&report, err, f);
	conf_snapshot_free(&after);
	conf_report_fini(&report);
	str_fini(&text);
	return err;
}

static em_err
check_state(const struct override *o, struct fault *f)
{
	if (o->asked != NULL) {
		fault_set(f, EM_BUSY, "another key is being set just now");
		fault_hint(f, "try again");
	} else if (persist_is_foreign(o->rows)) {
		fault_set(f, EM_STATE, "configs/cluster.hocon was not written by emqxd");
		fault_hint(
		    f, "move what it says to emqx.conf, and the file away; then reload");
	}
	return f->err;
}

static em_err
check_unset(const struct override *o, const char *key, struct str *path, struct fault *f)
{
	struct str wide = { 0 };

	if (!conf_show_alias(slice_str(key), path, &wide)) {
		str_reset(path);
		str_add(path, key);
	}
	str_fini(&wide);
	if (persist_has(o->rows, str_slice(path)))
		return EM_OK;
	wide = (struct str){ 0 };
	str_add_escaped(&wide, str_slice(path));
	fault_set(f, EM_NOTFOUND, "'%s' is not set in the cluster", str_get(&wide));
	fault_hint(f, "what is: emqx_ctl conf show --filter \"origin = 'cluster'\"");
	str_fini(&wide);
	return EM_NOTFOUND;
}

/* It is set: what keeps it from this node does not undo that. */
static void
say_not_here(const struct override *o, struct fault *f)
{
	struct str why = { 0 };

	str_add(&why, f->err != EM_OK ? f->text : str_get(&o->trouble));
	fault_clear(f);
	fault_set(f, EM_PARTLY, "set in the cluster, but not in force on this node: %s",
	    str_get(&why));
	fault_hint(f, "mend that, then: emqx_ctl conf reload");
	str_fini(&why);
}

static void
on_reloaded(void *arg, em_err err, struct conf_changes *changes, struct fault *f)
{
	struct override *o = override_self();
	struct asked *a = arg;

	on_followed(NULL, err, changes, f);
	if (o != NULL && (o->is_refused || o->is_stale))
		say_not_here(o, f);
	a->done(a->arg, f->err, changes, f);
	free_asked(&a);
}

/* The store has it, or not. */
static void
on_stored(void *arg, em_err err)
{
	struct override *o = override_self();
	struct fault f = { .err = EM_OK };
	struct asked *a;

	(void)arg;
	if (o == NULL)
		return; /* the node ends, and who asked went first */
	a = o->asked;
	o->asked = NULL;
	if (err == EM_OK) {
		reload_run(on_reloaded, a);
		return;
	}
	if (err == EM_TIMEOUT) {
		fault_set(&f, err,
		    "it is not known whether %s was set: the cluster did not answer in "
		    "time",
		    a->path);
		fault_hint(&f, "what holds: emqx_ctl conf get %s", a->path);
	} else {
		fault_set(&f, err, "%s cannot be kept: %s", a->path, err_text(err));
	}
	refuse(a->done, a->arg, &f);
	free_asked(&a);
	if (o->is_stale)
		wake(o); /* others' rows that came meanwhile */
}

static em_err
send(struct override *o, struct slice path, struct slice value, admin_reloaded_fn *done,
    void *arg, struct fault *f)
{
	struct change *c;
	uint8_t *blob = NULL;

	if (value.p == NULL)
		c = change_del(CHANGE_CONF, path);
	else
		c = change_put(CHANGE_CONF, path, value.n, &blob);
	if (c == NULL)
		return fault_set(f, EM_NOMEM, "%s", err_text(EM_NOMEM));
	if (blob != NULL && value.n > 0)
		memcpy(blob, value.p, value.n);
	o->asked = MEM_NEW(struct asked);
	*o->asked =
	    (struct asked){ .path = mem_dup(path.p, path.n), .done = done, .arg = arg };
	if (value.p != NULL)
		o->asked->value = mem_dup(value.p, value.n);
	change_send(&c, on_stored, NULL);
	return EM_OK;
}

static em_err
prepare(struct override *o, const struct admin_setting *s, struct str *path,
    struct str *value, struct fault *f)
{
	em_err err = check_state(o, f);

	if (err == EM_OK && s->value == NULL)
		return check_unset(o, s->path, path, f);
	if (err == EM_OK)
		err = persist_may_set(o->rows, slice_str(s->path), path, f);
	if (err == EM_OK)
		err = persist_value(slice_str(s->value), value, f);
	return err;
}

void
override_set(const struct admin_setting *s, admin_reloaded_fn *done, void *arg)
{
	struct override *o = override_self();
	struct conf_changes changes = { 0 };
	struct fault f = { .err = EM_OK };
	struct str path = { 0 }, value = { 0 };
	struct slice text = SLICE_NONE;
	em_err err = prepare(o, s, &path, &value, &f);

	if (s->value != NULL)
		text = str_slice(&value);
	if (err == EM_OK)
		err = try_it(o, str_slice(&path), text, &changes, &f);
	if (err == EM_OK && !s->is_dry_run)
		err = send(o, str_slice(&path), text, done, arg, &f);
	if (err != EM_OK || s->is_dry_run)
		answer(done, arg, &changes, &f);
	else
		conf_changes_fini(&changes);
	str_fini(&path);
	str_fini(&value);
}

/* ---- is it in force here? */

struct probe {
	struct letter letter;
	admin_reloaded_fn *done;
	void *arg;
};

static void
end_probe(struct probe *p, struct fault *f)
{
	refuse(p->done, p->arg, f);
	mem_free(p);
}

static void
on_settled(void *arg, em_err err, struct conf_changes *changes, struct fault *f)
{
	struct override *o = override_self();
	struct fault why = { .err = EM_OK };

	on_followed(NULL, err, changes, f);
	if (err != EM_OK && err != EM_PARTLY)
		fault_set(&why, EM_REFUSED, "%s", f->text);
	else if (o != NULL && o->is_stale)
		fault_set(&why, EM_REFUSED, "%s", str_get(&o->trouble));
	end_probe(arg, &why);
}

/* The rows came before it. */
static void
on_back(struct letter *l)
{
	struct probe *p = LIST_OWNER(l, struct probe, letter);
	struct override *o = override_self();
	struct fault none = { .err = EM_OK };

	if (o == NULL)
		fault_set(&none, EM_CANCELLED, "%s", err_text(EM_CANCELLED));
	if (o != NULL && (o->is_stale || o->is_refused))
		reload_run(on_settled, p);
	else
		end_probe(p, &none);
}

static void
at_store(struct letter *l)
{
	struct probe *p = LIST_OWNER(l, struct probe, letter);

	p->letter = (struct letter){ .open = on_back };
	worker_post_now(worker_main(), &p->letter);
}

void
override_settle(uint64_t index, admin_reloaded_fn *done, void *arg)
{
	struct fault f = { .err = EM_OK };
	struct probe *p;

	if (store_is_ordered(CHANGE_GROUP_META) &&
	    store_applied(CHANGE_GROUP_META) < index) {
		fault_set(&f, EM_BUSY, "the change has not come here yet");
		refuse(done, arg, &f);
		return;
	}
	p = MEM_NEW(struct probe);
	*p = (struct probe){ .letter.open = at_store, .done = done, .arg = arg };
	worker_post(worker_store(), &p->letter);
}
