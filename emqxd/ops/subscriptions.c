/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subscriptions: who subscribes to what.
 *
 * The list walks over sessions in small steps, keeps the ids of a step, and gives the
 * subscriptions of each: so one client with ten thousand of them is interrupted
 * like ten thousand clients with one.
 */
#include "ipc/base/mem.h"
#include "ipc/base/str.h"
#include "ipc/base/vec.h"
#include "ipc/nearest.h"
#include "emqxd/client/client.h"
#include "emqxd/model/topic.h"
#include "emqxd/mqtt/reason.h"
#include "emqxd/session/registry.h"
#include "emqxd/session/session.h"
#include "emqxd/admin/admin.h"
#include "emqxd/admin/op.h"

#define SESSIONS_A_STEP 16u
#define NEAR_MOST 1000u /* of one client, looked at for "did you mean" */

extern const struct op op_near_client;

/* ---- rows */

/* As the client wrote it: "$share/g/t", "$queue/t", "t". */
static void
add_filter(struct str *out, const struct subscription *sub)
{
	topic_filter_print(out, router_group(sub), router_filter(sub));
}

static void
subscription_row(struct op_ctx *op, struct slice clientid, const struct subscription *sub)
{
	struct row_writer *row = op_row(op);
	struct str filter = { 0 };

	add_filter(&filter, sub);
	row_text(row, "clientid", clientid);
	row_text(row, "topic", str_slice(&filter));
	row_int(row, "qos", sub->opts.qos);
	row_bool(row, "nl", sub->opts.no_local);
	row_int(row, "rh", sub->opts.retain_handling);
	row_bool(row, "rap", sub->opts.retain_as_published);
	if (sub->opts.id != 0)
		row_int(row, "subid", sub->opts.id);
	row_str(row, "node", admin_house()->node);
	op_row_end(op);
	str_fini(&filter);
}

/* Those of @s from the @*at-th on; true: all were given. */
static bool
session_rows(struct op_ctx *op, struct session *s, uint32_t *at)
{
	const struct subscription *v = router_subscriptions(&s->subscriber);

	for (; *at < s->subscriber.n; ++*at) {
		if (op_is_full(op))
			return false;
		subscription_row(op, session_clientid(s), &v[*at]);
	}
	return true;
}

/* ---- list */

struct walk {
	uint64_t at; /* in the registry */
	bool is_over;
	VEC(char *) id;    /* sessions of the last step, */
	VEC(size_t) id_n;  /* lengths of their ids, */
	size_t next;       /* the next one to give, */
	uint32_t next_sub; /* and its next subscription */
};

static em_err
list_open(struct op_ctx *op)
{
	op->state = MEM_NEW(struct walk);
	return EM_OK;
}

static void
keep_id(struct session *s, void *arg)
{
	struct walk *w = arg;
	struct slice id = session_clientid(s);

	if (s->subscriber.n == 0)
		return;
	VEC_ADD(&w->id, mem_dup(id.p, id.n));
	VEC_ADD(&w->id_n, id.n);
}

static void
forget_ids(struct walk *w)
{
	for (size_t i = 0; i < w->id.n; i++)
		mem_free(w->id.p[i]);
	w->id.n = w->id_n.n = w->next = 0;
}

/* The subscriptions of the kept ids; true: all were given. */
static bool
give_kept(struct op_ctx *op, struct walk *w)
{
	for (; w->next < w->id.n; w->next++, w->next_sub = 0) {
		struct slice id = slice_of(w->id.p[w->next], w->id_n.p[w->next]);
		struct session *s = registry_find(id); /* it may be gone */

		if (s != NULL && !session_rows(op, s, &w->next_sub))
			return false;
	}
	forget_ids(w);
	return true;
}

static em_err
list_step(struct op_ctx *op)
{
	struct walk *w = op->state;

	while (give_kept(op, w)) {
		if (w->is_over)
			return EM_OK;
		if (op_is_full(op))
			break;
		w->is_over = !registry_step(&w->at, SESSIONS_A_STEP, keep_id, w);
	}
	return EM_AGAIN;
}

static void
list_close(struct op_ctx *op)
{
	struct walk *w = op->state;

	forget_ids(w);
	VEC_FINI(&w->id);
	VEC_FINI(&w->id_n);
	MEM_FREE(op->state);
}

const struct op op_SUBSCRIPTIONS_LIST = { .where = OP_EVERY_WORKER,
	.open = list_open,
	.step = list_step,
	.close = list_close };

/* ---- one client */

static em_err
show_open(struct op_ctx *op)
{
	if (registry_find(op->value) == NULL)
		return op_no_client(op);
	op->state = MEM_NEW(uint32_t);
	return EM_OK;
}

static em_err
show_step(struct op_ctx *op)
{
	struct session *s = registry_find(op->value);

	return s == NULL || session_rows(op, s, op->state) ? EM_OK : EM_AGAIN;
}

static void
show_close(struct op_ctx *op)
{
	MEM_FREE(op->state);
}

const struct op op_SUBSCRIPTIONS_SHOW = { .where = OP_AT_HOME,
	.key = "clientid",
	.open = show_open,
	.step = show_step,
	.close = show_close,
	.near = &op_near_client };

/* ---- changes */

static bool
is_filter(struct op_ctx *op)
{
	struct topic_filter f;

	if (topic_filter_parse(params_text(op->params, "topic"), &f) == EM_OK)
		return true;
	op_fault(op, EM_USAGE, "topic: not a topic filter");
	fault_hint(&op->fault, "wildcards stand alone in their level, # at the end");
	return false;
}

/* What a SUBACK's code means here. */
static em_err
refused(struct op_ctx *op, uint8_t code)
{
	switch (code) {
	case REASON_SHARED_SUBSCRIPTIONS_NOT_SUPPORTED:
		return op_fault(op, EM_REFUSED, "mqtt.shared_subscription is false");
	case REASON_WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED:
		return op_fault(op, EM_REFUSED, "mqtt.wildcard_subscription is false");
	case REASON_QUOTA_EXCEEDED:
		op_fault(
		    op, EM_FULL, "a limit is reached, or the topic is somebody's alone");
		fault_hint(&op->fault,
		    "mqtt.max_subscriptions, node.memory_limit; who holds "
		    "it: emqx_ctl exclusive list");
		return EM_FULL;
	case REASON_TOPIC_FILTER_INVALID:
		op_fault(op, EM_REFUSED, "the client may not have this filter");
		fault_hint(&op->fault,
		    "more levels than mqtt.max_topic_levels; $exclusive/ "
		    "without mqtt.exclusive_subscription, or a shared "
		    "one; what rewrite or a mountpoint makes of it");
		return EM_REFUSED;
	}
	return op_fault(op, EM_FAILED, "cannot subscribe: %s", reason_name(code));
}

static em_err
added(struct op_ctx *op, uint8_t code)
{
	struct row_writer *row;

	if (code >= REASON_UNSPECIFIED_ERROR)
		return refused(op, code);
	row = op_row(op);
	row_text(row, "clientid", op->value);
	row_text(row, "topic", params_text(op->params, "topic"));
	row_int(row, "qos", code);
	op_row_end(op);
	return EM_OK;
}

/* The other nodes were asked whether the filter is one of their clients'. */
static void
on_added(void *arg, em_err err)
{
	struct op_ctx *op = arg;
	uint8_t qos = (uint8_t)params_int(op->params, "qos", 0);

	op_done(op, added(op, client_code_of(err, qos)));
}

static em_err
add_call(struct op_ctx *op)
{
	struct session *s = registry_find(op->value);
	struct slice topic = params_text(op->params, "topic");
	uint8_t code;

	if (s == NULL)
		return op_no_client(op);
	if (!is_filter(op))
		return EM_USAGE;
	code = client_subscribe(
	    s, topic, (uint8_t)params_int(op->params, "qos", 0), on_added, op);
	return code == CLIENT_LATER ? EM_AGAIN : added(op, code);
}

const struct op op_SUBSCRIPTIONS_ADD = {
	.where = OP_AT_HOME, .key = "clientid", .call = add_call, .near = &op_near_client
};

/* The client is there, the subscription is not: was another of its own meant? */
static em_err
no_subscription(struct op_ctx *op, struct session *s)
{
	const struct subscription *v = router_subscriptions(&s->subscriber);
	struct slice wanted = params_text(op->params, "topic");
	struct nearest near = nearest_of(wanted);
	struct str filter = { 0 }, best = { 0 }, id = { 0 };

	op_no(op, "subscription", wanted);
	for (uint32_t i = 0; i < s->subscriber.n && i < NEAR_MOST; i++) {
		str_reset(&filter);
		add_filter(&filter, &v[i]);
		nearest_offer(&near, str_slice(&filter));
		if (near.best.n > 0 && near.best.p == str_slice(&filter).p) {
			str_reset(&best);
			str_add_slice(&best, near.best);
			near.best = str_slice(&best);
		}
	}
	str_reset(&filter);
	str_add_escaped(&filter, str_slice(&best));
	str_add_escaped(&id, op->value);
	if (best.n > 0)
		fault_hint(&op->fault,
		    "did you mean '%s'?   list them: emqx_ctl subscriptions show %s",
		    str_get(&filter), str_get(&id));
	else
		fault_hint(&op->fault, "list them: emqx_ctl subscriptions show %s",
		    str_get(&id));
	str_fini(&filter);
	str_fini(&best);
	str_fini(&id);
	return EM_NOTFOUND;
}

/* What `subscriptions show` prints is what the broker knows: rewritten and mounted. */
static bool
del_as_listed(struct op_ctx *op, struct session *s)
{
	struct topic_filter f;

	return topic_filter_parse(params_text(op->params, "topic"), &f) == EM_OK &&
	       session_unsubscribe(s, f.group, f.filter) == EM_OK;
}

static em_err
del_call(struct op_ctx *op)
{
	struct session *s = registry_find(op->value);
	struct row_writer *row;

	if (s == NULL)
		return op_no_client(op);
	if (!is_filter(op))
		return EM_USAGE;
	if (client_unsubscribe(s, params_text(op->params, "topic")) != 0 &&
	    !del_as_listed(op, s))
		return no_subscription(op, s);
	row = op_row(op);
	row_text(row, "clientid", op->value);
	row_text(row, "topic", params_text(op->params, "topic"));
	op_row_end(op);
	return EM_OK;
}

const struct op op_SUBSCRIPTIONS_DEL = {
	.where = OP_AT_HOME, .key = "clientid", .call = del_call, .near = &op_near_client
};
