/* SPDX-License-Identifier: Apache-2.0 */
/*
 * license_report: what became here of a licence that was given.  The last ones are
 * remembered by the time they were given at; who asks for one that has not come, or has no
 * copy yet, waits.
 */
#include "emqxd/core/clock.h"
#include "emqxd/license/inside.h"
#include "emqxd/license/license_date.h"
#include "ipc/base/mem.h"

struct waiter {
	struct list_node node;
	struct timer timer;
	wall_t at;
	license_report_fn *fn;
	void *arg;
};

static const struct license_news *
find_news(const struct license *l, wall_t at)
{
	for (unsigned i = 0; i < l->n_news && i < LICENSE_NEWS; i++) {
		const struct license_news *n =
		    &l->news[(l->n_news - 1 - i) % LICENSE_NEWS];

		if (n->at.ns == at.ns)
			return n;
	}
	return NULL;
}

static char *
why_of(const struct fault *f)
{
	struct str why = { 0 };

	str_add(&why, f->text);
	if (f->hint != NULL)
		str_addf(&why, "; %s", f->hint);
	return str_take(&why);
}

void
license_report_news(struct license *l, wall_t at, const struct fault *f)
{
	struct license_news *n = &l->news[l->n_news++ % LICENSE_NEWS];

	mem_free(n->why);
	*n = (struct license_news){ .at = at, .err = f->err, .copy = l->asked };
	if (f->err != EM_OK)
		n->why = why_of(f);
}

/* ---- telling */

static void
tell(const struct license *l, em_err err, const char *why, uint64_t copy,
    license_report_fn *fn, void *arg)
{
	int64_t today = license_date_of(clock_wall());
	const struct license_key *key = l->current.key;
	const struct license_report r = { .err = err,
		.why = why,
		.copy = str_get(&l->kept.path),
		.backup = copy == l->done ? str_get(&l->kept.backup) : "",
		.hash = l->kept.hash,
		.state = license_rule_state(key, today),
		.days_left = key != NULL ? license_rule_days_left(key, today) : 0 };

	fn(arg, &r);
}

static void
tell_of_copy(const struct license *l, uint64_t copy, license_report_fn *fn, void *arg)
{
	struct str why = { 0 };

	if (l->copy_fault.err != EM_OK)
		str_addf(&why,
		    "the licence is in force, and this node has no copy of it: %s",
		    l->copy_fault.text);
	tell(l, l->copy_fault.err, str_get(&why), copy, fn, arg);
	str_fini(&why);
}

/* False: it has to wait. */
static bool
try_tell(const struct license *l, wall_t at, license_report_fn *fn, void *arg)
{
	const struct license_news *n = find_news(l, at);

	if (n == NULL || (n->err == EM_OK && l->done < n->copy))
		return false;
	if (n->err != EM_OK)
		tell(l, n->err, n->why, l->done + 1, fn, arg);
	else
		tell_of_copy(l, n->copy, fn, arg);
	return true;
}

/* ---- waiting */

static void
free_waiter(struct waiter *w)
{
	timer_cancel(&w->timer);
	list_del(&w->node);
	mem_free(w);
}

static void
give_up(struct waiter *w, em_err err, const char *why)
{
	license_report_fn *fn = w->fn;
	void *arg = w->arg;

	free_waiter(w);
	tell(license_self(), err, why, UINT64_MAX, fn, arg);
}

static void
on_limit(struct timer *t)
{
	give_up(LIST_OWNER(t, struct waiter, timer), EM_TIMEOUT,
	    "this node has not got it yet");
}

void
license_report(wall_t at, span_t limit, license_report_fn *fn, void *arg)
{
	struct license *l = license_self();
	struct waiter *w;

	if (at.ns == 0) {
		tell_of_copy(l, l->done, fn, arg);
		return;
	}
	if (try_tell(l, at, fn, arg))
		return;
	w = MEM_NEW(struct waiter);
	*w = (struct waiter){ .at = at, .fn = fn, .arg = arg };
	list_push(&l->waiting, &w->node);
	timer_arm(&w->timer, limit, on_limit);
	if (l->is_closing)
		license_report_stop(l);
}

void
license_report_look(struct license *l)
{
	LIST_EACH_SAFE (node, &l->waiting) {
		struct waiter *w = LIST_OWNER(node, struct waiter, node);

		if (try_tell(l, w->at, w->fn, w->arg))
			free_waiter(w);
	}
}

void
license_report_stop(struct license *l)
{
	l->is_closing = true;
	while (!list_is_empty(&l->waiting))
		give_up(LIST_OWNER(l->waiting.next, struct waiter, node), EM_CANCELLED,
		    "emqxd stops");
}

void
license_report_death(struct license *l)
{
	for (unsigned i = 0; i < LICENSE_NEWS; i++)
		mem_free(l->news[i].why);
}
