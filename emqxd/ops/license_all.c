/* SPDX-License-Identifier: Apache-2.0 */
/* license_all: see license_all.h. */
#include "emqxd/ops/license_all.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "emqxd/admin/op.h"
#include "emqxd/admin/remote.h"
#include "emqxd/core/timer.h"
#include "emqxd/license/license.h"
#include "emqxd/model/nodes.h"

#include <inttypes.h>
#include <stdlib.h>

#define FAR_MORE span_s(2) /* for the way there and back, beside the node's own limit */

struct far {
	struct license_all_node n; /* first */
	struct license_all *all;
	struct remote_call *call; /* NULL: it is not asked any more */
};

struct license_all {
	license_all_fn *fn;
	void *arg;
	VEC(struct license_all_node *) nodes;
	unsigned left; /* reports that are to come, and one while it is asked */
	struct timer timer;
};

static void
set(struct far *far, enum license_all_what what, const char *text)
{
	far->n.what = what;
	str_reset(&far->n.result);
	str_add(&far->n.result, text);
}

static int
by_name(const void *a, const void *b)
{
	const struct license_all_node *const *x = a, *const *y = b;

	return strcmp((*x)->node, (*y)->node);
}

static void
free_all(struct license_all *all)
{
	for (size_t i = 0; i < all->nodes.n; i++) {
		struct far *far = LIST_OWNER(all->nodes.p[i], struct far, n);

		mem_free(far->n.node);
		str_fini(&far->n.result);
		str_fini(&far->n.state);
		str_fini(&far->n.copy);
		str_fini(&far->n.backup);
		str_fini(&far->n.hash);
		mem_free(far);
	}
	VEC_FINI(&all->nodes);
	mem_free(all);
}

static void
one_less(struct license_all *all)
{
	if (--all->left > 0)
		return;
	timer_cancel(&all->timer);
	qsort(all->nodes.p, all->nodes.n, sizeof *all->nodes.p, by_name);
	all->fn(all->arg, all->nodes.p, all->nodes.n);
	free_all(all);
}

static void
on_limit(struct timer *t)
{
	struct license_all *all = LIST_OWNER(t, struct license_all, timer);
	unsigned silent = 0;

	for (size_t i = 0; i < all->nodes.n; i++) {
		struct far *far = LIST_OWNER(all->nodes.p[i], struct far, n);

		if (far->call == NULL)
			continue;
		remote_cancel(&far->call);
		set(far, LICENSE_ALL_SILENT, "no report: it did not answer in time");
		silent++;
	}
	for (; silent > 0;
	     silent--) /* the last one ends it: this node has its own limit */
		one_less(all);
}

/* ---- this node */

static void
on_own(void *arg, const struct license_report *r)
{
	struct far *far = arg;

	if (r->err == EM_OK)
		set(far, LICENSE_ALL_OK, "ok");
	else
		set(far, LICENSE_ALL_FAILED, r->why);
	str_add(&far->n.state, license_rule_state_name(r->state));
	if (r->state != LICENSE_NONE && r->state != LICENSE_GOOD)
		str_addf(&far->n.state, ", %" PRId64 " days left", r->days_left);
	str_add(&far->n.copy, r->copy);
	str_add(&far->n.backup, r->backup);
	str_add(&far->n.hash, r->hash);
	one_less(far->all);
}

/* ---- another one */

static void
copy_cell(const struct row *row, const char *col, struct str *out)
{
	const struct row_value *v = row_find(row, col);

	str_reset(out);
	if (v->set)
		str_add_slice(out, v->text);
}

static void
on_row(void *arg, struct slice bytes)
{
	struct far *far = arg;
	struct row row;

	if (row_get(cmd_get(CMD_LICENSE_REPORT), bytes, &row) != EM_OK)
		return; /* its end says that nothing came */
	copy_cell(&row, "result", &far->n.result);
	copy_cell(&row, "state", &far->n.state);
	copy_cell(&row, "copy", &far->n.copy);
	copy_cell(&row, "backup", &far->n.backup);
	copy_cell(&row, "hash", &far->n.hash);
	far->n.what = slice_eq_str(str_slice(&far->n.result), "ok") ? LICENSE_ALL_OK
								    : LICENSE_ALL_FAILED;
}

static void
on_end(void *arg, const struct wire_end *end, const struct fault *f)
{
	struct far *far = arg;
	struct str text = { 0 };

	(void)end;
	far->call = NULL;
	if (f != NULL) {
		str_addf(&text, "no report: %s", f->text);
		set(far, LICENSE_ALL_SILENT, str_get(&text));
		str_fini(&text);
	}
	one_less(far->all);
}

static const struct remote_sink sink = { .on_row = on_row, .on_end = on_end };

static void
ask(struct far *far, wall_t at, uid_t uid)
{
	const struct cmd *cmd = cmd_get(CMD_LICENSE_REPORT);
	const struct gather_asker who = { .uid = uid };
	struct wire_req req = { .cmd = cmd, .params = { .cmd = cmd }, .credit = 1 };
	struct fault f = { .err = EM_OK };
	struct str text = { 0 };

	str_addf(&text, "%" PRId64, at.ns);
	if (params_add_word(&req.params, &cmd->args[0], str_slice(&text), &f) != EM_OK)
		UNREACHABLE(); /* it is a number */
	str_reset(&text);
	far->all->left++;
	far->call = remote_ask(far->n.node, &req, &who, &sink, far, &f);
	if (far->call == NULL) {
		str_addf(&text, "no report: %s", f.text);
		set(far, LICENSE_ALL_SILENT, str_get(&text));
		far->all->left--;
	}
	fault_clear(&f);
	str_fini(&text);
	wire_req_fini(&req);
}

static struct far *
add(struct license_all *all, const char *name)
{
	struct far *far = MEM_NEW(struct far);

	far->n.node = mem_strdup(name);
	far->all = all;
	set(far, LICENSE_ALL_SILENT, "no report");
	VEC_ADD(&all->nodes, &far->n);
	return far;
}

void
license_all_ask(wall_t at, uid_t uid, span_t limit, license_all_fn *fn, void *arg)
{
	struct license_all *all = MEM_NEW(struct license_all);

	all->fn = fn;
	all->arg = arg;
	all->left = 2; /* this node's report, and this call */
	timer_arm(&all->timer, (span_t){ limit.ns + FAR_MORE.ns }, on_limit);
	license_report(at, limit, on_own, add(all, nodes_me()));
	for (unsigned i = 1; i < nodes_end(); i++) {
		const char *name = nodes_name(i);
		struct far *far;

		if (!nodes_is_member(i))
			continue;
		far = add(all, name);
		if (nodes_is_running(i))
			ask(far, at, uid);
		else
			set(far, LICENSE_ALL_DOWN,
			    at.ns != 0 ? "not running: takes it when it returns"
				       : "not running");
	}
	one_less(all);
}
