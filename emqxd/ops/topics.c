/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topics: which filters somebody subscribes to.
 *
 * A node knows the filters of all, and how many subscribe at itself.  So of one node a row
 * is of the cluster, with its own count; with --all-nodes each tells of its own alone, and
 * a filter has a row for each node that has subscribers.
 */
#include "ipc/base/str.h"
#include "emqxd/model/nodes.h"
#include "emqxd/router/remote.h"
#include "emqxd/admin/admin.h"
#include "emqxd/admin/op.h"

#include <stdlib.h>

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Their names, as "a,b"; in one order, wherever it is asked. */
static void
nodes_text(struct str *out, uint64_t places)
{
	const char *names[NODES_MAX];
	size_t n = 0;

	for (; places != 0; places &= places - 1) {
		names[n] = nodes_name((unsigned)__builtin_ctzll(places));
		n += names[n] != NULL;
	}
	qsort(names, n, sizeof *names, by_name);
	for (size_t i = 0; i < n; i++)
		str_addf(out, "%s%s", i > 0 ? "," : "", names[i]);
}

static void
topic_row(struct op_ctx *op, struct slice filter, uint64_t places)
{
	struct row_writer *row = op_row(op);
	struct str nodes = { 0 };

	nodes_text(&nodes, places);
	row_text(row, "topic", filter);
	row_text(row, "node", str_slice(&nodes));
	row_int(row, "subscribers", router_subscribers(filter));
	op_row_end(op);
	str_fini(&nodes);
}

/* Where others answer too, they tell of theirs. */
static void
listed_row(struct op_ctx *op, struct slice filter)
{
	uint64_t places = router_remote_nodes(filter);
	bool is_one_of_all = params_bool(op->params, "all-nodes");

	if (!is_one_of_all)
		topic_row(op, filter, places);
	else if ((places & 1) != 0)
		topic_row(op, filter, 1);
}

static em_err
list_step(struct op_ctx *op)
{
	struct str next = { 0 };
	em_err err = EM_AGAIN;

	while (err == EM_AGAIN && !op_is_full(op)) {
		str_reset(&next);
		if (!router_next(op_seek_at(op), &next)) {
			err = EM_OK;
			continue;
		}
		listed_row(op, str_slice(&next));
		op_seek_to(op, str_slice(&next));
	}
	str_fini(&next);
	return err;
}

const struct op op_TOPICS_LIST = { OP_SEEKS, .step = list_step };

static em_err
show_call(struct op_ctx *op)
{
	struct slice topic = params_text(op->params, "topic");

	if (router_lookup(topic)) {
		topic_row(op, topic, router_remote_nodes(topic));
		return EM_OK;
	}
	op_no(op, "topic filter", topic);
	fault_hint(&op->fault, "list them: emqx_ctl topics list");
	return EM_NOTFOUND;
}

const struct op op_TOPICS_SHOW = { .where = OP_ADMIN, .call = show_call };
