/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listeners: the doors, who came in and why they went.  Counters are net/'s and
 * outlive a restart of the listener.
 */
#include "ipc/nearest.h"
#include "ipc/wire.h"
#include "ipc/base/mem.h"
#include "emqxd/conf/snapshot.h"
#include "emqxd/net/listener.h"
#include "emqxd/net/listener_conf.h"
#include "emqxd/admin/ctl_conf.h"
#include "emqxd/admin/op.h"

/* ---- what is asked for */

/* EMQX 4.4 writes "mqtt:tcp:default". */
static bool
is_compat44(const struct op_ctx *op)
{
	return (op->flags & WIRE_REQ_COMPAT44) != 0 ||
	       ((const struct ctl_conf *)conf_get(CONF_CTL))->compat == CTL_COMPAT_4_4;
}

static bool
is_legacy(const struct op_ctx *op)
{
	return (op->flags & WIRE_REQ_LEGACY) != 0 || is_compat44(op);
}

static void
row_id(struct op_ctx *op, struct row_writer *row, const char *id)
{
	row_strf(row, "id", "%s%s", is_compat44(op) ? "mqtt:" : "", id);
}

/* One that the file names no more is shown while it has something to tell. */
static bool
is_shown(const struct listener *l)
{
	struct listener_info info;

	listener_info(l, &info);
	return !info.is_removed || info.is_running || info.current > 0 ||
	       info.accepted > 0 || info.refused > 0;
}

typedef em_err find_fn(struct op_ctx *op, struct listener **out);

static em_err
find(struct op_ctx *op, struct listener **out)
{
	struct slice id = params_text(op->params, "id");
	struct nearest near = nearest_of(id);
	const struct listener *l;

	*out = listener_find(id);
	if (*out != NULL && is_shown(*out))
		return EM_OK;
	op_no(op, "listener", id);
	fault_hint(&op->fault, "list them: emqx_ctl listeners -o name");
	for (unsigned i = 0; (l = listener_at(i)) != NULL; i++) {
		if (is_shown(l))
			nearest_offer(&near, slice_str(listener_id(l)));
	}
	nearest_hint(&near, &op->fault);
	return EM_NOTFOUND;
}

/* One that may be started. */
static em_err
find_to_start(struct op_ctx *op, struct listener **out)
{
	em_err err = find(op, out);

	if (err != EM_OK || !listener_settings(*out)->is_removed)
		return err;
	op_fault(op, EM_NOTFOUND, "listener %s was removed from the configuration",
	    listener_id(*out));
	fault_hint(&op->fault,
	    "write listeners.tcp.NAME.bind into the file, then: emqx_ctl conf reload");
	return EM_NOTFOUND;
}

/* ---- why connections ended */

static void
add_count(struct row_count *c, const uint64_t by_side[END_SIDE_N])
{
	c->client += by_side[END_BY_CLIENT];
	c->server += by_side[END_BY_SERVER];
	c->network += by_side[END_BY_NETWORK];
	c->total = c->client + c->server + c->network;
}

/* The entry named so, made when it is not there: old names stand for several of ours. */
static struct row_count *
entry(struct row_count *v, size_t *n, const char *name)
{
	size_t i = 0;

	while (i < *n && !slice_eq_str(v[i].name, name))
		i++;
	if (i == *n) {
		v[i] = (struct row_count){ .name = slice_str(name) };
		++*n;
	}
	return &v[i];
}

static void
row_ends(struct op_ctx *op, struct row_writer *row, const struct listener_info *info)
{
	struct row_count v[END_N];
	size_t n = 0;

	for (unsigned r = 0; r < END_N; r++) {
		const struct end_info *end = end_get((end_reason)r);
		uint64_t sum = 0;

		for (unsigned side = 0; side < END_SIDE_N; side++)
			sum += info->ended[r][side];
		if (sum > 0)
			add_count(entry(v, &n, is_legacy(op) ? end->legacy : end->name),
			    info->ended[r]);
	}
	row_counts(row, "shutdown_count", v, n);
}

/* ---- listeners */

static void
listener_row(struct op_ctx *op, const struct listener *l)
{
	struct row_writer *row = op_row(op);
	struct listener_info info;

	listener_info(l, &info);
	row_id(op, row, info.id);
	row_str(row, "listen_on", info.address);
	row_int(row, "acceptors", info.acceptors);
	row_bool(row, "proxy_protocol", false);
	row_bool(row, "enable", info.is_enabled);
	row_bool(row, "running", info.is_running);
	row_int(row, "current_conn", (int64_t)info.current);
	row_int(row, "max_conns",
	    info.max_connections == UINT32_MAX ? ROW_INFINITE : info.max_connections);
	row_ends(op, row, &info);
	op_row_end(op);
}

static em_err
listeners_call(struct op_ctx *op)
{
	struct listener *l;

	if (params_has(op->params, "id")) {
		if (find(op, &l) != EM_OK)
			return EM_NOTFOUND;
		listener_row(op, l);
		return EM_OK;
	}
	for (unsigned i = 0; (l = listener_at(i)) != NULL; i++) {
		if (is_shown(l))
			listener_row(op, l);
	}
	return EM_OK;
}

const struct op op_LISTENERS = { .where = OP_ADMIN, .call = listeners_call };

/* ---- start, stop, restart: net/ answers by letter */

static void
told(struct op_ctx *op, const struct listener *l, bool is_stop)
{
	struct row_writer *row = op_row(op);
	struct listener_info info;
	const uint64_t *closed = op->state;

	listener_info(l, &info);
	row_id(op, row, info.id);
	row_str(row, "listen_on", info.address);
	if (is_stop)
		row_int(row, "closed", (int64_t)*closed);
	op_row_end(op);
}

static void
finish(struct op_ctx *op, em_err err, const struct fault *f)
{
	if (err != EM_OK) {
		op_fault(op, err, "%s",
		    f != NULL && f->text != NULL ? f->text : err_text(err));
		if (f != NULL && f->hint != NULL)
			fault_hint(&op->fault, "%s", f->hint);
	}
	mem_free(op->state);
	op->state = NULL;
	op_done(op, err);
}

static void
on_started(struct listener *l, void *arg, em_err err, struct fault *f)
{
	struct op_ctx *op = arg;

	if (err == EM_OK)
		told(op, l, op->state != NULL);
	finish(op, err, f);
}

static void
on_stopped(struct listener *l, void *arg, em_err err, struct fault *f)
{
	struct op_ctx *op = arg;

	if (err == EM_OK)
		told(op, l, true);
	finish(op, err, f);
}

static void
on_stopped_to_start(struct listener *l, void *arg, em_err err, struct fault *f)
{
	struct op_ctx *op = arg;

	/* One that does not run is started all the same: that is what was wanted. */
	if (err == EM_OK || err == EM_EXISTS)
		listener_start(l, on_started, op);
	else
		finish(op, err, f);
}

/* Remembers how many connections there were; in a dry run that is the answer. */
static em_err
prepare_stop(struct op_ctx *op, find_fn *find_it, struct listener **l)
{
	struct listener_info info;
	uint64_t *closed;

	if (find_it(op, l) != EM_OK)
		return EM_NOTFOUND;
	listener_info(*l, &info);
	closed = MEM_NEW(uint64_t);
	*closed = info.current;
	op->state = closed;
	if (!op_is_dry_run(op))
		return EM_AGAIN;
	told(op, *l, true);
	MEM_FREE(op->state);
	return EM_OK;
}

static em_err
start_call(struct op_ctx *op)
{
	struct listener *l;

	if (find_to_start(op, &l) != EM_OK)
		return EM_NOTFOUND;
	listener_start(l, on_started, op);
	return EM_AGAIN;
}

static em_err
stop_call(struct op_ctx *op)
{
	struct listener *l;
	em_err err = prepare_stop(op, find, &l);

	if (err == EM_AGAIN)
		listener_stop(l, false, on_stopped, op);
	return err;
}

static em_err
restart_call(struct op_ctx *op)
{
	struct listener *l;
	em_err err = prepare_stop(op, find_to_start, &l);

	if (err == EM_AGAIN)
		listener_stop(l, false, on_stopped_to_start, op);
	return err;
}

const struct op op_LISTENERS_START = { .where = OP_ADMIN, .call = start_call };
const struct op op_LISTENERS_STOP = {
	.where = OP_ADMIN, .call = stop_call, .can_dry_run = true
};
const struct op op_LISTENERS_RESTART = {
	.where = OP_ADMIN, .call = restart_call, .can_dry_run = true
};
