/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gather_far: the other nodes that a request goes to: see gather.h.
 *
 * Of several values that are named, those that are not here are asked of all others at
 * once.  A node says of each what this one would say: a row that is not the one that this
 * node had for a missing one is what was done there.
 */
#include "emqxd/admin/gather_inside.h"
#include "ipc/base/mem.h"
#include "emqxd/admin/remote.h"
#include "emqxd/model/nodes.h"

void
gather_far_take(struct gather *g)
{
	if (gather_is_behind(g))
		return;
	for (unsigned i = 0; i < g->n_far; i++)
		if (g->far[i].call != NULL)
			remote_taken(g->far[i].call);
}

/* The one that the row is of; rows come in the order in which they were asked for. */
static struct missing *
find_missing(struct far *far, struct slice bytes)
{
	struct gather *g = far->gather;
	struct row row;

	if (row_get(g->req.cmd, bytes, &row) != EM_OK)
		return NULL;
	for (size_t i = 0; i < g->missing.n; i++) {
		size_t at = (far->at + i) % g->missing.n;
		struct missing *m = &g->missing.p[at];

		if (!slice_eq(row_find(&row, g->op->key)->text,
			params_text_at(&g->req.params, g->op->key, m->order)))
			continue;
		far->at = at + 1;
		return m;
	}
	return NULL;
}

static void
take_one_of_many(struct far *far, struct slice row)
{
	struct gather *g = far->gather;
	struct missing *m = find_missing(far, row);

	if (m == NULL || m->is_found ||
	    (m->row != NULL && slice_eq(row, slice_of(m->row, m->n))))
		return;
	m->is_found = true;
	if (gather_has_rows(g) && sorted_add(&g->rows, row, m->order, &g->fault) != EM_OK)
		gather_stop(g);
}

static void
on_far_row(void *arg, struct slice row)
{
	struct far *far = arg;
	struct gather *g = far->gather;

	far->rows++;
	if (g->missing.n > 0) {
		take_one_of_many(far, row);
		gather_pump(g);
		return;
	}
	if (g->whom == WHOM_OTHERS && !g->was_found) {
		g->was_found = true; /* it was not here, but there */
		fault_clear(&g->fault);
	}
	if (gather_has_rows(g) && sorted_add(&g->rows, row, 0, &g->fault) != EM_OK)
		gather_stop(g);
	gather_pump(g);
}

static void
add_lost(struct gather *g, const struct far *far)
{
	struct str *list = far->rows > 0 ? &g->broken : &g->lost;

	str_addf(list, "%s%s", list->n > 0 ? ", " : "", far->name);
}

static void
fail(struct gather *g, em_err err, const struct fault *f)
{
	fault_clear(&g->fault);
	fault_set(&g->fault, err, "%s", f->text);
	if (f->hint != NULL)
		fault_hint(&g->fault, "%s", f->hint);
	else if (err == EM_UNREACHABLE) /* it is not this daemon that does not run */
		fault_hint(&g->fault, "how they are: emqx_ctl cluster status");
	if (err != EM_PARTLY)
		gather_stop(g);
}

/* Of one client: the node has it, and says that it has not what else was named. */
static bool
has_client(const struct gather *g, const struct fault *f)
{
	return f->err == EM_NOTFOUND && g->is_missing && !g->was_found &&
	       strcmp(f->text, g->fault.text) != 0;
}

/* Where several are asked, one that is away, or too old to know, is only told of; so is one
 * that had begun to answer. */
static void
take_far_fault(struct gather *g, const struct far *far, const struct fault *f)
{
	if (g->whom == WHOM_OTHERS && has_client(g, f))
		g->is_missing = false;
	else if (g->whom == WHOM_OTHERS && (f->err == EM_NOTFOUND || g->was_found))
		return;
	if (f->err == EM_UNREACHABLE && (g->whom != WHOM_NODE || far->rows > 0))
		add_lost(g, far);
	else if (g->whom == WHOM_OTHERS || g->fault.err == EM_OK)
		fail(g,
		    g->whom == WHOM_ALL && f->err == EM_UNSUPPORTED ? EM_PARTLY : f->err,
		    f);
}

static void
on_far_end(void *arg, const struct wire_end *end, const struct fault *f)
{
	struct far *far = arg;
	struct gather *g = far->gather;

	far->call = NULL;
	g->far_away--;
	if (g->missing.n > 0) {
		if (f != NULL && f->err != EM_NOTFOUND && f->err != EM_PARTLY)
			add_lost(g, far);
		gather_pump(g);
		return;
	}
	if (f != NULL) {
		take_far_fault(g, far, f);
		g->is_missing = g->is_missing && g->fault.err == EM_NOTFOUND;
	} else if (g->whom == WHOM_OTHERS) {
		g->was_found = true;
		fault_clear(&g->fault);
	}
	str_add_slice(&g->far_next, end->next);
	str_add_slice(&g->far_note, end->note);
	gather_pump(g);
}

static const struct remote_sink far_sink = { .on_row = on_far_row, .on_end = on_far_end };

static void
ask(struct gather *g, unsigned place, const struct wire_req *req)
{
	const char *name = nodes_name(place);
	struct fault f = { .err = EM_OK };
	struct far *far;

	if (name == NULL)
		return;
	far = &g->far[g->n_far++];
	*far = (struct far){ .gather = g, .name = mem_strdup(name) };
	if (!nodes_is_running(place))
		fault_set(&f, EM_UNREACHABLE, "node '%s' does not run, or is not reached",
		    name);
	else
		far->call = remote_ask(name, req, &g->who, &far_sink, far, &f);
	if (far->call != NULL)
		g->far_away++;
	else if (g->missing.n > 0)
		add_lost(g, far);
	else
		take_far_fault(g, far, &f);
	fault_clear(&f);
}

static void
ask_others(struct gather *g, const struct wire_req *req)
{
	g->far = mem_new_array(nodes_end(), sizeof *g->far);
	for (unsigned i = 1; i < nodes_end(); i++)
		if (nodes_is_member(i))
			ask(g, i, req);
}

void
gather_far_ask(struct gather *g, unsigned place)
{
	ask(g, place, &g->req);
}

void
gather_far_ask_others(struct gather *g)
{
	ask_others(g, &g->req);
}

bool
gather_far_may_have(const struct gather *g)
{
	return g->whom == WHOM_HERE && !g->who.is_far && g->sink != NULL &&
	       nodes_count() > 1;
}

/* The request with those values alone that are missing here. */
static void
copy_missing(const struct gather *g, struct wire_req *out)
{
	const struct params *p = &g->req.params;
	const struct cmd_arg *key = cmd_find_arg(g->req.cmd, slice_str(g->op->key));

	out->params.cmd = p->cmd;
	for (size_t i = 0; i < p->v.n; i++)
		if (p->v.p[i].arg != key && params_add_word(&out->params, p->v.p[i].arg,
						p->v.p[i].text, NULL) != EM_OK)
			UNREACHABLE(); /* the word was good before */
	for (size_t i = 0; i < g->missing.n; i++)
		if (params_add_word(&out->params, key,
			params_text_at(p, g->op->key, g->missing.p[i].order),
			NULL) != EM_OK)
			UNREACHABLE();
}

bool
gather_far_look_many(struct gather *g)
{
	struct wire_req req = { .cmd = g->req.cmd, .flags = g->req.flags };

	if (g->missing.n == 0 || g->is_stopped || !gather_far_may_have(g))
		return false;
	g->whom = WHOM_OTHERS;
	copy_missing(g, &req);
	ask_others(g, &req);
	wire_req_fini(&req);
	return g->far_away > 0;
}

void
gather_far_give_up(struct gather *g)
{
	for (size_t i = 0; i < g->missing.n; i++) {
		const struct missing *m = &g->missing.p[i];

		if (m->is_found)
			continue;
		g->failed++;
		if (m->row != NULL && gather_has_rows(g) &&
		    sorted_add(&g->rows, slice_of(m->row, m->n), m->order, &g->fault) !=
			EM_OK)
			gather_stop(g);
	}
	for (size_t i = 0; i < g->missing.n; i++)
		mem_free(g->missing.p[i].row);
	VEC_FINI(&g->missing);
}

bool
gather_far_look(struct gather *g)
{
	if (!g->is_missing || !gather_far_may_have(g))
		return false;
	g->whom = WHOM_OTHERS;
	g->is_stopped = false;
	g->rows.is_over = false;
	gather_far_ask_others(g);
	return g->far_away > 0;
}
