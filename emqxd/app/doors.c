/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doors: listeners by their number in the configuration.
 *
 * A listener opens at all workers, so the answer comes later, as a letter to main:
 * a->doors counts what is under way, a round what a reload waits for.
 *
 * At the start they open behind cluster/meet.h; the configuration may be loaded again
 * meanwhile.
 */
#include "emqxd/app/doors.h"
#include "emqxd/app/app.h"
#include "ipc/base/mem.h"
#include "emqxd/cluster/meet.h"
#include "emqxd/conf/snapshot.h"
#include "emqxd/core/log.h"
#include "emqxd/net/listener.h"
#include "emqxd/net/listener_conf.h"

#define OPEN_LIMIT span_s(30)
#define MEET_LIMIT span_s(2)

static bool
have_answered(const struct app *a)
{
	return a->doors == 0;
}

static bool
has_met(const struct app *a)
{
	return meet_is_over() || a->phase == APP_DRAINING;
}

/* A reload while the others were met may have opened it. */
static void
on_opened(struct listener *l, void *arg, em_err err, struct fault *f)
{
	struct app *a = arg;

	(void)l;
	a->doors--;
	if (err == EM_OK || err == EM_EXISTS || a->door_fault.err != EM_OK)
		return;
	fault_set(&a->door_fault, err, "%s", f->text);
	if (f->hint != NULL)
		fault_hint(&a->door_fault, "%s", f->hint);
}

static void
on_closed(struct listener *l, void *arg, em_err err, struct fault *f)
{
	struct app *a = arg;

	(void)l;
	(void)err;
	(void)f;
	a->doors--;
}

/* What a reload opens and closes. */
struct round {
	struct app *app;
	unsigned waiting;
	doors_told_fn *told;
	doors_done_fn *done;
	void *arg;
};

static void
fail(const struct round *r, const char *name, const struct fault *f)
{
	LOG(ERROR, "listener_failed", "listener", name, "text", f->text);
	r->told(r->arg, name, f);
}

static void
leave(struct round *r)
{
	r->app->doors--;
	if (--r->waiting > 0)
		return;
	r->done(r->arg);
	mem_free(r);
}

static bool
is_as_wanted(const struct listener *l)
{
	struct listener_info info;

	listener_info(l, &info);
	return info.is_running == listener_settings(l)->enable;
}

/* An operator may have done it by hand before. */
static void
on_changed(struct listener *l, void *arg, em_err err, struct fault *f)
{
	struct round *r = arg;

	if (err != EM_OK && !is_as_wanted(l))
		fail(r, listener_id(l), f);
	else if (listener_settings(l)->enable)
		r->told(r->arg, listener_id(l), NULL);
	leave(r);
}

static struct listener *
find(const char *name)
{
	return listener_find(slice_str(name));
}

em_err
doors_open(struct app *a, struct fault *f)
{
	size_t n = conf_count(CONF_LISTENERS);

	for (unsigned i = 0; i < n; i++) {
		em_err err = listener_set(i, f);

		if (err != EM_OK)
			return err;
	}
	/* What is taken before the other nodes are there is acknowledged, and lost to them. */
	(void)app_turn_until(a, has_met, MEET_LIMIT);
	for (unsigned i = 0; i < n; i++) {
		const struct listener_conf *conf = conf_get(CONF_LISTENERS);

		if (!conf[i].enable)
			continue;
		a->doors++;
		listener_start(find(conf[i].name), on_opened, a);
	}
	if (!app_turn_until(a, have_answered, OPEN_LIMIT) && !a->is_hurried)
		return fault_set(f, EM_TIMEOUT, "the listeners did not open in time");
	if (a->door_fault.err == EM_OK)
		return EM_OK;
	*f = a->door_fault;
	a->door_fault = (struct fault){ .err = EM_OK };
	return f->err;
}

void
doors_close(struct app *a)
{
	struct listener *l;

	for (unsigned i = 0; (l = listener_at(i)) != NULL; i++) {
		struct listener_info info;

		listener_info(l, &info);
		if (!info.is_running)
			continue;
		a->doors++;
		listener_stop(l, true, on_closed, a);
	}
}

static void
enter(struct round *r)
{
	r->app->doors++;
	r->waiting++;
}

static bool
has_failed(const char *name)
{
	struct listener_info info;

	listener_info(find(name), &info);
	return info.has_failed;
}

static void
change(struct round *r, const struct listener_conf *conf, bool was)
{
	if (conf->enable == was && !(was && has_failed(conf->name)))
		return;
	enter(r);
	if (conf->enable)
		listener_start(find(conf->name), on_changed, r);
	else
		listener_stop(find(conf->name), false, on_changed, r);
}

void
doors_reload(struct app *a, const struct listener_conf *before, size_t n,
    doors_told_fn *told, doors_done_fn *done, void *arg)
{
	size_t now = conf_count(CONF_LISTENERS);
	struct round *r = MEM_NEW(struct round);

	*r = (struct round){ .app = a, .told = told, .done = done, .arg = arg };
	enter(r); /* until all were asked */
	for (unsigned i = 0; i < now; i++) {
		const struct listener_conf *conf = conf_get(CONF_LISTENERS);
		struct fault f = { .err = EM_OK };

		if (i >= n && listener_set(i, &f) != EM_OK)
			fail(r, conf[i].name, &f);
		else
			change(r, &conf[i], i < n && before[i].enable);
		fault_clear(&f);
	}
	leave(r);
}
