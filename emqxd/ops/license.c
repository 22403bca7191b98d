/* SPDX-License-Identifier: Apache-2.0 */
/* license: the licence in force, another one in its place, and how much was used. */
#include "emqxd/admin/admin.h"
#include "emqxd/admin/op.h"
#include "emqxd/license/license.h"
#include "emqxd/license/license_date.h"

#include <inttypes.h>
#include <stdio.h>

#define COUNT 24

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

static em_err
info_call(struct op_ctx *op)
{
	struct row_writer *row = op_row(op);
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
	if (info.copy[0] != '\0')
		row_str(row, "copy", info.copy);
	if (info.hash[0] != '\0')
		row_str(row, "hash", info.hash);
	op_row_end(op);
	return EM_OK;
}

const struct op op_LICENSE_INFO = { .where = OP_ADMIN, .call = info_call };

/* ---- another one */

static void
on_done(void *arg, const struct license_done *d)
{
	struct op_ctx *op = arg;
	struct row_writer *row;

	if (d->err != EM_OK) {
		op->fault = *d->fault;
		*d->fault = (struct fault){ .err = EM_OK };
		op_done(op, d->err);
		return;
	}
	row = op_row(op);
	row_str(row, "node", admin_house()->node);
	row_str(row, "result", "ok");
	if (d->state == LICENSE_NONE || d->state == LICENSE_GOOD)
		row_str(row, "state", license_rule_state_name(d->state));
	else
		row_strf(row, "state", "%s, %" PRId64 " days left",
		    license_rule_state_name(d->state), d->days_left);
	if (d->copy[0] != '\0')
		row_str(row, "copy", d->copy);
	if (d->backup[0] != '\0')
		row_str(row, "backup", d->backup);
	op_row_end(op);
	op_done(op, EM_OK);
}

static void
asker_of(const struct op_ctx *op, char by[64])
{
	snprintf(by, 64, "uid %u", (unsigned)op->uid);
}

static em_err
reload_call(struct op_ctx *op)
{
	int fd = params_take_fd(op->params, "file");
	char by[64];
	em_err err;

	asker_of(op, by);
	err = license_reload(
	    fd, params_text(op->params, "file"), by, on_done, op, &op->fault);
	return err == EM_OK ? EM_AGAIN : err;
}

const struct op op_LICENSE_RELOAD = { .where = OP_ADMIN, .call = reload_call };

static em_err
update_call(struct op_ctx *op)
{
	char by[64];
	em_err err;

	asker_of(op, by);
	err = license_update(params_text(op->params, "key"), by, on_done, op, &op->fault);
	return err == EM_OK ? EM_AGAIN : err;
}

const struct op op_LICENSE_UPDATE = { .where = OP_ADMIN, .call = update_call };

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
