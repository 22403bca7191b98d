/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf: what the daemon was told.  Shown from the snapshot in force, a few keys a turn;
 * read again on main's thread, which hands its function over (admin_house.reload).
 */
#include "ipc/nearest.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "emqxd/conf/change.h"
#include "emqxd/core/worker.h"
#include "emqxd/admin/admin.h"
#include "emqxd/admin/op.h"
#include "emqxd/model/nodes.h"
#include "emqxd/ops/conf_all.h"
#include "emqxd/store/ordered.h"

#define OTHERS_LIMIT span_s(3) /* that other nodes are waited for */

/* ---- show */

struct walk {
	size_t at;
	bool found;
	struct str path, wide; /* what an old name became */
};

static em_err
show_open(struct op_ctx *op)
{
	struct walk *w = MEM_NEW(struct walk);
	struct slice path = params_text(op->params, "path");

	op->state = w;
	if (params_bool(op->params, "ignored") ||
	    !conf_show_alias(path, &w->path, &w->wide))
		str_add_slice(&w->path, path);
	return EM_OK;
}

static void
show_close(struct op_ctx *op)
{
	struct walk *w = op->state;

	str_fini(&w->path);
	str_fini(&w->wide);
	MEM_FREE(op->state);
}

static void
shown_row(struct op_ctx *op, const struct conf_shown *v)
{
	struct row_writer *row = op_row(op);

	row_str(row, "path", v->path);
	row_text(row, "value", str_slice(&v->value));
	row_text(row, "origin", str_slice(&v->origin));
	row_str(row, "reload", conf_reload_text(v->field->reload));
	row_str(row, "note", v->field->help);
	op_row_end(op);
}

/* Are there keys below it? */
static bool
is_section(struct slice path)
{
	struct conf_shown v;
	size_t at = 0;
	bool found = path.n > 0 && conf_show_next(conf_current(), path, &at, &v);

	if (found)
		conf_shown_fini(&v);
	return found;
}

static em_err
section(struct op_ctx *op, struct slice path)
{
	struct str text = { 0 };

	str_add_escaped(&text, path);
	op_fault(op, EM_USAGE, "'%s' is no key but a section", str_get(&text));
	fault_hint(&op->fault, "its keys: emqx_ctl conf show %s -o name", str_get(&text));
	str_fini(&text);
	return EM_USAGE;
}

/* The nearest path, or the nearest of the paths' beginnings. */
static em_err
no_path(struct op_ctx *op, struct slice path)
{
	struct nearest near = nearest_of(path);
	struct conf_shown v;
	struct str best = { 0 };
	size_t at = 0;

	if (is_section(path))
		return section(op, path);
	op_no(op, "key", path);
	fault_hint(&op->fault, "list them: emqx_ctl conf show -o name");
	while (conf_show_next(conf_current(), SLICE_NONE, &at, &v)) {
		nearest_offer(&near, slice_str(v.path));
		if (near.best.p == (const uint8_t *)v.path) {
			str_reset(&best);
			str_add(&best, v.path);
			near.best = str_slice(&best);
		}
		conf_shown_fini(&v);
	}
	nearest_hint(&near, &op->fault);
	str_fini(&best);
	return EM_NOTFOUND;
}

static void
ignored_row(struct op_ctx *op, const struct conf_ignored *k)
{
	struct row_writer *row = op_row(op);

	row_str(row, "path", k->path);
	row_str(row, "origin", k->origin);
	row_str(row, "value", *k->value != '\0' ? k->value : "(ignored)");
	row_str(row, "note",
	    k->is_so_anyway ? "says what is so anyway"
			    : "accepted, without meaning here");
	op_row_end(op);
}

/* Is @path that prefix, or under it? */
static bool
is_under(struct slice path, struct slice prefix)
{
	return prefix.n == 0 || (slice_starts(path, prefix) &&
				    (path.n == prefix.n || path.p[prefix.n] == '.'));
}

static em_err
ignored_step(struct op_ctx *op, struct slice prefix)
{
	struct walk *w = op->state;

	for (; w->at < conf_ignored_count(conf_current()); w->at++) {
		struct conf_ignored k = conf_ignored_get(conf_current(), w->at);

		if (op_is_full(op))
			return EM_AGAIN;
		if (is_under(slice_str(k.path), prefix))
			ignored_row(op, &k);
	}
	return EM_OK;
}

/* The zone sets none of its own: what all zones have holds. */
static void
go_wide(struct walk *w)
{
	str_reset(&w->path);
	str_add_slice(&w->path, str_slice(&w->wide));
	str_reset(&w->wide);
	w->at = 0;
}

static em_err
show_step(struct op_ctx *op)
{
	struct walk *w = op->state;
	struct conf_shown v;

	if (params_bool(op->params, "ignored"))
		return ignored_step(op, str_slice(&w->path));
	while (!op_is_full(op)) {
		if (!conf_show_next(conf_current(), str_slice(&w->path), &w->at, &v)) {
			if (w->found)
				return EM_OK;
			if (w->wide.n == 0)
				return no_path(op, params_text(op->params, "path"));
			go_wide(w);
			continue;
		}
		w->found = true;
		shown_row(op, &v);
		conf_shown_fini(&v);
	}
	return EM_AGAIN;
}

const struct op op_CONF_SHOW = {
	.where = OP_ADMIN, .open = show_open, .step = show_step, .close = show_close
};

/* ---- reload */

struct reload {
	struct letter letter;
	struct op_ctx *op;
	char *path, *value; /* of a key that is set */
	int64_t index;      /* that shall be in force; -1: it is not asked */
	struct conf_changes changes;
	struct fault fault;
	em_err err;
};

static void
add_result(struct row_writer *row, const struct conf_change *c, bool is_dry_run)
{
	const char *said = NULL;

	if (is_dry_run) {
		row_strf(row, "result", "would be in force: %s",
		    c->reload == CONF_LIVE ? "at once" : conf_reload_text(c->reload));
		return;
	}
	switch (c->reload) {
	case CONF_LIVE: said = "ok"; break;
	case CONF_NEW_CONNECTIONS: said = "ok, for new connections"; break;
	case CONF_LISTENER:
		row_strf(row, "result", "needs emqx_ctl listeners restart %s", c->owner);
		return;
	case CONF_RESTART: said = "needs a restart of emqxd"; break;
	}
	row_str(row, "result", said);
}

static void
change_row(struct op_ctx *op, const struct conf_change *c)
{
	struct row_writer *row = op_row(op);

	row_str(row, "path", c->path);
	row_str(row, "before", c->before);
	row_str(row, "after", c->after);
	if (c->failure != NULL)
		row_strf(row, "result", "failed: %s", c->failure);
	else
		add_result(row, c, op_is_dry_run(op));
	row_str(row, "node", admin_house()->node);
	op_row_end(op);
}

static void
free_reload(struct reload *r)
{
	conf_changes_fini(&r->changes);
	mem_free(r->path);
	mem_free(r->value);
	mem_free(r);
}

/* The key that was set is as it was: it says so already, or what goes over it says else. */
static void
same_row(struct op_ctx *op, const char *path)
{
	struct row_writer *row = op_row(op);
	struct conf_shown v = { .field = NULL };
	size_t at = 0;
	bool is_shown = conf_show_next(conf_current(), slice_str(path), &at, &v);

	row_str(row, "path", path);
	row_text(row, "before", str_slice(&v.value));
	row_text(row, "after", str_slice(&v.value));
	if (op_is_dry_run(op))
		row_str(row, "result", "would change nothing");
	else if (!is_shown || strcmp(str_get(&v.origin), "cluster") == 0)
		row_str(row, "result", "ok");
	else
		row_strf(row, "result", "ok, and %s holds", str_get(&v.origin));
	row_str(row, "node", admin_house()->node);
	op_row_end(op);
	if (is_shown)
		conf_shown_fini(&v);
}

/* What the other nodes make of it. */
static void
on_others(void *arg, const struct conf_all_end *e)
{
	struct op_ctx *op = arg;
	em_err err = op->fault.err;

	if (e->late.n > 0)
		op_note(op, "not known yet to be in force on %s", str_get(&e->late));
	if (e->down.n > 0)
		op_note(op, "not reached: %s; what was set is taken there later",
		    str_get(&e->down));
	if (e->refused.n > 0 && err == EM_OK) {
		err = op_fault(op, EM_PARTLY,
		    "set in the cluster, but it cannot be in force on %s: %s",
		    str_get(&e->refused), str_get(&e->why));
		fault_hint(
		    &op->fault, "what is, on each: emqx_ctl conf show --all-nodes");
	}
	op_done(op, err);
}

static bool
is_for_others(const struct reload *r)
{
	return r->path != NULL && (r->err == EM_OK || r->err == EM_PARTLY) &&
	       !op_is_dry_run(r->op) && nodes_count() > 1;
}

/* One key was set, and this is another, which waits for a restart since it was changed. */
static bool
waits_from_before(const struct reload *r, const struct conf_change *c)
{
	struct str today = { 0 }, wide = { 0 };
	bool is_other;

	if (r->path == NULL || c->failure != NULL || c->reload != CONF_RESTART)
		return false;
	if (!conf_show_alias(slice_str(r->path), &today, &wide))
		str_add(&today, r->path);
	is_other = !is_under(slice_str(c->path), str_slice(&today)) &&
		   (wide.n == 0 || !is_under(slice_str(c->path), str_slice(&wide)));
	str_fini(&today);
	str_fini(&wide);
	return is_other;
}

static void
on_reloaded(struct letter *l)
{
	struct reload *r = LIST_OWNER(l, struct reload, letter);
	struct op_ctx *op = r->op;
	em_err err = r->err;
	size_t shown = 0;
	bool is_cluster;

	if (node_slot(ROOM_ADMIN) == NULL) { /* who asked is gone, with all others */
		fault_clear(&r->fault);
		free_reload(r);
		return;
	}
	for (size_t i = 0; i < r->changes.list.n; i++) {
		if (waits_from_before(r, &r->changes.list.p[i]))
			continue;
		change_row(op, &r->changes.list.p[i]);
		shown++;
	}
	if (r->path != NULL && err == EM_OK && shown == 0)
		same_row(op, r->path);
	op->fault = r->fault;
	is_cluster = is_for_others(r);
	free_reload(r);
	if (is_cluster)
		conf_all_wait(store_applied(CHANGE_GROUP_META), op->uid, OTHERS_LIMIT,
		    on_others, op);
	else
		op_done(op, err);
}

static void
on_done(void *arg, em_err err, struct conf_changes *changes, struct fault *f)
{
	struct reload *r = arg;

	r->err = err;
	r->changes = *changes;
	r->fault = *f;
	*changes = (struct conf_changes){ 0 };
	*f = (struct fault){ .err = EM_OK };
	r->letter = (struct letter){ .open = on_reloaded };
	worker_post(worker_admin(), &r->letter);
}

static void
set_on_main(struct reload *r)
{
	const struct admin_setting setting = {
		.path = r->path, .value = r->value, .is_dry_run = op_is_dry_run(r->op)
	};

	admin_house()->set(&setting, on_done, r);
}

static void
on_main(struct letter *l)
{
	struct reload *r = LIST_OWNER(l, struct reload, letter);

	if (node_slot(ROOM_ADMIN) == NULL) /* who asked is gone, with all others */
		free_reload(r);
	else if (r->index >= 0)
		admin_house()->settle((uint64_t)r->index, on_done, r);
	else if (r->path == NULL)
		admin_house()->reload(on_done, r);
	else
		set_on_main(r);
}

static em_err
ask_main(struct op_ctx *op, struct slice path, struct slice value, int64_t index)
{
	struct reload *r;

	if (admin_house()->reload == NULL || admin_house()->set == NULL)
		return op_fault(op, EM_UNSUPPORTED, "there is no configuration to read");
	r = MEM_NEW(struct reload);
	r->op = op;
	r->index = index;
	if (path.p != NULL)
		r->path = mem_dup(path.p, path.n);
	if (value.p != NULL)
		r->value = mem_dup(value.p, value.n);
	r->letter = (struct letter){ .open = on_main };
	worker_post(worker_main(), &r->letter);
	return EM_AGAIN;
}

static em_err
reload_call(struct op_ctx *op)
{
	return ask_main(op, SLICE_NONE, SLICE_NONE, -1);
}

const struct op op_CONF_RELOAD = { .where = OP_ADMIN, .call = reload_call };

/* ---- one key */

static em_err
set_call(struct op_ctx *op)
{
	struct slice value = params_text(op->params, "value");

	return ask_main(op, params_text(op->params, "key"),
	    value.p != NULL ? value : SLICE_LIT(""), -1);
}

const struct op op_CONF_SET = {
	.where = OP_ADMIN, .call = set_call, .can_dry_run = true
};

static em_err
unset_call(struct op_ctx *op)
{
	return ask_main(op, params_text(op->params, "key"), SLICE_NONE, -1);
}

const struct op op_CONF_UNSET = {
	.where = OP_ADMIN, .call = unset_call, .can_dry_run = true
};

/* Another node asks whether what was set is in force here. */
static em_err
report_call(struct op_ctx *op)
{
	if (admin_house()->settle == NULL)
		return op_fault(op, EM_UNSUPPORTED, "there is no configuration to set");
	return ask_main(op, SLICE_NONE, SLICE_NONE, params_int(op->params, "index", 0));
}

const struct op op_CONF_REPORT = { .where = OP_ADMIN, .call = report_call };

/* The key itself; an old name is today's, and where its zone sets none what all zones
 * have. */
static bool
find_key(struct slice path, struct conf_shown *v)
{
	size_t at = 0;

	if (path.n == 0 || !conf_show_next(conf_current(), path, &at, v))
		return false;
	if (slice_eq_str(path, v->path))
		return true;
	conf_shown_fini(v);
	return false;
}

static em_err
get_call(struct op_ctx *op)
{
	struct slice path = params_text(op->params, "key");
	struct str today = { 0 }, wide = { 0 };
	struct conf_shown v;
	bool found;

	if (!conf_show_alias(path, &today, &wide))
		str_add_slice(&today, path);
	found = find_key(str_slice(&today), &v) || find_key(str_slice(&wide), &v);
	str_fini(&today);
	str_fini(&wide);
	if (!found)
		return no_path(op, path);
	shown_row(op, &v);
	conf_shown_fini(&v);
	return EM_OK;
}

const struct op op_CONF_GET = { .where = OP_ADMIN, .call = get_call };
