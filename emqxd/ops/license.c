/* SPDX-License-Identifier: Apache-2.0 */
/* license: the licence in force, another one in its place, and how much was used. */
#include "emqxd/admin/admin.h"
#include "emqxd/admin/op.h"
#include "emqxd/core/clock.h"
#include "emqxd/license/license.h"
#include "emqxd/license/license_date.h"
#include "emqxd/license/license_rule.h"
#include "emqxd/model/nodes.h"
#include "emqxd/ops/license_all.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT 24
#define REPORT_LIMIT \
	span_s(8) /* a node needs that long at most to say what became of it */
#define INFO_LIMIT span_s(2)
#define HASH_SHORT 12u /* of a hash, to be compared by eye */
enum { BY_MAX = 32 + NODES_NAME_MAX };

/* ---- info */

static void
key_cells(struct row_writer *row, const struct license_info *info)
{
	const struct license_key *k = info->key;
	char start[LICENSE_DATE_TEXT], end[LICENSE_DATE_TEXT];

	row_text(row, "customer", k->customer);
	row_text(row, "email", k->email);
	row_text(row, "deployment", k->deployment);
	row_str(row, "start_at", license_date_print(k->start, start));
	row_str(row, "expiry_at", license_date_print(k->end, end));
	row_str(row, "type", license_key_type_name(k->type));
	row_int(row, "customer_type", k->customer_type);
	row_bool(row, "expiry", info->days_left < 0);
	row_int(row, "max_sessions", (int64_t)k->max_sessions);
	row_int(row, "max_tps",
	    k->max_tps == LICENSE_KEY_INFINITE ? ROW_INFINITE : (int64_t)k->max_tps);
	row_int(row, "days_left", info->days_left);
}

static void
no_key_cells(struct row_writer *row)
{
	row_str(row, "customer", "community edition");
	row_str(row, "type", "community");
	row_bool(row, "expiry", false);
	row_int(row, "max_sessions", ROW_INFINITE);
}

static void
info_cells(struct row_writer *row)
{
	struct license_info info;

	license_look(&info);
	row_str(row, "node", admin_house()->node);
	if (info.key != NULL)
		key_cells(row, &info);
	else
		no_key_cells(row);
	row_int(row, "sessions", (int64_t)info.sessions);
	row_strf(row, "state", "%s%s", license_rule_state_name(info.state),
	    info.is_full ? ", its limit is reached: new clients are refused" : "");
	row_str(row, "source", info.source);
	if (info.since.ns != 0)
		row_time(row, "changed_at", info.since);
	row_str(row, "changed_by", info.by);
	if (info.hash[0] != '\0') {
		row_str(row, "copy", info.copy);
		row_str(row, "hash", info.hash);
	}
}

/* The copy of a node beside the one of this node: "ab12cd34ef56", or what is wrong. */
static bool
add_copy(struct str *s, const struct license_all_node *n, struct slice own)
{
	struct slice hash = str_slice(&n->hash);
	bool is_same = slice_eq(hash, own);

	str_addf(s, "%s%s ", s->n > 0 ? ", " : "", n->node);
	if (n->what == LICENSE_ALL_DOWN || n->what == LICENSE_ALL_SILENT)
		str_addf(s, "(%s)", str_get(&n->result));
	else if (hash.n == 0)
		str_add(s, n->what == LICENSE_ALL_OK ? "none" : "(no copy)");
	else
		str_addf(s, "%.*s", SLICE_FMT(slice_head(hash, HASH_SHORT)));
	if (n->what != LICENSE_ALL_OK || is_same)
		return n->what != LICENSE_ALL_FAILED;
	str_add(s, " DIFFERS");
	return false;
}

static void
on_copies(void *arg, struct license_all_node *const *nodes, size_t n)
{
	struct op_ctx *op = arg;
	struct row_writer *row = op_row(op);
	struct str copies = { 0 };
	struct license_info info;
	int64_t differ = 0;

	license_look(&info);
	for (size_t i = 0; i < n; i++)
		differ += !add_copy(&copies, nodes[i], slice_str(info.hash));
	info_cells(row);
	row_str(row, "copies", str_get(&copies));
	row_int(row, "differ", differ);
	str_fini(&copies);
	op_row_end(op);
	op_done(op, EM_OK);
}

static em_err
info_call(struct op_ctx *op)
{
	if (nodes_count() > 1 && !op->is_for_all) {
		license_all_ask((wall_t){ 0 }, op->uid, INFO_LIMIT, on_copies, op);
		return EM_AGAIN;
	}
	info_cells(op_row(op));
	op_row_end(op);
	return EM_OK;
}

const struct op op_LICENSE_INFO = { .where = OP_ADMIN, .call = info_call };

/* ---- what became of one, on this node and on all */

static void
put(struct row_writer *row, const char *col, const char *text)
{
	row_str(row, col, text[0] != '\0' ? text : NULL);
}

static void
on_report(void *arg, const struct license_report *r)
{
	struct op_ctx *op = arg;
	struct row_writer *row = op_row(op);

	row_str(row, "node", admin_house()->node);
	row_str(row, "result", r->err == EM_OK ? "ok" : r->why);
	if (r->state == LICENSE_NONE || r->state == LICENSE_GOOD)
		row_str(row, "state", license_rule_state_name(r->state));
	else
		row_strf(row, "state", "%s, %" PRId64 " days left",
		    license_rule_state_name(r->state), r->days_left);
	put(row, "copy", r->copy);
	put(row, "backup", r->backup);
	put(row, "hash", r->hash);
	op_row_end(op);
	op_done(op, EM_OK);
}

static em_err
report_call(struct op_ctx *op)
{
	license_report(
	    (wall_t){ params_int(op->params, "at", 0) }, REPORT_LIMIT, on_report, op);
	return EM_AGAIN;
}

const struct op op_LICENSE_REPORT = { .where = OP_ADMIN, .call = report_call };

static void
all_row(struct op_ctx *op, const struct license_all_node *n)
{
	struct row_writer *row = op_row(op);

	row_str(row, "node", n->node);
	if (n->what == LICENSE_ALL_FAILED)
		row_strf(row, "result", "failed: %s", str_get(&n->result));
	else
		row_str(row, "result", str_get(&n->result));
	put(row, "state", str_get(&n->state));
	put(row, "copy", str_get(&n->copy));
	put(row, "backup", str_get(&n->backup));
	put(row, "hash", str_get(&n->hash));
	op_row_end(op);
}

static em_err
sum_up(struct op_ctx *op, struct license_all_node *const *nodes, size_t n, size_t failed)
{
	size_t running = 0;

	if (n == 1 && failed > 0)
		return op_fault(op, EM_PARTLY, "%s", str_get(&nodes[0]->result));
	for (size_t i = 0; i < n; i++)
		running += nodes[i]->what != LICENSE_ALL_DOWN;
	if (failed == 0)
		return EM_OK;
	op_fault(op, EM_PARTLY,
	    "the licence is the cluster's, and %zu of %zu running nodes did not report "
	    "that "
	    "all is well",
	    failed, running);
	fault_hint(&op->fault,
	    "emqx_ctl license info shows each node's copy, alarms list --all-nodes what "
	    "is wrong");
	return EM_PARTLY;
}

/* Back to what is configured, which each node has its own of. */
static bool
is_alike(struct license_all_node *const *nodes, size_t n)
{
	const struct license_all_node *first = NULL;

	for (size_t i = 0; i < n; i++) {
		if (nodes[i]->what != LICENSE_ALL_OK)
			continue;
		if (first == NULL)
			first = nodes[i];
		else if (!slice_eq(str_slice(&first->hash), str_slice(&nodes[i]->hash)))
			return false;
	}
	return true;
}

/* What went well, and is to be known all the same. */
static void
remark(struct op_ctx *op, struct license_all_node *const *nodes, size_t n)
{
	struct str text = { 0 };
	struct license_info info;

	license_look(&info);
	if (!is_alike(nodes, n))
		str_add(&text, "the nodes have different licences now, each the one that "
			       "it has configured: emqx_ctl license info");
	else
		license_rule_remark(info.key, license_date_of(clock_wall()), &text);
	if (text.n > 0)
		op_note(op, "%s", str_get(&text));
	str_fini(&text);
}

static void
on_all(void *arg, struct license_all_node *const *nodes, size_t n)
{
	struct op_ctx *op = arg;
	size_t failed = 0;

	for (size_t i = 0; i < n; i++) {
		all_row(op, nodes[i]);
		failed += nodes[i]->what == LICENSE_ALL_FAILED ||
			  nodes[i]->what == LICENSE_ALL_SILENT;
	}
	if (failed == 0)
		remark(op, nodes, n);
	op_done(op, sum_up(op, nodes, n, failed));
}

/* ---- another one */

static int
by_name(const void *a, const void *b)
{
	const unsigned *x = a, *y = b;

	return strcmp(nodes_name(*x), nodes_name(*y));
}

static void
would_row(struct op_ctx *op, unsigned place, const char *would)
{
	struct row_writer *row = op_row(op);

	row_str(row, "node", nodes_name(place));
	if (place == 0)
		row_strf(row, "result", "would take %s", would);
	else if (nodes_is_running(place)) /* what it has for a key only it knows */
		row_strf(row, "result",
		    "would take %s, if it is genuine by its own license.public_key",
		    would);
	else
		row_str(row, "result", "not running: would take it when it returns");
	op_row_end(op);
}

/* A dry run: those that run would take it. */
static em_err
tell_would(struct op_ctx *op, const char *would)
{
	unsigned place[NODES_MAX], n = 0, running = 0;

	for (unsigned i = 0; i < nodes_end(); i++) {
		if (!nodes_is_member(i))
			continue;
		place[n++] = i;
		running += nodes_is_running(i);
	}
	if (2 * running <= n)
		return op_fault(op, EM_NOQUORUM,
		    "no quorum: %u of %u members are heard; nothing would be changed",
		    running, n);
	qsort(place, n, sizeof *place, by_name);
	for (unsigned i = 0; i < n; i++)
		would_row(op, place[i], would);
	return EM_OK;
}

static void
on_done(void *arg, const struct license_done *d)
{
	struct op_ctx *op = arg;

	if (d->err == EM_OK && op_is_dry_run(op)) {
		op_done(op, tell_would(op, d->would));
		return;
	}
	if (d->err == EM_OK) {
		license_all_ask(d->at, op->uid, REPORT_LIMIT, on_all, op);
		return;
	}
	op->fault = *d->fault;
	*d->fault = (struct fault){ .err = EM_OK };
	op_done(op, d->err);
}

/* NULL: it is only tried. */
static const char *
asker_of(const struct op_ctx *op, char by[BY_MAX])
{
	if (op_is_dry_run(op))
		return NULL;
	if (nodes_count() > 1)
		snprintf(by, BY_MAX, "uid %u at %s", (unsigned)op->uid, nodes_me());
	else
		snprintf(by, BY_MAX, "uid %u", (unsigned)op->uid);
	return by;
}

static em_err
reload_call(struct op_ctx *op)
{
	int fd = params_take_fd(op->params, "file");
	char by[BY_MAX];
	em_err err;

	err = license_reload(fd, params_text(op->params, "file"), asker_of(op, by),
	    on_done, op, &op->fault);
	return err == EM_OK ? EM_AGAIN : err;
}

const struct op op_LICENSE_RELOAD = {
	.where = OP_ADMIN, .call = reload_call, .can_dry_run = true
};

static em_err
update_call(struct op_ctx *op)
{
	char by[BY_MAX];
	em_err err;

	err = license_update(
	    params_text(op->params, "key"), asker_of(op, by), on_done, op, &op->fault);
	return err == EM_OK ? EM_AGAIN : err;
}

const struct op op_LICENSE_UPDATE = {
	.where = OP_ADMIN, .call = update_call, .can_dry_run = true
};

/* ---- history */

static em_err
history_call(struct op_ctx *op)
{
	unsigned n = (unsigned)params_int(op->params, "count", COUNT);
	enum license_period period =
	    (enum license_period)params_int(op->params, "period", LICENSE_MONTHLY);
	struct license_mark mark;

	for (unsigned i = 0;
	     i < n && license_history_get(license_history(), period, i, &mark); i++) {
		struct row_writer *row = op_row(op);

		row_str(row, "period", mark.period);
		row_int(row, "high_watermark", (int64_t)mark.high);
		row_time(row, "observed_at", mark.at);
		op_row_end(op);
	}
	return EM_OK;
}

const struct op op_LICENSE_HISTORY = { .where = OP_ADMIN, .call = history_call };
