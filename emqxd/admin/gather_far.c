/* SPDX-License-Identifier: Apache-2.0 */
/* gather_far: the other nodes that a request goes to: see gather.h. */
#include "emqxd/admin/gather_inside.h"
#include "ipc/base/mem.h"
#include "emqxd/admin/remote.h"
#include "emqxd/model/nodes.h"

void
gather_far_take(struct gather *g)
{
	if (g->rows.is_fifo && sorted_count(&g->rows) >= GATHER_ROWS_AHEAD)
		return;
	for (unsigned i = 0; i < g->n_far; i++)
		if (g->far[i].call != NULL)
			remote_taken(g->far[i].call);
}

static void
on_far_row(void *arg, struct slice row)
{
	struct far *far = arg;
	struct gather *g = far->gather;

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
	str_addf(&g->lost, "%s%s", g->lost.n > 0 ? ", " : "", far->name);
}

static void
fail(struct gather *g, em_err err, const struct fault *f)
{
	fault_clear(&g->fault);
	fault_set(&g->fault, err, "%s", f->text);
	if (f->hint != NULL)
		fault_hint(&g->fault, "%s", f->hint);
	if (err != EM_PARTLY)
		gather_stop(g);
}

/* Where several are asked, one that is away, or too old to know, is only told of. */
static void
take_far_fault(struct gather *g, const struct far *far, const struct fault *f)
{
	if (g->whom == WHOM_OTHERS && (f->err == EM_NOTFOUND || g->was_found))
		return;
	if (g->whom != WHOM_NODE && f->err == EM_UNREACHABLE)
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

void
gather_far_ask(struct gather *g, unsigned place)
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
		far->call = remote_ask(name, &g->req, &g->who, &far_sink, far, &f);
	if (far->call != NULL)
		g->far_away++;
	else
		take_far_fault(g, far, &f);
	fault_clear(&f);
}

void
gather_far_ask_others(struct gather *g)
{
	g->far = mem_new_array(nodes_end(), sizeof *g->far);
	for (unsigned i = 1; i < nodes_end(); i++)
		gather_far_ask(g, i);
}

bool
gather_far_look(struct gather *g)
{
	if (!g->is_missing || g->whom != WHOM_HERE || g->who.is_far || g->sink == NULL ||
	    nodes_count() < 2)
		return false;
	g->whom = WHOM_OTHERS;
	g->is_stopped = false;
	g->rows.is_over = false;
	gather_far_ask_others(g);
	return g->far_away > 0;
}
