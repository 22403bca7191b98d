/* SPDX-License-Identifier: Apache-2.0 */
/*
 * complete: candidates for a word that is being typed: what there is and starts like
 * it, at most 200, in order.
 */
#include "ipc/base/mem.h"
#include "ipc/base/str.h"
#include "emqxd/conf/load.h"
#include "emqxd/core/log.h"
#include "emqxd/core/log_sink.h"
#include "emqxd/net/listener.h"
#include "emqxd/observe/trace.h"
#include "emqxd/router/router.h"
#include "emqxd/session/registry.h"
#include "emqxd/session/session.h"
#include "emqxd/admin/admin.h"
#include "emqxd/model/nodes.h"
#include "emqxd/admin/op.h"

#define NAMES_MAX 200u
#define SESSIONS_A_STEP 256u

static void
offer(struct op_ctx *op, struct slice name)
{
	if (!slice_starts(name, params_text(op->params, "prefix")) || name.n == 0)
		return;
	row_text(op_row(op), "name", name);
	op_row_end(op);
}

/* ---- client ids and user names: all workers look */

static em_err
walk_open(struct op_ctx *op)
{
	op->state = MEM_NEW(uint64_t);
	return EM_OK;
}

static void
walk_close(struct op_ctx *op)
{
	MEM_FREE(op->state);
}

static void
offer_clientid(struct session *s, void *arg)
{
	offer(arg, session_clientid(s));
}

static void
offer_username(struct session *s, void *arg)
{
	offer(arg, session_username(s));
}

static em_err
walk(struct op_ctx *op, registry_fn *fn)
{
	bool more = true;

	while (more && !op_is_full(op))
		more = registry_step(op->state, SESSIONS_A_STEP, fn, op);
	return more ? EM_AGAIN : EM_OK;
}

static em_err
clientids_step(struct op_ctx *op)
{
	return walk(op, offer_clientid);
}

static em_err
usernames_step(struct op_ctx *op)
{
	return walk(op, offer_username);
}

static const struct op clientids = { .where = OP_EVERY_WORKER,
	.open = walk_open,
	.step = clientids_step,
	.close = walk_close };
static const struct op usernames = { .where = OP_EVERY_WORKER,
	.open = walk_open,
	.step = usernames_step,
	.close = walk_close };

/* ---- filters of one client: `subscriptions del c1 <tab>` */

static em_err
filters_of_client_call(struct op_ctx *op)
{
	struct session *s = registry_find(op->value);
	const struct subscription *v;

	if (s == NULL)
		return EM_OK;
	v = router_subscriptions(&s->subscriber);
	for (uint32_t i = 0; i < s->subscriber.n && op->answer.n < NAMES_MAX; i++) {
		if (op_is_full(op))
			break;
		if (router_group(&v[i]).n == 0)
			offer(op, router_filter(&v[i]));
	}
	return EM_OK;
}

static const struct op filters_of_client = {
	.where = OP_AT_HOME, .key = "before", .call = filters_of_client_call
};

/* ---- the others: known here */

static void
offer_filters(struct op_ctx *op)
{
	struct slice prefix = params_text(op->params, "prefix");
	struct str at = { 0 }, next = { 0 };

	/* The index is in order: those that start so stand together.  The first one may be
	 * the prefix itself, which router_next leaves out. */
	if (router_lookup(prefix))
		offer(op, prefix);
	str_add_slice(&at, prefix);
	while (op->answer.n < NAMES_MAX && router_next(str_slice(&at), &next) &&
	       slice_starts(str_slice(&next), prefix)) {
		offer(op, str_slice(&next));
		str_reset(&at);
		str_add_slice(&at, str_slice(&next));
	}
	str_fini(&at);
	str_fini(&next);
}

static void
offer_listeners(struct op_ctx *op)
{
	for (unsigned i = 0; listener_at(i) != NULL; i++)
		offer(op, slice_str(listener_id(listener_at(i))));
}

static void
offer_traced(struct op_ctx *op)
{
	static const char *const words[] = { [TRACE_CLIENT] = "client",
		[TRACE_TOPIC] = "topic",
		[TRACE_ADDRESS] = "ip_address" };
	struct slice type = params_text(op->params, "before");
	struct observe_trace_info info;

	for (unsigned i = 0; observe_trace_get(i, &info); i++)
		if (slice_eq_str(type, words[info.kind]))
			offer(op, info.value);
}

static void
offer_conf(struct op_ctx *op)
{
	struct conf_shown v;
	size_t at = 0;

	while (op->answer.n < NAMES_MAX &&
	       conf_show_next(conf_current(), SLICE_NONE, &at, &v)) {
		offer(op, slice_str(v.path));
		conf_shown_fini(&v);
	}
}

static void
offer_rooms(struct op_ctx *op)
{
	for (unsigned i = 0; log_room_name(i) != NULL; i++)
		offer(op, slice_str(log_room_name(i)));
}

static void
offer_handlers(struct op_ctx *op)
{
	struct log_sink_info info;

	for (unsigned i = 0; log_sink_get(log_sinks(), i, &info); i++) {
		offer(op, slice_str(info.id));
		str_fini(&info.destination);
	}
}

static void
offer_node(struct op_ctx *op)
{
	for (unsigned i = 0; i < nodes_end(); i++)
		if (nodes_is_member(i))
			offer(op, slice_str(nodes_name(i)));
}

static void
offer_member(struct op_ctx *op)
{
	for (unsigned i = 1; i < nodes_end(); i++)
		if (nodes_is_member(i))
			offer(op, slice_str(nodes_name(i)));
}

/* Who offers for a type of word. */
static const struct {
	cmd_type type;
	void (*offer)(struct op_ctx *op);
	const struct op *become;
} offers[] = {
	{ CT_CLIENTID, NULL, &clientids },
	{ CT_USERNAME, NULL, &usernames },
	{ CT_TOPIC, offer_filters, NULL },
	{ CT_FILTER, offer_filters, NULL },
	{ CT_LISTENER, offer_listeners, NULL },
	{ CT_NODE, offer_node, NULL },
	{ CT_MEMBER, offer_member, NULL },
	{ CT_TRACED, offer_traced, NULL },
	{ CT_CONF, offer_conf, NULL },
	{ CT_LOGROOM, offer_rooms, NULL },
	{ CT_HANDLER, offer_handlers, NULL },
};

/* A trace to be started on a client or a topic: those there are. */
static cmd_type
type_of_traced(struct op_ctx *op, cmd_type type)
{
	struct slice before = params_text(op->params, "before");

	if (type != CT_TRACED)
		return type;
	return slice_eq_str(before, "client")  ? CT_CLIENTID
	       : slice_eq_str(before, "topic") ? CT_FILTER
					       : type;
}

static em_err
names_call(struct op_ctx *op)
{
	cmd_type type;

	if (cmd_type_find(params_text(op->params, "type"), &type) != EM_OK)
		return op_no(op, "type of word", params_text(op->params, "type"));
	if (type == CT_FILTER && params_count(op->params, "before") == 1)
		return op_become(op, &filters_of_client);
	type = type_of_traced(op, type);
	for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++) {
		if (offers[i].type != type)
			continue;
		if (offers[i].become != NULL)
			return op_become(op, offers[i].become);
		offers[i].offer(op);
	}
	return EM_OK;
}

const struct op op_NAMES = { .where = OP_ADMIN, .most = NAMES_MAX, .call = names_call };
