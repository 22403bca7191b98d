/* SPDX-License-Identifier: Apache-2.0 */
/* clients: who is connected, and who left a session behind. */
#include "ipc/nearest.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"
#include "emqxd/session/registry.h"
#include "emqxd/session/session.h"
#include "emqxd/admin/admin.h"
#include "emqxd/admin/op.h"

#define SESSIONS_A_STEP 64u

/* ---- rows */

static const char *
version_name(uint8_t version)
{
	return version == 3 ? "3.1" : version == 4 ? "3.1.1" : "5.0";
}

static void
row_moment(struct row_writer *row, const char *col, wall_t t)
{
	if (t.ns != 0)
		row_time(row, col, t);
}

static void
client_row(struct op_ctx *op, struct session *s)
{
	struct row_writer *row = op_row(op);
	struct session_facts f;

	session_facts(s, &f);
	row_text(row, "clientid", f.clientid);
	if (f.has_username)
		row_text(row, "username", f.username);
	row_text(row, "peername", f.peer);
	row_bool(row, "clean_start", f.clean_start);
	row_span(row, "keepalive", span_s(f.keepalive));
	row_span(row, "session_expiry_interval",
	    f.expiry == SESSION_NEVER ? SPAN_INFINITE : span_s(f.expiry));
	row_int(row, "subscriptions", f.subscriptions);
	row_int(row, "inflight", f.inflight);
	row_int(row, "awaiting_rel", f.awaiting_rel);
	row_int(row, "delivered_msgs", (int64_t)f.delivered);
	row_int(row, "mqueue_len", f.mqueue_len);
	row_int(row, "dropped_msgs", (int64_t)f.dropped);
	row_bool(row, "connected", f.is_connected);
	row_moment(row, "created_at", f.created_at);
	row_moment(row, "connected_at", f.connected_at);
	row_moment(row, "disconnected_at", f.disconnected_at);
	row_str(row, "proto_ver", version_name(f.version));
	row_str(row, "listener", f.listener);
	row_int(row, "inflight_max", f.inflight_max);
	row_int(row, "mqueue_max",
	    f.mqueue_max == ZONE_UNLIMITED ? ROW_INFINITE : f.mqueue_max);
	row_str(row, "node", admin_house()->node);
	op_row_end(op);
}

/* ---- list */

static em_err
list_open(struct op_ctx *op)
{
	op->state = MEM_NEW(uint64_t); /* where the registry's walk is */
	return EM_OK;
}

static void
list_one(struct session *s, void *arg)
{
	client_row(arg, s);
}

static em_err
list_step(struct op_ctx *op)
{
	bool more = true;

	while (more && !op_is_full(op))
		more = registry_step(op->state, SESSIONS_A_STEP, list_one, op);
	return more ? EM_AGAIN : EM_OK;
}

static void
list_close(struct op_ctx *op)
{
	MEM_FREE(op->state);
}

const struct op op_CLIENTS_LIST = { .where = OP_EVERY_WORKER,
	.open = list_open,
	.step = list_step,
	.close = list_close };

/* ---- what may have been meant: the nearest id of each worker, among the first ones */

#define NEAR_MAX 50000u

struct near_walk {
	uint64_t at;
	unsigned seen;
	struct slice wanted;
	struct str best;
};

static em_err
near_open(struct op_ctx *op)
{
	struct near_walk *w = MEM_NEW(struct near_walk);

	w->wanted = params_text(op->params, "clientid");
	op->state = w;
	return EM_OK;
}

static void
near_one(struct session *s, void *arg)
{
	struct near_walk *w = arg;
	struct nearest near = nearest_of(w->wanted);

	w->seen++;
	nearest_offer(&near, str_slice(&w->best));
	nearest_offer(&near, session_clientid(s));
	if (near.best.n > 0 && near.best.p == session_clientid(s).p) {
		str_reset(&w->best);
		str_add_slice(&w->best, near.best);
	}
}

static em_err
near_step(struct op_ctx *op)
{
	struct near_walk *w = op->state;
	bool more = true;

	while (more && !op_is_full(op))
		more = registry_step(&w->at, SESSIONS_A_STEP, near_one, w) &&
		       w->seen < NEAR_MAX;
	if (more)
		return EM_AGAIN;
	if (w->best.n > 0) {
		row_text(op_row(op), "name", str_slice(&w->best));
		op_row_end(op);
	}
	return EM_OK;
}

static void
near_close(struct op_ctx *op)
{
	struct near_walk *w = op->state;

	str_fini(&w->best);
	MEM_FREE(op->state);
}

const struct op op_near_client = { .where = OP_EVERY_WORKER,
	.open = near_open,
	.step = near_step,
	.close = near_close };

/* ---- one client */

static em_err
show_call(struct op_ctx *op)
{
	struct session *s = registry_find(op->value);

	if (s == NULL)
		return op_no_client(op);
	client_row(op, s);
	return EM_OK;
}

const struct op op_CLIENTS_SHOW = {
	.where = OP_AT_HOME, .key = "clientid", .call = show_call, .near = &op_near_client
};

static void
kick_row(struct op_ctx *op, const char *result)
{
	struct row_writer *row = op_row(op);

	row_text(row, "clientid", op->value);
	row_str(row, "result", result);
	op_row_end(op);
}

static em_err
kick_call(struct op_ctx *op)
{
	struct session *s = registry_find(op->value);

	if (s == NULL) {
		if (op->is_one_of_many)
			kick_row(op, "no such client");
		return op_no_client(op);
	}
	if (op_is_dry_run(op)) {
		kick_row(op, s->to != NULL ? "would be disconnected, its session dropped"
					   : "its session would be dropped");
		return EM_OK;
	}
	kick_row(op, "ok");
	session_kick(s, END_KICKED);
	return EM_OK;
}

const struct op op_CLIENTS_KICK = { .where = OP_AT_HOME,
	.key = "clientid",
	.call = kick_call,
	.near = &op_near_client,
	.can_dry_run = true };
